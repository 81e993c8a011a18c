"""Short ways of using one remote under test; the kit's tests are written in them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from connector.plugin import (
    Capabilities,
    Fields,
    Op,
    Outcome,
    Ref,
    Remote,
    Result,
    Schema,
    Seen,
    Target,
    Write,
    version_key,
)
from connector.records import Kind
from connector.testing.hands import Hands

_numbers = itertools.count(1)
STEPS = 10
"""In how many looks a declared lag is waited for; a vendor that shows things at once costs one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """One remote under test, and short ways of using it."""

    remote: Remote
    hands: Hands
    kind: Kind
    target: Target
    schema: Schema
    sample: Callable[[int], Fields]

    @property
    def can(self) -> Capabilities:
        return self.remote.capabilities

    def fields(self) -> dict[str, Any]:
        """A new person's or thing's fields."""
        return dict(self.sample(next(_numbers)))

    def note(self) -> str:
        """A text field that may be edited and cleared."""
        for name in self.target.fields:
            info = self.schema.fields.get(name)
            free = info is not None and not (info.required or info.unique or info.external)
            if info is not None and free and info.type == "text" and info.writable:
                return name
        raise AssertionError("the target needs one text field that may be empty")

    def write(self, *writes: Write) -> list[Result]:
        return list(self.remote.write(self.kind, writes))

    def create(self, key: str | None = None) -> Seen:
        """Create a record through the plugin; its answer, or a read where that tells too little."""
        [result] = self.write(new(self.fields(), key))
        assert result.outcome is Outcome.APPLIED, result.reason
        assert result.seen is not None, "an applied create gives the record's ref"
        assert result.seen.version, "and a version that is none too high"
        seen = result.seen
        return seen if seen.changed_at is not None else self.settled(seen.ref, seen.version)

    def version_after(self, ref: Ref, result: Result) -> str:
        """The version that a write made, as told, or as read where the vendor's answer is bare."""
        assert result.outcome is Outcome.APPLIED, result.reason
        told = result.seen.version if result.seen is not None else ""
        if not told:
            assert self.can.reads_own_writes, "a bare answer needs reads that see it"
        return told or self.fetch(ref).version

    def update(self, ref: Ref, fields: Fields, unless: datetime | None = None) -> Result:
        [result] = self.write(change(ref, fields, unless))
        return result

    def remove(self, ref: Ref) -> Result:
        [result] = self.write(act(Op.REMOVE, ref))
        return result

    def fetch(self, ref: Ref) -> Seen:
        [seen] = self.remote.fetch(self.kind, [ref])
        return seen

    def changes(self, since: datetime | None) -> list[Seen]:
        return [seen for page in self.remote.changes(self.kind, since, None) for seen in page.seen]

    def newest(self, since: datetime | None) -> dict[Ref, Seen]:
        """The newest copy of each record among the changes."""
        return newest(self.changes(since))

    def settled(self, ref: Ref, version: str) -> Seen:
        """The record by id, once it shows at least this version."""

        def look() -> Seen | None:
            seen = self.fetch(ref)
            return seen if version_key(seen.version) >= version_key(version) else None

        found: Seen = self.within(self.can.feed_lag, look, "fetch() does not show the last write")
        return found

    def within(self, lag: timedelta, look: Callable[[], Any], complaint: str) -> Any:
        """Look until something is seen, for as long as the capability allows."""
        for _ in range(STEPS + 1):
            found = look()
            if found:
                return found
            self.hands.wait(lag / STEPS)
        raise AssertionError(f"{complaint} within {lag}")

    def in_feed(self, refs: Iterable[Ref], since: datetime | None = None) -> dict[Ref, Seen]:
        """The changes, once all of `refs` are among them."""
        wanted = set(refs)

        def look() -> dict[Ref, Seen] | None:
            found = self.newest(since)
            return found if wanted <= set(found) else None

        found: dict[Ref, Seen] = self.within(self.can.feed_lag, look, "changes() lacks a commit")
        return found


def new(fields: Fields, key: str | None = None) -> Write:
    """A create, with a key of its own unless one is given."""
    name = key if key is not None else uuid4().hex[:20]
    return Write(id=uuid4().hex, op=Op.CREATE, ref=None, fields=fields, external_key=name)


def change(ref: Ref, fields: Fields, unless: datetime | None = None) -> Write:
    return Write(
        id=uuid4().hex,
        op=Op.UPDATE,
        ref=ref,
        fields=fields,
        external_key="",
        unless_changed_since=unless,
    )


def act(op: Op, ref: Ref) -> Write:
    return Write(id=uuid4().hex, op=op, ref=ref, fields={}, external_key="")


def newest(seen: Iterable[Seen]) -> dict[Ref, Seen]:
    """The newest copy of each record."""
    found: dict[Ref, Seen] = {}
    for each in seen:
        known = found.get(each.ref)
        if known is None or version_key(each.version) >= version_key(known.version):
            found[each.ref] = each
    return found


def needs(claim: bool, name: str) -> None:
    """Skip a test whose capability is off."""
    if not claim:
        pytest.skip(f"the capability is off: {name}")
