"""Compile one rule for the place it works in: its lens, and the checks behind what it writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from connector.mapping.checks import Check, check_of, is_among
from connector.mapping.lens import Lens, Refusal, Where
from connector.mapping.lenses import LensSpec, build
from connector.mapping.schema import Rule
from connector.plugin import FieldInfo, Schema
from connector.records import Field, Kind, Value, field_of

_MOMENT: Final = Field("datetime", "system.time")


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule with its compiled lens. `write` checks the value against the vendor's schema too."""

    rule: Rule
    lens: Lens
    write: Callable[[Value], Any]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Binder:
    """Binds the rules of one pair; what each argument means is said at `translate.Pair`."""

    kind: Kind
    zone: dt.tzinfo
    region: str | None
    schema: Schema | None
    names: Mapping[str, Collection[Any]]

    def near(self, rule: Rule) -> Bound:
        """A rule of the host's table."""
        among = self.names.get(rule.own)
        lens = self._lens(rule, "local")
        return Bound(rule, lens, _checked(lens, None if among is None else is_among(among), False))

    def far(self, rule: Rule) -> Bound:
        """A rule of the vendor's object, checked against the account's schema where it is known."""
        info: FieldInfo | None = self.schema.fields.get(rule.own) if self.schema else None
        lens = self._lens(rule, "remote")
        if info is None:
            return Bound(rule, lens, lens.write)
        return Bound(rule, lens, _checked(lens, check_of(info), info.required), info.required)

    def moment(self, side: Literal["local", "remote"]) -> Callable[[Any], Value]:
        """What reads the time at which something was last edited on one side."""
        return build(LensSpec("datetime", {}), self._where(_MOMENT, side)).read

    def _lens(self, rule: Rule, side: Literal["local", "remote"]) -> Lens:
        known = field_of(self.kind, rule.canonical)
        assert known is not None, f"the loader let {rule.canonical} through"
        return build(rule.lens, self._where(known, side, rule.type))

    def _where(
        self, known: Field, side: Literal["local", "remote"], type_: str | None = None
    ) -> Where:
        return Where(side, self.zone, self.region, known, type_)


def _checked(lens: Lens, check: Check | None, required: bool) -> Callable[[Value], Any]:
    """A field's checks behind its lens's `write`; the result raises `Refusal` for either."""
    if check is None and not required:
        return lens.write
    write = lens.write

    def write_checked(value: Value) -> Any:
        own = write(value)
        if own is None:
            if required:
                raise Refusal("required", "the vendor demands a value here")
        elif check is not None:
            check(own)
        return own

    return write_checked
