"""What a database says about itself, and samples of the columns that may be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from connector.errors import LocalError
from connector.local.dialects import Dialect, dialect_of, open_local
from connector.proposing.looks import FEW, SAMPLE, Look, look_at
from connector.proposing.words import is_secret

OURS = "crm_connector_"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `codes` are its values where they are few; they stay in memory."""

    name: str
    optional: bool
    """A new row may leave it out."""
    secret: bool
    whole_number: bool
    look: Look | None = None
    codes: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `key` is its one-column key, None if it has none."""

    name: str
    key: str | None
    numbers_itself: bool
    """A new row gets its key from the database."""
    columns: Mapping[str, Column]
    foreign: Mapping[str, str]
    """Column to the table it points to."""


@dataclass(frozen=True, slots=True)
class Pointing:
    """How well a column's values are keys of another table."""

    share: float
    filled: int
    has_zero: bool


class Database:
    """A host's database, read only. Use as a context manager."""

    def __init__(self, url: str) -> None:
        self._engine = open_local(url)
        self._dialect = dialect_of(self._engine)

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *about: object) -> None:
        self._engine.dispose()

    def tables(self) -> list[Table]:
        """All tables but ours, their columns sampled. Raises: LocalError."""
        try:
            with self._reading() as tx:
                inspector = sa.inspect(tx)
                names = [n for n in inspector.get_table_names() if not n.startswith(OURS)]
                return [_table(tx, inspector, name, self._dialect) for name in names]
        except sa.exc.DBAPIError as error:
            raise LocalError(
                f"The database cannot be read ({type(error.orig).__name__})."
            ) from None

    def pointing(self, table: str, column: str, target: Table) -> Pointing:
        """Look whether a column holds keys of `target`."""
        assert target.key is not None
        here = sa.table(table, sa.column(column))
        there = sa.table(target.name, sa.column(target.key))
        value = here.c[column]
        sample = sa.select(value).where(value.is_not(None)).limit(SAMPLE).subquery()
        asked = sa.select(
            sa.func.count(),
            sa.func.sum(sa.case((sample.c[0].in_(sa.select(there.c[target.key])), 1), else_=0)),
            sa.func.sum(sa.case((sample.c[0] == 0, 1), else_=0)),
        )
        with self._reading() as tx:
            filled, hits, zeros = tx.execute(asked).one()
        meant = filled - (zeros or 0)
        return Pointing((hits or 0) / meant if meant else 0.0, filled, bool(zeros))

    def _reading(self) -> sa.Connection:
        return self._engine.connect().execution_options(reading=True)


def _table(tx: sa.Connection, inspector: sa.Inspector, name: str, dialect: Dialect) -> Table:
    primary = inspector.get_pk_constraint(name).get("constrained_columns") or []
    described = inspector.get_columns(name)
    key = primary[0] if len(primary) == 1 else _unique(inspector, name)
    types = {one["name"]: one["type"] for one in described}
    whole = {n for n, type_ in types.items() if isinstance(type_, sa.Integer)}
    itself = len(primary) == 1 and key in whole
    open_ = [n for n in types if not is_secret(n)]
    sampled = _sample(tx, name, [dialect.column(n, types[n]) for n in open_])
    columns = {}
    for one in described:
        column = one["name"]
        values = sampled.get(column)
        look = look_at(values) if values is not None else None
        optional = bool(one["nullable"] or one["default"] is not None or (column == key and itself))
        few = look is not None and 0 < look.different <= FEW
        codes = frozenset(str(v) for v in values or () if v is not None) if few else frozenset()
        columns[column] = Column(
            column, optional, values is None, column in whole, look, codes - {""}
        )
    foreign = {
        link["constrained_columns"][0]: link["referred_table"]
        for link in inspector.get_foreign_keys(name)
        if len(link["constrained_columns"]) == 1
    }
    return Table(name, key, itself, columns, foreign)


def _unique(inspector: sa.Inspector, table: str) -> str | None:
    found: list[Sequence[str | None]] = [
        one["column_names"] for one in inspector.get_unique_constraints(table)
    ]
    found += [one["column_names"] for one in inspector.get_indexes(table) if one.get("unique")]
    return next((names[0] for names in found if len(names) == 1), None)


def _sample(
    tx: sa.Connection, table: str, columns: Sequence[sa.ColumnClause[Any]]
) -> dict[str, list[object]]:
    """Values of the columns named, and of no other."""
    if not columns:
        return {}
    source = sa.table(table, *columns)
    rows = tx.execute(sa.select(*source.c).limit(SAMPLE)).all()
    return {one.name: [row[i] for row in rows] for i, one in enumerate(columns)}
