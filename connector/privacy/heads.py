"""The ends of the log of events, kept apart from it, in the keys database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from connector.privacy.keys_database import HEAD, OurErrors


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of the log at some moment: its number, its hash, microseconds since 1970."""

    seq: int
    mac: bytes
    at_us: int


class Heads:
    """The heads of every state that these keys serve."""

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
