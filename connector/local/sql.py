"""The host's own tables as the local side: reading mapped columns, writing with guards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy import exc

from connector.errors import LocalError, SettingsError
from connector.local import capture
from connector.local.contract import Journal, LocalResult, LocalWrite, Row, RowState
from connector.plugin import Kind, Op, Outcome, Reason


@dataclass(frozen=True, slots=True)
class Condition:
    """A test on one column: exactly one of equals, in, not_in, is_null."""

    column: str
    test: str
    value: Any

    def sql(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        column = table.c[self.column]
        if self.test == "equals":
            return column.is_not_distinct_from(self.value)
        if self.test == "is_null":
            return column.is_(None) if self.value else column.is_not(None)
        held = column.in_(list(self.value))
        # NULL is in no list: `not_in` lets it through, as a person would read it.
        return held if self.test == "in" else sa.or_(column.is_(None), sa.not_(held))

    @property
    def can_be_made_true(self) -> bool:
        """Whether one value is known that satisfies the test."""
        return self.test != "not_in"

    def satisfying(self) -> Any:
        """A value for the column that satisfies the test: now, where any value will do."""
        if self.test == "equals":
            return self.value
        if self.test == "in":
            return self.value[0]
        assert self.test == "is_null"
        return None if self.value else sa.func.current_timestamp()


@dataclass(frozen=True, slots=True)
class KindTable:
    """How one kind lies in the host's database."""

    table: str
    key: str
    where: Condition | None = None
    deleted: Condition | None = None
    create: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Bound:
    spec: KindTable
    table: sa.TableClause
    key_is_text: bool
    columns: tuple[str, ...] = ()
    inserts: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Insert statements by the columns they set."""


def open_local(url: str) -> sa.Engine:
    """An engine on the host's database. Nothing about that database is changed by opening it.

    Raises: SettingsError if an SQLite file is not there: making an empty one would hide the fault.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(url)
    if parsed.database and parsed.database != ":memory:" and not Path(parsed.database).exists():
        raise SettingsError(f"[local] url: there is no database file {parsed.database}.")
    engine = sa.create_engine(url, connect_args={"check_same_thread": False, "timeout": 30})

    @sa_event.listens_for(engine, "connect")
    def connect(dbapi: Any, record: Any) -> None:
        dbapi.isolation_level = None  # transactions begin below, as writers where they write

    @sa_event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


