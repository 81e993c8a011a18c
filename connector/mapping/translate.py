"""Meet one kind's local mapping with a vendor's: what travels, together, and how it translates."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from connector.errors import MappingError
from connector.mapping import drift, names
from connector.mapping.checks import check_of
from connector.mapping.choices import STRICTNESS
from connector.mapping.drift import Fault
from connector.mapping.lens import Lens, Refusal, Where, as_text
from connector.mapping.lenses import LensSpec, build
from connector.mapping.phones import e164
from connector.mapping.schema import LocalMapping, Rule, VendorMapping
from connector.mapping.texts import email_identity
from connector.mapping.times import zone_of
from connector.plugin import Schema
from connector.records import Canonical, Field, Value, field_of, may_leave

__all__ = ["Fault", "Pair", "Unit", "Written"]

_ABSENT = object()
_MOMENT = Field("datetime", "system.time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What moves, and is judged, as one: a group of canonical fields, or a single one."""

    name: str
    fields: tuple[str, ...]
    push: bool
    """Both files let it travel towards the vendor."""
    pull: bool
    policy: str
    local_time: str | None = None
    """The own column that says when it was last edited; set where `newest` may ask."""
    remote_time: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Own values to write, and what was left out of them and why."""

    fields: dict[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bound:
    rule: Rule
    lens: Lens
    write: Callable[[Value], Any]  # the lens's, then the schema's check
    required: bool = False


class _Side:
    """One side's rules, compiled. `joins` is set where full names are put together from parts."""

    def __init__(self, bounds: Iterable[_Bound], used: frozenset[str], joins: bool) -> None:
        self.all = {bound.rule.canonical: bound for bound in bounds}
        self.joins = joins
        parts = (names.FAMILY, names.GIVEN) if joins else ()
        self.parts = tuple(self.all[name] for name in parts if name in self.all)
        self.used = {
            name: bound
            for name, bound in self.all.items()
            if name in used and not (joins and name == names.FULL)
        }
        reads = (*self.used.values(), *self.parts)
        self._reads = tuple((b.rule.own, b.rule.canonical, b.lens.read) for b in reads)
        self.own = tuple(dict.fromkeys(b.rule.own for b in reads))

    def owns(self, canonical: str) -> tuple[_Bound, ...]:
        if self.joins and canonical == names.FULL:
            return self.parts
        bound = self.used.get(canonical)
        return () if bound is None else (bound,)

    def read(self, own: Mapping[str, Any]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        get = own.get
        for name, canonical, read in self._reads:
            value = get(name, _ABSENT)
            if value is not _ABSENT:
                found[canonical] = read(value)
        if self.joins:
            delivered = all(b.rule.canonical in found for b in self.parts)
            family, given = found.pop(names.FAMILY, None), found.pop(names.GIVEN, None)
            if delivered:
                found[names.FULL] = names.join(family, given)
        return found

    def read_one(self, canonical: str, own: Mapping[str, Any]) -> Value:
        if self.joins and canonical == names.FULL:
            return self.read(own).get(names.FULL)
        bound = self.used[canonical]
        return bound.lens.read(own.get(bound.rule.own))

    def write(
        self, values: Iterable[tuple[str, Value]], create: bool
    ) -> tuple[dict[str, Any], list[tuple[str, Fault]]]:
        """Own values, and faults, each with the canonical name it was asked for under."""
        fields: dict[str, Any] = {}
        faults: list[tuple[str, Fault]] = []
        used = self.used
        for canonical, value in values:
            bound = used.get(canonical)
            if bound is not None:
                self._write_one(bound, canonical, value, create, fields, faults)
            elif self.joins and canonical == names.FULL:
                # A full name goes whole into the family name: taking it apart would be a guess.
                for part in self.parts:
                    whole = value if part.rule.canonical == names.FAMILY else None
                    self._write_one(part, canonical, whole, create, fields, faults)
        return fields, faults

    def _write_one(
        self,
        bound: _Bound,
        canonical: str,
        value: Value,
        create: bool,
        fields: dict[str, Any],
        faults: list[tuple[str, Fault]],
    ) -> None:
        try:
            own = bound.write(value)
            if own is None and bound.required:
                raise Refusal("required", "the vendor demands a value here")
            fields[bound.rule.own] = own
        except Refusal as refusal:
            fault = Fault(
                canonical=bound.rule.canonical,
                own=bound.rule.own,
                code=refusal.code,
                text=f"{bound.rule.own}: {refusal.text}",
                mandatory=bound.required and create,
            )
            faults.append((canonical, fault))


class Pair:
    """One kind between the host's table and one vendor's object.

    `zone` is of local values without one, `phone_region` such as "CN". With the account's `schema`,
    rules that it contradicts are left out (`drift` says why) and values are checked against it.
    Raises: MappingError.
    """

    def __init__(
        self,
        local: LocalMapping,
        vendor: VendorMapping,
        *,
        zone: str,
        phone_region: str | None,
        schema: Schema | None = None,
    ) -> None:
        home = zone_of(zone)
        if local.kind != vendor.kind:
            raise MappingError(
                f"{local.path} is about a {local.kind}, {vendor.path} about a {vendor.kind}."
            )
        if home is None:
            raise MappingError(f"There is no time zone {zone!r}.", hint="Write Asia/Shanghai.")
        self.kind = vendor.kind
        self.local = local
        self.vendor = vendor
        self._region = phone_region
        self._schema = schema
        self._zone = home
        near = [self._bind(rule, "local", None) for rule in local.rules]
        far = [self._bind(rule, "remote", schema) for rule in vendor.rules]
        self._constants = [b for b in far if b.rule.canonical.startswith("constant.")]
        self._bound_far = far
        leaving = [b for b in far if self._travels(b, schema)]
        self.units, near_joins, far_joins = _units(
            [b for b in near if may_leave(self.kind, b.rule.canonical)], leaving, schema
        )
        self._check_times()
        used = frozenset(name for unit in self.units for name in unit.fields)
        self._near = _Side(near, used, near_joins)
        self._far = _Side(leaving, used, far_joins)
        self._unit_of = {name: unit for unit in self.units for name in unit.fields}
        self._pushed = frozenset(name for unit in self.units if unit.push for name in unit.fields)
        self._pulled = frozenset(name for unit in self.units if unit.pull for name in unit.fields)
        self.columns = _with_times(self._near.own, (unit.local_time for unit in self.units))
        self.remote_fields = _with_times(self._far.own, (unit.remote_time for unit in self.units))
        self.reference_fields = tuple(
            b.rule.canonical for b in self._far.used.values() if b.rule.lens.name == "reference"
        )
        self._moment = {
            side: build(LensSpec("datetime", {}), self._where(_MOMENT, side)).read
            for side in ("local", "remote")
        }

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

    def write_remote(self, values: Canonical, *, create: bool = False) -> Written:
        """Vendor fields to write; on `create` constants too, and a fault for each mandatory field
        that has no value. `Fault.mandatory` is set on `create` only."""
        pushed = self._pushed
        asked = [(name, value) for name, value in values.items() if name in pushed]
        written = self._written(self._far, asked, create)
        if not create:
            return written
        for bound in self._constants:
            if self._schema is None or bound.rule.own in self._schema.fields:
                written.fields[bound.rule.own] = bound.write(None)
        return Written(written.fields, (*written.faults, *self._lacking(written)))

    def _written(self, side: _Side, asked: list[tuple[str, Value]], create: bool) -> Written:
        fields, found = side.write(asked, create)
        if not found:
            return Written(fields)
        spoiled = {self._unit_of[name].name for name, _ in found}
        for unit in self.units:
            if unit.name in spoiled:
                for name in unit.fields:
                    for bound in side.owns(name):
                        fields.pop(bound.rule.own, None)
        return Written(fields, tuple(fault for _, fault in found))

    def _lacking(self, written: Written) -> Iterable[Fault]:
        if self._schema is None:
            return
        named = {bound.rule.own: bound.rule.canonical for bound in self._bound_far}
        known = {fault.own for fault in written.faults if fault.mandatory}
        skip = known | {self.vendor.external_key}
        for info in self._schema.fields.values():
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
        return self.far_form(canonical, a) == self.far_form(canonical, b) or self.near_form(
            canonical, a
        ) == self.near_form(canonical, b)

    def far_form(self, canonical: str, value: Value) -> Value:
        """What the vendor would give back for a value written there; the value if it refuses."""
        return self._form(self._far, canonical, value)

    def near_form(self, canonical: str, value: Value) -> Value:
        """What the host's row would give back for a value written there."""
        return self._form(self._near, canonical, value)

    def _form(self, side: _Side, canonical: str, value: Value) -> Value:
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

    def match_values(self, canonical: Canonical) -> list[tuple[str, str]]:
        """Identities for first contact: (identifier kind, normalised value), kinds as in
        `email/1`. Empty values and those that cannot be parsed give nothing."""
        found: list[tuple[str, str]] = []
        for name in self.vendor.match:
            value = canonical.get(name)
            known = field_of(self.kind, name)
            if value is None or known is None:
                continue
            identity = self._identity(known.type, as_text(value))
            if identity is not None and identity not in found:
                found.append(identity)
        return found

    def _identity(self, type_: str, text: str) -> tuple[str, str] | None:
        if type_ == "email":
            address = email_identity(text)
            return None if address is None else ("email/1", address)
        if type_ == "phone":
            number = e164(text, self._region)
            return None if number is None else ("phone/1", number)
        plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
        return ("text/1", plain) if plain else None

    # --- own names and times --------------------------------------------------------------------

    def columns_of(self, unit: Unit) -> tuple[str, ...]:
        """The columns that hold a unit."""
        return _own_of(self._near, unit)

    def remote_fields_of(self, unit: Unit) -> tuple[str, ...]:
        """The vendor's fields that hold a unit."""
        return _own_of(self._far, unit)

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

    def _where(self, known: Field, side: str, type_: str | None = None) -> Where:
        here: Literal["local", "remote"] = "local" if side == "local" else "remote"
        return Where(here, self._zone, self._region, known, type_)

    def _bind(self, rule: Rule, side: str, schema: Schema | None) -> _Bound:
        known = field_of(self.kind, rule.canonical)
        assert known is not None, f"the loader let {rule.canonical} through"
        lens = build(rule.lens, self._where(known, side, rule.type))
        info = schema.fields.get(rule.own) if schema is not None else None
        check = check_of(info) if info is not None else None
        return _Bound(rule, lens, _checked(lens.write, check), info is not None and info.required)

    def _travels(self, bound: _Bound, schema: Schema | None) -> bool:
        name = bound.rule.canonical
        if name.startswith("constant.") or not may_leave(self.kind, name):
            return False
        return schema is None or drift.why_disabled(bound.rule, bound.lens, schema) is None

    def _check_times(self) -> None:
        lacking = [u for u in self.units if u.policy == "newest" and u.local_time is None]
        if lacking:
            raise MappingError(
                "The mappings cannot be used together:",
                faults=[
                    f"{self.local.path}: `{unit.name}` is judged by `newest` in {self.vendor.path}"
                    " and needs `time` here too."
                    for unit in lacking
                ],
            )


def _checked(
    write: Callable[[Value], Any], check: Callable[[Any], None] | None
) -> Callable[[Value], Any]:
    if check is None:
        return write

    def checked(value: Value) -> Any:
        own = write(value)
        if own is not None:
            check(own)
        return own

    return checked


def _own_of(side: _Side, unit: Unit) -> tuple[str, ...]:
    return tuple(dict.fromkeys(b.rule.own for name in unit.fields for b in side.owns(name)))


def _with_times(own: tuple[str, ...], times: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*own, *(time for time in times if time is not None))))


