"""The host's own tables as the local side: reading mapped columns, writing with guards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from connector.errors import LocalError
from connector.local import capture, notes
from connector.local.blanking import blank
from connector.local.borrowed import began
from connector.local.contract import (
    Capture,
    Changed,
    Journal,
    LocalResult,
    LocalWrite,
    Refused,
    Row,
)
from connector.local.dialects import dialect_of
from connector.local.references import names_of, referred
from connector.local.shapes import KEY, KindTable
from connector.local.table import Bound, Finder
from connector.local.writing import Writer
from connector.plugin import Kind, Op, Reason


class SqlLocal:
    """A database of the host's through SQLAlchemy Core."""

    def __init__(
        self,
        engine: sa.Engine,
        specs: Mapping[Kind, KindTable],
        store_id: str,
        *,
        hook: Any = None,
        borrowed: bool = False,
    ) -> None:
        """`borrowed`: the engine's pool is the host's, and outlives us; see `borrowed.py`."""
        self._engine = engine
        self._borrowed = borrowed
        self._dialect = dialect_of(engine)
        self._store_id = store_id
        self._ours = notes.Tables.named(store_id)
        self._hook = hook or (lambda point: None)
        with self._reading() as tx:
            finder = Finder(tx, self._dialect)
            self._bound = {kind: finder.bind(kind, spec) for kind, spec in specs.items()}

    # --- what the engine asks -----------------------------------------------------------------

    def kinds(self) -> Sequence[Kind]:
        return list(self._bound)

    def specs(self) -> Mapping[Kind, KindTable]:
        """How each kind lies in the database, as we were told."""
        return {kind: bound.spec for kind, bound in self._bound.items()}

    def column_names(self, kind: Kind) -> Sequence[str]:
        return [c.name for c in self._bound[kind].table.columns]

    def identity(self) -> str | None:
        with self._reading() as tx:
            return notes.identity_of(tx, self._store_id)

    def generation(self) -> int:
        with self._reading() as tx:
            return notes.generation_of(tx, self._store_id)

    def set_generation(self, number: int) -> None:
        try:
            with self._writing("note generation") as tx:
                noted = notes.set_generation(tx, self._store_id, number)
        except exc.IntegrityError:
            noted = False
        except exc.DBAPIError as error:
            raise self._lost(error) from None
        if not noted:  # another worker was faster: what it noted is seen now
            self.set_generation(number)

    def observe(self, kind: Kind, columns: Sequence[str]) -> None:
        self._bound[kind].ask(columns)

    def together(self, kind: Kind) -> Sequence[Kind]:
        table = self._bound[kind].spec.table
        return [other for other, bound in self._bound.items() if bound.spec.table == table]

    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        with self._reading() as tx:
            return self._ours.changes(tx, self._bound[kind].spec.table, after, limit)

    def forget(self, kind: Kind, entries: Sequence[int]) -> None:
        if entries:
            with self._ours_changing("forget journal") as tx:
                self._ours.forget_changes(tx, entries)

    def capture(self, kind: Kind) -> Capture:
        return self._bound[kind].spec.capture

    def lacking(self) -> Sequence[str]:
        return sorted(self.missing())

    def unseen(self, kind: Kind) -> Sequence[str]:
        spec = self._bound[kind].spec
        if spec.capture is Capture.COLUMN:
            return [f"rows that are deleted, or changed without a new {spec.modified}"]
        if spec.capture is Capture.SCAN:
            return []
        with self._reading() as tx:
            return self._dialect.unseen(tx, spec.table)

    def now(self) -> dt.datetime:
        with self._reading() as tx:
            return self._dialect.now(tx)

    def changed(
        self, kind: Kind, since: dt.datetime, place: tuple[Any, str] | None, limit: int
    ) -> Changed:
        bound = self._bound[kind]
        assert bound.spec.modified is not None and bound.modified is not None
        time, keys = bound.table.c[bound.spec.modified], bound.keys
        query = sa.select(time, *keys.columns).order_by(time, *keys.columns).limit(limit)
        with self._reading() as tx:
            if place is None:
                query = query.where(time >= self._dialect.moment(tx, time, bound.modified, since))
            else:
                at, after = place
                query = query.where(sa.or_(time > at, sa.and_(time == at, keys.behind(after))))
            rows = tx.execute(query).all()
        found = [keys.text(row[1:]) for row in rows]
        return Changed(found, (rows[-1][0], found[-1]) if len(rows) == limit else None)

    def present(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        bound = self._bound[kind]
        wanted = bound.keys.among(keys)
        if wanted is None:
            return frozenset()
        with self._reading() as tx:
            rows = tx.execute(sa.select(*bound.keys.columns).where(wanted))
            return {bound.keys.text(row) for row in rows}

    def gone(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        return frozenset(keys)

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        bound = self._bound[kind]
        query = bound.select().order_by(*bound.keys.columns).limit(limit)
        if after is not None:
            query = query.where(bound.keys.behind(after))
        with self._reading() as tx:
            return [bound.row(row) for row in tx.execute(query)]

    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        with self._reading() as tx:
            return self._read(tx, self._bound[kind], keys)

    def names(self, kind: Kind) -> Mapping[str, Collection[Any]]:
        with self._reading() as tx:
            return names_of(tx, self._bound[kind])

    def referred(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Mapping[str, str | None]]:
        with self._reading() as tx:
            return referred(tx, self._bound[kind], self._bound.get(Kind.CUSTOMER), keys)

    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        if not intents:
            return {}
        with self._reading() as tx:
            return self._ours.landed(tx, intents)

    def made(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        if not intents:
            return {}
        with self._reading() as tx:
            return notes.landed_anywhere(tx, intents)

    def forget_intents(self, intents: Sequence[str]) -> None:
        if intents:
            with self._ours_changing("forget intents") as tx:
                self._ours.forget_intents(tx, intents)

    def origin(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
        if not keys:
            return {}
        with self._reading() as tx:
            return self._ours.origin(tx, self._bound[kind].spec.label, keys)

    def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        """All in one transaction; if a row is refused, each in one of its own."""
        try:
            return self._write(kind, writes)
        except Refused as refused:
            if len(writes) == 1:
                return [LocalResult.refused(writes[0], refused.reason)]
        except exc.DBAPIError as error:
            if len(writes) == 1:
                return [self._refusal(writes[0], error)]
        return [result for one in writes for result in self.write(kind, [one])]

    # --- what is ours in the host's database ------------------------------------------------------

    def archives(self, kind: Kind) -> bool:
        spec = self._bound[kind].spec
        softly = spec.deleted is not None and spec.deleted.can_be_made_true
        return softly or spec.inner is not None

    def install(self, identity: str) -> None:
        watched = capture.watched(self.specs().values())
        with self.changing() as tx:
            capture.install(tx, self._store_id, watched, identity)

    def remove(self) -> Sequence[str]:
        with self.changing() as tx:
            return capture.remove(tx, self._store_id)

    def missing(self) -> Mapping[str, Sequence[str]]:
        """The triggers that are not there, by table."""
        watched = capture.watched(self.specs().values())
        with self._reading() as tx:
            return capture.missing_triggers(tx, self._store_id, watched)

    @contextmanager
    def changing(self) -> Iterator[sa.Connection]:
        """A transaction for installing and removing our own tables. Raises: LocalError."""
        try:
            with self._engine.connect() as tx, tx.begin():
                began(tx)
                yield tx
        except exc.DBAPIError as error:
            raise self._lost(error) from None

    # --- one person's rows ------------------------------------------------------------------------

    def rows_with(self, kind: Kind, own: str, texts: Collection[str]) -> Sequence[str]:
        bound = self._bound[kind]
        if own == KEY:
            return list(self.present(kind, list(texts)))
        column, values = bound.value(own), list[Any](texts)
        if isinstance(column.type, sa.Integer | sa.Numeric):
            values = [int(text) for text in texts if text.isascii() and text.isdigit()]
        with self._reading() as tx:
            # Plain equality, for the sake of an index; what it finds is looked at again.
            rows = tx.execute(sa.select(*bound.keys.columns).where(column.in_(values)))
            return [bound.keys.text(row) for row in rows]

    def blank(self, kind: Kind, key: str, columns: Collection[str]) -> Reason | None:
        refused = None
        for distinct in (False, True):
            try:
                with self._writing("blank row") as tx:
                    blank(tx, self._bound[kind], key, columns, distinct=distinct)
                return None
            except exc.DBAPIError as error:
                said = self._dialect.refusal(error)
                if said is None:
                    raise self._lost(error) from None
                refused = Reason(code="local_constraint", text=said)
        return refused

    def forget_rows(self, kind: Kind, keys: Sequence[str]) -> None:
        if keys:
            with self._ours_changing("forget rows") as tx:
                self._ours.forget_rows(tx, self._bound[kind].spec, keys)

    # --- transactions ---------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as tx:
                tx = tx.execution_options(reading=True)
                with tx.begin():
                    began(tx)
                    yield tx
        except exc.DBAPIError as error:
            raise self._lost(error) from None

    @contextmanager
    def _writing(self, what: str) -> Iterator[sa.Connection]:
        with self._engine.connect() as tx:
            with tx.begin():
                began(tx)
                yield tx
                self._hook(f"before commit: {what}")
            self._hook(f"after commit: {what}")

    @contextmanager
    def _ours_changing(self, what: str) -> Iterator[sa.Connection]:
        try:
            with self._writing(what) as tx:
                yield tx
        except exc.DBAPIError as error:
            raise self._lost(error) from None

    @staticmethod
    def _lost(error: exc.DBAPIError) -> LocalError:
        # The driver's text may quote a row; its class says enough.
        return LocalError(
            f"The shop's database did not answer ({type(error.orig).__name__}).",
            hint="Nothing was lost: run again when it is back.",
        )

    def _refusal(self, write: LocalWrite, error: exc.DBAPIError) -> LocalResult:
        said = self._dialect.refusal(error)
        if said is not None:
            text = f"the shop's table refused the row: {said}"
            return LocalResult.refused(write, Reason(code="local_constraint", text=text))
        raise self._lost(error) from None

    # --- statements -----------------------------------------------------------------------------

    def _read(self, tx: sa.Connection, bound: Bound, keys: Sequence[str]) -> dict[str, Row]:
        wanted = bound.keys.among(keys)
        if wanted is None:
            return {}
        query = bound.select().where(wanted)
        return {row.key: row for row in (bound.row(r) for r in tx.execute(query))}

    def _write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        bound = self._bound[kind]
        with self._writing(f"write {kind}") as tx:
            done = self._ours.landed(tx, [one.id for one in writes])
            writer = Writer(tx, self._dialect, bound)
            keys: dict[str, str | None] = {}
            for one in writes:
                keys[one.id] = done.get(one.id) or writer.write(one)
            if bound.spec.inner is not None:
                made = [key for w in writes if w.op is Op.CREATE and (key := keys[w.id])]
                self._ours.supersede(tx, bound.spec.label, made)
            fresh = [(w, keys[w.id]) for w in writes if w.id not in done]
            landed = [(w, key) for w, key in fresh if key is not None]
            self._ours.note(tx, bound.spec.label, landed)
            rows = self._read(tx, bound, [k for k in keys.values() if k is not None])
        return [LocalResult.of(w, keys[w.id], rows, repeated=w.id in done) for w in writes]

    def close(self) -> None:
        if not self._borrowed:
            self._engine.dispose()