class SqlLocal:
    """A database of the host's through SQLAlchemy Core."""

    def __init__(
        self,
        engine: sa.Engine,
        specs: Mapping[Kind, KindTable],
        store_id: str,
        *,
        hook: Any = None,
    ) -> None:
        self._engine = engine
        self._store_id = store_id
        self._ours = capture.Tables.named(store_id)
        self._hook = hook or (lambda point: None)
        with self._reading() as tx:
            self._bound = {kind: self._bind(tx, kind, spec) for kind, spec in specs.items()}

    def _bind(self, tx: sa.Connection, kind: Kind, spec: KindTable) -> _Bound:
        inspector = sa.inspect(tx)
        if not inspector.has_table(spec.table) and spec.table not in inspector.get_view_names():
            raise SettingsError(
                f"[local.{kind}] table: the database has no table {spec.table!r}.",
                hint="Name one of: " + ", ".join(sorted(inspector.get_table_names())) + ".",
            )
        types = {c["name"]: c["type"] for c in inspector.get_columns(spec.table)}
        wanted = {"key": spec.key}
        wanted |= {n: c.column for n, c in (("where", spec.where), ("deleted", spec.deleted)) if c}
        faults = [
            f"[local.{kind}] {what}: table {spec.table!r} has no column {name!r}"
            for what, name in (*wanted.items(), *(("defaults", d) for d in spec.defaults))
            if name not in types
        ]
        if not faults and not _is_unique(inspector, spec.table, spec.key):
            faults.append(
                f"[local.{kind}] key: column {spec.key!r} of {spec.table!r} is neither its primary"
                " key nor unique; name one that is"
            )
        if faults:
            raise SettingsError("The local tables are not as the settings say:", faults=faults)
        table = sa.table(spec.table, *(sa.column(name) for name in types))
        return _Bound(spec, table, not isinstance(types[spec.key], sa.Integer))

    # --- what the engine asks -----------------------------------------------------------------

    def kinds(self) -> Sequence[Kind]:
        return list(self._bound)

    def column_names(self, kind: Kind) -> Sequence[str]:
        return [c.name for c in self._bound[kind].table.columns]

    def identity(self) -> str | None:
        with self._reading() as tx:
            return capture.identity_of(tx, self._store_id)

    def observe(self, kind: Kind, columns: Sequence[str]) -> None:
        bound = self._bound[kind]
        lacking = [c for c in columns if c not in bound.table.c]
        if lacking:
            raise SettingsError(
                f"The local mapping of {kind} names columns that are not in table"
                f" {bound.spec.table!r}: {', '.join(lacking)}.",
                hint="It has: " + ", ".join(c.name for c in bound.table.columns) + ".",
            )
        bound.columns = tuple(dict.fromkeys((*bound.columns, *columns)))

    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        c = self._ours.journal.c
        with self._reading() as tx:
            rows = tx.execute(
                sa.select(c.id, c.key)
                .where(c.tbl == self._bound[kind].spec.table, c.id > after)
                .order_by(c.id)
                .limit(limit)
            ).all()
        return Journal([r.id for r in rows], list(dict.fromkeys(str(r.key) for r in rows)))

    def forget(self, kind: Kind, entries: Sequence[int]) -> None:
        if entries:
            with self._writing("forget journal") as tx:
                c = self._ours.journal.c
                tx.execute(sa.delete(self._ours.journal).where(c.id.in_(entries)))

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        bound = self._bound[kind]
        key = bound.table.c[bound.spec.key]
        query = self._select(bound).order_by(key).limit(limit)
        if after is not None:
            query = query.where(key > self._key(bound, after))
        with self._reading() as tx:
            return [self._row(bound, row) for row in tx.execute(query)]

    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        with self._reading() as tx:
            return self._read(tx, self._bound[kind], keys)

    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        c = self._ours.applied.c
        return self._applied(sa.select(c.intent, c.key).where(c.intent.in_(intents)), intents)

    def origin(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
        c = self._ours.applied.c
        table = self._bound[kind].spec.table
        return self._applied(
            sa.select(c.key, c.intent).where(
                c.tbl == table, c.op == Op.CREATE, c.key.in_(list(keys))
            ),
            keys,
        )

    def _applied(self, query: sa.Select[Any], asked: Sequence[str]) -> Mapping[str, str]:
        if not asked:
            return {}
        with self._reading() as tx:
            return {str(row[0]): str(row[1]) for row in tx.execute(query)}

    def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        """All in one transaction; if a row is refused, each in one of its own."""
        try:
            return self._write(kind, writes)
        except exc.DBAPIError as error:
            if len(writes) == 1:
                return [self._refusal(writes[0], error)]
        return [result for one in writes for result in self.write(kind, [one])]

    @contextmanager
    def changing(self) -> Iterator[sa.Connection]:
        """A transaction for installing and removing our own tables. Raises: LocalError."""
        try:
            with self._engine.connect() as tx, tx.begin():
                yield tx
        except exc.DBAPIError as error:
            raise self._lost(error) from None

    # --- transactions ---------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as tx:
                tx = tx.execution_options(reading=True)
                with tx.begin():
                    yield tx
        except exc.DBAPIError as error:
            raise self._lost(error) from None

    @contextmanager
    def _writing(self, what: str) -> Iterator[sa.Connection]:
        with self._engine.connect() as tx:
            with tx.begin():
                yield tx
                self._hook(f"before commit: {what}")
            self._hook(f"after commit: {what}")

    @staticmethod
    def _lost(error: exc.DBAPIError) -> LocalError:
        # The driver's text may quote a row; its class says enough.
        return LocalError(
            f"The shop's database did not answer ({type(error.orig).__name__}).",
            hint="Nothing was lost: run again when it is back.",
        )

    def _refusal(self, write: LocalWrite, error: exc.DBAPIError) -> LocalResult:
        if isinstance(error, exc.IntegrityError | exc.DataError):
            text = "the shop's table refused the row: " + _constraint(error)
            return LocalResult(
                id=write.id,
                outcome=Outcome.REFUSED,
                reason=Reason(code="local_constraint", text=text),
            )
        raise self._lost(error) from None

    # --- statements -----------------------------------------------------------------------------

    def _select(self, bound: _Bound) -> sa.Select[Any]:
        table, spec = bound.table, bound.spec
        true: sa.ColumnElement[int] = sa.literal_column("1")
        return sa.select(
            table.c[spec.key].label("_key"),
            (sa.case((spec.where.sql(table), 1), else_=0) if spec.where else true).label("_in"),
            (
                sa.case((spec.deleted.sql(table), 1), else_=0)
                if spec.deleted
                else sa.literal_column("0")
            ).label("_gone"),
            *(table.c[name] for name in bound.columns),
        )

    @staticmethod
    def _row(bound: _Bound, row: Any) -> Row:
        key, inside, gone, *values = row
        state = RowState.DELETED if gone else RowState.LIVE if inside else RowState.OUT
        return Row(str(key), dict(zip(bound.columns, values, strict=True)), state)

    @staticmethod
    def _key(bound: _Bound, key: str) -> Any:
        return key if bound.key_is_text else int(key)

    def _read(self, tx: sa.Connection, bound: _Bound, keys: Sequence[str]) -> dict[str, Row]:
        if not keys:
            return {}
        column = bound.table.c[bound.spec.key]
        query = self._select(bound).where(column.in_([self._key(bound, k) for k in keys]))
        return {row.key: row for row in (self._row(bound, r) for r in tx.execute(query))}

    def _write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        bound = self._bound[kind]
        with self._writing(f"write {kind}") as tx:
            done = self._done(tx, writes)
            keys: dict[str, str | None] = {}
            for one in writes:
                keys[one.id] = done.get(one.id) or self._apply(tx, bound, one)
            marks = [
                {"intent": w.id, "tbl": bound.spec.table, "key": keys[w.id], "op": w.op}
                for w in writes
                if keys[w.id] is not None and w.id not in done
            ]
            if marks:
                tx.execute(sa.insert(self._ours.applied), marks)
            rows = self._read(tx, bound, [k for k in keys.values() if k is not None])
        return [self._result(one, keys[one.id], rows) for one in writes]

    def _done(self, tx: sa.Connection, writes: Sequence[LocalWrite]) -> dict[str, str]:
        c = self._ours.applied.c
        rows = tx.execute(sa.select(c.intent, c.key).where(c.intent.in_([w.id for w in writes])))
        return {row.intent: row.key for row in rows}

    @staticmethod
    def _result(write: LocalWrite, key: str | None, rows: Mapping[str, Row]) -> LocalResult:
        if key is None:
            return LocalResult(id=write.id, outcome=Outcome.STALE)
        return LocalResult(
            id=write.id,
            outcome=Outcome.APPLIED,
            row=rows.get(key) or Row(key, {}, RowState.DELETED),
        )

    def _apply(self, tx: sa.Connection, bound: _Bound, write: LocalWrite) -> str | None:
        """Carry out one write; its key, or None if the row no longer holds the old values."""
        if write.op is Op.CREATE:
            return self._insert(tx, bound, {**bound.spec.defaults, **write.values})
        assert write.key is not None
        table = bound.table
        guards = [
            table.c[bound.spec.key] == self._key(bound, write.key),
            *(table.c[n].is_not_distinct_from(v) for n, v in write.old.items()),
        ]
        if write.op is Op.PURGE:
            changed = tx.execute(sa.delete(table).where(*guards))
        else:
            values = {n: self._own(v) for n, v in write.values.items()}
            if write.op is Op.REMOVE:
                deleted = bound.spec.deleted
                assert deleted is not None
                values = {deleted.column: deleted.satisfying()}
            changed = tx.execute(sa.update(table).where(*guards).values(values))
        return write.key if changed.rowcount == 1 else None

    def _insert(self, tx: sa.Connection, bound: _Bound, values: Mapping[str, Any]) -> str:
        own = {n: self._own(v) for n, v in values.items()}
        key = bound.spec.key
        if key in own:
            tx.execute(sa.insert(bound.table).values(own))
            return str(own[key])
        names = tuple(own)
        known = bound.inserts.get(names)
        if known is None:
            # Compiled once for each set of columns: a first pull inserts many thousand rows.
            values = {n: sa.bindparam(n) for n in names}
            compiled = sa.insert(bound.table).values(values).compile(dialect=tx.dialect)
            # The statement names the columns in the table's order, whatever ours is.
            known = bound.inserts[names] = (str(compiled), tuple(compiled.positiontup or ()))
        statement, order = known
        done = tx.exec_driver_sql(statement, tuple(own[n] for n in order))
        return str(done.lastrowid)

    def _own(self, value: Any) -> Any:
        """Give a value the form this database's driver binds."""
        if self._engine.dialect.name != "sqlite":
            return value
        if isinstance(value, dt.datetime):
            return value.isoformat(sep=" ")
        if isinstance(value, dt.date):
            return value.isoformat()
        return float(value) if isinstance(value, Decimal) else value

    def close(self) -> None:
        self._engine.dispose()


def _constraint(error: exc.DBAPIError) -> str:
    """Name the constraint or column an error is about, and nothing of the row."""
    text = str(error.orig)
    for mark in ("UNIQUE constraint failed: ", "NOT NULL constraint failed: ", "CHECK constraint"):
        if mark in text:
            return mark.removesuffix(": ") + " " + text.split(mark, 1)[1].strip(": ")
    return type(error.orig).__name__


def _is_unique(inspector: sa.Inspector, table: str, key: str) -> bool:
    primary = inspector.get_pk_constraint(table).get("constrained_columns") or []
    if primary == [key]:
        return True
    uniques: list[Sequence[str | None]] = [
        u["column_names"] for u in inspector.get_unique_constraints(table)
    ]
    uniques += [i["column_names"] for i in inspector.get_indexes(table) if i.get("unique")]
    return any(list(columns) == [key] for columns in uniques)
