"""What differs from one database of the host's to the next: values, errors, new keys, its clock.

One class for each. Columns get types here, so that values come and go in a form that both the
driver and our sealed documents know; what has no such form travels as the database's own text.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects.mysql import BIT


class Dialect:
    """How one kind of database is spoken to; this one is SQLite's."""

    name: ClassVar[str] = "sqlite"
    largest: ClassVar[int] = 2**63 - 1
    """The largest whole number that a key can be."""

    def __init__(self, engine: sa.Engine) -> None:
        self.zone: dt.tzinfo = engine.get_execution_options().get("zone", dt.UTC)
        self._inserts: dict[tuple[str, tuple[str, ...]], tuple[str, tuple[str, ...]]] = {}

    def column(self, name: str, type_: sa.types.TypeEngine[Any]) -> sa.ColumnClause[Any]:
        """A column of the host's as statements name it, by the type that was found in the table."""
        return sa.column(name)

    def own(self, value: Any) -> Any:
        """Give a value that is written the form that the driver binds."""
        if isinstance(value, dt.datetime):
            return value.isoformat(sep=" ")
        if isinstance(value, dt.date):
            return value.isoformat()
        return float(value) if isinstance(value, Decimal) else value

    def same(self, column: sa.ColumnElement[Any], value: Any) -> sa.ColumnElement[bool]:
        """Whether a column holds exactly this value, NULL included."""
        if (raw := _raw(value)) is not None:
            return column.is_not_distinct_from(sa.cast(sa.literal(raw), sa.Text))
        return column.is_not_distinct_from(value)

    def insert(
        self, tx: sa.Connection, table: sa.TableClause, key: str, values: Mapping[str, Any]
    ) -> Any:
        """Insert a row whose key the database gives; returns that key."""
        names = tuple(values)
        known = self._inserts.get((table.name, names))
        if known is None:
            # Compiled once for each set of columns: a first pull inserts many thousand rows.
            bound: dict[str, Any] = {n: sa.bindparam(n) for n in names}
            compiled = sa.insert(table).values(bound).compile(dialect=tx.dialect)
            # The statement names the columns in the table's order, whatever ours is.
            known = str(compiled), tuple(compiled.positiontup or ())
            self._inserts[table.name, names] = known
        statement, order = known
        return tx.exec_driver_sql(statement, tuple(values[n] for n in order)).lastrowid

    def unseen(self, tx: sa.Connection, table: str) -> list[str]:
        """What triggers on a table do not see, in words."""
        return []

    def now(self, tx: sa.Connection) -> dt.datetime:
        """The time by the database's clock."""
        return dt.datetime.now(dt.UTC)  # SQLite's is its host's

    def moment(
        self,
        tx: sa.Connection,
        column: sa.ColumnElement[Any],
        type_: sa.types.TypeEngine[Any] | None,
        moment: dt.datetime,
    ) -> Any:
        """An instant in the form of a column that keeps times: a moment, a number or a text."""
        naive = moment.astimezone(self.zone).replace(tzinfo=None, microsecond=0)
        if isinstance(type_, sa.Numeric | sa.Integer):
            # Seconds, or thousandths of them: the latest time tells.
            latest = tx.execute(sa.select(sa.func.max(column))).scalar() or 0
            return int(moment.timestamp()) * (1000 if latest > _SECONDS else 1)
        if isinstance(type_, sa.DateTime):
            return self.own(moment if _is_instant(column, type_) else naive)
        return naive.isoformat(sep=" ")

    def refusal(self, error: exc.DBAPIError) -> str | None:
        """What a row was refused for, without any value of it; None: it was not the row's fault."""
        if not isinstance(error, exc.IntegrityError | exc.DataError):
            return None
        text = str(error.orig)
        for mark in (
            "UNIQUE constraint failed: ",
            "NOT NULL constraint failed: ",
            "CHECK constraint",
        ):
            if mark in text:
                return mark.removesuffix(": ") + " " + text.split(mark, 1)[1].strip(": ")
        return type(error.orig).__name__


_SECONDS = 100_000_000_000
"""A number of seconds since 1970 above this lies three thousand years ahead."""


def _is_instant(column: sa.ColumnElement[Any], type_: sa.DateTime) -> bool:
    return type_.timezone or isinstance(column.type, _Instant)


