"""The ends of the log of events, kept apart from it, in the keys database."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from connector.privacy.keys_database import HEAD, RESTORE, OurErrors


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of the log at some moment: its number, its hash, microseconds since 1970."""

    seq: int
    mac: bytes
    at_us: int


Mark = tuple[int, bytes]
"""An entry of the log: its number, its hash."""


BEGUN: Final[Mark] = (-1, b"")


@dataclass(frozen=True, slots=True)
class Restore:
    """A state that was put back: when, and of when the copy is (ISO 8601). `end`: the log's last
    entry as it was put back; (0, b"") if it had none. `lost`: ends that it no longer leads to.

    One that is only begun has `BEGUN` as its end, and the ends that were missing before as `lost`.
    """

    id: str
    at_us: int
    made: str
    end: Mark
    lost: frozenset[Mark]


class Heads:
    """The heads of every state that these keys serve, and what was put back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, store_id: str) -> list[Head]:
        """All heads of a state's log, oldest number first."""
        query = select(HEAD.c.seq, HEAD.c.mac, HEAD.c.at_us).where(HEAD.c.store_id == store_id)
        with OurErrors(), self._engine.connect() as database:
            rows = database.execute(query.order_by(HEAD.c.seq)).all()
        return [Head(seq, bytes.fromhex(mac), at_us) for seq, mac, at_us in rows]

    def note(self, store_id: str, head: Head, replaced: Collection[Head]) -> None:
        """Keep a head in place of earlier ones that lead to it."""
        old = [one.mac.hex() for one in (*replaced, head)]
        values = {"store_id": store_id, "mac": head.mac.hex(), "seq": head.seq}
        with OurErrors():
            try:
                with self._engine.begin() as database:
                    database.execute(
                        delete(HEAD).where(HEAD.c.store_id == store_id, HEAD.c.mac.in_(old))
                    )
                    database.execute(insert(HEAD).values(**values, at_us=head.at_us))
            except IntegrityError:
                pass  # another worker noted the same one at the same moment

    def restores(self, store_id: str) -> list[Restore]:
        """What was put back of a state, the newest first."""
        query = select(RESTORE).where(RESTORE.c.store_id == store_id)
        with OurErrors(), self._engine.connect() as database:
            rows = database.execute(query.order_by(RESTORE.c.at_us.desc(), RESTORE.c.id)).all()
        return [
            Restore(
                row.id,
                row.at_us,
                row.made,
                (row.seq, bytes.fromhex(row.mac)),
                frozenset((seq, bytes.fromhex(mac)) for seq, mac in json.loads(row.lost)),
            )
            for row in rows
        ]

    def note_restore(self, store_id: str, one: Restore) -> None:
        """Note a restore, in place of what is noted under its id."""
        lost = sorted((seq, mac.hex()) for seq, mac in one.lost)
        seq, mac = one.end
        values = {"id": one.id, "store_id": store_id, "at_us": one.at_us, "made": one.made}
        with OurErrors(), self._engine.begin() as database:
            database.execute(delete(RESTORE).where(RESTORE.c.id == one.id))
            database.execute(
                insert(RESTORE).values(**values, seq=seq, mac=mac.hex(), lost=json.dumps(lost))
            )

    def forget_restore(self, id_: str) -> None:
        """A restore that was begun has not taken place."""
        with OurErrors(), self._engine.begin() as database:
            database.execute(delete(RESTORE).where(RESTORE.c.id == id_))
