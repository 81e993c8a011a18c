"""Which classes of data went to whom, of how many people: from the log of events, no values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connector.app import Connector
from connector.plugin import Op
from connector.policy.compile import Compiled
from connector.store import events
from connector.sync.gate import compiled_for
from connector.sync.moments import as_us, from_us

_WRITES = tuple(f"{op}_remote" for op in Op)


@dataclass(slots=True)
class Disclosed:
    """One class of data that one connection was told."""

    connection: str
    class_: str
    people: int
    writes: int
    first: dt.datetime
    last: dt.datetime
    purposes: Sequence[str]
    """What the policy of today says it is for; empty without a policy."""


def disclosed(connector: Connector, since: dt.datetime | None = None) -> list[Disclosed]:
    """What landed at the vendors, since a time or ever: by connection and class, in their order.

    Writes of releases that did not note it are not among them. Raises: as `Connector.policy`.
    """
    found: dict[tuple[str, str], Disclosed] = {}
    people: dict[tuple[str, str], object] = {}
    with connector.store.read() as tx:
        for told in events.told(tx, _WRITES, as_us(since) if since is not None else 0):
            first, last = from_us(told.first_us), from_us(told.last_us)
            for class_ in told.note.split(","):
                key = told.connection, class_
                one = found.get(key)
                if one is None:
                    one = found[key] = Disclosed(*key, 0, 0, first, last, ())
                # Rows come person by person: the last one is all there is to remember.
                one.people += people.get(key, _NOBODY) != told.subject
                people[key] = told.subject
                one.writes += told.writes
                one.first, one.last = min(one.first, first), max(one.last, last)
    _add_purposes(connector, found.values())
    return [found[key] for key in sorted(found)]


_NOBODY = object()


def _add_purposes(connector: Connector, found: Iterable[Disclosed]) -> None:
    policy = connector.policy()
    if policy is None:
        return
    today, ways = connector.now().date(), dict[str, list[Compiled]]()
    for name in connector.settings.connections:
        ways[name] = [
            compiled_for(policy, name, connector.vendor_mapping(name, kind), today)
            for kind in connector.kinds(name)
        ]
    for one in found:
        sets = [way.purposes_of(one.class_) for way in ways.get(one.connection, [])]
        one.purposes = sorted(frozenset().union(*sets))
