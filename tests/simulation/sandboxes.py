"""The two real vendors' stand-ins as houses of a story: a commit is noted as it happens."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import Any, ClassVar

from connector_fxiaoke.sandbox.app import SandboxApp as FxiaokeApp
from connector_fxiaoke.sandbox.objects import row_id, row_number
from connector_zoho import facts as zoho_facts
from connector_zoho.sandbox.app import SandboxApp as ZohoApp
from connector_zoho.sandbox.auth import REFRESH_TOKEN
from connector_zoho.values import version as zoho_version

from connector.plugin import Capabilities, Clock, Kind, Ref
from connector.sandbox.app import App
from connector.sandbox.refused import Refused
from connector.sandbox.views import Feed, State
from connector.testing.world import Commit, Record
from connector.testing.world import State as Life

Note = Callable[[int, State | None, float, float], None]


class WatchedFeed(Feed):
    """A view that tells of each commit that is put into it."""

    def __init__(self, note: Note, number: str, created: str, modified: str) -> None:
        super().__init__(number, created, modified)
        self._note = note

    def put(self, number: int, state: State | None, visible_at: float, now: float) -> None:
        super().put(number, state, visible_at, now)
        self._note(number, state, visible_at, now)


class SandboxClock:
    """A stand-in's clock; nobody sleeps by it."""

    def __init__(self, app: App) -> None:
        self._app = app

    def now(self) -> dt.datetime:
        return _time(self._app.clock.now())

    def sleep(self, seconds: float) -> None:
        raise AssertionError("people do not wait by a vendor's clock")


class SandboxHouse(ABC):
    """What both have in common. `lag` is drawn for each commit: so much later it shows."""

    name: str
    fields: Mapping[str, str]
    mail: str
    mobile: str
    city: str
    quiet_calls: int
    object: ClassVar[str]
    key_field: ClassVar[str]
    id_field: ClassVar[str]
    others: ClassVar[Mapping[Kind, tuple[str, str, str | None]]]
    """Object, field and value (None: a text) that people change of the other kinds."""
    writing: ClassVar[tuple[str, ...]]
    """Operations that write, as the stand-in counts its calls."""

    def __init__(
        self,
        app: App,
        land: Callable[[], None],
        lag: Callable[[], float],
        late: Callable[[], None],
    ) -> None:
        """`land` lets late requests land; `late` is told when a commit shows only later."""
        self._app, self._land, self._late = app, land, late
        self.lag = lag
        self.records: dict[Ref, Record] = {}
        self.able: Capabilities | None = None
        """As the plugin says; set when it is opened first."""
        self._hand = False
        self._clock = SandboxClock(app)

    @property
    def capabilities(self) -> Capabilities:
        assert self.able is not None, "a remote was opened"
        return self.able

    @property
    def clock(self) -> Clock:
        return self._clock

    def ask(self, action: str, **asked: Any) -> Any:
        """One of the administrator's actions on the customers' object."""
        return self._app.actions[action](self._app, {self._app.noun: self.object, **asked})

    @contextmanager
    def _by_hand(self) -> Iterator[None]:
        self._land()
        self._hand = True
        try:
            yield
        finally:
            self._hand = False

    def _noted(self, number: int, state: State | None, visible_at: float, now: float) -> None:
        ref = self.ref(number)
        record = self.records.setdefault(ref, Record(ref, []))
        was = record.commits[-1] if record.commits else None
        if state is None:
            assert was is not None, "what is gone was there"
            life, fields, stamp, version = self.gone(number), was.fields, _time(now), ""
        else:
            life, fields = self.life(state), state.values
            stamp, version = self.stamp(state), self.version(state)
        if visible_at > now:
            self._late()
        record.commits.append(
            Commit(
                ref=ref,
                state=life,
                fields=fields,
                key=fields.get(self.key_field),
                version=version,
                stamp=stamp,
                by_us=not self._hand,
                shown={"feed": _time(visible_at), "find": _time(visible_at), "read": _time(now)},
            )
        )

    # --- what each says in its own way ---

    @abstractmethod
    def ref(self, number: int) -> Ref: ...

    @abstractmethod
    def life(self, state: State) -> Life: ...

    @abstractmethod
    def gone(self, number: int) -> Life: ...

    @abstractmethod
    def stamp(self, state: State) -> dt.datetime: ...

    @abstractmethod
    def version(self, state: State) -> str: ...

    @abstractmethod
    def remove(self, ref: Ref) -> None: ...

    @abstractmethod
    def can_restore(self, record: Record) -> bool: ...

    @abstractmethod
    def restore(self, ref: Ref) -> bool: ...

    def merge(self, ref: Ref) -> bool:
        # Neither vendor tells of merges, nor do their pages say what becomes of our key.
        return False

    @abstractmethod
    def drop(self, field: str, on: bool = True) -> None: ...

    @abstractmethod
    def require(self, field: str, on: bool = True) -> None: ...

    @abstractmethod
    def lock_out(self, on: bool = True) -> None: ...

    # --- people ---

    def dump(self) -> list[dict[str, Any]]:
        self._land()
        return [
            {"ref": ref, "key": record.now.key, "fields": dict(record.now.fields)}
            for ref, record in self.records.items()
            if record.now.state == "live"
        ]

    def create(self, fields: Mapping[str, Any]) -> Ref | None:
        with self._by_hand():
            try:
                return Ref(str(self.ask("create", fields=dict(fields))))
            except Refused:
                return None

    def edit(self, ref: Ref, fields: Mapping[str, Any]) -> None:
        with self._by_hand():
            self.ask("edit", id=ref, fields=dict(fields))

    def hide(self, ref: Ref, hidden: bool = True) -> None:
        self.ask("hide", id=ref, on=hidden)

    def withhold(self, field: str, on: bool = True) -> None:
        # To our user a field that the profile hides and one that is gone are the same.
        self.drop(field, on)

    def touch(self, kind: Kind, rng: Random, tag: str) -> bool:
        name, field, value = self.others[kind]
        asked: dict[str, Any] = {self._app.noun: name}
        things = self._app.actions["records"](self._app, asked)
        if things:
            ref = rng.choice(things)[self.id_field]
            with self._by_hand():
                changes = {field: value or tag}
                self._app.actions["edit"](self._app, {**asked, "id": ref, "fields": changes})
        return bool(things)

    def writes(self) -> Counter[str]:
        return Counter({op: self._app.watch.counts[op] for op in self.writing})

    def asked(self) -> int:
        return self._app.watch.counts.total()


