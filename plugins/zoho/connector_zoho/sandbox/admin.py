"""The administrator's hands in this vendor's organisation. README: Sandbox, admin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from connector.sandbox.admin import Action, AdminError
from connector.sandbox.clock import moment
from connector_zoho.sandbox.model import CLERK, INTEGRATION, Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.refusals import Json
from connector_zoho.sandbox.shapes import rows
from connector_zoho.sandbox.values import Values

if TYPE_CHECKING:
    from connector_zoho.sandbox.app import SandboxApp


# --- parts ---


def _module(app: SandboxApp, asked: Mapping[str, Any]) -> Module:
    name = asked["module"]
    if name not in app.org.modules:
        raise AdminError("there is no such module")
    return app.org.modules[name]


def _number(module: Module, told: Any) -> int:
    number = int(told)
    if number not in module.live:
        raise AdminError("there is no such live record")
    return number


def _user(app: SandboxApp, asked: Mapping[str, Any]) -> Json:
    told = asked.get("user")
    if told is None:
        return CLERK
    if told not in app.org.users:
        raise AdminError("there is no such user")
    return app.org.users[told]


def _checked(org: Organisation, module: Module, fields: Mapping[str, Any], old: Json) -> Json:
    check, values = Values(org), dict(old)
    for name, value in fields.items():
        if name not in module.fields:
            raise AdminError(f"there is no field {name}")
        values[name] = check.stored(module.fields[name], value, f"$.{name}")
    return values


# --- records ---


def _create(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    module = _module(app, asked)
    values = _checked(app.org, module, asked["fields"], {})
    if asked.get("workflows", True):
        app.org.run_workflows(module, "create", values)
    return str(app.org.commit(module, None, values, _user(app, asked)).number)


def _edit(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    module = _module(app, asked)
    number = _number(module, asked["id"])
    values = _checked(app.org, module, asked["fields"], module.live[number].values)
    if asked.get("workflows", True):
        app.org.run_workflows(module, "edit", values)
    modified = asked.get("Modified_Time")
    at = int(moment(modified)) if modified is not None else None
    app.org.commit(module, number, values, _user(app, asked), at)


def _delete(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    module = _module(app, asked)
    final = bool(asked.get("final", False))
    app.org.remove(module, _number(module, asked["id"]), _user(app, asked), final=final)


def _restore(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    app.org.restore(_module(app, asked), int(asked["id"]))


def _purge(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    app.org.purge(_module(app, asked), int(asked["id"]))


def _mark(app: SandboxApp, asked: Mapping[str, Any], of: Callable[[Module], set[int]]) -> None:
    module = _module(app, asked)
    number = int(asked["id"])
    if asked.get("on", True):
        of(module).add(number)
    else:
        of(module).discard(number)


def _hide(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    _mark(app, asked, lambda module: module.hidden)


def _lock(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    _mark(app, asked, lambda module: module.locked)


def _merge(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    """Two records become one: the winner takes `fields`, links to the loser follow it."""
    module = _module(app, asked)
    winner, loser = _number(module, asked["winner"]), _number(module, asked["loser"])
    user = _user(app, asked)
    app.org.remove(module, loser, user, final=True)
    if app.org.switches["merge_loser"] == "unlisted":
        del module.removed[loser]
    values = _checked(app.org, module, asked.get("fields", {}), module.live[winner].values)
    app.org.commit(module, winner, values, user)
    for other in app.org.modules.values():
        links = [f.name for f in other.fields.values() if f.target == module.name]
        for state in list(other.live.values()):
            told = [name for name in links if state.values.get(name) == str(loser)]
            if told:
                moved = {**state.values, **dict.fromkeys(told, str(winner))}
                # the vendor moves the links without touching the child's own time
                app.org.commit(
                    other, state.number, moved, state.values["Modified_By"], state.modified
                )


def _seed(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    return app.org.load(_module(app, asked), asked["records"], _user(app, asked))


def _records(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    module = _module(app, asked)
    return rows(app.org, module, list(module.live.values()), list(module.fields))


def _removed(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    module = _module(app, asked)
    return [
        {"id": str(number), "type": gone.type, "at": gone.at, "values": gone.state.values}
        for number, gone in module.removed.items()
    ]


# --- the organisation ---


def _define(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    for module in asked["modules"]:
        app.org.define(module)


def _drop_field(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    app.org.drop_field(_module(app, asked), asked["field"])


def _zone(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    app.org.set_zone(asked["zone"])


def _grant(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    app.accounts.add_grant(asked["refresh_token"], asked["scopes"], _holder(app, asked))


def _holder(app: SandboxApp, asked: Mapping[str, Any]) -> Json:
    return app.org.users[asked["user"]] if "user" in asked else INTEGRATION


def _code(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    app.accounts.add_code(asked["code"], asked["scopes"])


def _revoke(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    app.accounts.revoke(asked["refresh_token"])


def _expire(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    app.accounts.expire_access()


# --- watching ---


def _credits(app: SandboxApp, asked: Mapping[str, Any]) -> Any:
    return app.budget.used


ACTIONS: Final[Mapping[str, Action]] = {
    "define": _define,
    "drop_field": _drop_field,
    "seed": _seed,
    "create": _create,
    "edit": _edit,
    "delete": _delete,
    "restore": _restore,
    "purge": _purge,
    "hide": _hide,
    "lock": _lock,
    "merge": _merge,
    "records": _records,
    "removed": _removed,
    "zone": _zone,
    "grant": _grant,
    "code": _code,
    "revoke": _revoke,
    "expire_access": _expire,
    "credits": _credits,
}
"""Name under /admin/ to what it does, beside what every sandbox has."""
