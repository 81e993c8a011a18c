"""The administrator's hands in this vendor's organisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from connector.sandbox.admin import Action, AdminError
from connector.sandbox.views import State
from connector_fxiaoke.sandbox.model import CLERK, milliseconds
from connector_fxiaoke.sandbox.objects import Table, row_id, row_number
from connector_fxiaoke.sandbox.refusals import Json, RefusedRecord
from connector_fxiaoke.sandbox.shapes import Shape, record
from connector_fxiaoke.sandbox.values import Values
from connector_fxiaoke.sandbox.writes import pooled

if TYPE_CHECKING:
    from connector_fxiaoke.sandbox.app import SandboxApp


# --- parts ---


def _table(app: SandboxApp, asked: Mapping[str, Any]) -> Table:
    name = asked["object"]
    if name not in app.org.tables:
        raise AdminError("there is no such object")
    return app.org.tables[name]


def _state(table: Table, asked: Mapping[str, Any]) -> State:
    state = table.rows.get(row_number(asked["id"]) or -1)
    if state is None:
        raise AdminError("there is no such record")
    return state


def _user(app: SandboxApp, asked: Mapping[str, Any]) -> Json:
    told = asked.get("user", CLERK["id"])
    if told not in app.org.employees:
        raise AdminError("there is no such employee")
    return app.org.employees[told]


def _checked(app: SandboxApp, table: Table, fields: Mapping[str, Any], old: Json) -> Json:
    check, values = Values(app.org), dict(old)
    for name, value in fields.items():
        if name not in table.fields:
            raise AdminError(f"there is no field {name}")
        values[name] = check.stored(table.fields[name], value)
    for field in table.fields.values():
        if field.required and values.get(field.name) is None:
            raise RefusedRecord(f"「{field.label}」为必填项")
    return {name: value for name, value in values.items() if value is not None}


# --- records ---


def _create(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    table, user = _table(app, asked), _user(app, asked)
    values = _checked(app, table, asked["fields"], {"owner": [user["id"]]})
    if asked.get("workflows", True):
        app.org.run_workflows(table, "create", values)
    return row_id(app.org.commit(table, None, values, user).number)


def _edit(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    """`fields`; `last_modified_time` (a moment) for a stamp of one's own."""
    table, user = _table(app, asked), _user(app, asked)
    state = _state(table, asked)
    values = _checked(app, table, asked["fields"], state.values)
    if asked.get("workflows", True):
        app.org.run_workflows(table, "edit", values)
    told = asked.get("last_modified_time")
    at = milliseconds(told) if told is not None else None
    app.org.commit(table, state, values, user, at=at)


def _remove(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    table = _table(app, asked)
    state = _state(table, asked)
    if state.values["life_status"] == "invalid":
        raise AdminError("it is invalidated already")
    app.org.invalidate(table, state, _user(app, asked))


def _recover(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    table = _table(app, asked)
    state = _state(table, asked)
    if state.values["life_status"] != "invalid":
        raise AdminError("it is not invalidated")
    app.org.recover(table, state, _user(app, asked))


def _purge(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    """Delete for good, live or not."""
    table = _table(app, asked)
    app.org.delete(table, _state(table, asked))


def _hide(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    table = _table(app, asked)
    number = _state(table, asked).number
    (table.hidden.add if asked.get("on", True) else table.hidden.discard)(number)


def _lock(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    table = _table(app, asked)
    on = bool(asked.get("on", True))
    app.org.lock(table, _state(table, asked), _user(app, asked), on=on)


def _pool(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    """Put a record into a pool, or with `owner` give it to an employee."""
    table = _table(app, asked)
    if table.pool_field is None:
        raise AdminError("this object has no pool")
    state = _state(table, asked)
    if "owner" in asked:
        values = {**state.values, "owner": [_user(app, {"user": asked["owner"]})["id"]]}
    else:
        values = pooled(table, state.values, str(asked.get("pool", "pool-1")))
    app.org.commit(table, state, values, _user(app, asked))


def _review(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    """End a review: `approved` or not. `start` puts a record under review instead."""
    table, user = _table(app, asked), _user(app, asked)
    state = _state(table, asked)
    if asked.get("start"):
        app.org.commit(table, state, {**state.values, "life_status": "under_review"}, user)
        return
    if state.values["life_status"] not in ("under_review", "in_change"):
        raise AdminError("it is not in review")
    app.org.review(table, state, user, approved=bool(asked.get("approved", True)))


def _seed(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    return app.org.load(_table(app, asked), asked["records"], _user(app, asked))


def _told(app: SandboxApp, table: Table, states: list[State]) -> list[Json]:
    shape = Shape(only=list(table.fields))
    return [record(app.org, table, state, shape) for state in states]


def _records(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    """What lives, without companions; invalidated records are in `removed`."""
    table = _table(app, asked)
    alive = [one for one in table.rows.values() if one.values["life_status"] != "invalid"]
    return _told(app, table, alive)


def _removed(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    table = _table(app, asked)
    gone = [one for one in table.rows.values() if one.values["life_status"] == "invalid"]
    return {
        "invalid": _told(app, table, gone),
        "deleted": [row_id(number) for number in table.deleted],
    }


# --- the organisation ---


def _define(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    for one in asked["objects"]:
        app.org.define(one)


def _drop_field(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    app.org.drop_field(_table(app, asked), asked["field"])


def _expire(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    app.accounts.expire()


def _quota(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    """Calls that the day's quota has been charged."""
    return app.budget.used


ACTIONS: Final[Mapping[str, Action]] = {
    "define": _define,
    "drop_field": _drop_field,
    "seed": _seed,
    "create": _create,
    "edit": _edit,
    "remove": _remove,
    "recover": _recover,
    "purge": _purge,
    "hide": _hide,
    "lock": _lock,
    "pool": _pool,
    "review": _review,
    "records": _records,
    "removed": _removed,
    "expire_tokens": _expire,
    "quota": _quota,
}
"""Name under /admin/ to what it does, beside what every sandbox has."""
