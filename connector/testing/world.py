"""A vendor's own house in memory: its records, their histories, and the people who work there.

Every commit of a record is kept, with the moments from which the change feed, the search and
reading by id show it; each view of a record is its newest commit that the view shows already.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal

from connector.plugin import Capabilities, Clock, FieldInfo, Fields, Op, Ref, Schema
from connector.records import Kind
from connector.testing.weather import Weather, fair

State = Literal["live", "removed", "purged"]
View = Literal["feed", "find", "read"]

UNBOUNDED_FIND_LAG = timedelta(hours=2)
"""How late the search may be where the vendor promises nothing (`find_lag` is None)."""

PERFECT = Capabilities(
    batch={Op.CREATE: 10, Op.UPDATE: 10, Op.REMOVE: 10},
    external_key="unique",
    conditional=True,
    counts_writes=False,
    reports_removals=True,
    reports_merges=True,
    removal="recycle",
    version_step=timedelta(0),
    feed_lag=timedelta(0),
    find_lag=timedelta(0),
    reads_own_writes=True,
    call_life=timedelta(seconds=60),
)
"""A vendor that can do everything at once; `dataclasses.replace` makes the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One state of one record."""

    ref: Ref
    state: State
    fields: Mapping[str, Any]
    key: str | None
    version: str
    stamp: datetime
    """What the vendor says is its time of change: the commit's time, in steps."""
    by_us: bool
    shown: Mapping[View, datetime]
    """From when each view shows it."""
    merged_into: Ref | None = None


@dataclass(slots=True)
class Record:
    """One record with its whole history, oldest first."""

    ref: Ref
    commits: list[Commit]
    hidden: bool = False

    @property
    def now(self) -> Commit:
        """The state that is true, whatever the views show."""
        return self.commits[-1]

    def seen(self, view: View, at: datetime) -> Commit | None:
        """The newest commit that a view shows at a time."""
        for commit in reversed(self.commits):
            if commit.shown[view] <= at:
                return commit
        return None


class Refused(Exception):
    """The vendor says no to one write. `existing` is the record it collides with."""

    def __init__(self, code: str, field_name: str | None = None, existing: Ref | None = None):
        super().__init__(code)
        self.code = code
        self.field = field_name
        self.existing = existing


class StaleWrite(Exception):
    """The record changed after the time that the write named."""


