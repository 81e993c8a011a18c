"""Our two tables in the host's database, and whether its changes are noticed.

The journal is filled by triggers (`triggers.py`); `applied` names the writes of ours that landed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from connector.errors import SettingsError
from connector.local import triggers
from connector.local.contract import Capture
from connector.local.shapes import KindTable, Sum
from connector.local.triggers import ALL, Captured

__all__ = ["Captured", "Tables", "identity_of", "install", "missing_triggers", "remove", "watched"]

LONGEST_KEY = 255
"""Letters of a row's key that we can remember."""

_EXACT: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
_EXACT |= {name.replace("mysql", "mariadb"): value for name, value in _EXACT.items()}
"""On MariaDB names and keys compare letter by letter, whatever the database's own habit is."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The two tables we keep in the host's database; both names end in the store's id."""

    journal: sa.Table
    applied: sa.Table

    @classmethod
    @cache
    def named(cls, store_id: str) -> Tables:
        metadata = sa.MetaData()
        return cls(
            sa.Table(
                f"{triggers.PREFIX}_journal_{store_id}",
                metadata,
                sa.Column(
                    "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
                ),
                sa.Column("tbl", sa.String(128), nullable=False),
                # As long as the host's may be: a trigger of ours must never refuse a row of theirs.
                sa.Column("key", sa.Text, nullable=False),
                sa.Column("op", sa.String(1), nullable=False),
                # An id is never given twice, so "exactly the rows read" stays true after deletes.
                sqlite_autoincrement=True,
                **_EXACT,
            ),
            sa.Table(
                f"{triggers.PREFIX}_applied_{store_id}",
                metadata,
                sa.Column("intent", sa.String(32), primary_key=True),
                sa.Column("tbl", sa.String(128), nullable=False),
                sa.Column("key", sa.String(LONGEST_KEY), nullable=False),
                sa.Column("op", sa.String(10), nullable=False),
                sa.Index(f"{triggers.PREFIX}_applied_{store_id}_key", "tbl", "key"),
                **_EXACT,
            ),
        )


def watched(specs: Iterable[KindTable]) -> list[Captured]:
    """The tables whose changes are to be noticed, those of ledgers among them."""
    noted = [spec for spec in specs if spec.capture is Capture.JOURNAL]
    lines = [
        Captured(one.table, one.key, of=spec.table)
        for spec in noted
        for one in spec.derived.values()
        if isinstance(one, Sum)
    ]
    return [*(Captured(s.table, s.key) for s in noted if s.inner is None), *lines]


IDENTITY = "identity"
"""The `intent` of the row of `applied` that names this database."""


GENERATION = "generation"
"""The `intent` of the row of `applied` whose key is the number of the state's last run."""


def install(tx: sa.Connection, store_id: str, watched: Sequence[Captured], identity: str) -> None:
    """Make the two tables and the triggers; doing it again changes nothing.

    Where triggers were missing, their table is to be looked at whole: what changed meanwhile was
    noted by nobody. Triggers on tables that are not watched any more are dropped.
    Raises: SettingsError if the account may not do so, or a table cannot be watched.
    """
    _refuse_views(tx, watched)
    tables = Tables.named(store_id)
    known = identity_of(tx, store_id)
    try:
        tables.journal.metadata.create_all(tx)
        for trigger in triggers.installed(tx, store_id):
            if not trigger.enabled or trigger.name not in _wanted(tx, store_id, watched):
                triggers.drop(tx, trigger)
        lacking = missing_triggers(tx, store_id, watched)
        for one in {one.label: one for one in watched}.values():
            if one.label in lacking:
                triggers.create(tx, store_id, tables.journal.name, one, lacking[one.label])
    except exc.DBAPIError as error:
        raise _denied(tx, error) from None
    if known is None:
        # Last: on MariaDB each step above stands by itself, and who is named here is installed.
        tx.execute(
            sa.insert(tables.applied).values(intent=IDENTITY, tbl="", key=identity, op="identity")
        )
    elif lacking:
        noted = {one.noted_as for one in watched if one.label in lacking}
        rows = [{"tbl": table, "key": "", "op": ALL} for table in sorted(noted)]
        tx.execute(sa.insert(tables.journal), rows)