def _units(
    near: list[_Bound], far: list[_Bound], schema: Schema | None
) -> tuple[tuple[Unit, ...], bool, bool]:
    """The units both sides share, and whether names are joined on the near and on the far side."""
    near_by = {bound.rule.canonical: bound.rule for bound in near}
    far_by = {bound.rule.canonical: bound.rule for bound in far}
    near_joins, far_joins = _joins(near_by, "push"), _joins(far_by, "pull")
    common = [name for name in far_by if name in near_by]
    whole = names.FULL in near_by and names.FULL in far_by
    parted = names.FAMILY in near_by and names.FAMILY in far_by
    near_joins = near_joins and names.FULL in far_by and not parted
    far_joins = far_joins and names.FULL in near_by and not parted and not near_joins
    if near_joins or far_joins:
        common = [name for name in common if name not in names.NAMES]
        common.insert(0, names.FULL)
    elif whole and parted and near_by[names.FULL].direction != far_by[names.FULL].direction:
        common.remove(names.FULL)  # a full name that one side only shows follows from its parts

    def rules_of(by: Mapping[str, Rule], joins: bool, name: str) -> list[Rule]:
        if joins and name == names.FULL:
            return [by[part] for part in (names.FAMILY, names.GIVEN) if part in by]
        return [by[name]]

    members: dict[str, list[str]] = {}
    met: dict[str, tuple[list[Rule], list[Rule]]] = {}
    for name in common:
        far_rules, near_rules = (
            rules_of(far_by, far_joins, name),
            rules_of(near_by, near_joins, name),
        )
        group = far_rules[0].group or near_rules[0].group or name
        members.setdefault(group, []).append(name)
        fars, nears = met.setdefault(group, ([], []))
        fars.extend(far_rules)
        nears.extend(near_rules)
    return (
        tuple(
            _unit(group, tuple(fields), *met[group], schema) for group, fields in members.items()
        ),
        near_joins,
        far_joins,
    )


def _joins(by: Mapping[str, Rule], shown_only: str) -> bool:
    """A side joins when it has a family name and no full name that can be written."""
    full = by.get(names.FULL)
    return names.FAMILY in by and (full is None or full.direction == shown_only)


def _unit(
    name: str,
    fields: tuple[str, ...],
    far: list[Rule],
    near: list[Rule],
    schema: Schema | None,
) -> Unit:
    both = (*far, *near)
    writable = schema is None or all(schema.fields[rule.own].writable for rule in far)
    stated = [rule.policy for rule in both if rule.policy_stated]  # the vendor's file speaks first
    return Unit(
        name=name,
        fields=fields,
        push=writable and all(rule.direction != "pull" for rule in both),
        pull=all(rule.direction != "push" for rule in both),
        policy=stated[0] if stated else "manual",
        local_time=next((rule.time for rule in near if rule.time), None),
        remote_time=next(
            (r.time for r in far if r.time and (schema is None or r.time in schema.fields)), None
        ),
    )
