"""Meet one kind's local mapping with a vendor's: what travels, together, and how it translates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from connector.errors import MappingError
from connector.local.shapes import Match
from connector.mapping import drift
from connector.mapping.binding import Binder, Bound
from connector.mapping.choices import NO, STRICTNESS
from connector.mapping.digests import Digests, Mark
from connector.mapping.drift import Fault
from connector.mapping.identifiers import Identifier, identifiers, identity
from connector.mapping.lens import as_text
from connector.mapping.schema import LocalMapping, Rule, VendorMapping
from connector.mapping.sides import Side, blank
from connector.mapping.times import zone_of
from connector.mapping.units import Unit, check_times, units_of
from connector.plugin import Kind, Schema
from connector.records import Canonical, Digest, Value, discreet, field_of, may_leave

__all__ = ["Fault", "Pair", "Unit", "Written"]


@discreet
@dataclass(frozen=True, slots=True)
class Written:
    """Own values to write, and what was left out of them and why."""

    fields: dict[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


class Pair:
    """One kind between the host's table and one vendor's object.

    `zone` is of local values without one, `phone_region` such as "CN". With the account's `schema`,
    rules that it contradicts are left out (`drift` says why) and values are checked against it;
    so are those of the vendor's fields in `without`. `names`: what a column that is looked up by
    name may be given, by own name. `leaves` says which fields may travel at all, `shut` which are
    never read at the vendor, though they are written there. `beside`: what the host's row holds
    beside a consent (when, by whom, the proof) moves with it, whatever the vendor has fields for.
    `digested`: fields of which a base keeps digests alone, made by `mark`. Raises: MappingError.
    """

    units: tuple[Unit, ...]
    own_columns: tuple[str, ...]
    """What a base may hold of the row: its columns, and those that a look does not show."""
    columns: tuple[str, ...]
    remote_fields: tuple[str, ...]
    reference_fields: tuple[str, ...]
    unread: frozenset[str]
    """Fields that a look at the row does not show: their columns are only written, or whom they
    name is found once."""

    def __init__(
        self,
        local: LocalMapping,
        vendor: VendorMapping,
        *,
        zone: str,
        phone_region: str | None,
        schema: Schema | None = None,
        without: Collection[str] = (),
        names: Mapping[str, Collection[Any]] | None = None,
        leaves: Callable[[Kind, str], bool] = may_leave,
        shut: Collection[str] = (),
        beside: bool = False,
        mark: Mark | None = None,
        digested: Collection[str] = (),
    ) -> None:
        if local.kind != vendor.kind:
            raise MappingError(
                f"{local.path} is about a {local.kind}, {vendor.path} about a {vendor.kind}."
            )
        home = zone_of(zone)
        if home is None:
            raise MappingError(f"There is no time zone {zone!r}.", hint="Write Asia/Shanghai.")
        self.kind = vendor.kind
        self.local = local
        self.vendor = vendor
        self.schema = schema
        self._region = phone_region
        self._leaves = leaves

        binder = Binder(self.kind, home, phone_region, schema, names or {})
        self._moment = {"local": binder.moment("local"), "remote": binder.moment("remote")}
        self._bound_near = [binder.near(rule) for rule in local.rules]
        self._bound_far = [binder.far(rule) for rule in vendor.rules]
        self._constants = [b for b in self._bound_far if b.rule.canonical.startswith("constant.")]
        leaving = [b for b in self._bound_far if b.rule.own not in without and self._travels(b)]
        self._leaving = leaving

        self.units, near_joins, far_joins = units_of(
            [rule for rule in local.rules if leaves(self.kind, rule.canonical)],
            [bound.rule for bound in leaving],
            schema,
        )
        check_times(self.units, local, vendor)
        used = frozenset(name for unit in self.units for name in unit.fields)
        self._beside = _beside(self.units, used, local.rules) if beside else {}
        alone = {name for names_ in self._beside.values() for name in names_}
        self._near = Side(self._bound_near, used | alone, near_joins)
        self._far = Side(leaving, used, far_joins, shut)
        self.digests = Digests(self, self._near, self._far, mark, digested)
        self._index()

    def only(self, names: Collection[str]) -> Pair:
        """The same pair with some of its units alone."""
        narrow = copy(self)
        narrow.units = tuple(unit for unit in self.units if unit.name in names)
        return narrow

    # --- values ---------------------------------------------------------------------------------

    def read_local(self, own: Mapping[str, Any]) -> dict[str, Value]:
        """Canonical values of a row; a column not in `own` stays missing. Never raises on data."""
        return self._near.read(own)

    def read_remote(self, own: Mapping[str, Any]) -> dict[str, Value]:
        """Canonical values of a vendor's record; a field not in `own` stays missing."""
        return self._far.read(own)

    def write_local(self, values: Canonical, *, create: bool = False) -> Written:
        """Columns to write. Fields that may not travel this way are passed over in silence.

        A group is written whole or not at all: a fault in one of its fields leaves out the others.
        """
        pulled = self._pulled
        asked = [(name, value) for name, value in values.items() if name in pulled]
        return self._written(self._near, asked, create)

    def correct_local(self, values: Canonical) -> Written:
        """Columns to write because the person said so, whichever way their fields travel; all of
        the fields are `correctable`."""
        return self._written(self._near, list(values.items()), False)

    def correctable(self, names: Iterable[str]) -> set[str]:
        """Those of these fields that the host's row can be told."""
        return {name for name in names if self._near.takes(name)}

    def blank_local(self, names: Collection[str]) -> Written:
        """Columns with what stands for nothing there, whichever way their fields travel, and also
        of fields that this vendor has no part in. A column that cannot be emptied is a fault; what
        is worked out from other rows is none."""
        near = [b for b in self._bound_near if b.rule.canonical in names]
        return _blanked([b for b in near if not b.rule.worked_out])

    def blank_remote(self, names: Collection[str]) -> Written:
        """The same of the vendor's fields."""
        return _blanked([b for b in self._leaving if b.rule.canonical in names])

    def write_remote(self, values: Canonical, *, create: bool = False) -> Written:
        """Vendor fields to write; on `create` constants too, and a fault for each mandatory field
        that has no value. `Fault.mandatory` is set on `create` only."""
        pushed = self._pushed
        asked = [(name, value) for name, value in values.items() if name in pushed]
        written = self._written(self._far, asked, create)
        if not create:
            return written
        for bound in self._constants:
            if self.schema is None or bound.rule.own in self.schema.fields:
                written.fields[bound.rule.own] = bound.write(None)
        return Written(written.fields, (*written.faults, *self._lacking(written)))

    def _written(self, side: Side, asked: list[tuple[str, Value]], create: bool) -> Written:
        fields, found = side.write(asked, create)
        if not found:
            return Written(fields)
        spoiled = {self._unit_of[fault.canonical].name for fault in found}
        for unit in self.units:
            if unit.name in spoiled:
                for name in unit.fields:
                    for bound in side.owns(name):
                        fields.pop(bound.rule.own, None)
        return Written(fields, tuple(found))

    def _lacking(self, written: Written) -> Iterable[Fault]:
        if self.schema is None:
            return
        named = {bound.rule.own: bound.rule.canonical for bound in self._bound_far}
        known = {fault.own for fault in written.faults if fault.mandatory}
        skip = known | {self.vendor.external_key}
        for info in self.schema.fields.values():
            if not (info.required and info.writable) or info.name in skip:
                continue
            if written.fields.get(info.name) is None:
                yield Fault(
                    canonical=named.get(info.name, ""),
                    own=info.name,
                    code="missing",
                    text=f"{info.name}: the vendor demands a value and there is none",
                    mandatory=True,
                )

    # --- comparing ------------------------------------------------------------------------------

    def same(self, canonical: str, a: Value, b: Value) -> bool:
        """Say whether two canonical values are one, as far as both sides can express them.

        Two values are one if either side would hold the same for both: a check box that only knows
        "withdrawn" or not holds the same for granted and unknown.
        """
        if a == b and type(a) is type(b):
            return True
        if a.__class__ is Digest or b.__class__ is Digest:
            return self.digests.same(canonical, a, b)
        one_says_no = (self.strictness(canonical, a) == NO) != (self.strictness(canonical, b) == NO)
        for form in (self.far_form, self.near_form):
            held = form(canonical, a)
            if held != form(canonical, b):
                continue
            # A side that writes "unknown" as a no, to be careful, does not make it a person's no:
            # taken for one, a real no would never travel.
            if one_says_no and self.strictness(canonical, held) == NO:
                continue
            return True
        return False

    def far_form(self, canonical: str, value: Value) -> Value:
        """What the vendor would give back for a value written there; the value if it refuses."""
        return self._form(self._far, canonical, value)

    def near_form(self, canonical: str, value: Value) -> Value:
        """What the host's row would give back for a value written there."""
        return self._form(self._near, canonical, value)

    def _form(self, side: Side, canonical: str, value: Value) -> Value:
        bounds = side.owns(canonical)
        if not bounds:
            return value
        fields, faults = side.write([(canonical, value)], False)
        found = value if faults else side.read_one(canonical, fields)
        bound = bounds[0]
        if bound.rule.vendor_normalises and bound.lens.normalise is not None:
            return bound.lens.normalise(found)
        return found

    def strictness(self, canonical: str, value: Value) -> int:
        """Order for `most_restrictive`: the higher wins. Other values than consents and flags: 0.

        withdrawn and denied are 2, unknown and empty 1, granted 0; a flag that is true is 2, an
        empty one 1.
        """
        known = field_of(self.kind, canonical)
        if known is not None and known.type == "flag":
            return 2 if value is True else 0 if value is False else 1
        if value is None or isinstance(value, str):
            return STRICTNESS.get(value, 1)
        return 0

    def match_values(self, canonical: Canonical) -> list[Identifier]:
        """Identities for first contact: (identifier kind, normalised value), kinds as in
        `email/1`. Empty values and those that cannot be parsed give nothing."""
        found: list[Identifier] = []
        for name in self.vendor.match:
            value = canonical.get(name)
            known = field_of(self.kind, name)
            if value is None or known is None:
                continue
            one = identity(known.type, as_text(value), self._region)
            if one is not None and one not in found:
                found.append(one)
        return found

    def identifiers(self, canonical: Canonical) -> list[Identifier]:
        """All that the record identifies its person by, beyond what is matched by."""
        return identifiers(self.kind, canonical, self.match_values(canonical), self._region)

    # --- own names and times --------------------------------------------------------------------

    def columns_of(self, unit: Unit) -> tuple[str, ...]:
        """The columns that hold a unit."""
        return _own_of(self._near, self._held(unit))

    def remote_fields_of(self, unit: Unit) -> tuple[str, ...]:
        """The vendor's fields that hold a unit."""
        return _own_of(self._far, unit.fields)

    def edited_local(self, unit: Unit, own: Mapping[str, Any]) -> dt.datetime | None:
        """When a unit was last edited in the row, if the row says."""
        return self._edited("local", unit.local_time, own)

    def edited_remote(self, unit: Unit, own: Mapping[str, Any]) -> dt.datetime | None:
        """When a unit was last edited at the vendor, if the record says."""
        return self._edited("remote", unit.remote_time, own)

    def _edited(self, side: str, name: str | None, own: Mapping[str, Any]) -> dt.datetime | None:
        found = self._moment[side](own.get(name)) if name is not None else None
        return found if isinstance(found, dt.datetime) else None

    def drift(self, schema: Schema) -> list[Fault]:
        """What the mapping says and the account contradicts, in the order of the file."""
        return [
            fault
            for bound in self._bound_far
            for fault in drift.faults_of(bound.rule, bound.lens, schema)
        ]

    # --- building -------------------------------------------------------------------------------

    def _index(self) -> None:
        """Find once what is asked for with each record."""
        self._unit_of = {name: unit for unit in self.units for name in self._known(unit)}
        self._pushed = frozenset(name for unit in self.units if unit.push for name in unit.fields)
        self._pulled = frozenset(n for unit in self.units if unit.pull for n in self._held(unit))
        self.reference_fields = tuple(
            name
            for name in self._unit_of
            if any(bound.rule.lens.name == "reference" for bound in self._far.owns(name))
        )
        unread = [rule for rule in self.local.rules if _is_unread(rule)]
        self.unread = frozenset(rule.canonical for rule in unread).intersection(self._unit_of)
        read = {rule.own for rule in self.local.rules if not _is_unread(rule)}
        unseen = {rule.own for rule in unread} - read
        self.own_columns = _with_times(self._near.own, [unit.local_time for unit in self.units])
        self.columns = tuple(name for name in self.own_columns if name not in unseen)
        self.remote_fields = _with_times(self._far.own, [unit.remote_time for unit in self.units])

    def _travels(self, bound: Bound) -> bool:
        name = bound.rule.canonical
        if name.startswith("constant.") or not self._leaves(self.kind, name):
            return False
        return self.schema is None or (
            drift.why_disabled(bound.rule, bound.lens, self.schema) is None
        )

    def _held(self, unit: Unit) -> tuple[str, ...]:
        """The fields that move with a unit into the host's row."""
        return (*unit.fields, *self._beside.get(unit.name, ()))

    def _known(self, unit: Unit) -> Iterator[str]:
        """All names of a unit's fields: of a joined name its parts too."""
        for name in unit.fields:
            for bound in (*self._near.owns(name), *self._far.owns(name)):
                yield bound.rule.canonical
        yield from self._beside.get(unit.name, ())


def _beside(
    units: Iterable[Unit], used: frozenset[str], rules: Iterable[Rule]
) -> dict[str, tuple[str, ...]]:
    """What the host's row holds beside each consent, by the consent's name."""
    names = [rule.canonical for rule in rules if rule.canonical not in used]
    return {
        unit.name: tuple(name for name in names if name.startswith(f"{unit.name}."))
        for unit in units
        if unit.name.startswith("consent.")
    }


def _blanked(bounds: Iterable[Bound]) -> Written:
    fields, faults = blank(bounds)
    return Written(fields, tuple(faults))


def _is_unread(rule: Rule) -> bool:
    return rule.direction == "pull" or isinstance(rule.derived, Match)


def _own_of(side: Side, fields: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(b.rule.own for name in fields for b in side.owns(name)))


def _with_times(own: Iterable[str], times: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*own, *(time for time in times if time is not None))))
