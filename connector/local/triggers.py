"""The triggers that fill the journal, in each database's own words.

A trigger writes (table, key, operation) in the transaction of the change, so a change and its note
are one; nothing is read from the row but its key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from connector.local.shapes import split_name

PREFIX = "crm_connector"
ALL = "T"
"""The operation of an entry without a key: any row of the table may have changed, or be gone."""
_LONGEST = 63
"""Bytes of a name that PostgreSQL keeps; MariaDB keeps 64 letters. SQLite has no limit."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A table to watch and its key: a column, or several (see `keys.py` for their text)."""

    table: str
    key: str | tuple[str, ...]
    of: str | None = None
    """The table whose rows the keys are of: a line of a ledger is a change of another's row."""

    @property
    def label(self) -> str:
        """What its triggers are named after."""
        return self.table if self.of is None else f"{self.table}_{self.of}"

    @property
    def noted_as(self) -> str:
        return self.of or self.table


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger of ours that is there. A disabled one notes nothing."""

    name: str
    table: str
    schema: str | None = None
    enabled: bool = True


def names(tx: sa.Connection, store_id: str, table: str) -> tuple[str, ...]:
    """The names of the triggers that watch a table in this database."""
    operations = ("change", "truncate") if tx.dialect.name == "postgresql" else _ROW
    return tuple(name_of(store_id, table, one) for one in operations)


_ROW = ("insert", "update", "delete")


def name_of(store_id: str, table: str, operation: str) -> str:
    """The name of one trigger on a table; of a long table name, its beginning and a mark.

    >>> name_of("1a2b3c4d", "customers", "insert")
    'crm_connector_1a2b3c4d_customers_insert'
    >>> name_of("1a2b3c4d", "a_long_name_" * 5, "insert")
    'crm_connector_1a2b3c4d_a_long_name_a_long_name_~27937e5a_insert'
    """
    before, after = f"{PREFIX}_{store_id}_", f"_{operation}"
    room = _LONGEST - len(before) - len(after)
    if len(table.encode()) > room:
        mark = hashlib.sha256(table.encode()).hexdigest()[:8]
        table = table.encode()[: room - 9].decode(errors="ignore") + "~" + mark
    return before + table + after


def installed(tx: sa.Connection, store_id: str) -> list[Trigger]:
    """Our triggers in this database."""
    rows = tx.exec_driver_sql(_INSTALLED[_family(tx)])
    prefix = f"{PREFIX}_{store_id}_"
    return [
        Trigger(row[0], row[1], row[2], bool(row[3])) for row in rows if row[0].startswith(prefix)
    ]


_INSTALLED = {
    "sqlite": "SELECT name, tbl_name, NULL, 1 FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT t.tgname, c.relname, n.nspname, t.tgenabled IN ('O', 'A')"
    " FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE NOT t.tgisinternal AND t.tgparentid = 0",
    "mysql": "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, TRIGGER_SCHEMA, 1"
    " FROM information_schema.TRIGGERS",
}


def drop(tx: sa.Connection, trigger: Trigger) -> None:
    """Drop a trigger, and the function that it calls where there is one."""
    quote = tx.dialect.identifier_preparer.quote
    home = f"{quote(trigger.schema)}." if trigger.schema is not None else ""
    if tx.dialect.name != "postgresql":
        tx.exec_driver_sql(f"DROP TRIGGER {home}{quote(trigger.name)}")
        return
    tx.exec_driver_sql(f"DROP TRIGGER {quote(trigger.name)} ON {home}{quote(trigger.table)}")
    tx.exec_driver_sql(f"DROP FUNCTION IF EXISTS {quote(trigger.name)}()")


def create(
    tx: sa.Connection, store_id: str, journal: str, one: Captured, wanted: Sequence[str]
) -> None:
    """Make those triggers of a table that `wanted` names."""
    for name, statements in _TRIGGERS[_family(tx)](tx, store_id, journal, one):
        if name in wanted:
            for statement in statements:
                tx.exec_driver_sql(statement)


def _family(tx: sa.Connection) -> str:
    return "mysql" if tx.dialect.name == "mariadb" else tx.dialect.name


def _literal(tx: sa.Connection, text: str) -> str:
    if tx.dialect.paramstyle in ("format", "pyformat"):
        text = text.replace("%", "%%")  # as `quote` does for names
    return "'" + text.replace("'", "''") + "'"


Named = Iterator[tuple[str, list[str]]]


@dataclass(frozen=True, slots=True)
class _Words:
    """The parts of a table's triggers, quoted for a database."""

    table: str
    home: str
    """The schema's prefix, where the table is not in the default one."""
    label: str
    """The table's name as text, as it is noted."""
    new: str
    old: str
    given: str
    """For a ledger: a test that a line belongs to a row at all, of NEW or OLD in place of ROW."""
    line: bool


