"""Look at a database: its tables, and samples of the columns that may be looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connector.errors import LocalError
from connector.local.dialects import Dialect, dialect_of, open_local
from connector.local.keys import form_of
from connector.local.shapes import split_name
from connector.proposing.found import Ask, Column, Pointing, Sort, Table
from connector.proposing.looks import FEW, SAMPLE, look_at
from connector.proposing.rights import Rights, rights_on
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

    def tables(self) -> list[Table]:
        """All tables but ours, their columns sampled. Raises: LocalError."""
        try:
            with self._reading() as tx:
                names = list(_names(sa.inspect(tx)))
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


def _names(inspector: sa.Inspector) -> Sequence[str]:
    """Those of the default schema plain, on PostgreSQL those of others with their schema."""
    found = list(inspector.get_table_names())
    if inspector.dialect.name == "postgresql":
        for schema in inspector.get_schema_names():
            ours = schema == inspector.default_schema_name
            if not ours and schema != "information_schema" and not schema.startswith("pg_"):
                found += [f"{schema}.{name}" for name in inspector.get_table_names(schema)]
    return [n for n in found if not split_name(n)[1].startswith(OURS) and n.count(".") < 2]


def _table(tx: sa.Connection, inspector: sa.Inspector, name: str, dialect: Dialect) -> Table:
    schema, plain = split_name(name)
    described = inspector.get_columns(plain, schema)
    rights = rights_on(tx, name)
    types = {one["name"]: one["type"] for one in described}
    unique = _unique(inspector, plain, schema)
    firsts = {one["column_names"][0] for one in inspector.get_indexes(plain, schema)}
    demanded = {one["name"] for one in described if not one["nullable"]}
    primary = inspector.get_pk_constraint(plain, schema).get("constrained_columns") or []
    keys = _keys(primary, [one for one in unique if demanded.issuperset(one)], types, dialect)
    makes = len(keys) == 1 and _makes(next(c for c in described if c["name"] == keys[0]), dialect)
    open_ = [n for n in types if not is_secret(n) and rights.may(n, "select")]
    sampled, rows = _sample(tx, name, [dialect.column(n, types[n]) for n in open_])
    listed = _listed(inspector, plain, schema, types)
    columns = {}
    for one in described:
        column = one["name"]
        optional = one["nullable"] or one["default"] is not None or (makes and column in keys)
        columns[column] = _column(
            one,
            sampled.get(column),
            listed.get(column, frozenset()),
            rights,
            optional=bool(
                optional
                or one.get("computed")
                or one.get("identity")
                or one.get("autoincrement") is True
            ),
            indexed=column in firsts or primary[:1] == [column] or [column] in unique,
            unique=[column] in unique or primary == [column],
        )
    return Table(
        name=name,
        keys=keys,
        makes_keys=makes,
        columns=columns,
        foreign=_foreign(inspector, plain, schema),
        rows=rows,
        whole=rows < SAMPLE,
        unwatched=rights.unwatched,
        insertable=any(rights.may(column, "insert") for column in types),
    )


def _column(
    one: Mapping[str, Any],
    values: Sequence[object] | None,
    listed: frozenset[str],
    rights: Rights,
    **more: bool,
) -> Column:
    name = one["name"]
    look = look_at(values) if values is not None else None
    few = look is not None and 0 < look.different <= FEW
    seen = frozenset(str(v).strip() for v in values or () if v is not None) if few else frozenset()
    comment = one.get("comment") or ""
    always = (one.get("identity") or {}).get("always", False)
    return Column(
        name=name,
        sort=_sort(one["type"]),
        null=one["nullable"],
        secret=is_secret(name) or is_secret(_head(comment)),
        readable=rights.may(name, "select"),
        writable=rights.may(name, "update") and not one.get("computed") and not always,
        said=_head(comment),
        meanings=_meanings(comment),
        look=look,
        codes=(seen | listed) - {""} if look is not None else frozenset(),
        **more,
    )


def _sort(type_: sa.types.TypeEngine[Any]) -> Sort:
    sorts: tuple[tuple[type[Any], Sort], ...] = (
        (sa.Boolean, "flag"),
        (sa.Integer, "whole"),
        (sa.Numeric, "number"),
        (sa.DateTime, "datetime"),
        (sa.Date, "date"),
        (sa.Uuid, "uuid"),
        (sa.String, "text"),
    )
    return next((sort for kind, sort in sorts if isinstance(type_, kind)), "other")


def _head(comment: str) -> str:
    """What a comment calls its column: 性别 of 性别：0->未知；1->男."""
    return re.split(r"[:：(（,，;；。\s]", comment.strip(), maxsplit=1)[0]


def _meanings(comment: str) -> Mapping[str, str]:
    """The codes that a comment explains.

    >>> _meanings("性别：0->未知；1->男；2->女"), _meanings("sex: m = male, f = female")
    ({'0': '未知', '1': '男', '2': '女'}, {'m': 'male', 'f': 'female'})
    """
    pairs = re.findall(r"(\w+)\s*(?:->|=>|=)\s*([^\s,，;；、。)）]+)", comment)
    return dict(pairs)


def _keys(
    primary: Sequence[str],
    unique: Sequence[Sequence[str]],
    types: Mapping[str, sa.types.TypeEngine[Any]],
    dialect: Dialect,
) -> tuple[str, ...]:
    """The primary key, else the shortest that is unique and filled; of columns fit for it."""
    for names in (primary, *sorted(unique, key=len)):
        if names and all(form_of(types[n], dialect.name) and not is_secret(n) for n in names):
            return tuple(names)
    return ()


def _makes(column: Mapping[str, Any], dialect: Dialect) -> bool:
    if dialect.name == "sqlite" and str(column["type"]) == "INTEGER":
        return True  # a key of that very type, and of no other, is counted up
    return bool(
        column["default"] is not None
        or column.get("identity")
        or column.get("autoincrement") is True
    )


def _unique(inspector: sa.Inspector, table: str, schema: str | None) -> list[list[str]]:
    found = [one["column_names"] for one in inspector.get_unique_constraints(table, schema)]
    # An index over an expression, or over some rows only, makes no column unique.
    found += [
        [str(name) for name in one["column_names"]]
        for one in inspector.get_indexes(table, schema)
        if one.get("unique")
        and None not in one["column_names"]
        and not any(key.endswith("_where") for key in one.get("dialect_options", {}))
    ]
    return found


def _foreign(
    inspector: sa.Inspector, table: str, schema: str | None
) -> Mapping[str, tuple[str, str]]:
    found = {}
    for link in inspector.get_foreign_keys(table, schema):
        if len(link["constrained_columns"]) == 1:
            home = link.get("referred_schema")
            other = f"{home}.{link['referred_table']}" if home else link["referred_table"]
            found[link["constrained_columns"][0]] = (other, (link["referred_columns"] or [""])[0])
    return found


def _listed(
    inspector: sa.Inspector,
    table: str,
    schema: str | None,
    types: Mapping[str, sa.types.TypeEngine[Any]],
) -> Mapping[str, frozenset[str]]:
    """The values that a type or a CHECK constraint of one column allows."""
    found = {n: frozenset(map(str, t.enums)) for n, t in types.items() if isinstance(t, sa.Enum)}
    for check in inspector.get_check_constraints(table, schema):
        text = check["sqltext"]
        bare = re.sub(r"'[^']*'", "", text)
        named = [name for name in types if re.search(rf"\b{re.escape(name)}\b", bare)]
        if len(named) == 1 and re.search(r"\bIN\b|\bANY\b", text, re.IGNORECASE):
            found.setdefault(named[0], frozenset(re.findall(r"'([^']*)'", text)))
    return {name: values for name, values in found.items() if len(values) <= FEW}


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