@dataclass
class MemoryVendor:
    """One vendor account. `clock` and `rng` are the only time and chance it knows.

    `schemas` says what an object has (by kind); `normalise` what the vendor makes of a field's
    value, whoever writes it; `weather` what happens to calls. `create`, `edit`, `remove`,
    `restore`, `merge` and `hide` are the hands of its users; `withheld` holds (kind, field) pairs
    that our user may not see.
    """

    clock: Clock
    rng: Random
    schemas: Mapping[Kind, Schema]
    capabilities: Capabilities = PERFECT
    account: str = "memory-1"
    page_size: int = 3
    normalise: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    answers_fields: bool = True
    """A write's answer carries the fields as they are now held."""
    answers_version: bool = True
    """A write's answer carries the record's new version."""
    tells_writer: bool = True
    """A record says whether its last writer was us."""
    weather: Weather = fair
    withheld: set[tuple[Kind, str]] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    """Number of calls so far, by operation."""

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.records: dict[Kind, dict[Ref, Record]] = {kind: {} for kind in self.schemas}
        self.cursors = 0
        """Goes up when old cursors die; see `expire_cursors`."""
        # As long as real ones, and like no end of an id of the state's: these are padded with
        # zeros, and whoever looks for a record's id in a file would find it there by chance.
        self._last_id = 440_731_526_917_000_000
        self._late: list[tuple[datetime, Callable[[], object]]] = []
        self._landing: datetime | None = None

    # --- people's hands -------------------------------------------------------------------------

    def create(self, kind: Kind, fields: Fields, key: str | None = None) -> Ref:
        """A person creates a record."""
        with self.lock:
            self.land()
            return self.commit_create(kind, fields, key, by_us=False).ref

    def edit(self, kind: Kind, ref: Ref, fields: Fields) -> None:
        """A person edits fields of a live record."""
        with self.lock:
            self.land()
            self.commit_update(kind, ref, fields, None, by_us=False)

    def remove(self, kind: Kind, ref: Ref) -> None:
        """A person deletes a record, in the way this vendor deletes."""
        with self.lock:
            self.land()
            self.commit_remove(kind, ref, by_us=False)

    def restore(self, kind: Kind, ref: Ref) -> None:
        """A person brings a deleted record back."""
        with self.lock:
            self.land()
            self.commit_restore(kind, ref, by_us=False)

    def merge(self, kind: Kind, loser: Ref, winner: Ref) -> None:
        """A person merges one record into another, which takes over what it lacked."""
        with self.lock:
            self.land()
            gone, kept = self._live(kind, loser).now, self._live(kind, winner).now
            gaps = {k: v for k, v in gone.fields.items() if kept.fields.get(k) is None}
            state: State = "purged" if self.capabilities.removal == "final" else "removed"
            self._commit(kind, gone, state=state, by_us=False, merged_into=winner)
            self._commit(kind, kept, fields={**kept.fields, **gaps}, by_us=False)

    def hide(self, kind: Kind, ref: Ref, hidden: bool = True) -> None:
        """An administrator takes a record out of our user's sight, or gives it back."""
        with self.lock:
            self.records[kind][ref].hidden = hidden

    def expire_cursors(self) -> None:
        """The vendor forgets where readers left off."""
        self.cursors += 1

    def dump(self, kind: Kind) -> list[dict[str, Any]]:
        """All live records, whole and true: {"ref", "key", "version", "fields"}."""
        with self.lock:
            self.land()
            commits = [record.now for record in self.records[kind].values()]
        return [
            {"ref": c.ref, "key": c.key, "version": c.version, "fields": dict(c.fields)}
            for c in commits
            if c.state == "live"
        ]

    # --- commits --------------------------------------------------------------------------------

    def later(self, act: Callable[[], object]) -> None:
        """Let a call land some time within `call_life`."""
        span = self.capabilities.call_life * self.rng.random()
        self._late.append((self.clock.now() + span, act))

    def land(self) -> None:
        """Let the calls land whose time has come."""
        now = self.clock.now()
        due = [(at, act) for at, act in self._late if at <= now]
        self._late = [(at, act) for at, act in self._late if at > now]
        # What landed meanwhile did so in its own time, not when somebody looks next.
        for at, act in sorted(due, key=lambda one: one[0]):
            self._landing = at
            act()
        self._landing = None

    def commit_create(self, kind: Kind, fields: Fields, key: str | None, *, by_us: bool) -> Commit:
        self._check(kind, fields, None)
        self._check_key(kind, key, None)
        self._last_id += 1
        ref = Ref(str(self._last_id))
        clean = {name: value for name, value in fields.items() if value is not None}
        return self._commit(kind, None, ref=ref, fields=clean, key=key, by_us=by_us)

    def commit_update(
        self, kind: Kind, ref: Ref, fields: Fields, unless_since: datetime | None, *, by_us: bool
    ) -> Commit:
        was = self._live(kind, ref).now
        self._unless(was, unless_since)
        self._check(kind, fields, ref)
        both = {**was.fields, **fields}
        kept = {name: value for name, value in both.items() if value is not None}
        return self._commit(kind, was, fields=kept, by_us=by_us)

    def commit_remove(
        self, kind: Kind, ref: Ref, unless_since: datetime | None = None, *, by_us: bool
    ) -> Commit:
        was = self._live(kind, ref).now
        self._unless(was, unless_since)
        state: State = "purged" if self.capabilities.removal == "final" else "removed"
        return self._commit(kind, was, state=state, by_us=by_us)

    def commit_restore(self, kind: Kind, ref: Ref, *, by_us: bool) -> Commit:
        record = self.records[kind].get(ref)
        if record is None or record.now.state != "removed" or record.now.merged_into is not None:
            raise Refused("not_found")
        self._check_key(kind, record.now.key, ref)
        return self._commit(kind, record.now, state="live", by_us=by_us)

    def commit_purge(self, kind: Kind, ref: Ref, *, by_us: bool) -> Commit:
        record = self.records[kind].get(ref)
        if record is None or record.now.state == "purged" or record.hidden:
            raise Refused("not_found")
        return self._commit(kind, record.now, state="purged", by_us=by_us)

    def _commit(
        self,
        kind: Kind,
        was: Commit | None,
        *,
        by_us: bool,
        ref: Ref | None = None,
        fields: Mapping[str, Any] | None = None,
        key: str | None = None,
        state: State | None = None,
        merged_into: Ref | None = None,
    ) -> Commit:
        assert was is not None or ref is not None, "a commit is of a record"
        here = was.ref if was is not None else ref
        assert here is not None
        held = fields if fields is not None else was.fields if was is not None else {}
        stamp = self._stamp(was)
        commit = Commit(
            ref=here,
            state=state or "live",
            fields={name: self._normal(name, value) for name, value in held.items()},
            key=was.key if was is not None else key if self._keeps_keys else None,
            version=self._version(was, stamp),
            stamp=stamp,
            by_us=by_us,
            shown=self._shown(),
            merged_into=merged_into,
        )
        record = self.records[kind].setdefault(here, Record(here, []))
        record.commits.append(commit)
        return commit

    @property
    def _keeps_keys(self) -> bool:
        return self.capabilities.external_key != "none"

    def _normal(self, name: str, value: Any) -> Any:
        rule = self.normalise.get(name)
        return value if rule is None or value is None else rule(value)

    def _stamp(self, was: Commit | None) -> datetime:
        now = self.floor(self._landing or self.clock.now())
        step = self.capabilities.version_step
        if was is None:
            return now
        if not step and not self.capabilities.counts_writes and now <= was.stamp:
            return was.stamp + timedelta(microseconds=1)  # every write has a version of its own
        return max(now, was.stamp)

    def floor(self, moment: datetime) -> datetime:
        """A moment in the vendor's steps."""
        step = self.capabilities.version_step
        epoch = datetime(2000, 1, 1, tzinfo=UTC)
        return moment - (moment - epoch) % step if step else moment

    def _version(self, was: Commit | None, stamp: datetime) -> str:
        if self.capabilities.counts_writes:
            return f"{int(was.version) + 1 if was is not None else 1:09d}"
        return stamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _shown(self) -> dict[View, datetime]:
        now, can = self._landing or self.clock.now(), self.capabilities
        find_lag = UNBOUNDED_FIND_LAG if can.find_lag is None else can.find_lag
        return {
            "feed": now + can.feed_lag * self.rng.random(),
            "find": now + find_lag * self.rng.random(),
            "read": now if can.reads_own_writes else now + can.feed_lag * self.rng.random(),
        }

    # --- the vendor's rules ---------------------------------------------------------------------

    def _live(self, kind: Kind, ref: Ref) -> Record:
        record = self.records[kind].get(ref)
        if record is None or record.now.state != "live" or record.hidden:
            raise Refused("not_found")
        return record

    def _unless(self, was: Commit, unless_since: datetime | None) -> None:
        if self.capabilities.conditional and unless_since is not None and was.stamp > unless_since:
            raise StaleWrite

    def _check_key(self, kind: Kind, key: str | None, own: Ref | None) -> None:
        if self.capabilities.external_key != "unique" or not key:
            return
        for record in self.records[kind].values():
            if record.now.state == "live" and record.now.key == key and record.ref != own:
                raise Refused("duplicate", existing=record.ref)

    def _check(self, kind: Kind, fields: Fields, own: Ref | None) -> None:
        """Judge the fields of a write to the record `own`, or of a new one."""
        infos = self.schemas[kind].fields
        for name, value in fields.items():
            info = infos.get(name)
            if info is None or not info.writable:
                raise Refused("unknown_field", name)
            if value is not None:
                _check_value(info, value)
                if info.unique:
                    self._check_unique(kind, name, value, own)
            elif info.required:
                raise Refused("required", name)
        if own is None:
            for info in infos.values():
                if info.required and fields.get(info.name) is None:
                    raise Refused("required", info.name)

    def _check_unique(self, kind: Kind, name: str, value: Any, own: Ref | None) -> None:
        for record in self.records[kind].values():
            held = record.now.state == "live" and record.now.fields.get(name) == value
            if held and record.ref != own:
                raise Refused("duplicate", name, existing=record.ref)


def _check_value(info: FieldInfo, value: Any) -> None:
    units = len(value.encode("utf-16-le", "surrogatepass")) // 2 if isinstance(value, str) else 0
    if info.max_length is not None and units > info.max_length:
        raise Refused("too_long", info.name)
    if info.options is not None:
        for item in value if isinstance(value, list) else (value,):
            if item not in info.options:
                raise Refused("not_an_option", info.name)
