"""A throw-away copy of the state, for planning on it."""

from __future__ import annotations

import sqlite3
from typing import cast

import sqlalchemy as sa

from connector.store.database import open_engine
from connector.store.tables import metadata, scope

_AT_ONCE = 1000


def copy_of(engine: sa.Engine) -> sa.Engine:
    """Copy a state into memory, with all leases free. What is sealed stays sealed."""
    copy = open_engine("sqlite://")
    if engine.dialect.name == "sqlite":
        _back_up(engine, copy)
    else:
        _copy_rows(engine, copy)
    with copy.begin() as tx:
        tx.execute(sa.update(scope).values(holder=None, expires_us=None))
    return copy


def _back_up(engine: sa.Engine, copy: sa.Engine) -> None:
    source, target = engine.raw_connection(), copy.raw_connection()
    try:
        cast(sqlite3.Connection, source.driver_connection).backup(
            cast(sqlite3.Connection, target.driver_connection)
        )
    finally:
        source.close()
        target.close()


def _copy_rows(engine: sa.Engine, copy: sa.Engine) -> None:
    """All rows as they stand at one moment, a thousand at a time."""
    with engine.connect() as source, copy.begin() as target:
        source = source.execution_options(reading=True)
        metadata.create_all(target)
        for table in metadata.sorted_tables:
            query = sa.select(table).execution_options(yield_per=_AT_ONCE)
            for some in source.execute(query).mappings().partitions():
                target.execute(sa.insert(table), [dict(row) for row in some])