def _words(tx: sa.Connection, one: Captured, text: str) -> _Words:
    """`text` turns a column into text, as "{}::text"."""
    quote = tx.dialect.identifier_preparer.quote
    schema, plain = split_name(one.table) if tx.dialect.name != "sqlite" else (None, one.table)
    home = f"{quote(schema)}." if schema is not None else ""
    columns = [quote(c) for c in ((one.key,) if isinstance(one.key, str) else one.key)]

    def key(row: str) -> str:
        parts = [text.format(f"{row}.{column}") for column in columns]
        if len(parts) == 1:
            return parts[0]
        # The form of `Keys.text`, made by the database.
        sign = "%%" if tx.dialect.paramstyle in ("format", "pyformat") else "%"
        safe = [
            f"replace(replace({part}, '{sign}', '{sign}25'), '/', '{sign}2F')" for part in parts
        ]
        if tx.dialect.name == "sqlite":
            return " || '/' || ".join(safe)
        joined = ", '/', ".join(safe)
        return f"concat({joined})"

    noted = one.noted_as
    if _family(tx) == "mysql":
        noted = noted.replace("\\", "\\\\")
    given = " AND ".join(f"ROW.{column} IS NOT NULL" for column in columns)
    return _Words(
        home + quote(plain), home, _literal(tx, noted), key("NEW"), key("OLD"), given, bool(one.of)
    )


def _sqlite(tx: sa.Connection, store_id: str, journal: str, one: Captured) -> Named:
    quote = tx.dialect.identifier_preparer.quote
    w, into = _words(tx, one, "{}"), quote(journal)
    note = f"INSERT INTO {into} (tbl, key, op) SELECT {w.label}"
    for operation, notes in _notes(w, f"{w.old} IS NOT {w.new}"):
        body = " ".join(
            f"{note}, {key}, '{op}'{f' WHERE {test}' if test else ''};" for key, op, test in notes
        )
        name = name_of(store_id, one.label, operation)
        when = f"AFTER {operation.upper()} ON {w.table}"
        yield name, [f"CREATE TRIGGER {quote(name)} {when} BEGIN {body} END"]


def _notes(w: _Words, moved: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """By operation: the keys that are noted, each with its letter and on what condition."""
    if not w.line:
        yield "insert", [(w.new, "I", "")]
        # A changed key is two records' news: the old one is gone, the new one came.
        yield "update", [(w.new, "U", ""), (w.old, "D", moved)]
        yield "delete", [(w.old, "D", "")]
        return
    new, old = (w.given.replace("ROW.", f"{row}.") for row in ("NEW", "OLD"))
    yield "insert", [(w.new, "U", new)]
    yield "update", [(w.new, "U", new), (w.old, "U", old)]
    yield "delete", [(w.old, "U", old)]


def _mariadb(tx: sa.Connection, store_id: str, journal: str, one: Captured) -> Named:
    quote = tx.dialect.identifier_preparer.quote
    w = _words(tx, one, "{}")
    into = quote(journal)
    if w.home:
        into = f"{quote(tx.execute(sa.text('SELECT database()')).scalar_one())}.{into}"
    note = f"INSERT INTO {into} (tbl, `key`, op) SELECT {w.label}"
    # As bytes: a collation may call the old key and the new one the same.
    moved = f"CAST({w.old} AS BINARY) <> CAST({w.new} AS BINARY)"
    for operation, notes in _notes(w, moved):
        body = " ".join(
            f"{note}, {key}, '{op}'{f' FROM DUAL WHERE {test}' if test else ''};"
            for key, op, test in notes
        )
        name = name_of(store_id, one.label, operation)
        yield (
            name,
            [
                f"CREATE TRIGGER {w.home}{quote(name)} AFTER {operation.upper()} ON {w.table}"
                f" FOR EACH ROW BEGIN {body} END"
            ],
        )


def _postgres(tx: sa.Connection, store_id: str, journal: str, one: Captured) -> Named:
    """A function of each trigger's name: the rights are ours, so that a host's account needs none
    on our table, and no `search_path` of its session can lead it elsewhere."""
    quote = tx.dialect.identifier_preparer.quote
    schema = tx.execute(sa.text("SELECT current_schema()")).scalar_one()
    w, into = _words(tx, one, "{}::text"), f"{quote(schema)}.{quote(journal)}"
    note = f"INSERT INTO {into} (tbl, key, op) SELECT {w.label}"
    parts = {
        operation: " ".join(
            f"{note}, {key}, '{op}'{f' WHERE {test}' if test else ''};" for key, op, test in notes
        )
        for operation, notes in _notes(w, f"{w.old} <> {w.new}")
    }
    bodies = {
        "change": f"IF TG_OP = 'INSERT' THEN {parts['insert']}"
        f" ELSIF TG_OP = 'DELETE' THEN {parts['delete']} ELSE {parts['update']} END IF;",
        "truncate": f"{note}, '', '{ALL}';",
    }
    events = {
        "change": "AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW",
        "truncate": "AFTER TRUNCATE ON {} FOR EACH STATEMENT",
    }
    for operation, body in bodies.items():
        name = name_of(store_id, one.label, operation)
        yield (
            name,
            [
                f"CREATE OR REPLACE FUNCTION {quote(schema)}.{quote(name)}() RETURNS trigger"
                " LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
                f" AS $crm_connector$ BEGIN {body} RETURN NULL; END $crm_connector$",
                f"CREATE TRIGGER {quote(name)} {events[operation].format(w.table)}"
                f" EXECUTE FUNCTION {quote(schema)}.{quote(name)}()",
            ],
        )


_TRIGGERS: dict[str, Callable[[sa.Connection, str, str, Captured], Named]] = {
    "sqlite": _sqlite,
    "postgresql": _postgres,
    "mysql": _mariadb,
}