class ZohoHouse(SandboxHouse):
    name = "zoho"
    fields: Mapping[str, str] = {
        "job": "Occupation",
        "street": "Mailing_Street",
        "full_name": "Last_Name",
    }
    mail, mobile, city = "Email", "Mobile", "Mailing_City"
    quiet_calls = 1 + 2 * 3
    """The organisation, and for each kind its changes and its removals."""
    object, key_field, id_field = "Contacts", "Connector_Key", "id"
    others: ClassVar[Mapping[Kind, tuple[str, str, str | None]]] = {
        Kind.MEMBERSHIP: ("Memberships", "Plan", "年卡"),
        Kind.FEEDBACK: ("Feedbacks", "Body", None),
    }
    writing = ("insert", "update", "upsert", "delete", "restore", "purge")

    def __init__(self, app: ZohoApp, *hooks: Any) -> None:
        super().__init__(app, *hooks)
        self.app = app
        self.module = app.org.modules[self.object]
        self.module.feed = WatchedFeed(self._noted, "id", "Created_Time", "Modified_Time")
        self._dropped: dict[str, Any] = {}

    def ref(self, number: int) -> Ref:
        return Ref(str(number))

    def life(self, state: State) -> Life:
        return "live"

    def gone(self, number: int) -> Life:
        return "removed"

    def stamp(self, state: State) -> dt.datetime:
        return _time(state.modified)

    def version(self, state: State) -> str:
        return zoho_version(state.values["Modified_Time"])[0]

    def _noted(self, number: int, state: State | None, visible_at: float, now: float) -> None:
        super()._noted(number, state, visible_at, now)
        self.app.org.limits.feed_lag_s = self.lag()  # of the next commit

    def remove(self, ref: Ref) -> None:
        with self._by_hand():
            self.ask("delete", id=ref)

    def can_restore(self, record: Record) -> bool:
        gone = self.module.removed.get(int(record.ref))
        return gone is not None and gone.type == "recycle"

    def restore(self, ref: Ref) -> bool:
        with self._by_hand():
            try:
                self.ask("restore", id=ref)
            except Refused:
                return False
        # It may come back with the time of change that it had, and no list tells of it: somebody
        # saves it once.
        self.edit(ref, {self.city: self.records[ref].now.fields.get(self.city)})
        return True

    def drop(self, field: str, on: bool = True) -> None:
        if on:
            self._dropped[field] = self.module.fields[field]
            self.app.org.drop_field(self.module, field)
        else:
            self.module.fields[field] = self._dropped.pop(field)

    def require(self, field: str, on: bool = True) -> None:
        meta = self.module.fields[field].meta
        self.app.org.define_field(self.module, {**meta, "system_mandatory": on})

    def lock_out(self, on: bool = True) -> None:
        """The login keeps what it may read, and loses what it may write."""
        grant, scopes = self.app.accounts.grants[REFRESH_TOKEN], frozenset(zoho_facts.SCOPES)
        if on:
            modules = self.app.org.modules
            reading = {f"ZohoCRM.modules.{name}.READ" for name in modules}
            scopes = (scopes - {"ZohoCRM.modules.ALL"}) | reading
        grant.scopes = scopes


