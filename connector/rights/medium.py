"""Whether bytes of the erased are left in our own files, and having them overwritten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from connector.errors import StoreError

_CHUNK: Final = 1 << 20
SHORTEST: Final = 8
"""Bytes of the shortest value that is looked for: shorter ones turn up by chance."""


def overwrite(engine: sa.Engine, tables: Sequence[str]) -> None:
    """Have a database drop what it no longer holds. Raises: StoreError while others are reading.

    On SQLite the write-ahead log keeps deleted bytes until it is emptied; PostgreSQL keeps dead
    rows until a vacuum.
    """
    if engine.dialect.name == "sqlite":
        if not isinstance(engine.pool, sa.StaticPool):  # in memory there is no file
            _run(engine, "PRAGMA wal_checkpoint(TRUNCATE)")
    elif engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as database:
            for table in tables:
                database.exec_driver_sql(f"VACUUM {table}")


def rewrite(engine: sa.Engine) -> None:
    """Have an SQLite database write all that it holds anew. Raises: StoreError while others are at
    it, or where its disk has no room for a copy.

    A page that was taken apart may keep, between its cells, what `secure_delete` did not see go.
    """
    if files_of(engine):
        _run(engine, "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")


def _run(engine: sa.Engine, *statements: str) -> None:
    """Outside of any transaction. The last one says first whether somebody was in the way."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        for statement in statements:
            cursor.execute(statement)
        row: Any = cursor.fetchone()
        busy = row is not None and row[0]
        cursor.close()
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"A database cannot be rid of what it held ({type(error).__name__}).",
            hint="Run `crm-connector privacy erase --resume` when nobody works with it, and its"
            " disk has room for a copy of it.",
        ) from None
    finally:
        raw.close()
    if busy:
        raise StoreError(
            "Somebody reads the database, so its log cannot be emptied now.",
            hint="Run `crm-connector privacy erase --resume` when they are done.",
        )


def files_of(engine: sa.Engine) -> list[Path]:
    """The files of an SQLite database, those beside it too; none of another one's."""
    if engine.dialect.name != "sqlite" or isinstance(engine.pool, sa.StaticPool):
        return []
    name = str(engine.url.database)
    return [Path(name + end) for end in ("", "-wal", "-journal") if Path(name + end).exists()]


def found_in(files: Iterable[Path], needles: Iterable[bytes]) -> list[str]:
    """The names of those files that hold any of these bytes.

    Short needles are passed over: see `SHORTEST`.
    """
    wanted = sorted({one for one in needles if len(one) >= SHORTEST})
    return [file.name for file in files if wanted and _holds(file, wanted)]


def _holds(file: Path, wanted: Sequence[bytes]) -> bool:
    overlap = max(map(len, wanted)) - 1
    with file.open("rb") as held:
        before = b""
        while some := held.read(_CHUNK):
            window = before + some
            if any(one in window for one in wanted):
                return True
            before = window[-overlap:] if overlap else b""
    return False
