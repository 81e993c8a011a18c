"""Look at a database: its tables, and samples of the columns that may be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.errors import LocalError
from connector.local.dialects import Dialect, dialect_of
from connector.local.opening import open_local
from connector.local.shapes import split_name
from connector.local.table import fills_itself, unique_in
from connector.proposing.found import Ask, Column, Pointing, Table
from connector.proposing.looks import FEW, SAMPLE, look_at
from connector.proposing.rights import Rights, rights_on
from connector.proposing.structure import (
    foreign_in,
    head,
    keys_of,
    listed_in,
    makes_keys,
    meanings,
    sort_of,
)
from connector.proposing.words import is_secret

OURS = "crm_connector_"


class Database:
    """A host's database, read only. Use as a context manager."""

    def __init__(self, url: str) -> None:
        self._engine = open_local(url)
        self._dialect = dialect_of(self._engine)
        self.refused: list[str] = []
        """Tables that the account may not look at."""

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *about: object) -> None:
        self._engine.dispose()

    def tables(self, schema: str | None = None) -> list[Table]:
        """All tables but ours, or those of one schema, columns sampled. Raises: LocalError."""
        try:
            with self._reading() as tx:
                names = _names(sa.inspect(tx), schema)
        except sa.exc.DBAPIError as error:
            raise _unreadable(error) from None
        return [table for name in names if (table := self.table(name)) is not None]

    def table(self, name: str) -> Table | None:
        """One table or view; None if it is not there, or not for this account to see."""
        schema, plain = split_name(name)
        try:
            with self._reading() as tx:
                inspector = sa.inspect(tx)
                if not inspector.has_table(plain, schema):
                    return None
                table = _table(tx, inspector, name, self._dialect)
        except sa.exc.DBAPIError as error:
            if not _is_denied(error):
                raise _unreadable(error) from None
            table = None
        if table is None or not any(column.readable for column in table.columns.values()):
            self.refused.append(name)  # the others may still be looked at
            return None
        return table

    def pointing(self, ask: Ask) -> Pointing:
        """Look whether a column holds values of another one. Raises: LocalError."""
        here = _clause(ask.table, ask.column)
        there = _clause(ask.target, ask.held_in)
        value = here.c[ask.column]
        sample = sa.select(value.label("v")).where(value.is_not(None)).limit(SAMPLE).subquery()
        # As texts: types and collations of the two may differ.
        text = sa.cast(sample.c.v, sa.String(255))
        held = sa.cast(there.c[ask.held_in], sa.String(255))
        asked = sa.select(
            sa.func.sum(sa.case((text != "", 1), else_=0)),
            sa.func.sum(sa.case((sa.and_(text != "", text.in_(sa.select(held))), 1), else_=0)),
            sa.func.sum(sa.case((text == "0", 1), else_=0)),
        )
        try:
            with self._reading() as tx:
                filled, hits, zeros = (int(n or 0) for n in tx.execute(asked).one())
        except sa.exc.DBAPIError as error:
            raise _unreadable(error) from None
        meant = filled - zeros
        return Pointing(hits / meant if meant else 0.0, filled, bool(zeros))

    def _reading(self) -> sa.Connection:
        return self._engine.connect().execution_options(reading=True)


def _unreadable(error: sa.exc.DBAPIError) -> LocalError:
    return LocalError(f"The database cannot be read ({type(error.orig).__name__}).")


def _is_denied(error: sa.exc.DBAPIError) -> bool:
    code = (*getattr(error.orig, "args", ()), None)[0]
    return getattr(error.orig, "sqlstate", None) == "42501" or code in (1142, 1143)


def _clause(name: str, column: str) -> sa.TableClause:
    schema, plain = split_name(name)
    return sa.table(plain, sa.column(column), schema=schema)


