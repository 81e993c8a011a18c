"""One side of a pair, compiled: its rules' lenses and checks, in two short loops.

A first load runs these loops some million times: they make no call that they can do without.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from connector.mapping import names
from connector.mapping.binding import Bound
from connector.mapping.drift import Fault
from connector.mapping.lens import Refusal
from connector.records import Digest, Value

_ABSENT = object()


class Side:
    """One side's rules. `joins` is set where full names are put together from parts.

    What is in `hidden` is written and never read: its values stay missing.
    A full name that is only shown beside its parts (`direction: push`) is written from them.
    """

    def __init__(
        self,
        bounds: Iterable[Bound],
        used: frozenset[str],
        joins: bool,
        hidden: Collection[str] = (),
    ) -> None:
        all_ = {bound.rule.canonical: bound for bound in bounds}
        self.joins = joins
        parts = (names.FAMILY, names.GIVEN) if joins else ()
        self.parts = tuple(all_[name] for name in parts if name in all_)
        full = all_.get(names.FULL)
        shown = full is not None and full.rule.direction == "push" and names.FULL not in used
        self._shown = full if shown else None
        self._shown_from = frozenset({names.FAMILY, names.GIVEN}) & used
        self._one = {
            name: bound
            for name, bound in all_.items()
            if name in used and not (joins and name in names.NAMES)
        }
        bounds = (*self._one.values(), *self.parts)
        unread = frozenset(hidden)
        if joins and names.FULL in unread:
            unread |= names.NAMES
        self._reads = tuple(
            (b.rule.own, b.rule.canonical, b.lens.read)
            for b in bounds
            if b.rule.canonical not in unread
        )
        self._writes = {b.rule.canonical: (b.rule.own, b.write, b) for b in bounds}
        self.rule_of: Callable[[str], str] = lambda canonical: ""
        """The name of the mapping of a field, for what a base keeps of its values."""
        self.own = tuple(dict.fromkeys(b.rule.own for b in bounds))

    def owns(self, canonical: str) -> tuple[Bound, ...]:
        """The rules that hold a canonical field here: one, or the two parts of a joined name."""
        if self.joins and canonical == names.FULL:
            return self.parts
        bound = self._one.get(canonical)
        return () if bound is None else (bound,)

    def takes(self, canonical: str) -> bool:
        """Whether a value of this field can be written here at all."""
        if self.joins and canonical == names.FULL:
            return bool(self.parts)
        _, _, bound = self._writes.get(canonical, ("", None, None))
        return bound is not None and not bound.rule.worked_out

    def holds_at(self, own: str) -> str | None:
        """The canonical field that an own name holds; None if it is none of ours."""
        return next((name for name, bound in self._one.items() if bound.rule.own == own), None)

    def read(self, own: Mapping[str, Any]) -> dict[str, Value]:
        """Canonical values; what is not in `own` stays missing."""
        found: dict[str, Value] = {}
        get = own.get
        for name, canonical, read in self._reads:
            value = get(name, _ABSENT)
            if value is None:  # no lens makes anything else of it
                found[canonical] = None
            elif value.__class__ is Digest:
                # One that was made under another mapping says nothing of this one's values.
                if value.rule == self.rule_of(canonical):
                    found[canonical] = value
            elif value is not _ABSENT:
                found[canonical] = read(value)
        if self.joins:
            delivered = all(bound.rule.canonical in found for bound in self.parts)
            family, given = found.pop(names.FAMILY, None), found.pop(names.GIVEN, None)
            if delivered:
                found[names.FULL] = names.join(family, given)
        return found

    def read_one(self, canonical: str, own: Mapping[str, Any]) -> Value:
        """One canonical value of own values that hold it, hidden or not."""
        if self.joins and canonical == names.FULL:
            family, given = (_of(self.parts, part, own) for part in (names.FAMILY, names.GIVEN))
            return names.join(family, given)
        bound = self._one[canonical]
        return bound.lens.read(own.get(bound.rule.own))

    def write(
        self, values: Sequence[tuple[str, Value]], create: bool
    ) -> tuple[dict[str, Any], list[Fault]]:
        """Own values, and what was left out of them."""
        fields: dict[str, Any] = {}
        faults: list[Fault] = []
        writes = self._writes
        for canonical, value in self._parted(values) if self.joins else values:
            own, write, bound = writes[canonical]
            try:
                fields[own] = write(value)
            except Refusal as refusal:
                faults.append(_fault(canonical, bound, refusal, create))
        if self._shown is not None:
            self._show(self._shown, dict(values), fields, faults, create)
        return fields, faults

    def _show(
        self,
        bound: Bound,
        values: Mapping[str, Value],
        fields: dict[str, Any],
        faults: list[Fault],
        create: bool,
    ) -> None:
        """Write the full name of the parts; a part that is not there says nothing of the whole."""
        if names.FAMILY not in self._shown_from or not self._shown_from <= values.keys():
            return
        try:
            whole = names.join(values[names.FAMILY], values.get(names.GIVEN))
            fields[bound.rule.own] = bound.write(whole)
        except Refusal as refusal:
            faults.append(_fault(names.FAMILY, bound, refusal, create))

    def _parted(self, values: Iterable[tuple[str, Value]]) -> Iterable[tuple[str, Value]]:
        for canonical, value in values:
            if canonical != names.FULL:
                yield canonical, value
                continue
            # A full name goes whole into the family name: taking it apart would be a guess.
            for part in self.parts:
                name = part.rule.canonical
                yield name, value if name == names.FAMILY else None


def blank(bounds: Iterable[Bound]) -> tuple[dict[str, Any], list[Fault]]:
    """What stands for nothing in these own fields, and those that cannot be emptied."""
    fields: dict[str, Any] = {}
    faults: list[Fault] = []
    for bound in bounds:
        try:
            fields[bound.rule.own] = bound.write(None)
        except Refusal as refusal:
            faults.append(_fault(bound.rule.canonical, bound, refusal, False))
    return fields, faults


def _of(parts: Iterable[Bound], name: str, own: Mapping[str, Any]) -> Value:
    """One part of a name in own values."""
    bound = next((b for b in parts if b.rule.canonical == name), None)
    return None if bound is None else bound.lens.read(own.get(bound.rule.own))


def _fault(canonical: str, bound: Bound, refusal: Refusal, create: bool) -> Fault:
    return Fault(
        canonical=canonical,
        own=bound.rule.own,
        code=refusal.code,
        text=f"{bound.rule.own}: {refusal.text}",
        mandatory=bound.required and create,
    )
