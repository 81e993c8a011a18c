"""One kind's table as it was found in the host's database, and how its rows are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.errors import SettingsError
from connector.local.contract import Row, RowState
from connector.local.dialects import Dialect
from connector.local.keys import Keys, form_of
from connector.local.shapes import KEY, Condition, KindTable, Lookup, Match, Sum, split_name
from connector.plugin import Kind


@dataclass(frozen=True, slots=True)
class Found:
    """A table or view that is there, with what the database says about its columns."""

    name: str
    columns: Mapping[str, Mapping[str, Any]]
    clause: sa.TableClause


class Bound:
    """One kind's table, ready for statements. `asked` are the own names that are read."""

    def __init__(
        self,
        kind: Kind,
        spec: KindTable,
        found: Found,
        keys: Keys,
        others: Mapping[str, Found],
        *,
        writable: bool = True,
        numbers_itself: bool = True,
    ) -> None:
        self.kind = kind
        self.spec = spec
        self.table = found.clause
        self.keys = keys
        self.writable = writable
        self.modified: sa.types.TypeEngine[Any] | None = (
            found.columns[spec.modified]["type"] if spec.modified is not None else None
        )
        """The type of the column with a row's time."""
        self.numbers_itself = numbers_itself
        """The database gives a new row its key as a number."""
        self.asked: tuple[str, ...] = ()
        self._named: tuple[str, ...] = ()
        self._select: sa.Select[Any] | None = None
        self._others = others
        self._derived = {own: self._expression(own) for own in others}

    def ask(self, names: Sequence[str]) -> None:
        """Have these own names read as well. Raises: SettingsError if one is not there."""
        known = {*(c.name for c in self.table.columns), *self._derived}
        known |= {KEY} if self.spec.inner is not None else set()
        lacking = [name for name in names if name not in known]
        if lacking:
            raise SettingsError(
                f"The local mapping of {self.kind} names columns that are not in table"
                f" {self.spec.table!r}: {', '.join(lacking)}.",
                hint="It has: " + ", ".join(c.name for c in self.table.columns) + ".",
            )
        self.asked = tuple(dict.fromkeys((*self.asked, *names)))
        self._named = tuple(name for name in self.asked if name != KEY)
        self._select = None

    def value(self, own: str) -> sa.ColumnElement[Any]:
        """What stands for an own name in a statement about this table."""
        return self._derived[own] if own in self._derived else self.table.c[own]

    def other(self, own: str) -> sa.TableClause:
        """The table that a derived column takes its values from."""
        return self._others[own].clause

    def select(self) -> sa.Select[Any]:
        if self._select is None:
            self._select = self._selected()
        return self._select

    def _selected(self) -> sa.Select[Any]:
        table, spec = self.table, self.spec
        return sa.select(
            *(column.label(f"_key{n}") for n, column in enumerate(self.keys.columns)),
            (_flag(spec.where.sql(table)) if spec.where else _number(1)).label("_in"),
            (_flag(spec.deleted.sql(table)) if spec.deleted else _number(0)).label("_gone"),
            (_flag(self.exists()) if spec.inner else _number(1)).label("_there"),
            *(self.value(name).label(f"_own{n}") for n, name in enumerate(self._named)),
        )

    def exists(self) -> sa.ColumnElement[bool]:
        """Whether a row holds a record of an inner kind."""
        assert self.spec.inner is not None
        return self.spec.inner.exists.sql(self.table)

    def row(self, row: Sequence[Any]) -> Row:
        """A row of `select`."""
        width = len(self.keys.columns)
        key = self.keys.text(row[:width])
        inside, gone, there = row[width : width + 3]
        held = dict(zip(self._named, row[width + 3 :], strict=True))
        if len(self._named) < len(self.asked):
            held[KEY] = key
        if gone or not there:
            return Row(key, held, RowState.DELETED)
        return Row(key, held, RowState.LIVE if inside else RowState.OUT)

    def _expression(self, own: str) -> sa.ColumnElement[Any]:
        spec = self.spec.derived[own]
        other = self._others[own].clause.alias()
        assert not isinstance(spec, Match)
        if isinstance(spec, Lookup):
            wanted: sa.ColumnElement[Any] = other.c[spec.value]
            here: sa.ColumnElement[Any] = self.table.c[spec.column]
        else:
            wanted = sa.func.coalesce(sa.func.sum(other.c[spec.column]), 0)
            here = self.keys.columns[0]
        tests = [one.sql(other) for one in spec.where]
        query = sa.select(wanted).where(other.c[spec.key] == here, *tests)
        return query.correlate(self.table).scalar_subquery()