class _Whole(sa.types.TypeDecorator[int]):
    """A whole number; true and false are written as 1 and 0."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return int(value) if isinstance(value, bool) else value


class _Truth(sa.types.TypeDecorator[bool]):
    """True or false; 1 and 0 are written so."""

    impl = sa.Boolean
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return bool(value) if value in (0, 1) else value


class _AsText(sa.types.TypeDecorator[str]):
    """A type that only its database knows: read as text, and bound so that it finds the type."""

    impl = sa.types.NullType
    cache_ok = True

    def column_expression(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        return sa.cast(column, sa.Text)


class Postgres(Dialect):
    """PostgreSQL by psycopg 3. Its session's time zone is the settings', see `opening.py`."""

    name = "postgresql"

    def column(self, name: str, type_: sa.types.TypeEngine[Any]) -> sa.ColumnClause[Any]:
        found: sa.types.TypeEngine[Any]
        if isinstance(type_, sa.Integer):
            found = _Whole()
        elif isinstance(type_, sa.Boolean):
            found = _Truth()
        elif isinstance(type_, sa.Enum) or not isinstance(type_, _POSTGRES_PLAIN):
            found = _AsText()
        else:
            found = type_
        return sa.column(name, found)

    def own(self, value: Any) -> Any:
        return value

    def same(self, column: sa.ColumnElement[Any], value: Any) -> sa.ColumnElement[bool]:
        if isinstance(column.type, _AsText):
            return sa.cast(column, sa.Text).is_not_distinct_from(value)
        if isinstance(column.type, sa.Float) and isinstance(value, float):
            return _near(column, value)
        if (raw := _raw(value)) is not None:
            text = sa.func.convert_from(sa.literal(raw), sa.literal("SQL_ASCII"))
            return column.is_not_distinct_from(text)
        return column.is_not_distinct_from(value)

    def now(self, tx: sa.Connection) -> dt.datetime:
        seconds = tx.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
        return dt.datetime.fromtimestamp(float(seconds), dt.UTC)

    def insert(
        self, tx: sa.Connection, table: sa.TableClause, key: str, values: Mapping[str, Any]
    ) -> Any:
        return tx.execute(sa.insert(table).values(values).returning(table.c[key])).scalar_one()

    def refusal(self, error: exc.DBAPIError) -> str | None:
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if not state.startswith(_POSTGRES_REFUSALS):
            return None
        told = getattr(error.orig, "diag", None)
        about = getattr(told, "constraint_name", None) or getattr(told, "column_name", None)
        return " ".join(filter(None, (type(error.orig).__name__, about)))


_POSTGRES_PLAIN = (sa.Numeric, sa.String, sa.Date, sa.DateTime, sa.LargeBinary)
_POSTGRES_REFUSALS = ("22", "23", "P0001", "42804")
"""Data that does not fit, a constraint, a trigger's no, a value of another type than the column."""


class _Instant(sa.types.TypeDecorator[dt.datetime]):
    """A MariaDB TIMESTAMP: an instant that the server shows in the session's zone."""

    impl = sa.DateTime
    cache_ok = True

    def __init__(self, session: dt.timezone, zone: dt.tzinfo) -> None:
        super().__init__()
        self.session, self.zone = session, zone

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        # What is no moment ("0000-00-00 00:00:00") comes as text.
        return value.replace(tzinfo=self.session) if isinstance(value, dt.datetime) else value

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        if not isinstance(value, dt.datetime):
            return value
        aware = value if value.tzinfo is not None else value.replace(tzinfo=self.zone)
        return aware.astimezone(self.session).replace(tzinfo=None)


class _Bits(sa.types.TypeDecorator[int]):
    """A MariaDB BIT(n), which its driver shows as bytes and its server takes as a number."""

    impl = sa.types.NullType
    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return int.from_bytes(value, "big") if isinstance(value, bytes) else value