class FxiaokeHouse(SandboxHouse):
    name = "fxiaoke"
    fields: Mapping[str, str] = {
        "job": "occupation__c",
        "street": "street__c",
        "full_name": "name",
    }
    mail, mobile, city = "email", "mobile__c", "city__c"
    quiet_calls = 1 + 2 * 3
    """A login now and then, and for each kind one page and one look behind it."""
    object, key_field, id_field = "AccountObj", "ext_key__c", "_id"
    others: ClassVar[Mapping[Kind, tuple[str, str, str | None]]] = {
        Kind.MEMBERSHIP: ("membership__c", "plan__c", "yearly"),
        Kind.FEEDBACK: ("feedback__c", "body__c", None),
    }
    writing = ("insert", "update", "delete", "delete_batch", "restore", "purge")

    def __init__(self, app: FxiaokeApp, *hooks: Any) -> None:
        super().__init__(app, *hooks)
        self.app = app
        self.table = app.org.tables[self.object]
        self.table.feed = WatchedFeed(self._noted, "_id", "create_time", "last_modified_time")
        self._dropped: dict[str, Any] = {}
        self._employees: dict[str, Any] = {}

    def ref(self, number: int) -> Ref:
        return Ref(row_id(number))

    def life(self, state: State) -> Life:
        return "removed" if state.values["life_status"] == "invalid" else "live"

    def gone(self, number: int) -> Life:
        return "purged"

    def stamp(self, state: State) -> dt.datetime:
        return _time(state.modified / 1000)

    def version(self, state: State) -> str:
        return str(state.values["version"])

    def _noted(self, number: int, state: State | None, visible_at: float, now: float) -> None:
        super()._noted(number, state, visible_at, now)
        self.app.org.limits.index_lag_s = self.lag()  # of the next commit

    def remove(self, ref: Ref) -> None:
        with self._by_hand():
            self.ask("remove", id=ref)

    def can_restore(self, record: Record) -> bool:
        return row_number(record.ref) in self.table.rows

    def restore(self, ref: Ref) -> bool:
        with self._by_hand():
            try:
                self.ask("recover", id=ref)
            except Refused:
                return False
            return True

    def drop(self, field: str, on: bool = True) -> None:
        if on:
            self._dropped[field] = self.table.fields[field]
            self.app.org.drop_field(self.table, field)
        else:
            self.table.fields[field] = self._dropped.pop(field)

    def require(self, field: str, on: bool = True) -> None:
        self.table.fields[field].required = on

    def lock_out(self, on: bool = True) -> None:
        """The employee we act as leaves the tenant, and comes back."""
        employees = self.app.org.employees
        if on:
            self._employees["1000"] = employees.pop("1000")
        else:
            employees.update(self._employees)


def _time(epoch_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC)
