"""The administrator's hands: JSON calls under /admin that need no token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from connector.sandbox.calls import Call, Reply
from connector.sandbox.clock import moment
from connector.sandbox.refused import Refused
from connector.sandbox.workflows import read_workflows

if TYPE_CHECKING:
    from connector.sandbox.app import App

Action = Callable[[Any, Mapping[str, Any]], Any]
"""Does something to a sandbox, as the call's JSON body asks; what it returns is answered."""


class AdminError(Exception):
    """The administrator asked for something that is not there or not allowed."""


def answer(app: App, call: Call) -> Reply:
    """Answer an administrator's call: 200 with the result, 400 with one sentence, 404."""
    actions = {**SHARED, **app.actions}
    act = actions.get(call.path.removeprefix("/admin/"))
    if act is None:
        return Reply.of(404, {"error": "no such action", "actions": sorted(actions)})
    try:
        asked = orjson.loads(call.body) if call.body else {}
    except orjson.JSONDecodeError:
        return Reply.of(400, {"error": "the body is not JSON"})
    try:
        return Reply.of(200, {"result": act(app, asked)})
    except Refused as refused:
        return Reply.of(400, refused.told)
    except (AdminError, KeyError, TypeError, ValueError) as error:
        return Reply.of(400, {"error": f"{type(error).__name__}: {error}"})


def _reset(app: App, asked: Mapping[str, Any]) -> Any:
    app.reset()


def _clock(app: App, asked: Mapping[str, Any]) -> Any:
    """`set` (a moment), `advance` (seconds), `freeze` (boolean); answers the moment now."""
    clock = app.clock
    if "freeze" in asked:
        (clock.freeze if asked["freeze"] else clock.run)()
    if "set" in asked:
        clock.set(moment(asked["set"]))
    if "advance" in asked:
        clock.advance(float(asked["advance"]))
    return clock.now()


def _limits(app: App, asked: Mapping[str, Any]) -> Any:
    app.limits.change(asked)


def _switch(app: App, asked: Mapping[str, Any]) -> Any:
    for name, form in asked.items():
        if str(form) not in app.forms[name]:
            raise AdminError(f"{name} knows {', '.join(app.forms[name])}")
        app.switches[name] = str(form)
    return app.switches


def _calls(app: App, asked: Mapping[str, Any]) -> Any:
    counted = dict(app.watch.counts)
    if asked.get("reset"):
        app.watch.counts.clear()
    return counted


def _requests(app: App, asked: Mapping[str, Any]) -> Any:
    told = app.watch.told(asked.get("operation"))
    if asked.get("reset"):
        app.watch.forget()
    return told


def _fault(app: App, asked: Mapping[str, Any]) -> Any:
    how = {key: value for key, value in asked.items() if key != "name"}
    app.faults.arm(asked["name"], how)


def _faults(app: App, asked: Mapping[str, Any]) -> Any:
    if asked.get("clear"):
        app.faults.clear()
    return app.faults.armed()


def _workflows(app: App, asked: Mapping[str, Any]) -> Any:
    app.org.workflows = read_workflows(asked["rules"], app.noun)


SHARED: Final[Mapping[str, Action]] = {
    "reset": _reset,
    "clock": _clock,
    "limits": _limits,
    "switch": _switch,
    "workflows": _workflows,
    "calls": _calls,
    "requests": _requests,
    "fault": _fault,
    "faults": _faults,
}
"""Name under /admin/ to what it does, at every sandbox."""
