"""A whole vendor in memory: the worked example of the plugin contract.

`MemoryVendor` is the vendor's own house, `MemoryRemote` the plugin's view of it. Each capability
can be switched either way, and the vendor then behaves so: the kit in `contract.py` holds it to
what it claims.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from connector.account import ObjectInfo
from connector.errors import (
    CursorExpiredError,
    RateLimitedError,
    RetryableError,
    SchemaDriftError,
    UnknownOutcomeError,
    UnreachableError,
    VendorError,
)
from connector.plugin import (
    Capabilities,
    Gone,
    Op,
    Outcome,
    Page,
    Reason,
    Ref,
    Result,
    Schema,
    Seen,
    Target,
    Write,
)
from connector.records import Kind
from connector.testing.weather import Trouble
from connector.testing.world import PERFECT, Commit, MemoryVendor, Record, Refused, StaleWrite

__all__ = ["PERFECT", "MemoryRemote", "MemoryVendor"]

T = TypeVar("T")

THROTTLE = timedelta(seconds=2)


class MemoryRemote:
    """One open account of a `MemoryVendor`; `targets` says which fields are delivered.

    Implements `connector.plugin.Remote` and `connector.account.ListsObjects`.
    """

    def __init__(self, vendor: MemoryVendor, targets: Mapping[Kind, Target]) -> None:
        self.vendor = vendor
        self.targets = targets

    @property
    def account(self) -> str:
        return self._call("account", lambda: self.vendor.account)

    @property
    def capabilities(self) -> Capabilities:
        return self.vendor.capabilities

    def describe(self, kind: Kind) -> Schema:
        return self._call("describe", lambda: self.vendor.schemas[kind])

    def objects(self, *, count: Collection[str] = ()) -> Sequence[ObjectInfo]:
        """The kinds' objects; all are counted that are asked for."""
        vendor = self.vendor
        return self._call(
            "objects",
            lambda: [
                ObjectInfo(
                    name=one.object,
                    can_read=one.can_read,
                    can_create=one.can_create,
                    can_update=one.can_update,
                    can_remove=one.can_remove,
                    records=len(vendor.dump(kind)) if one.object in count else None,
                )
                for kind, one in vendor.schemas.items()
            ],
        )

    def describe_object(self, name: str) -> Schema:
        for kind, schema in self.vendor.schemas.items():
            if schema.object == name:
                return self.describe(kind)
        raise SchemaDriftError("The vendor has no object of this name.")

    def close(self) -> None:
        """Nothing is held open."""

    # --- reading --------------------------------------------------------------------------------

    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        """See `Remote.changes`. Pages go by (time of change, id) after the last record delivered:
        an edit moves a record towards the end, never past the reader."""
        after: tuple[str, str] | None = None
        if resume is not None:
            left = json.loads(resume)
            if left["generation"] != self.vendor.cursors:
                raise CursorExpiredError("The cursor is no longer known.", operation="changes")
            after = (left["stamp"], left["ref"])
            since = datetime.fromisoformat(left["since"]) if left["since"] else None
        generation = self.vendor.cursors
        while True:
            page = self._call("changes", partial(self._page, kind, since, after, generation))
            yield page
            if page.resume is None:
                return
            left = json.loads(page.resume)
            after = (left["stamp"], left["ref"])

    def _page(
        self, kind: Kind, since: datetime | None, after: tuple[str, str] | None, generation: int
    ) -> Page:
        vendor = self.vendor
        if generation != vendor.cursors:
            raise CursorExpiredError("The cursor is no longer known.", operation="changes")
        now = vendor.clock.now()
        floor = vendor.floor(since) if since is not None else None
        found: list[tuple[tuple[str, str], Commit]] = []
        for record in vendor.records[kind].values():
            commit = self._in_feed(record, since is None, now)
            if commit is None or (floor is not None and commit.stamp < floor):
                continue
            place = (_place(commit.stamp), commit.ref)
            if after is None or place > after:
                found.append((place, commit))
        found.sort(key=lambda item: item[0])
        part = found[: vendor.page_size]
        seen = [self._seen(kind, commit) for _, commit in part]
        trouble = vendor.weather("changes", "after")
        if trouble in (Trouble.LOST_AFTER, Trouble.ERROR_APPLIED):
            raise UnreachableError("The answer was lost.", operation="changes")
        if trouble is Trouble.STALE_PAGE:
            seen.extend(self._older(kind, commit) for _, commit in part)
        resume = None
        if len(found) > len(part):
            (stamp, ref), _ = part[-1]
            left = {"since": since.isoformat() if since else None, "stamp": stamp, "ref": ref}
            resume = json.dumps({**left, "generation": generation}).encode()
        return Page(seen=seen, resume=resume, read_at=now)

    def _in_feed(self, record: Record, whole: bool, now: datetime) -> Commit | None:
        commit = None if record.hidden else record.seen("feed", now)
        if commit is None or commit.state == "live":
            return commit
        return None if whole or not self._reports(commit) else commit

    def _reports(self, commit: Commit) -> bool:
        can = self.vendor.capabilities
        return can.reports_removals or (can.reports_merges and commit.merged_into is not None)

    def _older(self, kind: Kind, commit: Commit) -> Seen:
        commits = self.vendor.records[kind][commit.ref].commits
        place = commits.index(commit)
        return self._seen(kind, commits[max(place - 1, 0)])

    def listing(self, kind: Kind, after: Ref | None) -> Iterator[Page]:
        """See `Remote.listing`. Ids have one length, so that their text order is their order."""
        while True:
            page = self._call("listing", partial(self._list, kind, after))
            yield page
            if page.resume is None:
                return
            after = Ref(page.resume.decode())

    def _list(self, kind: Kind, after: Ref | None) -> Page:
        vendor, now = self.vendor, self.vendor.clock.now()
        found: list[Commit] = []
        for record in vendor.records[kind].values():
            commit = None if record.hidden else record.seen("read", now)
            if commit is not None and commit.state == "live" and (not after or commit.ref > after):
                found.append(commit)
        found.sort(key=lambda commit: commit.ref)
        part = found[: vendor.page_size]
        resume = part[-1].ref.encode() if len(found) > len(part) else None
        seen = [self._seen(kind, commit, with_fields=False) for commit in part]
        return Page(seen=seen, resume=resume, read_at=now)

    def fetch(self, kind: Kind, refs: Sequence[Ref]) -> Sequence[Seen]:
        """See `Remote.fetch`."""
        return self._call("fetch", lambda: [self._fetch(kind, ref) for ref in refs])

    def _fetch(self, kind: Kind, ref: Ref) -> Seen:
        record = self.vendor.records[kind].get(ref)
        now = self.vendor.clock.now()
        commit = record.seen("read", now) if record is not None else None
        if record is None or commit is None:
            return Seen(ref=ref, version="", changed_at=None, fields={}, gone=Gone.NOT_FOUND)
        if record.hidden:
            return Seen(ref=ref, version="", changed_at=None, fields={}, gone=Gone.HIDDEN)
        return self._seen(kind, commit)

    def find(self, kind: Kind, field: str, values: Sequence[str]) -> Sequence[Seen]:
        """See `Remote.find`."""
        return self._call("find", lambda: self._find(kind, field, frozenset(values)))

    def _find(self, kind: Kind, field: str, values: frozenset[str]) -> Sequence[Seen]:
        now, key_field = self.vendor.clock.now(), self.targets[kind].key_field
        found: list[Seen] = []
        for record in self.vendor.records[kind].values():
            commit = None if record.hidden else record.seen("find", now)
            if commit is None or commit.state != "live":
                continue
            value = commit.key if field == key_field else commit.fields.get(field)
            if value in values:
                found.append(self._seen(kind, commit))
        return found

    def _seen(self, kind: Kind, commit: Commit, *, with_fields: bool = True) -> Seen:
        vendor = self.vendor
        gone: Gone | None = None
        if commit.state != "live":
            # An invalid record is still there to be read, and says what it is.
            invalid = vendor.capabilities.removal == "invalidate" and commit.state == "removed"
            gone = Gone.EXPLICIT if invalid or self._reports(commit) else Gone.NOT_FOUND
        fields: dict[str, Any] = {}
        if gone is None and with_fields:
            fields = {
                name: commit.fields.get(name)
                for name in self.targets[kind].fields
                if (kind, name) not in vendor.withheld
            }
        merged = commit.merged_into if vendor.capabilities.reports_merges else None
        return Seen(
            ref=commit.ref,
            version=commit.version,
            changed_at=commit.stamp,
            fields=fields,
            gone=gone,
            merged_into=merged,
            external_key=commit.key if gone is None else None,
            by_us=commit.by_us if vendor.tells_writer else None,
            created_at=vendor.records[kind][commit.ref].commits[0].stamp,
        )

    def _call(self, operation: str, act: Callable[[], T]) -> T:
        """One read: count it, ask the weather, answer."""
        vendor = self.vendor
        with vendor.lock:
            vendor.calls[operation] += 1
            vendor.land()
            trouble = vendor.weather(operation, "before")
            if trouble is Trouble.THROTTLED:
                wait = THROTTLE.total_seconds()
                raise RateLimitedError("The rate is spent.", after_s=wait, operation=operation)
            if trouble is Trouble.LOST_BEFORE:
                raise UnreachableError("No answer came.", operation=operation)
            answer = act()
            # `changes` asks within its page, where a stale copy can still be put in.
            trouble = None if operation == "changes" else vendor.weather(operation, "after")
            if trouble in (Trouble.LOST_AFTER, Trouble.ERROR_APPLIED):
                raise UnreachableError("The answer was lost.", operation=operation)
            return answer

    # --- writing --------------------------------------------------------------------------------

    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        """See `Remote.write`. Writes of one operation share calls, `capabilities.batch` at most."""
        sent = False
        for op in Op:
            some = [write for write in writes if write.op is op]
            size = self.vendor.capabilities.batch.get(op, 1)
            for start in range(0, len(some), size):
                batch = some[start : start + size]
                try:
                    results = self._send(kind, op, batch)
                except UnknownOutcomeError:
                    results = [_unknown(write) for write in batch]
                except RetryableError as error:
                    if not sent:
                        raise
                    results = [_retry(write, error.after_s) for write in batch]
                sent = True
                yield from results

    def _send(self, kind: Kind, op: Op, batch: Sequence[Write]) -> list[Result]:
        vendor = self.vendor
        with vendor.lock:
            vendor.calls[op] += 1
            vendor.land()
            trouble = vendor.weather(op, "before")
            if trouble is Trouble.THROTTLED:
                wait = THROTTLE.total_seconds()
                raise RateLimitedError("The rate is spent.", after_s=wait, operation=op)
            if trouble is Trouble.LATE:
                vendor.later(partial(self._apply_all, kind, batch))
                raise UnknownOutcomeError("The answer was lost.", operation=op)
            if trouble is Trouble.HALF_DONE:
                self._apply_all(kind, batch[: (len(batch) + 1) // 2])
                raise UnknownOutcomeError("The answer was lost.", operation=op)
            if trouble is Trouble.LOST_BEFORE:
                raise UnknownOutcomeError("The answer was lost.", operation=op)
            results = self._apply_all(kind, batch)
            try:
                trouble = vendor.weather(op, "after")
            except VendorError:
                trouble = Trouble.LOST_AFTER  # whatever it is called, it took effect
            if trouble in (Trouble.LOST_AFTER, Trouble.ERROR_APPLIED):
                raise UnknownOutcomeError("The answer was lost.", operation=op)
            if trouble is Trouble.REORDERED:
                vendor.rng.shuffle(results)
            return results

    def _apply_all(self, kind: Kind, batch: Sequence[Write]) -> list[Result]:
        return [self._apply(kind, write) for write in batch]

    def _apply(self, kind: Kind, write: Write) -> Result:
        try:
            commit = self._commit(kind, write)
        except StaleWrite:
            reason = Reason(code="stale", text="The record changed since.")
            return Result(id=write.id, outcome=Outcome.STALE, reason=reason)
        except Refused as refused:
            text = f"The vendor says {refused.code}."
            reason = Reason(code=refused.code, text=text, field=refused.field)
            return Result(
                id=write.id, outcome=Outcome.REFUSED, reason=reason, existing=refused.existing
            )
        with_fields = self.vendor.answers_fields
        seen = self._seen(kind, commit, with_fields=with_fields)
        if not self.vendor.answers_version:
            seen = replace(seen, version="", changed_at=None)
        return Result(id=write.id, outcome=Outcome.APPLIED, seen=seen)

    def _commit(self, kind: Kind, write: Write) -> Commit:
        vendor, since = self.vendor, write.unless_changed_since
        if write.op is Op.CREATE:
            return vendor.commit_create(kind, write.fields, write.external_key, by_us=True)
        if write.ref is None:
            raise Refused("not_found")
        match write.op:
            case Op.UPDATE:
                return vendor.commit_update(kind, write.ref, write.fields, since, by_us=True)
            case Op.REMOVE:
                return vendor.commit_remove(kind, write.ref, since, by_us=True)
            case Op.RESTORE:
                return vendor.commit_restore(kind, write.ref, by_us=True)
            case Op.PURGE:
                return vendor.commit_purge(kind, write.ref, by_us=True)


def _place(stamp: datetime) -> str:
    return stamp.strftime("%Y-%m-%dT%H:%M:%S.%f")


def _unknown(write: Write) -> Result:
    reason = Reason(code="unknown", text="The write was sent and its answer was lost.")
    return Result(id=write.id, outcome=Outcome.UNKNOWN, reason=reason)


def _retry(write: Write, after_s: float | None) -> Result:
    reason = Reason(code="throttled", text="The rate is spent.")
    after = timedelta(seconds=after_s) if after_s is not None else None
    return Result(id=write.id, outcome=Outcome.RETRY, reason=reason, after=after)
