"""A vendor of a story, past its API: the hands of its people, and what really happened there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, Protocol

from connector.plugin import Capabilities, Clock, FieldInfo, Kind, Ref
from connector.testing.world import MemoryVendor, Record, Refused
from tests.story import C


class House(Protocol):
    """One vendor's customers. Values are the vendor's own; `None` is an empty one."""

    name: str
    fields: Mapping[str, str]
    """Columns of the shop that people edit to the vendor's fields they meet."""
    mail: str
    mobile: str
    city: str
    quiet_calls: int
    """Calls of a run that has nothing to do, at most."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def records(self) -> Mapping[Ref, Record]:
        """All records that ever were, with every commit."""
        ...

    def dump(self) -> list[dict[str, Any]]:
        """All live records, whole and true: {"ref", "key", "fields"}."""
        ...

    def create(self, fields: Mapping[str, Any]) -> Ref | None:
        """A person makes a record. None: the vendor refused it."""
        ...

    def edit(self, ref: Ref, fields: Mapping[str, Any]) -> None: ...

    def remove(self, ref: Ref) -> None: ...

    def can_restore(self, record: Record) -> bool: ...

    def restore(self, ref: Ref) -> bool:
        """A person brings a record back. False: the vendor refused it."""
        ...

    def merge(self, ref: Ref) -> bool:
        """A person makes a record anew and merges an old one into it. False: nobody can here."""
        ...

    def hide(self, ref: Ref, hidden: bool = True) -> None:
        """An administrator takes a record out of our user's sight, or gives it back."""
        ...

    def withhold(self, field: str, on: bool = True) -> None:
        """Our user may not see a field any more, or may again: it is missing, not empty."""
        ...

    def drop(self, field: str, on: bool = True) -> None:
        """A field is taken out of the object's definition, or comes back with what it held."""
        ...

    def require(self, field: str, on: bool = True) -> None:
        """A field becomes mandatory for new records, or is so no more."""
        ...

    def lock_out(self, on: bool = True) -> None:
        """Our user loses every right, or gets them back."""
        ...

    def touch(self, kind: Kind, rng: Random, tag: str) -> bool:
        """A person changes a membership's plan, or writes `tag` as a feedback's text. False: there
        is none."""
        ...

    def writes(self) -> Counter[str]:
        """Calls so far that wrote, by operation."""
        ...

    def asked(self) -> int:
        """Calls so far altogether."""
        ...


class MemoryHouse:
    """A `House` that is a `MemoryVendor`."""

    fields: Mapping[str, str] = {"job": "Job", "street": "Street", "full_name": "Last"}
    mail, mobile, city = "Mail", "Mobile", "City"
    quiet_calls = 1 + 3
    """The account's name, and one page of changes for each kind."""

    def __init__(self, name: str, vendor: MemoryVendor) -> None:
        self.name = name
        self.vendor = vendor
        self.locked_out = False
        self._dropped: dict[str, FieldInfo] = {}

    @property
    def capabilities(self) -> Capabilities:
        return self.vendor.capabilities

    @property
    def clock(self) -> Clock:
        return self.vendor.clock

    @property
    def records(self) -> Mapping[Ref, Record]:
        return self.vendor.records[C]

    def dump(self) -> list[dict[str, Any]]:
        return self.vendor.dump(C)

    def create(self, fields: Mapping[str, Any]) -> Ref | None:
        try:
            return self.vendor.create(C, fields)
        except Refused:
            return None

    def edit(self, ref: Ref, fields: Mapping[str, Any]) -> None:
        self.vendor.edit(C, ref, fields)

    def remove(self, ref: Ref) -> None:
        self.vendor.remove(C, ref)

    def can_restore(self, record: Record) -> bool:
        return self.capabilities.removal != "final" and record.now.merged_into is None

    def restore(self, ref: Ref) -> bool:
        try:
            self.vendor.restore(C, ref)
        except Refused:
            return False
        return True

    def merge(self, ref: Ref) -> bool:
        # Without a word of the vendor, the new record would be a stranger with the same values.
        if not self.capabilities.reports_merges:
            return False
        winner = self.create(self.records[ref].now.fields)
        if winner is not None:
            self.vendor.merge(C, ref, winner)
        return winner is not None

    def hide(self, ref: Ref, hidden: bool = True) -> None:
        self.vendor.hide(C, ref, hidden)

    def withhold(self, field: str, on: bool = True) -> None:
        (self.vendor.withheld.add if on else self.vendor.withheld.discard)((C, field))

    def drop(self, field: str, on: bool = True) -> None:
        self.withhold(field, on)
        schema = self.vendor.schemas[C]
        fields = dict(schema.fields)
        if on:
            self._dropped[field] = fields.pop(field)
        else:
            fields[field] = self._dropped.pop(field)
        self._define(fields)

    def require(self, field: str, on: bool = True) -> None:
        fields = dict(self.vendor.schemas[C].fields)
        fields[field] = replace(fields[field], required=on)
        self._define(fields)

    def _define(self, fields: Mapping[str, FieldInfo]) -> None:
        schema = replace(self.vendor.schemas[C], fields=fields)
        self.vendor.schemas = {**self.vendor.schemas, C: schema}

    def lock_out(self, on: bool = True) -> None:
        self.locked_out = on

    def touch(self, kind: Kind, rng: Random, tag: str) -> bool:
        things = self.vendor.dump(kind)
        if things:
            fields = {"Plan": "Year"} if kind == Kind.MEMBERSHIP else {"Body": tag}
            self.vendor.edit(kind, rng.choice(things)["ref"], fields)
        return bool(things)

    def writes(self) -> Counter[str]:
        calls = Counter({str(op): n for op, n in self.vendor.calls.items()})
        return Counter({op: calls[op] for op in ("create", "update", "remove", "restore")})

    def asked(self) -> int:
        return sum(self.vendor.calls.values())
