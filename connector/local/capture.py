"""Putting our tables and triggers into the host's database and taking them out; what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import exc

from connector.errors import SettingsError
from connector.local import triggers
from connector.local.contract import Capture
from connector.local.notes import Tables, identity_of, set_identity
from connector.local.shapes import KindTable, Sum
from connector.local.triggers import ALL, Captured


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
        set_identity(tx, store_id, identity)
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