def _flag(test: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((test, 1), else_=0)


def _number(value: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(value), sa.Integer)


def unique_in(inspector: sa.Inspector, table: str, schema: str | None) -> list[list[str]]:
    """The sets of columns, beside the primary key, that are unique together."""
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


def fills_itself(column: Mapping[str, Any]) -> bool:
    """Whether a new row gets a value of this column from the database, if we give none."""
    return bool(
        column.get("default") is not None
        or column.get("computed")
        or column.get("identity")
        or column.get("autoincrement") is True
    )


# --- finding ----------------------------------------------------------------------------------


class Finder:
    """Looks up the tables that the settings name, and says all that is wrong with them."""

    def __init__(self, tx: sa.Connection, dialect: Dialect) -> None:
        self._tx = tx
        self._dialect = dialect
        self._inspector = sa.inspect(tx)

    def bind(self, kind: Kind, spec: KindTable) -> Bound:
        """Raises: SettingsError with all faults of the kind."""
        found = self.table(spec.table, f"[local.{kind}] table")
        wanted = [("key", name) for name in spec.keys]
        wanted += [
            (n, c.column) for n, c in (("where", spec.where), ("deleted", spec.deleted)) if c
        ]
        if spec.modified is not None:
            wanted.append(("modified", spec.modified))
        if spec.inner is not None:
            wanted.append(("exists", spec.inner.exists.column))
        wanted += [("defaults", name) for name in spec.defaults]
        faults = [
            f"[local.{kind}] {what}: table {spec.table!r} has no column {name!r}"
            for what, name in wanted
            if name not in found.columns
        ]
        others, more = self._others(kind, spec, found)
        faults += more
        forms: list[str] = []
        view, writable = self._view(spec.table)
        if not faults:
            forms = [form for form, _ in self._forms(found, spec)]
            faults += [fault for _, fault in self._forms(found, spec) if fault]
            if not view and not self._is_unique(spec):
                faults.append(_not_unique(kind, spec))
        if faults:
            raise SettingsError("The local tables are not as the settings say:", faults=faults)
        keys = Keys([found.clause.c[name] for name in spec.keys], forms, self._dialect.largest)
        bound = Bound(
            kind,
            spec,
            found,
            keys,
            others,
            writable=writable,
            numbers_itself=self._numbers_itself(found, spec),
        )
        if writable and spec.create and spec.inner is None and spec.written is not None:
            self._check_create(bound, found)
        return bound

    def table(self, name: str, where: str) -> Found:
        """A table or view by name. Raises: SettingsError."""
        schema, plain = split_name(name)
        inspector = self._inspector
        views = inspector.get_view_names(schema) if self._has_schema(schema) else []
        if plain not in views and not (
            self._has_schema(schema) and inspector.has_table(plain, schema)
        ):
            there = sorted(inspector.get_table_names(schema)) if self._has_schema(schema) else []
            raise SettingsError(
                f"{where}: the database has no table {name!r}.",
                hint="Name one of: " + ", ".join(there) + "." if there else "",
            )
        columns = {c["name"]: c for c in inspector.get_columns(plain, schema)}
        clause = sa.table(
            plain,
            *(self._dialect.column(n, c["type"]) for n, c in columns.items()),
            schema=schema,
        )
        return Found(name, columns, clause)

    def _has_schema(self, schema: str | None) -> bool:
        return schema is None or schema in self._inspector.get_schema_names()

    def _others(
        self, kind: Kind, spec: KindTable, found: Found
    ) -> tuple[dict[str, Found], list[str]]:
        """The tables of derived columns by own name, and what is wrong with them."""
        others: dict[str, Found] = {}
        faults: list[str] = []

        def lacks(table: Found, names: Sequence[str]) -> Iterator[str]:
            for name in names:
                if name not in table.columns:
                    yield f"the mapping of {kind}: table {table.name!r} has no column {name!r}"

        for own, one in spec.derived.items():
            if isinstance(one, Lookup | Match):
                faults += lacks(found, [one.column])
            if isinstance(one, Match):
                continue
            try:
                other = self.table(one.table, f"the mapping of {kind}")
            except SettingsError as error:
                faults.append(str(error).rstrip("."))
                continue
            others[own] = other
            tests: tuple[Condition, ...] = one.where
            wanted = one.value if isinstance(one, Lookup) else one.column
            faults += lacks(other, [one.key, wanted, *(test.column for test in tests)])
            if isinstance(one, Sum) and len(spec.keys) > 1:
                faults.append(f"the mapping of {kind}: a sum needs a key of one column")
        return others, faults

    def _forms(self, found: Found, spec: KindTable) -> list[tuple[str, str]]:
        answers = []
        for name in spec.keys:
            form = form_of(found.columns[name]["type"], self._dialect.name)
            fault = "" if form else f"key: column {name!r} is of a type that cannot be a key"
            answers.append((form or "", fault))
        return answers

    def _view(self, name: str) -> tuple[bool, bool]:
        """Whether a name is a view, and whether it can be written to."""
        schema, plain = split_name(name)
        if plain not in self._inspector.get_view_names(schema):
            return False, True
        if self._dialect.name == "sqlite":
            return True, False
        home = "current_schema()" if self._dialect.name == "postgresql" else "database()"
        said = self._tx.execute(
            sa.text(
                "SELECT is_updatable FROM information_schema.views"
                f" WHERE table_schema = coalesce(:schema, {home}) AND table_name = :name"
            ),
            {"schema": schema, "name": plain},
        ).scalar()
        return True, said == "YES"

    def _is_unique(self, spec: KindTable) -> bool:
        schema, plain = split_name(spec.table)
        inspector = self._inspector
        primary = inspector.get_pk_constraint(plain, schema).get("constrained_columns") or []
        sets = [primary, *unique_in(inspector, plain, schema)]
        return any(sorted(columns) == sorted(spec.keys) for columns in sets)

    def _numbers_itself(self, found: Found, spec: KindTable) -> bool:
        """Whether a new row's key is the number that the database counts up."""
        if len(spec.keys) != 1:
            return False
        column = found.columns[spec.keys[0]]
        counted = isinstance(column["type"], sa.Integer)
        return counted and (self._dialect.name == "sqlite" or column.get("default") is None)

    def _check_create(self, bound: Bound, found: Found) -> None:
        """A column that demands a value and gets none would refuse every new row."""
        spec = bound.spec
        given = {*(spec.written or ()), *spec.defaults}
        lacking = [
            name
            for name, column in found.columns.items()
            if name not in given
            and not (bound.numbers_itself and name in spec.keys)
            and (not column["nullable"] or name in spec.keys)
            and not fills_itself(column)
        ]
        if lacking:
            raise SettingsError(
                f"[local.{bound.kind}]: a new row of {spec.table!r} needs a value for"
                f" {', '.join(lacking)}, which the mapping does not give.",
                hint=f"Map them, or give them in [local.{bound.kind}.defaults], or set"
                " create = false.",
            )


def _not_unique(kind: Kind, spec: KindTable) -> str:
    if len(spec.keys) == 1:
        return (
            f"[local.{kind}] key: column {spec.keys[0]!r} of {spec.table!r} is neither its primary"
            " key nor unique; name one that is"
        )
    return (
        f"[local.{kind}] key: columns {', '.join(spec.keys)} of {spec.table!r} are together"
        " neither its primary key nor unique; name such"
    )