def _names(inspector: sa.Inspector, only: str | None) -> Sequence[str]:
    """Those of the default schema plain, on PostgreSQL those of others with their schema."""
    home = f"{only}." if only is not None else ""
    found = [home + name for name in inspector.get_table_names(only)]
    if inspector.dialect.name == "postgresql" and only is None:
        for schema in inspector.get_schema_names():
            ours = schema == inspector.default_schema_name
            if not ours and schema != "information_schema" and not schema.startswith("pg_"):
                found += [f"{schema}.{name}" for name in inspector.get_table_names(schema)]
    return [n for n in found if not split_name(n)[1].startswith(OURS) and n.count(".") < 2]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declared:
    """What a table's makers wrote of it."""

    columns: Sequence[Mapping[str, Any]]
    keys: tuple[str, ...]
    makes_keys: bool
    alone: Set[str]
    """Columns of which each value stands once."""
    leading: Set[str]
    """Columns that come first in an index."""
    listed: Mapping[str, frozenset[str]]
    foreign: Mapping[str, tuple[str, str]]


def _declared(inspector: sa.Inspector, name: str, dialect: Dialect) -> _Declared:
    schema, plain = split_name(name)
    columns = inspector.get_columns(plain, schema)
    types = {one["name"]: one["type"] for one in columns}
    unique = unique_in(inspector, plain, schema)
    primary = inspector.get_pk_constraint(plain, schema).get("constrained_columns") or []
    demanded = {one["name"] for one in columns if not one["nullable"]}
    keys = keys_of(primary, [one for one in unique if demanded.issuperset(one)], types, dialect)
    alone = {names[0] for names in (primary, *unique) if len(names) == 1}
    indexes = inspector.get_indexes(plain, schema)
    return _Declared(
        columns=columns,
        keys=keys,
        makes_keys=len(keys) == 1
        and any(makes_keys(one, dialect) for one in columns if one["name"] == keys[0]),
        alone=alone,
        leading=alone | {str(one["column_names"][0]) for one in indexes} | set(primary[:1]),
        listed=listed_in(inspector, plain, schema, types),
        foreign=foreign_in(inspector, plain, schema),
    )


def _table(tx: sa.Connection, inspector: sa.Inspector, name: str, dialect: Dialect) -> Table:
    told, rights = _declared(inspector, name, dialect), rights_on(tx, name)
    open_ = [
        dialect.column(one["name"], one["type"])
        for one in told.columns
        if not _is_secret(one) and rights.may(one["name"], "select")
    ]
    sampled, rows = _sample(tx, name, open_)
    columns = [_column(one, told, rights, sampled.get(one["name"])) for one in told.columns]
    return Table(
        name=name,
        keys=told.keys,
        makes_keys=told.makes_keys,
        columns={column.name: column for column in columns},
        foreign=told.foreign,
        rows=rows,
        whole=rows < SAMPLE,
        unwatched=rights.unwatched,
        insertable=any(rights.may(column.name, "insert") for column in columns),
    )


def _is_secret(one: Mapping[str, Any]) -> bool:
    """By its name, or by what its makers call it."""
    return is_secret(one["name"]) or is_secret(head(one.get("comment") or ""))


def _column(
    one: Mapping[str, Any], told: _Declared, rights: Rights, values: Sequence[object] | None
) -> Column:
    name = one["name"]
    look = look_at(values) if values is not None else None
    few = look is not None and 0 < look.different <= FEW
    seen = frozenset(str(v).strip() for v in values or () if v is not None) if few else frozenset()
    comment = one.get("comment") or ""
    always = (one.get("identity") or {}).get("always", False)
    made = told.makes_keys and name in told.keys
    return Column(
        name=name,
        sort=sort_of(one["type"]),
        optional=one["nullable"] or made or fills_itself(one),
        null=one["nullable"],
        secret=_is_secret(one),
        readable=rights.may(name, "select"),
        writable=rights.may(name, "update") and not one.get("computed") and not always,
        indexed=name in told.leading,
        unique=name in told.alone,
        said=head(comment),
        meanings=meanings(comment),
        look=look,
        codes=(seen | told.listed.get(name, frozenset())) - {""} if look else frozenset(),
    )


def _sample(
    tx: sa.Connection, table: str, columns: Sequence[sa.ColumnClause[Any]]
) -> tuple[dict[str, list[object]], int]:
    """Values of the columns named, and of no other, and how many rows gave them."""
    if not columns:
        return {}, 0
    schema, plain = split_name(table)
    source = sa.table(plain, *columns, schema=schema)
    rows = tx.execute(sa.select(*source.c).limit(SAMPLE)).all()
    return {one.name: [row[i] for row in rows] for i, one in enumerate(columns)}, len(rows)