class MariaDb(Dialect):
    """MariaDB and MySQL by PyMySQL."""

    name = "mysql"
    largest = 2**64 - 1

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        options = engine.get_execution_options()
        self._instant = _Instant(options["session_zone"], options["zone"])

    def column(self, name: str, type_: sa.types.TypeEngine[Any]) -> sa.ColumnClause[Any]:
        if isinstance(type_, sa.TIMESTAMP):
            return sa.column(name, self._instant)
        if isinstance(type_, BIT):
            return sa.column(name, _Bits())
        if isinstance(type_, sa.Time | sa.JSON):
            return sa.column(name, _AsText())
        if isinstance(type_, sa.Float):
            return sa.column(name, sa.Float())
        return sa.column(name)

    def own(self, value: Any) -> Any:
        return value

    def same(self, column: sa.ColumnElement[Any], value: Any) -> sa.ColumnElement[bool]:
        if isinstance(column.type, sa.Float) and isinstance(value, float):
            return _near(column, value)
        if isinstance(value, str):
            # As bytes: a collation calls "a", "A" and "a " the same. The column may have another
            # character set than the line.
            held = sa.cast(sa.func.convert(column.op("USING")(sa.text("utf8mb4"))), sa.BINARY)
            return held.is_not_distinct_from(sa.cast(sa.literal(value), sa.BINARY))
        return column.is_not_distinct_from(value)

    def unseen(self, tx: sa.Connection, table: str) -> list[str]:
        rules = sa.text(
            "SELECT CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS"
            " WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = :table AND"
            " (DELETE_RULE IN ('CASCADE', 'SET NULL') OR UPDATE_RULE IN ('CASCADE', 'SET NULL'))"
        )
        cascades = [
            f"what the foreign key {name} does" for name in tx.scalars(rules, {"table": table})
        ]
        return ["TRUNCATE", *cascades]

    def now(self, tx: sa.Connection) -> dt.datetime:
        seconds = tx.execute(sa.text("SELECT unix_timestamp(now(6))")).scalar_one()
        return dt.datetime.fromtimestamp(float(seconds), dt.UTC)

    def insert(
        self, tx: sa.Connection, table: sa.TableClause, key: str, values: Mapping[str, Any]
    ) -> Any:
        statement = sa.insert(table).values(values)
        if tx.dialect.insert_returning:  # MariaDB since 10.5: keys that a default makes, too
            return tx.execute(statement.returning(table.c[key])).scalar_one()
        return tx.execute(statement).lastrowid

    def refusal(self, error: exc.DBAPIError) -> str | None:
        code, text = (*getattr(error.orig, "args", ()), None, "")[:2]
        said = _MARIADB_REFUSALS.get(code) if isinstance(code, int) else None
        if said is None:
            return None
        # The name stands last; before it the text may quote the value.
        names = re.findall(r"(?:column|key|Column|Field|CONSTRAINT) ([`'][^\s]+[`'])", str(text))
        return " ".join((said, *(name.replace("`", "").strip("'") for name in names[-1:])))


_MARIADB_REFUSALS = {
    1048: "NOT NULL column",
    1062: "unique key",
    1169: "unique key",
    1264: "number out of range for column",
    1265: "value does not fit column",
    1292: "value does not fit column",
    1364: "a column without a value or default:",
    1366: "characters that the column cannot hold:",
    1406: "text too long for column",
    1451: "foreign key",
    1452: "foreign key",
    1644: "a trigger of the shop's said no",
    3819: "CHECK constraint",
    4025: "CHECK constraint",
}
"""The server's numbers for a row that does not go in, in words."""


def _near(column: sa.ColumnElement[Any], value: float) -> sa.ColumnElement[bool]:
    """A column of four bytes equals no number of eight but by chance."""
    return sa.func.abs(column - value) <= abs(value) * 1e-6


_DIALECTS: dict[str, type[Dialect]] = {d.name: d for d in (Dialect, Postgres, MariaDb)}
_BACKENDS = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}


def dialect_of(engine: sa.Engine) -> Dialect:
    """The dialect of a database that `open_local` opened."""
    return _DIALECTS[_BACKENDS[engine.dialect.name]](engine)


def lenient(raw: bytes) -> str:
    r"""The text of these bytes; those that are no UTF-8 become signs that no side takes, so that
    their value alone is left out, and not every row with it.

    >>> lenient("张".encode()), lenient(b"\xd5\xc5")
    ('张', '\udcd5\udcc5')
    """
    return raw.decode("utf-8", "surrogateescape")


def _raw(text: Any) -> bytes | None:
    """The bytes of a text that `lenient` made of such as are no UTF-8; None: it is plain."""
    if not isinstance(text, str) or text.isprintable():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
    return None
