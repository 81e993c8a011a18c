"""Our two tables in the host's database: changes that were noted, and writes of ours that landed.

The journal is filled by triggers (`triggers.py`); `capture.py` makes both tables. Two rows of
`applied` are no writes: the database's name for itself, and the number of the state's last run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from connector.errors import LocalError
from connector.local import triggers
from connector.local.contract import Journal, LocalWrite
from connector.local.shapes import KindTable
from connector.plugin import Op

LONGEST_KEY = 255
"""Letters of a row's key that we can remember."""
IDENTITY = "identity"
"""The `intent` of the row of `applied` that names this database."""
GENERATION = "generation"
"""The `intent` of the row of `applied` whose key is the number of the state's last run."""

_EXACT: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
_EXACT |= {name.replace("mysql", "mariadb"): value for name, value in _EXACT.items()}
"""On MariaDB names and keys compare letter by letter, whatever the database's own habit is."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The two tables; both names end in the store's id. Its methods work inside `tx`."""

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

    # --- changes ----------------------------------------------------------------------------------

    def changes(self, tx: sa.Connection, table: str, after: int, limit: int) -> Journal:
        """As `Local.journal`. Raises: LocalError."""
        c = self.journal.c
        rows = tx.execute(
            sa.select(c.id, c.key, c.op)
            .where(c.tbl == table, c.id > after)
            .order_by(c.id)
            .limit(limit)
        ).all()
        keys = dict.fromkeys(str(r.key) for r in rows if r.op != triggers.ALL)
        if any(len(key) > LONGEST_KEY for key in keys):
            raise LocalError(
                f"A row of {table} has a key of more than {LONGEST_KEY} letters.",
                hint="Such a table cannot be kept in step: shorten the key, or leave the kind out.",
            )
        return Journal([r.id for r in rows], list(keys), any(r.op == triggers.ALL for r in rows))

    def forget_changes(self, tx: sa.Connection, entries: Sequence[int]) -> None:
        tx.execute(sa.delete(self.journal).where(self.journal.c.id.in_(entries)))

    # --- writes of ours ---------------------------------------------------------------------------

    def note(self, tx: sa.Connection, label: str, landed: Iterable[tuple[LocalWrite, str]]) -> None:
        """Remember that these writes wrote these keys."""
        marks = [{"intent": w.id, "tbl": label, "key": key, "op": w.op} for w, key in landed]
        if marks:
            tx.execute(sa.insert(self.applied), marks)

    def landed(self, tx: sa.Connection, intents: Collection[str]) -> dict[str, str]:
        """Of these intents, those whose write landed, with the key."""
        c = self.applied.c
        return _texts(tx, sa.select(c.intent, c.key).where(c.intent.in_(intents)))

    def origin(self, tx: sa.Connection, label: str, keys: Collection[str]) -> dict[str, str]:
        """Of these rows, those that an intent created, with that intent."""
        c = self.applied.c
        made = sa.select(c.key, c.intent).where(
            c.tbl == label, c.op == Op.CREATE, c.key.in_(list(keys))
        )
        return _texts(tx, made)

    def supersede(self, tx: sa.Connection, label: str, keys: Collection[str]) -> None:
        """A record made anew in a row is the newest write's: earlier ones made none that is left.

        Only a kind inside another's rows comes back under the key that it had.
        """
        c = self.applied.c
        earlier = (c.tbl == label, c.op == Op.CREATE, c.key.in_(list(keys)))
        tx.execute(sa.update(self.applied).where(*earlier).values(op="created"))

    def forget_intents(self, tx: sa.Connection, intents: Sequence[str]) -> None:
        tx.execute(sa.delete(self.applied).where(self.applied.c.intent.in_(intents)))

    def forget_rows(self, tx: sa.Connection, spec: KindTable, keys: Sequence[str]) -> None:
        """Forget changes of these rows, and our writes to them."""
        for table, name in ((self.journal, spec.table), (self.applied, spec.label)):
            tx.execute(sa.delete(table).where(table.c.tbl == name, table.c.key.in_(list(keys))))


def _texts(tx: sa.Connection, query: sa.Select[Any]) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in tx.execute(query)}


def landed_anywhere(tx: sa.Connection, intents: Collection[str]) -> Mapping[str, str]:
    """As `Tables.landed`, whichever state worked on this database then."""
    prefix = f"{triggers.PREFIX}_applied_"
    names = [n for n in sa.inspect(tx).get_table_names() if n.startswith(prefix)]
    found: dict[str, str] = {}
    for name in sorted(names):
        found |= Tables.named(name.removeprefix(prefix)).landed(tx, intents)
    return found


# --- what stands in `applied` beside writes -------------------------------------------------------


def identity_of(tx: sa.Connection, store_id: str) -> str | None:
    """The database's name for itself; None if we are not installed in it."""
    tables = Tables.named(store_id)
    if not sa.inspect(tx).has_table(tables.applied.name):
        return None
    c = tables.applied.c
    found: str | None = tx.execute(sa.select(c.key).where(c.intent == IDENTITY)).scalar()
    return found


def set_identity(tx: sa.Connection, store_id: str, identity: str) -> None:
    row = {"intent": IDENTITY, "tbl": "", "key": identity, "op": IDENTITY}
    tx.execute(sa.insert(Tables.named(store_id).applied).values(row))


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
