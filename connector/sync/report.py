"""What one run did, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass, field

from connector.errors import ConnectorError, worst
from connector.sync.badrows import BadRow
from connector.sync.counts import Counts, PlannedWrite
from connector.sync.disclosed import Disclosure, disclosures
from connector.sync.reconcile import Reconciled


@dataclass(slots=True)
class PassReport:
    """What one scope's pass did."""

    connection: str
    kind: str
    counts: Counts


@dataclass(slots=True)
class RunReport:
    """What one run did. `errors` are the errors that stopped a connection or held writes back."""

    run: str
    passes: list[PassReport] = field(default_factory=list)
    errors: list[ConnectorError] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    locked: bool = False
    """Another run was at work on something of this one, which was left to it."""
    writes: list[PlannedWrite] = field(default_factory=list)
    off: list[str] = field(default_factory=list)
    """Sentences on fields that are switched off because the account changed."""
    reconciled: list[Reconciled] = field(default_factory=list)
    bad_rows: list[BadRow] = field(default_factory=list)
    """Of files: what is wrong with which line. A plan looks at every value too."""
    ruled: bool = False
    """A privacy policy decided what goes out."""
    people_erased: int = 0
    """People over the policy's term, erased after this run."""
    conflicts: int = 0
    letters: int = 0

    @property
    def disclosed(self) -> list[Disclosure]:
        """Of a plan: what would go to whom, by class."""
        return disclosures(self.writes)

    @property
    def exit(self) -> int:
        codes = [error.exit_code for error in self.errors]
        if self.letters or self.conflicts or self.off or self.bad_rows:
            codes.append(5)
        if any(p.counts.unknown or p.counts.postponed for p in self.passes):
            codes.append(6)
        return worst(codes)
