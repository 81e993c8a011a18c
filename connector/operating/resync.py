"""Having the next sync look again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from connector.app import Connector
from connector.operating.choosing import chosen
from connector.plugin import Kind
from connector.sync.moments import as_us
from connector.sync.resync import Marked, Rewound, mark, rewind


def resync_since(
    connector: Connector,
    since: dt.datetime,
    *,
    connections: Iterable[str] | None = None,
    kinds: Iterable[Kind] | None = None,
) -> list[Rewound]:
    """Have the next sync read everything again that changed since an aware time.

    Raises: UsageError, LeaseHeldError.
    """
    pairs = chosen(connector, connections, kinds)
    return [rewind(connector.store, name, kind, as_us(since)) for name, kind in pairs]


def resync_ids(connector: Connector, connection: str, kind: Kind, ids: Sequence[str]) -> Marked:
    """Have the next sync read these records, of either side, by id.

    Raises: UsageError, LeaseHeldError, LocalError.
    """
    chosen(connector, [connection], [kind])
    return mark(connector.store, connector.local, connection, kind, ids)