def remove(tx: sa.Connection, store_id: str) -> list[str]:
    """Drop our triggers and tables, and nothing else. Returns the names of what was dropped."""
    dropped = []
    for trigger in triggers.installed(tx, store_id):
        triggers.drop(tx, trigger)
        dropped.append(trigger.name)
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


def generation_of(tx: sa.Connection, store_id: str) -> int:
    """The number of the state's last run as this database knows it; 0 if it never heard of one."""
    c = Tables.named(store_id).applied.c
    found = tx.execute(sa.select(c.key).where(c.intent == GENERATION)).scalar()
    return int(found) if found is not None else 0


def set_generation(tx: sa.Connection, store_id: str, number: int) -> bool:
    """Note the number of a run; a later one that is noted already stays.

    Returns whether that is so now; if not, another worker noted its own: ask again in a new
    transaction. Raises: IntegrityError in that case too.
    """
    applied, known = Tables.named(store_id).applied, generation_of(tx, store_id)
    if known >= number:
        return True
    if not known:
        row = {"intent": GENERATION, "tbl": "", "key": str(number), "op": GENERATION}
        tx.execute(sa.insert(applied).values(row))
        return True
    of_known = sa.update(applied).where(applied.c.intent == GENERATION, applied.c.key == str(known))
    return tx.execute(of_known.values(key=str(number))).rowcount == 1


def applied_tables(tx: sa.Connection) -> list[sa.Table]:
    """The tables of what we wrote here, of every state that ever worked on this database."""
    prefix = f"{triggers.PREFIX}_applied_"
    names = [n for n in sa.inspect(tx).get_table_names() if n.startswith(prefix)]
    return [Tables.named(name.removeprefix(prefix)).applied for name in sorted(names)]


def missing_triggers(
    tx: sa.Connection, store_id: str, watched: Sequence[Captured]
) -> Mapping[str, list[str]]:
    """Tables whose triggers are not all there and at work, with the names that are missing."""
    there = {t.name for t in triggers.installed(tx, store_id) if t.enabled} if watched else set()
    wanted = {w.label: triggers.names(tx, store_id, w.label) for w in watched}
    lacking = {table: [n for n in names if n not in there] for table, names in wanted.items()}
    return {table: names for table, names in lacking.items() if names}


def _wanted(tx: sa.Connection, store_id: str, watched: Sequence[Captured]) -> set[str]:
    return {name for one in watched for name in triggers.names(tx, store_id, one.label)}


def _refuse_views(tx: sa.Connection, watched: Sequence[Captured]) -> None:
    views = set(sa.inspect(tx).get_view_names()) if watched else set()
    if found := sorted({one.table for one in watched} & views):
        raise SettingsError(
            f"{', '.join(found)} is a view, and no trigger can note its changes.",
            hint='Set capture = "column" or capture = "scan" for it.',
        )


def _denied(tx: sa.Connection, error: exc.DBAPIError) -> SettingsError:
    """Why installing failed, with the line that an administrator runs."""
    postgres = tx.dialect.name == "postgresql"
    code = error.orig.sqlstate if postgres else (*getattr(error.orig, "args", ()), None)[0]  # type: ignore[union-attr]  # psycopg's own
    said = f"The account may not install tables and triggers in the shop's database ({code})."
    quote = tx.dialect.identifier_preparer.quote
    who = tx.engine.url.username or ""
    if code == "42501":
        return SettingsError(
            said,
            hint=f"GRANT CREATE ON SCHEMA <schema> TO {quote(who)}; and for each table that is"
            f" watched: GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER ON <table> TO {quote(who)};",
        )
    if code == 1419:  # binary logging, and no SUPER
        return SettingsError(
            said,
            hint="The server writes a binary log: have its administrator run"
            " SET GLOBAL log_bin_trust_function_creators = 1; while `local install` runs.",
        )
    if code in (1044, 1142, 1227):
        return SettingsError(
            said,
            hint="GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, TRIGGER ON"
            f" {quote(tx.engine.url.database or '')}.* TO {who}@<host>;",
        )
    return SettingsError(f"The triggers cannot be made ({type(error.orig).__name__}, {code}).")
