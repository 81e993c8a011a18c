"""A shop's people on a real server, their table watched by our triggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from connector.local import notes, triggers
from connector.local.contract import LocalWrite
from connector.local.shapes import Condition, KindTable
from connector.local.sql import SqlLocal
from connector.plugin import Op
from connector.records import Kind

C = Kind.CUSTOMER
STORE = "1a2b3c4d"
ZONE = "Asia/Shanghai"
TABLE = KindTable("people", "id", deleted=Condition("dead", "equals", 1), defaults={"source": 3})
WATCHED = [triggers.Captured("people", "id")]

PEOPLE = {
    "postgresql": """CREATE TABLE people (id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL,
        mail VARCHAR(60) UNIQUE, password TEXT DEFAULT 'hash', dead SMALLINT NOT NULL DEFAULT 0,
        source INTEGER, born DATE, seen TIMESTAMP, met TIMESTAMPTZ, balance NUMERIC(12, 2),
        active BOOLEAN, score REAL, mark UUID, notes JSONB, opens TIME, "order" VARCHAR(20))""",
    "mariadb": """CREATE TABLE people (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
        name VARCHAR(80) NOT NULL, mail VARCHAR(60) UNIQUE, password TEXT DEFAULT 'hash',
        dead TINYINT(1) NOT NULL DEFAULT 0, source INT, born DATE, seen DATETIME,
        met TIMESTAMP NULL, balance DECIMAL(12, 2), active BIT(1), score FLOAT, mark UUID,
        notes JSON, opens TIME, `order` VARCHAR(20) CHARACTER SET utf8mb3)""",
}
COLUMNS = [
    *("name", "mail", "born", "seen", "met", "balance", "active", "score", "mark", "notes"),
    *("opens", "order"),
]


def local_of(engine: sa.Engine, table: KindTable = TABLE) -> SqlLocal:
    local = SqlLocal(engine, {C: table}, STORE)
    local.observe(C, COLUMNS)
    return local


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as tx:
        for statement in statements:
            tx.exec_driver_sql(statement)


def create(id_: str, **values: Any) -> LocalWrite:
    return LocalWrite(id=id_, op=Op.CREATE, key=None, values=values, old={})


def update(id_: str, key: str, old: Mapping[str, Any], **values: Any) -> LocalWrite:
    return LocalWrite(id=id_, op=Op.UPDATE, key=key, values=values, old=old)


def made(local: SqlLocal, **values: Any) -> str:
    """The key of a new row."""
    [told] = local.write(C, [create(f"i{len(values)}{values['name']}", **values)])
    assert told.row is not None, told.reason
    return told.row.key


def noted(engine: sa.Engine) -> list[tuple[str, str]]:
    journal = notes.Tables.named(STORE).journal.c
    with engine.begin() as tx:
        rows = tx.execute(sa.select(journal.key, journal.op).order_by(journal.id))
        return [tuple(row) for row in rows]
