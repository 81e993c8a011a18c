"""What the state keeps of a migration: its plan, its runs and its proof, as one JSON document.

Counts, times, names of fields, and the ids of a few records; never a value.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from connector.installation import Installation
from connector.migrating.route import Route
from connector.store.database import Store
from connector.sync.drift import mark_of


@dataclass(slots=True)
class Way:
    """One way to do a scope's work, reckoned by the plugin. `hours` are whole time."""

    name: str
    calls: int
    cost: int
    unit: str
    hours: float
    facts: list[tuple[str, str]] = field(default_factory=list)
    """Sentences, each with how sure it is."""


@dataclass(slots=True)
class ScopePlan:
    """What a migration would do in one scope. Numbers are records of the source."""

    connection: str
    kind: str
    source: str
    records: int = 0
    """All that the source shows."""
    already: int = 0
    """Agreed on both sides before."""
    create: int = 0
    adopt: int = 0
    """They are there already and equal."""
    update: int = 0
    """They are there already and differ: the target takes the source's values."""
    conflict: int = 0
    refuse: dict[str, int] = field(default_factory=dict)
    """They will not go, by the reason's code."""
    unreadable: int = 0
    """Rows of a file that cannot be read; not among the records."""
    wait: int = 0
    """Their parents do not go, so neither do they."""
    left: int = 0
    """Their news would be written into the source: left to the next sync."""
    target_only: int = 0
    """Records of the target that are no source's; they stay as they are."""
    there: int = 0
    """Records at the vendor before the migration."""
    way: str = "calls"
    why: str = ""
    ways: list[Way] = field(default_factory=list)

    @property
    def to_write(self) -> int:
        return self.create + self.update


@dataclass(slots=True)
class Plan:
    """A plan holds as long as settings, mappings and policy are what they were."""

    at: str
    digest: str
    kinds: list[str]
    scopes: list[ScopePlan]


@dataclass(slots=True)
class RunKept:
    """One run. `ended` None: it was killed, or is under way. `spent`: by connection, the calls that
    were paid for and their cost."""

    run: str
    began: str
    ended: str | None = None
    exit: int | None = None
    spent: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Difference:
    """One record of the sample that differs; ids and names, no values."""

    connection: str
    kind: str
    local_id: str
    remote_id: str
    fields: list[str]


@dataclass(slots=True)
class ScopeProof:
    """What a look at both sides has shown of one scope."""

    connection: str
    kind: str
    source: str
    records: int
    """Live records at the source now."""
    migrated: int
    """Of these, those that are linked with a record of the target."""
    target: int
    """Records that the target lists now."""
    missing: int
    """Linked records that the target does not list."""
    target_only: int
    set_aside: int
    """Letters, waiting records, and those left to the sync: each has its reason."""
    unexplained: int
    """Records of the source with no trace of why they did not go."""
    sampled: int = 0
    compared: int = 0
    """Fields compared in all."""
    excepted: int = 0
    """Fields not compared: a policy changes them, or they wait for a person."""
    differing: int = 0
    most: float = 1.0
    """With 95 % confidence no greater share of all migrated records differs."""


@dataclass(slots=True)
class Proof:
    at: str
    seed: int
    scopes: list[ScopeProof]
    differences: list[Difference]

    @property
    def good(self) -> bool:
        return not any(s.missing or s.unexplained or s.differing for s in self.scopes)


@dataclass(slots=True)
class Kept:
    """All that is kept of one migration."""

    start: str
    end: str
    plan: Plan
    runs: list[RunKept] = field(default_factory=list)
    proof: Proof | None = None

    def dump(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def load(cls, text: str) -> Kept:
        told: dict[str, Any] = json.loads(text)
        plan = told["plan"]
        scopes = [
            ScopePlan(**{**one, "ways": [Way(**way) for way in one["ways"]]})
            for one in plan["scopes"]
        ]
        proof = told["proof"]
        return cls(
            told["start"],
            told["end"],
            Plan(plan["at"], plan["digest"], plan["kinds"], scopes),
            [RunKept(**one) for one in told["runs"]],
            None if proof is None else _proof(proof),
        )


def _proof(told: dict[str, Any]) -> Proof:
    scopes = [ScopeProof(**one) for one in told["scopes"]]
    return Proof(
        told["at"], told["seed"], scopes, [Difference(**one) for one in told["differences"]]
    )


def load(store: Store, way: Route) -> Kept | None:
    """What is kept of this way; None: nothing was planned."""
    text = store.meta(way.name)
    return None if text is None else Kept.load(text)


def save(store: Store, way: Route, kept: Kept) -> None:
    with store.write(None, "migration") as tx:
        store.set_meta(tx, way.name, kept.dump())


def digest_of(of: Installation, way: Route) -> str:
    """Changes with whatever decides what a plan says: kinds, connections, mappings, policy."""
    parts = [of.settings.tenant, repr(way.kinds), str(of.settings.local.zone)]
    for leg, kind in way.scopes:
        local = of.settings.local.kinds()[kind]
        parts += [
            leg.connection,
            leg.source,
            repr(of.settings.connections[leg.connection]),
            repr(of.vendor_mapping(leg.connection, kind)),
            repr(of.local_mapping(kind)),
            repr(local),
        ]
    policy = of.policy()
    parts.append(policy.digest if policy is not None else "")
    return mark_of(parts)
