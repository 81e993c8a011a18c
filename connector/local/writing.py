"""Writes into the host's tables, one row each, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from connector.local.contract import LocalWrite, Refused
from connector.local.dialects import Dialect
from connector.local.shapes import KEY, Lookup
from connector.local.table import Bound
from connector.plugin import Op


class Writer:
    """Writes rows of one kind. A method's answer is the row's key, or None if it is not as known.

    Raises: Refused; the caller then gives up the transaction.
    """

    def __init__(self, tx: sa.Connection, dialect: Dialect, bound: Bound) -> None:
        self._tx = tx
        self._dialect = dialect
        self._bound = bound

    def write(self, write: LocalWrite) -> str | None:
        bound = self._bound
        if not bound.writable:
            raise Refused("read_only", f"{bound.spec.table} is a view that takes no writes")
        if write.op is Op.CREATE:
            if bound.spec.inner is not None:
                return self._fill(write)
            return self._insert({**bound.spec.defaults, **write.values})
        assert write.key is not None
        guards = [bound.keys.is_(write.key)]
        guards += [self._dialect.same(bound.value(n), v) for n, v in write.old.items() if n != KEY]
        if bound.spec.inner is not None:
            return self._change_inner(write, [*guards, bound.exists()])
        if write.op is Op.PURGE:
            done = self._tx.execute(sa.delete(bound.table).where(*guards))
            return write.key if done.rowcount == 1 else None
        values = self._own(write.values)
        if write.op is Op.REMOVE:
            deleted = bound.spec.deleted
            assert deleted is not None
            values = {deleted.column: deleted.satisfying()}
        return self._update(write.key, guards, values)

    def _update(
        self, key: str, guards: list[sa.ColumnElement[bool]], values: Mapping[str, Any]
    ) -> str | None:
        done = self._tx.execute(sa.update(self._bound.table).where(*guards).values(values))
        return key if done.rowcount == 1 else None

    def _insert(self, values: Mapping[str, Any]) -> str:
        bound, own = self._bound, self._own(values)
        names = [column.name for column in bound.keys.columns]
        if all(name in own for name in names):
            self._tx.execute(sa.insert(bound.table).values(own))
            return bound.keys.text([own[name] for name in names])
        if bound.numbers_itself:
            return str(self._dialect.insert(self._tx, bound.table, names[0], own))
        made = sa.insert(bound.table).values(own).returning(*bound.keys.columns)
        return bound.keys.text(tuple(self._tx.execute(made).one()))

    # --- a kind in another kind's row ------------------------------------------------------------

    def _fill(self, write: LocalWrite) -> str | None:
        """A record is made by filling its columns of the person's row."""
        bound = self._bound
        key = write.values.get(KEY)
        if key is None:
            raise Refused("no_parent", f"a {bound.kind} of nobody has no row to live in")
        values = {n: v for n, v in write.values.items() if n != KEY}
        free = [bound.keys.is_(str(key)), sa.not_(bound.exists())]
        if self._update(str(key), free, self._own({**bound.spec.defaults, **values})) is None:
            if self._holds(str(key)):
                raise Refused("taken", f"the person's row holds another {bound.kind} already")
            return None
        if not self._holds(str(key)):
            raise Refused(
                "not_there",
                f"the row holds no {bound.kind} after this: map the column of `exists`, or give it"
                f" a value in [local.{bound.kind}.defaults]",
            )
        return str(key)

    def _change_inner(self, write: LocalWrite, guards: list[sa.ColumnElement[bool]]) -> str | None:
        bound, inner = self._bound, self._bound.spec.inner
        assert write.key is not None and inner is not None
        if write.op in (Op.REMOVE, Op.PURGE):
            values = {**dict.fromkeys(inner.clears), inner.exists.column: inner.absent}
            key = self._update(write.key, guards, values)
            if key is not None and self._holds(key):
                raise Refused(
                    "absent",
                    f"the row still holds its {bound.kind} after its removal: give `exists` an"
                    " `absent` value that says it does not",
                )
            return key
        if KEY in write.values:
            raise Refused("moved", f"a {bound.kind} lives in its person's row and cannot move")
        key = self._update(write.key, guards, self._own(write.values))
        if key is not None and not self._holds(key):
            raise Refused(
                "vanishes", f"with these values the row would hold no {bound.kind} any more"
            )
        return key

    def _holds(self, key: str) -> bool:
        bound = self._bound
        query = sa.select(sa.literal(1)).select_from(bound.table)
        query = query.where(bound.keys.is_(key), bound.exists())
        return self._tx.execute(query).first() is not None

    # --- values ---------------------------------------------------------------------------------

    def _own(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Columns with what the driver binds; a name is turned into the id it stands for."""
        found: dict[str, Any] = {}
        for name, value in values.items():
            spec = self._bound.spec.derived.get(name)
            if spec is None:
                found[name] = self._dialect.own(value)
            elif isinstance(spec, Lookup):
                found[spec.column] = None if value is None else self._looked_up(spec, name, value)
            else:
                raise AssertionError(f"{name} is never written")
        return found

    def _looked_up(self, spec: Lookup, own: str, value: Any) -> Any:
        other = self._bound.other(own)
        wanted = self._dialect.same(other.c[spec.value], self._dialect.own(value))
        tests = [one.sql(other) for one in spec.where]
        hits = self._tx.execute(sa.select(other.c[spec.key]).where(wanted, *tests).limit(2)).all()
        if len(hits) != 1:
            raise Refused("lookup", f"{own}: the name stands for no one row of {spec.table}")
        return hits[0][0]
