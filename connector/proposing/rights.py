"""What the account that looks may do in a database; it is read from the database's own lists."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from dataclasses import dataclass

import sqlalchemy as sa

from connector.local.shapes import split_name


@dataclass(frozen=True, slots=True)
class Rights:
    """`columns` maps a column to what may be done with it: select, insert, update."""

    columns: Mapping[str, Set[str]]
    unwatched: str = ""
    """Why no triggers can be made on the table; empty if they can."""

    def may(self, column: str, what: str) -> bool:
        return what in self.columns.get(column, _ALL)


_ALL = frozenset({"select", "insert", "update"})
_VIEW = "it is a view"
_NO_TRIGGERS = "the account has no right to make triggers on it"
_NO_TABLES = "the account has no right to make the journal's table"


def rights_on(tx: sa.Connection, table: str) -> Rights:
    """Ask what may be done with a table."""
    if tx.dialect.name == "postgresql":
        return _postgres(tx, table)
    if tx.dialect.name in ("mysql", "mariadb"):
        return _mariadb(tx, table)
    asked = sa.text("SELECT type FROM sqlite_master WHERE name = :name")
    if tx.execute(asked, {"name": table}).scalar() == "view":
        return Rights({}, _VIEW)
    file = tx.engine.url.database or ""
    may = not file or file == ":memory:" or os.access(file, os.W_OK)
    return Rights({}, "" if may else "the database file may not be written")


def _postgres(tx: sa.Connection, table: str) -> Rights:
    quote = tx.dialect.identifier_preparer.quote
    named = {"name": ".".join(quote(part) for part in split_name(table) if part is not None)}
    rows = tx.execute(sa.text(_POSTGRES_COLUMNS), named)
    columns = {
        row[0]: {
            what for what, may in zip(("select", "insert", "update"), row[1:], strict=True) if may
        }
        for row in rows
    }
    triggers, tables, plain = tx.execute(sa.text(_POSTGRES_TABLE), named).one()
    if not plain:
        return Rights(columns, _VIEW)
    return Rights(columns, "" if triggers and tables else _NO_TABLES if triggers else _NO_TRIGGERS)


_POSTGRES_COLUMNS = (
    "SELECT attname, has_column_privilege(attrelid, attnum, 'SELECT'),"
    " has_column_privilege(attrelid, attnum, 'INSERT'),"
    " has_column_privilege(attrelid, attnum, 'UPDATE')"
    " FROM pg_catalog.pg_attribute WHERE attrelid = CAST(:name AS regclass)"
    " AND attnum > 0 AND NOT attisdropped"
)
_POSTGRES_TABLE = (
    "SELECT has_table_privilege(oid, 'TRIGGER'),"
    " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), relkind IN ('r', 'p')"
    " FROM pg_catalog.pg_class WHERE oid = CAST(:name AS regclass)"
)


def _mariadb(tx: sa.Connection, table: str) -> Rights:
    schema, plain = split_name(table)
    home = schema or tx.execute(sa.text("SELECT database()")).scalar()
    named = {"home": home, "name": plain}
    rows = tx.execute(sa.text(_MARIADB_COLUMNS), named)
    columns = {row[0]: set(row[1].split(",")) for row in rows}
    view = tx.execute(sa.text(_MARIADB_VIEW), named).scalar()
    if view:
        return Rights(columns, _VIEW)
    held = {row[0] for row in tx.execute(sa.text(_MARIADB_RIGHTS), named)}
    if "TRIGGER" not in held:
        return Rights(columns, _NO_TRIGGERS)
    if "CREATE" not in held:
        return Rights(columns, _NO_TABLES)
    logged = tx.execute(
        sa.text("SELECT @@log_bin AND NOT @@log_bin_trust_function_creators")
    ).scalar()
    if logged and "SUPER" not in held:
        return Rights(columns, "with its binary log the server lets this account make no triggers")
    return Rights(columns)


_MARIADB_COLUMNS = (
    "SELECT COLUMN_NAME, PRIVILEGES FROM information_schema.COLUMNS"
    " WHERE TABLE_SCHEMA = :home AND TABLE_NAME = :name"
)
_MARIADB_VIEW = (
    "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = :home AND TABLE_NAME = :name"
    " AND TABLE_TYPE LIKE '%VIEW%'"
)
_ME = "GRANTEE = concat('''', replace(current_user(), '@', '''@'''), '''')"
_MARIADB_RIGHTS = (
    f"SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE {_ME}"
    f" UNION SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES WHERE {_ME}"
    " AND :home LIKE TABLE_SCHEMA"
    f" UNION SELECT PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES WHERE {_ME}"
    " AND TABLE_SCHEMA = :home AND TABLE_NAME = :name AND PRIVILEGE_TYPE = 'TRIGGER'"
)
"""Rights that come by a role alone are not seen; then less is proposed than could be."""
