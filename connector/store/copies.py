"""A throw-away copy of the state, for planning on it."""

from __future__ import annotations

import sqlite3
from typing import cast

import sqlalchemy as sa

from connector.errors import SettingsError
from connector.store.database import open_engine
from connector.store.tables import scope


def copy_of(engine: sa.Engine) -> sa.Engine:
    """Copy an SQLite state into memory, with all leases free. What is sealed stays sealed."""
    if engine.dialect.name != "sqlite":
        raise SettingsError("`plan` on a state store other than SQLite is not built yet.")
    copy = open_engine("sqlite://")
    source, target = engine.raw_connection(), copy.raw_connection()
    try:
        cast(sqlite3.Connection, source.driver_connection).backup(
            cast(sqlite3.Connection, target.driver_connection)
        )
    finally:
        source.close()
        target.close()
    with copy.begin() as tx:
        tx.execute(sa.update(scope).values(holder=None, expires_us=None))
    return copy
