"""The shape of a mapping; `load.py` reads one from its file.

A vendor mapping says how one kind meets one vendor's object, a local mapping how it lies in the
host's table. Both have the same rules, with `field` on one side and `column` on the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from connector.local.shapes import Derived, Lookup
from connector.mapping.lenses import BUILDERS, LensSpec
from connector.plugin import Target
from connector.records import Kind

VENDOR_KEYS: Final = frozenset(
    {"kind", "object", "external_key", "match", "reference", "on_gone", "fields"}
)
LOCAL_KEYS: Final = frozenset({"kind", "fields"})
RULE_KEYS: Final = frozenset(
    {"field", "column", "lens", "direction", "policy", "group", "time", "vendor_normalises", "type"}
)
"""The keys of a line; what stands for a column in a local file is in `derived.py`."""
DIRECTIONS: Final = ("both", "push", "pull")
ON_GONE: Final = ("propagate", "archive", "detach", "manual", "ignore")
REFERENCES: Final = ("none", "required", "optional")
TYPES: Final = (*(name for name in BUILDERS if name != "constant"), "other")
POLICIES: Final[Mapping[str, frozenset[str] | None]] = {
    "local": None,
    "remote": None,
    "newest": None,
    "manual": None,
    "fill_blank": None,
    "most_restrictive": frozenset({"consent", "flag"}),
    "max": frozenset({"integer", "decimal", "date", "datetime"}),
    "min": frozenset({"integer", "decimal", "date", "datetime"}),
    "union": frozenset({"tags"}),
}
"""Policy to the canonical types it can judge; None = any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a mapping: a canonical field and where it lies on this side."""

    canonical: str
    own: str
    """The column or the vendor's field."""
    lens: LensSpec
    direction: Literal["both", "push", "pull"] = "both"
    """`push` is towards the vendor, in local files too."""
    policy: str = "manual"
    policy_stated: bool = False
    group: str | None = None
    """The unit it moves with; the canonical field's own group unless the file says another."""
    time: str | None = None
    """The own field that holds when this one was last edited; `newest` needs it."""
    vendor_normalises: bool = False
    type: str | None = None
    derived: Derived | None = None
    """What stands for a column here; `own` is its name."""
    line: int = 0

    @property
    def target(self) -> str:
        """The field or column that is written."""
        return self.derived.column if isinstance(self.derived, Lookup) else self.own

    @property
    def worked_out(self) -> bool:
        """It follows from other rows, and is only read."""
        return self.derived is not None and not isinstance(self.derived, Lookup)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnGone:
    """What becomes of the other side's record when one is deleted, by direction."""

    push: str = "archive"
    pull: str = "manual"
    merged: str = "manual"
    """Of the shop's row whose record was merged into one that another row is linked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorMapping:
    """How one kind meets one object of a vendor."""

    kind: Kind
    object: str
    external_key: str | None
    match: tuple[str, ...]
    reference: Literal["none", "required", "optional"]
    on_gone: OnGone
    rules: tuple[Rule, ...]
    path: Path

    @property
    def target(self) -> Target:
        """What the plugin is told to read and write."""
        by_name = {rule.canonical: rule.own for rule in self.rules}
        own = dict.fromkeys(
            name
            for rule in self.rules
            for name in (rule.own, rule.time)
            if name is not None and not rule.canonical.startswith("constant.")
        )
        return Target(
            object=self.object,
            fields=tuple(own),
            key_field=self.external_key,
            match_fields=tuple(by_name[name] for name in self.match if name in by_name),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalMapping:
    """How one kind lies in the host's table."""

    kind: Kind
    rules: tuple[Rule, ...]
    path: Path
