"""How changes of the host's rows are noticed: a journal that triggers fill.

The triggers write (table, key, operation) in the transaction of the change, so a change and its
note are one; nothing is read from the row but its key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from connector.errors import SettingsError

_NAME = "crm_connector"


@dataclass(frozen=True, slots=True)
class Captured:
    """A table to watch and its key column."""

    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Tables:
    """The two tables we keep in the host's database; both names end in the store's id."""

    journal: sa.Table
    applied: sa.Table

    @classmethod
    def named(cls, store_id: str) -> Tables:
        metadata = sa.MetaData()
        return cls(
            sa.Table(
                f"{_NAME}_journal_{store_id}",
                metadata,
                sa.Column(
                    "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
                ),
                sa.Column("tbl", sa.String(128), nullable=False),
                sa.Column("key", sa.String(255), nullable=False),
                sa.Column("op", sa.String(1), nullable=False),
                # An id is never given twice, so "exactly the rows read" stays true after deletes.
                sqlite_autoincrement=True,
            ),
            sa.Table(
                f"{_NAME}_applied_{store_id}",
                metadata,
                sa.Column("intent", sa.String(32), primary_key=True),
                sa.Column("tbl", sa.String(128), nullable=False),
                sa.Column("key", sa.String(255), nullable=False),
                sa.Column("op", sa.String(10), nullable=False),
                sa.Index(f"{_NAME}_applied_{store_id}_key", "tbl", "key"),
            ),
        )


IDENTITY = "identity"
"""The `intent` of the row of `applied` that names this database."""


def trigger_names(store_id: str, table: str) -> tuple[str, str, str]:
    """The names of the three triggers on a table.

    >>> trigger_names("1a2b", "customers")[0]
    'crm_connector_1a2b_customers_insert'
    """
    return tuple(f"{_NAME}_{store_id}_{table}_{op}" for op in ("insert", "update", "delete"))  # type: ignore[return-value]  # three by construction


def install(tx: sa.Connection, store_id: str, watched: Sequence[Captured], identity: str) -> None:
    """Make the two tables and the triggers; doing it again changes nothing."""
    tables = Tables.named(store_id)
    tables.journal.metadata.create_all(tx)
    if identity_of(tx, store_id) is None:
        tx.execute(
            sa.insert(tables.applied).values(intent=IDENTITY, tbl="", key=identity, op="identity")
        )
    for statement in _triggers(tx, store_id, watched):
        tx.exec_driver_sql(statement)


def remove(tx: sa.Connection, store_id: str) -> list[str]:
    """Drop our triggers and tables, and nothing else. Returns the names of what was dropped."""
    dropped = []
    for name in installed_triggers(tx, store_id):
        tx.exec_driver_sql(f"DROP TRIGGER {_quote(tx, name)}")
        dropped.append(name)
    tables = Tables.named(store_id)
    for table in (tables.journal, tables.applied):
        if sa.inspect(tx).has_table(table.name):
            table.drop(tx)
            dropped.append(table.name)
    return dropped


def identity_of(tx: sa.Connection, store_id: str) -> str | None:
    """The database's name for itself; None if we are not installed in it."""
    tables = Tables.named(store_id)
    if not sa.inspect(tx).has_table(tables.applied.name):
        return None
    c = tables.applied.c
    found: str | None = tx.execute(sa.select(c.key).where(c.intent == IDENTITY)).scalar()
    return found


def installed_triggers(tx: sa.Connection, store_id: str) -> dict[str, str]:
    """Our triggers in this database: name to table."""
    _only_sqlite(tx)
    rows = tx.exec_driver_sql("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'")
    prefix = f"{_NAME}_{store_id}_"
    return {name: table for name, table in rows if name.startswith(prefix)}


def missing_triggers(
    tx: sa.Connection, store_id: str, watched: Sequence[Captured]
) -> Mapping[str, list[str]]:
    """Tables whose triggers are not all there, with the names that are missing."""
    there = installed_triggers(tx, store_id)
    wanted = {w.table: trigger_names(store_id, w.table) for w in watched}
    lacking = {table: [n for n in names if n not in there] for table, names in wanted.items()}
    return {table: names for table, names in lacking.items() if names}


def _quote(tx: sa.Connection, name: str) -> str:
    return tx.dialect.identifier_preparer.quote(name)


def _only_sqlite(tx: sa.Connection) -> None:
    if tx.dialect.name != "sqlite":
        raise SettingsError(
            f'capture = "journal" on {tx.dialect.name} is not built yet; SQLite is.',
            hint="Point [local] url at an SQLite database.",
        )


def _triggers(tx: sa.Connection, store_id: str, watched: Sequence[Captured]) -> list[str]:
    _only_sqlite(tx)
    journal = _quote(tx, Tables.named(store_id).journal.name)
    statements = []
    for one in watched:
        table, key = _quote(tx, one.table), _quote(tx, one.key)
        literal = one.table.replace("'", "''")
        insert, update, delete = (_quote(tx, n) for n in trigger_names(store_id, one.table))

        def note(row: str, op: str, literal: str = literal, key: str = key) -> str:
            return (
                f"INSERT INTO {journal} (tbl, key, op) VALUES ('{literal}', {row}.{key}, '{op}');"
            )

        statements += [
            f"CREATE TRIGGER IF NOT EXISTS {insert} AFTER INSERT ON {table} BEGIN"
            f" {note('NEW', 'I')} END",
            # A changed key is two records' news: the old one is gone, the new one came.
            f"CREATE TRIGGER IF NOT EXISTS {update} AFTER UPDATE ON {table} BEGIN"
            f" {note('NEW', 'U')}"
            f" INSERT INTO {journal} (tbl, key, op)"
            f" SELECT '{literal}', OLD.{key}, 'D' WHERE OLD.{key} IS NOT NEW.{key}; END",
            f"CREATE TRIGGER IF NOT EXISTS {delete} AFTER DELETE ON {table} BEGIN"
            f" {note('OLD', 'D')} END",
        ]
    return statements
