"""Create, update, invalidate, recover, delete, owners, pools, locks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from connector.sandbox.views import State
from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.auth import Caller
from connector_fxiaoke.sandbox.model import Organisation
from connector_fxiaoke.sandbox.objects import Table, row_id, row_number
from connector_fxiaoke.sandbox.refusals import (
    Json,
    LockedRecord,
    RefusedRecord,
    no_right,
    null_pointer,
)
from connector_fxiaoke.sandbox.values import Values

_IN_REVIEW: Final = ("under_review", "in_change")


class Writes:
    """Writing calls of one organisation, on behalf of one caller."""

    def __init__(self, org: Organisation, caller: Caller) -> None:
        self._org = org
        self._user = caller.user
        self._values = Values(org, open_ids=caller.open_ids)

    # --- parts ---

    def _state(self, table: Table, told: Any) -> State:
        """The row that a call names. Raises RefusedRecord."""
        if not isinstance(told, str):
            raise null_pointer()
        state = table.rows.get(row_number(told) or -1)
        if state is None:
            raise RefusedRecord(f"数据[{told}]不存在或已删除")
        if state.number in table.hidden:
            raise no_right()
        return state

    def _states(self, table: Table, told: Any) -> list[State]:
        if not isinstance(told, list):
            raise null_pointer()
        return [self._state(table, one) for one in told]

    def _editable(self, table: Table, state: State) -> None:
        """Raise unless the row's state lets anybody edit it."""
        if table.in_pool(state.values):
            raise no_right()
        if state.values["lock_status"] == facts.LOCKED:
            raise LockedRecord(f"数据「{state.values.get('name')}」已被锁定")
        if state.values["life_status"] in _IN_REVIEW:
            raise RefusedRecord(f"数据「{state.values.get('name')}」正在审批中,不能编辑")

    def _checked(self, table: Table, given: Mapping[str, Any], base: Json, taken: set[str]) -> Json:
        """`base` with the given fields in it, as stored. `taken`: system fields to honour."""
        values = dict(base)
        for name, value in given.items():
            field = table.fields.get(name)
            if name in ("_id", "dataObjectApiName"):
                continue
            if field is None:
                # companions come back from whoever sends what it has read
                if self._org.switches["unknown_field"] == "refused":
                    raise RefusedRecord(f"字段[{name}]不存在")
                continue
            if field.read_only and name not in taken:
                if self._org.switches["read_only"] == "refused":
                    raise RefusedRecord(f"「{field.label}」的值「{value}」为只读")
                continue
            if (value is None and self._org.switches["clear_accepts"] == "empty") or (
                value == "" and self._org.switches["clear_accepts"] == "null"
            ):
                continue
            stored = self._values.stored(field, value)
            if stored is None:
                values.pop(name, None)
            else:
                values[name] = stored
        for field in table.fields.values():
            if field.required and values.get(field.name) is None:
                raise RefusedRecord(f"「{field.label}」为必填项")
        return values

    @staticmethod
    def object_data(body: Json) -> Json:
        """A record to write. Raises RefusedRecord for any other shape."""
        told = body["data"].get("object_data")
        if not isinstance(told, dict):
            raise null_pointer()
        return told

    # --- create and update ---

    def create(self, table: Table, body: Json) -> Json:
        """Create a row; flags count at the top level of the body only."""
        given = self.object_data(body)
        taken = {"create_time"} if body.get("hasSpecifyTime") is True else set()
        if body.get("hasSpecifyCreatedBy") is True:
            taken.add("created_by")
        values = self._checked(table, given, {}, taken)
        pooled = table.pool_field is not None and values.get(table.pool_field)
        if not values.get("owner") and not pooled:
            if self._org.switches["owner_required"] == "yes":
                raise RefusedRecord("「负责人」为必填项")
            values["owner"] = [self._user["id"]]
        if body.get("triggerWorkFlow", True) is not False:
            self._org.run_workflows(table, "create", values)
        if self._in_approval(body):
            values["life_status"] = "under_review"
        state = self._org.commit(table, None, values, self._user)
        return self._created(table, row_id(state.number))

    def _created(self, table: Table, made: str) -> Json:
        form = self._org.switches["create_answer"]
        if form == "data":
            return {"data": {"dataId": made}}
        if form == "none_for_custom" and table.custom:
            return {}
        return {"dataId": made}

    def _in_approval(self, body: Json) -> bool:
        wanted = body.get("triggerApprovalFlow", True) is not False
        return wanted and self._org.switches["approval"] == "on"

    def update(self, table: Table, body: Json) -> Json:
        """Change a row; the fields left out stay."""
        given = self.object_data(body)
        if not isinstance(given.get("_id"), str):
            raise null_pointer()
        state = self._state(table, given["_id"])
        if state.values["life_status"] == "invalid":
            raise RefusedRecord(f"数据「{state.values.get('name')}」已作废")
        skip = table.custom and body["data"].get("skipDataStatusValidate") is True
        if not skip:
            self._editable(table, state)
        if "owner" in given:
            if self._org.switches["owner_update"] == "refused":
                raise RefusedRecord(f"「负责人」的值「{given['owner']}」不允许修改")
            given = {name: value for name, value in given.items() if name != "owner"}
        values = self._checked(table, given, self._base(table, state), set())
        if body.get("triggerWorkFlow", True) is not False:
            self._org.run_workflows(table, "edit", values)
        self._org.check_unique(table, state.number, values)
        if self._in_approval(body) and state.values["life_status"] == "normal":
            table.pending[state.number] = values
            values = {**state.values, "life_status": "in_change"}
        if values != state.values or self._org.switches["update_unchanged"] == "counts":
            self._org.commit(table, state, values, self._user)
        return {} if table.custom else {"dataId": row_id(state.number)}

    def _base(self, table: Table, state: State) -> Json:
        """What an update starts from: the row, or its system fields alone."""
        if self._org.switches["update_partial"] == "yes":
            return state.values
        return {
            name: value
            for name, value in state.values.items()
            if name not in table.fields or table.fields[name].system
        }

    # --- life ---

    def invalidate(self, table: Table, body: Json) -> Json:
        """Put one row away."""
        self._invalidate(table, self._state(table, body["data"].get("object_data_id")))
        return {}

    def batch_invalidate(self, table: Table, body: Json) -> Json:
        """Put rows away: all, or none if one refuses."""
        states = self._states(table, body["data"].get("idList"))
        for state in states:
            self._invalidatable(table, state)
        for state in states:
            self._invalidate(table, state)
        return {}

    def _invalidatable(self, table: Table, state: State) -> None:
        gone = state.values["life_status"] == "invalid"
        if gone and self._org.switches["invalid_again"] == "refused":
            raise RefusedRecord(f"数据「{state.values.get('name')}」已作废")
        if not gone:
            self._editable(table, state)

    def _invalidate(self, table: Table, state: State) -> None:
        self._invalidatable(table, state)
        if state.values["life_status"] != "invalid":
            self._org.invalidate(table, state, self._user)

    def recover(self, table: Table, body: Json) -> Json:
        """Bring invalidated rows back."""
        states = self._states(table, body["data"].get("idList"))
        self._all_invalid(states, "恢复")
        for state in states:
            self._org.recover(table, state, self._user)
        return {}

    def delete(self, table: Table, body: Json) -> Json:
        """Delete invalidated rows for good."""
        states = self._states(table, body["data"].get("idList"))
        form = self._org.switches["delete_live"]
        if form == "refused":
            self._all_invalid(states, "删除")
        for state in states:
            if form == "deleted" or state.values["life_status"] == "invalid":
                self._org.delete(table, state)
        return {}

    @staticmethod
    def _all_invalid(states: list[State], what: str) -> None:
        for state in states:
            if state.values["life_status"] != "invalid":
                raise RefusedRecord(f"数据「{state.values.get('name')}」未作废,不能{what}")

    # --- owners, pools, locks ---

    def change_owner(self, table: Table, body: Json) -> Json:
        """Give rows to other employees: `Data`, with a capital."""
        told = body["data"].get("Data")
        if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
            raise null_pointer()
        changes = []
        for one in told:
            state = self._state(table, one.get("objectDataId"))
            self._editable(table, state)
            changes.append((state, self._owner(table, one.get("ownerId"))))
        counts = self._org.switches["owner_counts"] == "yes"
        for state, owner in changes:
            values = {**state.values, "owner": owner}
            self._org.commit(table, state, values, self._user, counts=counts)
        return {}

    def _owner(self, table: Table, told: Any) -> list[str]:
        """Read `ownerId`: a list, or the string "[1000]" of some pages."""
        form = self._org.switches["owner_form"]
        if isinstance(told, str) and form != "list":
            told = [one for one in told.strip("[] ").split(",") if one]
        elif form == "string":
            raise null_pointer()
        if not isinstance(told, list) or len(told) != 1:
            raise null_pointer()
        return [self._values.employee(table.fields["owner"], told[0])]

    def choose(self, table: Table, body: Json) -> Json:
        """Claim rows of a pool for the caller."""

        def claimed(state: State) -> Json:
            if not table.in_pool(state.values):
                raise RefusedRecord(f"数据「{state.values.get('name')}」已有负责人")
            return {**state.values, "owner": [self._user["id"]]}

        return self._moved(table, body, claimed)

    def give_back(self, table: Table, body: Json) -> Json:
        """Return rows into a pool."""
        pool = body["data"].get("objectPoolId")
        if not isinstance(pool, str):
            raise null_pointer()

        def returned(state: State) -> Json:
            self._editable(table, state)
            return pooled(table, state.values, pool)

        return self._moved(table, body, returned)

    def _moved(self, table: Table, body: Json, change: Callable[[State], Json]) -> Json:
        if table.pool_field is None:
            raise RefusedRecord(f"对象[{table.name}]没有公海")
        states = self._states(table, body["data"].get("objectIds"))
        made = [(state, change(state)) for state in states]
        for state, values in made:
            self._org.commit(table, state, values, self._user)
        return {}

    def lock(self, table: Table, body: Json, *, on: bool) -> Json:
        """Lock or unlock rows."""
        for state in self._states(table, body["data"].get("dataIds")):
            self._org.lock(table, state, self._user, on=on)
        return {}


def pooled(table: Table, values: Json, pool: str) -> Json:
    """A row's values once it lies in a pool, without owner."""
    assert table.pool_field is not None
    return {name: value for name, value in values.items() if name != "owner"} | {
        table.pool_field: pool
    }
