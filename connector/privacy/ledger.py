"""The erasure ledger: who was erased when, how far it got, and what of it is suppressed.

It stands in the keys database; each row has a copy in the state and rides in every backup. Whoever
restores one of them replays the rows that the restored one lacks.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from connector.privacy.keys_database import ERASURE, SUBJECT, SUPPRESSION, OurErrors
from connector.privacy.subjects import SHREDDED, SHREDDING, Subjects
from connector.privacy.suppression import Token

OPEN, DONE, LIFTED = "open", "done", "lifted"
_RANK: Final = {OPEN: 0, DONE: 1, LIFTED: 2}
"""An erasure only ever moves on: of two copies of one row the later state is true."""

PLANNED, SENT, VERIFIED, IMPOSSIBLE = "planned", "sent", "verified", "impossible"


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of some records at one place, without their ids.

    `place` is a connection, or `local`. `reason`: why a deletion was impossible, as a code.
    """

    place: str
    kind: str
    state: str
    reason: str | None
    records: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One erasure. `work` is sealed and is there only as long as the erasure is under way."""

    id: str
    at_us: int
    subjects: tuple[str, ...] = ()
    tokens: tuple[Token, ...] = ()
    state: str = OPEN
    step: int = 0
    vendors: tuple[Counted, ...] = ()
    basis: str = ""
    work: bytes | None = field(default=None, repr=False)
    done_us: int | None = None

    def row(self) -> dict[str, Any]:
        """The row as the database holds it, and as it is copied: text and numbers only, but for
        `work`."""
        tokens = [[t.label, t.kid, t.digest.hex()] for t in self.tokens]
        vendors = [[v.place, v.kind, v.state, v.reason, v.records] for v in self.vendors]
        return {
            "id": self.id,
            "subject_id": self.subjects[0] if self.subjects else "",
            "at_us": self.at_us,
            "tokens": json.dumps(tokens),
            "vendors": json.dumps(vendors),
            "basis": self.basis,
            "subjects": json.dumps(list(self.subjects)),
            "state": self.state,
            "step": self.step,
            "work": self.work,
            "done_us": self.done_us,
        }

    @classmethod
    def of(cls, row: Any) -> Entry:
        return cls(
            row["id"],
            row["at_us"],
            tuple(json.loads(row["subjects"])),
            tuple(Token(label, kid, bytes.fromhex(x)) for label, kid, x in _list(row["tokens"])),
            row["state"],
            row["step"],
            tuple(Counted(*one) for one in _list(row["vendors"])),
            row["basis"],
            row["work"],
            row["done_us"],
        )

    def pack(self) -> str:
        """The row as JSON text, for the copies."""
        row = self.row()
        row["work"] = None if self.work is None else base64.b64encode(self.work).decode()
        return json.dumps(row, sort_keys=True)

    @classmethod
    def unpack(cls, text: str) -> Entry:
        row = json.loads(text)
        row["work"] = None if row["work"] is None else base64.b64decode(row["work"])
        return cls.of(row)

    @property
    def mark(self) -> str:
        """How far it is, in a word: equal marks of one id are equal entries."""
        return f"{self.state}/{self.step}"

    def is_later_than(self, other: Entry) -> bool:
        mine, its = (_RANK[self.state], self.step), (_RANK[other.state], other.step)
        return mine > its

    @property
    def suppresses(self) -> bool:
        return self.state != LIFTED


def _list(text: str) -> list[Any]:
    found: list[Any] = json.loads(text)
    return found


class Ledger:
    """The erasures of one keys database."""

    def __init__(self, subjects: Subjects, changed: Callable[[], None]) -> None:
        """`changed` is called after what is suppressed has changed."""
        self._subjects = subjects
        self._engine = subjects.engine
        self._changed = changed

    def __repr__(self) -> str:
        return "<Ledger>"

    def save(self, entry: Entry) -> None:
        """Write an entry whole: what it suppresses, its subjects' state and its row, at once.

        Subjects that are not shredded yet turn `shredding`, unless the erasure was lifted.
        """
        with OurErrors(), self._engine.begin() as database:
            self._write(database, entry)
        self._subjects.refresh()
        self._changed()

    def _write(self, database: Connection, entry: Entry) -> None:
        database.execute(delete(ERASURE).where(ERASURE.c.id == entry.id))
        database.execute(insert(ERASURE).values(entry.row()))
        database.execute(delete(SUPPRESSION).where(SUPPRESSION.c.erasure == entry.id))
        rows = [
            {"token": t.digest, "kid": t.kid, "label": t.label, "erasure": entry.id}
            for t in entry.tokens
        ]
        if rows and entry.suppresses:
            database.execute(insert(SUPPRESSION), rows)
        if entry.subjects and entry.suppresses:
            database.execute(
                update(SUBJECT)
                .where(SUBJECT.c.subject_id.in_(entry.subjects), SUBJECT.c.state != SHREDDED)
                .values(state=SHREDDING)
            )

    def note(self, entry: Entry) -> None:
        """Write how far an erasure got; nothing of what it suppresses has changed."""
        with OurErrors(), self._engine.begin() as database:
            database.execute(update(ERASURE).where(ERASURE.c.id == entry.id).values(entry.row()))

    def entries(self) -> list[Entry]:
        """All of them, the oldest first."""
        query = select(ERASURE).order_by(ERASURE.c.at_us, ERASURE.c.id)
        with OurErrors(), self._engine.connect() as database:
            return [Entry.of(row) for row in database.execute(query).mappings()]

    def entry(self, entry_id: str) -> Entry | None:
        query = select(ERASURE).where(ERASURE.c.id == entry_id)
        with OurErrors(), self._engine.connect() as database:
            row = database.execute(query).mappings().first()
        return None if row is None else Entry.of(row)

    def marks(self) -> dict[str, str]:
        """Each erasure's id with its mark: enough to tell whether a copy is behind."""
        query = select(ERASURE.c.id, ERASURE.c.state, ERASURE.c.step)
        with OurErrors(), self._engine.connect() as database:
            return {row.id: f"{row.state}/{row.step}" for row in database.execute(query)}

    def replay(self, entries: Iterable[Entry]) -> Sequence[Entry]:
        """Take over what a copy of the ledger knows better; returns what was taken.

        Keys of people whose erasure had ended are destroyed again, and stay so.
        """
        taken = []
        for one in entries:
            known = self.entry(one.id)
            if known is None or one.is_later_than(known):
                self.save(one)
                taken.append(one)
        self._subjects.shred([s for one in taken if one.state == DONE for s in one.subjects])
        return taken

    def lift(self, entry: Entry) -> Entry:
        """Let the person come back: nothing of theirs is suppressed any more. The rest of the entry
        stays, as do its destroyed keys."""
        lifted = replace(entry, state=LIFTED, tokens=())
        self.save(lifted)
        return lifted
