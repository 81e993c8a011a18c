"""How long data is kept, at one scope: the shop's row says since when, all sides lose the rest.

A decision asks for each record whether it is over its term, every time it is decided. So nothing
brings back what was erased: a value that comes again at a vendor is erased again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from connector.errors import PolicyFileError
from connector.local.contract import Local
from connector.local.shapes import Lookup
from connector.mapping.lens import Where
from connector.mapping.lenses import build
from connector.mapping.schema import LocalMapping, VendorMapping
from connector.mapping.times import zone_of
from connector.plugin import Kind, Schema
from connector.policy.load import Policy
from connector.policy.retention import Entry, Judged, entries_of, judge
from connector.records import Value, field_of

Start = tuple[str, str, Any]
"""A column, the canonical field in it, and what reads it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one kind. `columns`: what of the shop's rows must be read to judge them."""

    entries: tuple[Entry, ...]
    starts: tuple[Start, ...]
    columns: tuple[str, ...]
    today: dt.date
    """By the shop's calendar."""
    zone: dt.tzinfo

    def judge(self, own: Mapping[str, Any]) -> Judged:
        """Judge one live row of the shop."""
        started: dict[str, Value] = {
            name: read(own[column]) if own.get(column) is not None else None
            for column, name, read in self.starts
        }
        return judge(self.entries, started, self.today, self.zone)

    @property
    def fields(self) -> frozenset[str]:
        """All fields that any entry erases."""
        return frozenset(name for entry in self.entries for name in entry.fields)


def terms_for(
    policy: Policy,
    local: LocalMapping,
    vendor: VendorMapping,
    *,
    read_only: bool,
    zone: str,
    region: str | None,
    now: dt.datetime,
) -> Terms | None:
    """The terms of one kind at one connection; None if it has none. Raises: PolicyFileError."""
    kind = vendor.kind
    names = {rule.canonical for rule in (*local.rules, *vendor.rules)}
    entries = tuple(entries_of(policy.document, kind, names))
    if not entries:
        return None
    faults = [
        policy.fault(("retention", entry.number), said)
        for entry in entries
        if (said := _unfit(entry, local, read_only=read_only)) is not None
    ]
    if faults:
        raise PolicyFileError("The policy does not fit a mapping:", faults=faults)
    home = zone_of(zone) or dt.UTC
    starts = _starts(entries, kind, local, home, region)
    erased = {name for entry in entries for name in entry.fields}
    columns = (*(column for column, _, _ in starts), *_columns(local, erased))
    today = now.astimezone(home).date()
    return Terms(entries, starts, tuple(dict.fromkeys(columns)), today, home)


class _Whole(Protocol):
    """What holds for all connections; see `setup.Setup`."""

    @property
    def policy(self) -> Policy | None: ...
    @property
    def zone(self) -> str: ...
    @property
    def phone_region(self) -> str | None: ...


class _OfKind(Protocol):
    """One kind of one connection; see `setup.KindSetup`."""

    @property
    def vendor(self) -> VendorMapping: ...
    @property
    def local(self) -> LocalMapping: ...
    @property
    def read_only(self) -> bool: ...


def terms_of(whole: _Whole, one: _OfKind, now: dt.datetime) -> Terms | None:
    """The same from what a run is set up with."""
    if whole.policy is None:
        return None
    return terms_for(
        whole.policy,
        one.local,
        one.vendor,
        read_only=one.read_only,
        zone=whole.zone,
        region=whole.phone_region,
        now=now,
    )


def terms_at(
    whole: _Whole, one: _OfKind, schema: Schema, local: Local, now: dt.datetime
) -> Terms | None:
    """The same for a run, held against the vendor's fields; the shop shows what is needed."""
    terms = terms_of(whole, one, now)
    if terms is not None and whole.policy is not None:
        check_terms(whole.policy, terms, one.vendor, schema)
        local.observe(one.vendor.kind, terms.columns)
    return terms


def _starts(
    entries: tuple[Entry, ...],
    kind: Kind,
    local: LocalMapping,
    home: dt.tzinfo,
    region: str | None,
) -> tuple[Start, ...]:
    found = []
    wanted = {entry.spec.from_ for entry in entries}
    for rule in local.rules:
        known = field_of(kind, rule.canonical)
        if rule.canonical in wanted and known is not None:
            lens = build(rule.lens, Where("local", home, region, known, rule.type))
            found.append((rule.own, rule.canonical, lens.read))
    return tuple(found)


def _columns(local: LocalMapping, erased: set[str]) -> list[str]:
    """Columns to empty, as far as a look shows them."""
    return [r.own for r in local.rules if r.canonical in erased and r.direction != "pull"]


def _unfit(entry: Entry, local: LocalMapping, *, read_only: bool) -> str | None:
    """Why an entry cannot be carried out with these mappings, in words."""
    start = entry.spec.from_
    held = next((rule for rule in local.rules if rule.canonical == start), None)
    if held is None or held.direction == "pull":
        return f"the shop's mapping {local.path} shows no `{start}`, with which this term begins"
    if read_only:
        return f"the shop's {local.kind} records are in a file, where nothing is erased"
    for rule in local.rules:
        sums = rule.derived is not None and not isinstance(rule.derived, Lookup)
        if rule.canonical in entry.fields and sums:
            return f"`{rule.canonical}` is worked out from other rows and cannot be emptied"
    return None


def check_terms(policy: Policy, terms: Terms, vendor: VendorMapping, schema: Schema) -> None:
    """See that the vendor's fields can be emptied, before any is. Raises: PolicyFileError."""
    faults = []
    for entry in terms.entries:
        for rule in vendor.rules:
            info = schema.fields.get(rule.own)
            if rule.canonical not in entry.fields or info is None:
                continue
            if info.required or not info.writable:
                why = "must not be empty" if info.required else "cannot be written"
                where = ("retention", entry.number)
                said = f"{schema.object}.{rule.own} ({rule.canonical}) {why} there; give the field"
                said += " another class under `fields`, or use `erase_record`"
                faults.append(policy.fault(where, said))
    if faults:
        raise PolicyFileError("The policy does not fit the vendor's fields:", faults=faults)


def is_blank(value: Any, blank: Any) -> bool:
    """Whether an own value says nothing, or just what an emptied field holds."""
    return value in (None, "", []) or value == blank
