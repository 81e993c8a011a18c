"""What is stale: each mapped scope against the age that its last success may have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from connector.app import Connector
from connector.sync.status import ScopeStatus, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one (connection, kind) of the settings stands. `age_s`: seconds since its last success,
    None if there was none. A scope that a person paused is never stale."""

    connection: str
    kind: str
    scope: ScopeStatus | None
    age_s: float | None
    stale: bool


def standings(
    connector: Connector, status: Status, after: dt.timedelta | None = None
) -> Sequence[Standing]:
    """All scopes that the settings name, in their order; `after` stands in for `[status]`."""
    limit_s = (after or connector.settings.status.stale).total_seconds()
    known = {(one.connection, one.kind): one for one in status.scopes}
    now = dt.datetime.fromisoformat(status.now)
    found = []
    for name in connector.settings.connections:
        for kind in connector.kinds(name):
            scope = known.get((name, kind))
            told = scope.last_success if scope is not None else None
            age_s = (now - dt.datetime.fromisoformat(told)).total_seconds() if told else None
            # A clock that was set back makes a success of the future: nobody knows how old it is.
            old = age_s is None or age_s > limit_s or age_s < -limit_s
            stale = old and not (scope is not None and scope.paused)
            found.append(
                Standing(connection=name, kind=kind, scope=scope, age_s=age_s, stale=stale)
            )
    return found
