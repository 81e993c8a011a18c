"""Our own local side on tables passes the kit, on an engine of its own and on a host's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.local.borrowed import borrow
from connector.local.contract import Local
from connector.local.opening import open_local
from connector.local.shapes import Condition, KindTable
from connector.local.sql import SqlLocal
from connector.records import Kind
from connector.testing.local_contract import LocalContract, LocalHands, Open, Sample

TABLE = KindTable("people", "id", deleted=Condition("dead", "equals", 1))
COLUMNS = ("name", "mail", "note", "points")
SCHEMA = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
    " mail TEXT UNIQUE, note TEXT, points INTEGER, dead INTEGER NOT NULL DEFAULT 0)"
)


class SqlHands:
    """Implements `LocalHands` by statements of the host's."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.table = sa.table("people", *(sa.column(n) for n in ("id", "dead", *COLUMNS)))

    def create(self, values: Mapping[str, Any]) -> str:
        with self.engine.begin() as tx:
            made = sa.insert(self.table).values(**values).returning(self.table.c.id)
            return str(tx.execute(made).scalar_one())

    def edit(self, key: str, values: Mapping[str, Any]) -> None:
        with self.engine.begin() as tx:
            tx.execute(sa.update(self.table).where(self.table.c.id == int(key)).values(**values))

    def delete(self, key: str) -> None:
        with self.engine.begin() as tx:
            tx.execute(sa.delete(self.table).where(self.table.c.id == int(key)))

    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        c = self.table.c
        query = sa.select(c.id, *(c[name] for name in COLUMNS)).where(c.dead == 0)
        with self.engine.begin() as tx:
            return {
                str(row[0]): dict(zip(COLUMNS, row[1:], strict=True)) for row in tx.execute(query)
            }


class OnTables(LocalContract):
    """The fixtures that both have in common."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'shop.db'}"

    @pytest.fixture
    def engine(self, url: str) -> Iterator[sa.Engine]:
        """The host's."""
        engine = sa.create_engine(url)
        with engine.begin() as tx:
            tx.exec_driver_sql(SCHEMA)
        yield engine
        engine.dispose()

    @pytest.fixture
    def hands(self, engine: sa.Engine) -> LocalHands:
        return SqlHands(engine)

    @pytest.fixture
    def sample(self) -> Sample:
        return lambda n: {
            "name": f"Zoë {n}",
            "mail": f"zoe{n}@example.test",
            "note": f"note {n}",
            "points": 10 * n,
        }

    @pytest.fixture
    def column(self) -> str:
        return "note"

    @pytest.fixture
    def bad(self) -> Mapping[str, Any]:
        return {"mail": "zoe2@example.test"}


class TestOwnEngine(OnTables):
    @pytest.fixture
    def opened(self, engine: sa.Engine, url: str) -> Iterator[Open]:
        sides: list[Local] = []

        def open_one() -> Local:
            sides.append(SqlLocal(open_local(url), {Kind.CUSTOMER: TABLE}, "1a2b"))
            return sides[-1]

        yield open_one
        for side in sides:
            side.close()


class TestBorrowedEngine(OnTables):
    @pytest.fixture
    def opened(self, engine: sa.Engine) -> Open:
        lent = borrow(engine, "UTC")
        return lambda: SqlLocal(lent, {Kind.CUSTOMER: TABLE}, "1a2b", borrowed=True)


class TestBorrowedAutocommit(TestBorrowedEngine):
    """A host may have chosen that each of its statements stands by itself."""

    @pytest.fixture
    def engine(self, url: str) -> Iterator[sa.Engine]:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as tx:
            tx.exec_driver_sql(SCHEMA)
        yield engine
        engine.dispose()
