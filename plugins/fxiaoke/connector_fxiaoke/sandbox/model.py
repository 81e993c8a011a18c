"""The organisation behind the sandbox: its employees, and every commit to its records.

Nothing here knows of HTTP, tokens or faults. Time and chance come from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from connector.sandbox.clock import Time, moment
from connector.sandbox.views import State
from connector.sandbox.workflows import Workflow
from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.config import Limits, default_switches
from connector_fxiaoke.sandbox.objects import SHORT_STEP, Table, row_id, row_number
from connector_fxiaoke.sandbox.organisation import DEFAULT_OBJECTS
from connector_fxiaoke.sandbox.refusals import Json, RefusedRecord
from connector_fxiaoke.sandbox.schema import SYSTEM_FIELDS, define_field

FIRST_NUMBER: Final = 0x65F0AA11BB22CC33DD44EE55 * SHORT_STEP


def _employee(number: str, name: str, phone: str, mail: str) -> Json:
    open_id = f"FSUID_{int(number):032X}"
    return {"id": number, "name": name, "phone": phone, "email": mail, "open_id": open_id}


INTEGRATION: Final = _employee("1000", "集成账号", "13900001000", "integration@example.test")
CLERK: Final = _employee("1001", "何店员", "13900001001", "clerk@example.test")


class Organisation:
    """All state of one organisation."""

    def __init__(
        self, time: Time, rng: Random, objects: Iterable[Mapping[str, Any]] | None
    ) -> None:
        self.time = time
        self.rng = rng
        self.ea = "sandboxshop"
        self.corp_id = "FSCID_5A4D8F2B7C1E9036"
        self.zone = ZoneInfo(facts.TENANT_ZONE)
        self.employees: dict[str, Json] = {one["id"]: one for one in (INTEGRATION, CLERK)}
        self.switches = default_switches()
        self.limits = Limits()
        self.tables: dict[str, Table] = {}
        self.workflows: list[Workflow] = []
        self.stamp_back_s = 0.0
        """While not 0, commits are stamped so much earlier: they become visible late."""
        self._last_number = FIRST_NUMBER
        for given in DEFAULT_OBJECTS if objects is None else objects:
            self.define(given)

    # --- definitions ---

    def define(self, given: Mapping[str, Any]) -> Table:
        """Add an object, or fields to one that is there (one of the same name is replaced)."""
        name = str(given["api_name"])
        table = self.tables.get(name)
        if table is None:
            label = str(given.get("display_name") or name)
            table = self.tables[name] = Table(name=name, label=label, fields={})
            for system in SYSTEM_FIELDS:
                self.define_field(table, system)
        for one in given.get("fields", ()):
            self.define_field(table, one)
        return table

    def define_field(self, table: Table, given: Mapping[str, Any]) -> None:
        made = define_field(given)
        table.fields[made.name] = made
        table.unique.pop(made.name, None)
        if made.unique:
            table.unique[made.name] = {}
            for state in table.rows.values():
                table.index_unique(state)

    def drop_field(self, table: Table, name: str) -> None:
        """Take a field away; the values stay, unseen."""
        table.fields.pop(name)
        table.unique.pop(name, None)

    def settled(self, name: str) -> Table | None:
        """An object with its lists up to date."""
        table = self.tables.get(name)
        if table is not None:
            table.feed.settle(self.time.now())
        return table

    # --- small things ---

    def stamp(self) -> int:
        """The moment that a commit bears: epoch milliseconds in the vendor's steps."""
        step = int(self.switches["time_step"])
        return int((self.time.now() - self.stamp_back_s) * 1000) // step * step

    def new_number(self) -> int:
        """The number of a new row, above all others; its id has the form in force."""
        step = self.rng.randint(1, 9)
        self._last_number += step * SHORT_STEP
        self._last_number -= self._last_number % SHORT_STEP
        return self._last_number + (step if self.switches["id_digits"] == "32" else 0)

    def run_workflows(self, table: Table, event: str, values: Json) -> None:
        """Let the rules for this event change `values` in place."""
        for rule in self.workflows:
            rule.run(table.name, event, values)

    # --- commits ---

    def commit(
        self,
        table: Table,
        old: State | None,
        values: Json,
        user: Json,
        *,
        counts: bool = True,
        at: int | None = None,
    ) -> State:
        """Write a row: `values` are all of its fields. `old` None makes a new one.

        `counts` False leaves time and version as they were; `at` is the time to bear, epoch
        milliseconds. Raises RefusedRecord if a unique value belongs to another row.
        """
        self.check_unique(table, old.number if old is not None else None, values)
        at = self.stamp() if at is None else at
        made = dict(values)
        if old is None:
            number, created, modified = self.new_number(), made.pop("create_time", at), at
            self._begin(made, user)
        else:
            number, created = old.number, old.created
            modified = at if counts else old.modified
            if counts:
                made["version"] = old.values["version"] + 1
                made["last_modified_by"] = [user["id"]]
            table.index_unique(old, remove=True)
        state = State(number, created, modified, made)
        table.rows[number] = state
        if self._holds_unique(made):
            table.index_unique(state)
        self._show(table, number, state)
        return state

    def _begin(self, made: Json, user: Json) -> None:
        made.setdefault("created_by", [user["id"]])
        made.setdefault("record_type", facts.DEFAULT_RECORD_TYPE)
        made.setdefault("life_status", "normal")
        made["last_modified_by"] = [user["id"]]
        made["lock_status"] = "0"
        made["version"] = 1

    def _holds_unique(self, values: Json) -> bool:
        return values["life_status"] != "invalid" or self.switches["invalid_holds_unique"] == "yes"

    def _show(self, table: Table, number: int, state: State | None) -> None:
        now = self.time.now()
        table.feed.put(number, state, now + self.limits.index_lag_s, now)

    def check_unique(self, table: Table, number: int | None, values: Json) -> None:
        """Raise RefusedRecord if a unique value belongs to another row."""
        if self.switches["unique_enforced"] == "no":
            return
        for name, index in table.unique.items():
            value = values.get(name)
            if value is not None and index.get(str(value), number) != number:
                raise RefusedRecord(
                    f"「{table.fields[name].label}」的值「{value}」已存在,不允许重复"
                )

    def load(self, table: Table, rows: Iterable[Json], user: Json) -> list[str]:
        """Write many new rows at once, past lags and checks of type; values as on the wire.

        `_id`, `last_modified_time` (epoch milliseconds) and system fields may be given. Raises
        RefusedRecord for a unique value in use and ValueError for an id in use or a wrong one.
        """
        states = []
        at = self.stamp()
        for given in rows:
            row = {key: value for key, value in given.items() if value not in (None, "", [])}
            told = row.pop("_id", None)
            number = self.new_number() if told is None else row_number(told)
            if number is None or number in table.rows:
                raise ValueError("an id is 24 or 32 hexadecimal digits and used once")
            self.check_unique(table, None, row)
            modified = int(row.pop("last_modified_time", at))
            created = int(row.pop("create_time", modified))
            begun: Json = {"owner": [user["id"]]}
            self._begin(begun, user)
            state = State(number, created, modified, begun | row)
            self._last_number = max(self._last_number, number)
            table.rows[number] = state
            table.index_unique(state)
            states.append(state)
        table.feed.load(states)
        return [row_id(state.number) for state in states]

    # --- life ---

    def invalidate(self, table: Table, state: State, user: Json) -> None:
        """Put a row away; it can be recovered."""
        values = {
            **state.values,
            "life_status": "invalid",
            "life_status_before_invalid": state.values["life_status"],
        }
        self.commit(table, state, values, user, counts=self.switches["invalid_moves"] == "yes")

    def recover(self, table: Table, state: State, user: Json) -> None:
        """Bring an invalidated row back. Raises RefusedRecord for a unique value in use."""
        values = dict(state.values)
        values["life_status"] = values.pop("life_status_before_invalid", None) or "normal"
        self.commit(table, state, values, user, counts=self.switches["invalid_moves"] == "yes")

    def lock(self, table: Table, state: State, user: Json, *, on: bool) -> None:
        """Lock or unlock a row."""
        values = {**state.values, "lock_status": facts.LOCKED if on else "0"}
        values["lock_user"] = [user["id"]] if on else None
        self.commit(table, state, values, user, counts=self.switches["lock_counts"] == "yes")

    def delete(self, table: Table, state: State) -> None:
        """Delete a row for good."""
        table.rows.pop(state.number)
        table.index_unique(state, remove=True)
        table.deleted[state.number] = state.values
        table.pending.pop(state.number, None)
        self._show(table, state.number, None)

    def review(self, table: Table, state: State, user: Json, *, approved: bool) -> None:
        """End a row's review: what was asked for comes about, or does not."""
        pending = table.pending.pop(state.number, None)
        status = "normal" if approved or pending is not None else "ineffective"
        values = {**state.values, **(pending or {})} if approved else dict(state.values)
        self.commit(table, state, {**values, "life_status": status}, user)


def milliseconds(told: Any) -> int:
    """A moment of the administrator's in epoch milliseconds; see `connector.sandbox.clock.moment`.

    >>> milliseconds("1970-01-01T00:00:01+00:00")
    1000
    """
    return int(moment(told) * 1000)
