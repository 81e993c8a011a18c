"""One data key for each person, wrapped; destroying it destroys their data.

A subject's key is committed to the keys database before the first document it seals.
"""

from __future__ import annotations

import hmac
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Engine, bindparam, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from connector.errors import SealError
from connector.privacy.envelope import CANNOT_OPEN, Cipher, cipher, header, lp
from connector.privacy.keys import Purpose, check_value
from connector.privacy.keys_database import MIRROR, SUBJECT, OurErrors, open_keys_database
from connector.privacy.providers import KEY_BYTES
from connector.privacy.ring import Ring

LIVE: Final = "live"
RESTRICTED: Final = "restricted"
SHREDDING: Final = "shredding"
SHREDDED: Final = "shredded"
MISSING: Final = "missing"

CACHED_SUBJECTS: Final = 4096
_IN_LIMIT: Final = 500
"""Values in one IN: far below any database's limit of bound parameters."""


class _Open:
    """A subject in memory. Not a dataclass: a generated `repr` would show what it holds."""

    __slots__ = ("ciphers", "gen", "head", "state")

    def __init__(self, state: str, gen: int, ciphers: dict[int, Cipher], suite: int) -> None:
        self.state = state
        self.gen = gen
        self.ciphers = ciphers
        self.head = header(suite, gen)


class Subjects:
    """Subject keys, cached; safe for threads. Another process's changes show after `refresh`."""

    def __init__(
        self,
        url: str,
        ring: Callable[[], Ring],
        now: Callable[[], datetime],
        newest: Callable[[], Ring] | None = None,
    ) -> None:
        """`newest` reads the ring anew: another process may have rotated a key since."""
        self._ring = ring
        self._newest = newest or ring
        self._now = now
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, _Open] = OrderedDict()
        self._engine = open_keys_database(url)

    def __repr__(self) -> str:
        return "<Subjects>"

    @property
    def engine(self) -> Engine:
        """The keys database, for what else stands in it."""
        return self._engine

    def close(self) -> None:
        self.refresh()
        self._engine.dispose()

    def refresh(self) -> None:
        """Forget what is cached. A pass does so at its start."""
        with self._lock:
            self._cache.clear()

    def create(self, count: int) -> list[str]:
        """Make subjects, each with a fresh key; they are committed when this returns."""
        ring = self._ring()
        wrap = ring.active(Purpose.WRAP)
        created = int(self._now().timestamp() * 1_000_000)
        rows: list[dict[str, Any]] = []
        fresh: list[tuple[str, _Open]] = []
        for _ in range(count):
            subject, key, nonce = os.urandom(16).hex(), os.urandom(KEY_BYTES), os.urandom(12)
            where = _context(ring.tenant, subject, 1)
            rows.append(
                {
                    "subject_id": subject,
                    "gen": 1,
                    "wrap_kid": wrap.kid,
                    "nonce": nonce,
                    "ct": wrap.cipher.encrypt(nonce, key, where),
                    "kcv": check_value(key, where),
                    "state": LIVE,
                    "created_us": created,
                }
            )
            fresh.append((subject, _Open(LIVE, 1, {1: cipher(wrap.suite, key)}, wrap.suite)))
        if rows:
            with OurErrors(), self._engine.begin() as database:
                database.execute(insert(SUBJECT), rows)
        self._remember(fresh)
        return [subject for subject, _ in fresh]

    def preload(self, subjects: Iterable[str]) -> None:
        """Load the keys of those not cached, with one IN query for each few hundred."""
        with self._lock:
            wanted = iter([one for one in dict.fromkeys(subjects) if one not in self._cache])
        while some := list(islice(wanted, _IN_LIMIT)):
            self._load(some)

    def state(self, subject: str) -> str:
        """live, restricted, shredding, shredded; missing if there is no such subject."""
        found = self._get(subject)
        return MISSING if found is None else found.state

    def sealing(self, subject: str) -> tuple[Cipher, bytes]:
        """The key that seals for a subject now, and its header. Raises: SealError."""
        found = self._get(subject)
        if found is None:
            raise _missing()
        if found.state not in (LIVE, RESTRICTED):
            raise SealError(f"Nothing is sealed for a subject that is {found.state}.")
        return found.ciphers[found.gen], found.head

    def opening(self, subject: str, gen: int) -> Cipher:
        """The key of one generation. Raises: SealError; `missing` if it ought to be there."""
        found = self._get(subject)
        if found is None:
            raise _missing()
        if found.state == SHREDDED:
            raise SealError("The subject was erased: its key is destroyed for good.")
        if gen not in found.ciphers:
            raise SealError(CANNOT_OPEN)
        return found.ciphers[gen]

    def set_state(self, subjects: Sequence[str], state: str) -> None:
        """Move subjects to a state other than `shredded`, which only `shred` gives."""
        assert state in (LIVE, RESTRICTED, SHREDDING), "use shred() for the last state"
        with OurErrors(), self._engine.begin() as database:
            database.execute(
                update(SUBJECT)
                .where(SUBJECT.c.subject_id.in_(subjects), SUBJECT.c.state != SHREDDED)
                .values(state=state)
            )
        self._drop(subjects)

    def shred(self, subjects: Sequence[str]) -> None:
        """Destroy the keys of subjects, on the medium too as far as the database can."""
        with OurErrors(), self._engine.begin() as database:
            database.execute(
                update(SUBJECT)
                .where(SUBJECT.c.subject_id.in_(subjects))
                .values(state=SHREDDED, nonce=b"", ct=b"", kcv=b"")
            )
        self.forget_deleted()
        self._drop(subjects)

    # --- rotation of the wrap key -----------------------------------------------------------------

    def wrapped_under(self) -> dict[int, int]:
        """How many subject keys lie under each wrap key, by its id."""
        table = SUBJECT.c
        query = select(table.wrap_kid, func.count()).where(table.state != SHREDDED)
        with OurErrors(), self._engine.connect() as database:
            rows = database.execute(query.group_by(table.wrap_kid)).all()
        return {kid: count for kid, count in rows}

    def wrap_anew(self, after: tuple[str, int], limit: int) -> tuple[int, tuple[str, int] | None]:
        """Move the next page of keys behind `after` under the active wrap key, in one transaction.

        Returns how many moved, and where to go on; None at the end. A row that somebody shreds or
        moves meanwhile stays as he left it.
        """
        ring, table = self._ring(), SUBJECT.c
        wrap = ring.active(Purpose.WRAP)
        query = (
            select(table.subject_id, table.gen, table.wrap_kid, table.nonce, table.ct, table.kcv)
            .where(table.wrap_kid != wrap.kid, table.state != SHREDDED)
            .where(tuple_(table.subject_id, table.gen) > tuple_(*after))
            .order_by(table.subject_id, table.gen)
            .limit(limit)
        )
        moved = 0
        with OurErrors(), self._engine.connect() as database:
            rows = database.execute(query).all()
        with OurErrors(), self._engine.begin() as database:
            for subject, gen, kid, nonce, ct, kcv in rows:
                key = _unwrap(ring, subject, gen, kid, nonce, ct, kcv)
                fresh = os.urandom(12)
                sealed = wrap.cipher.encrypt(fresh, key, _context(ring.tenant, subject, gen))
                as_read = (table.subject_id == subject, table.gen == gen, table.nonce == nonce)
                change = update(SUBJECT).where(*as_read)
                done = database.execute(change.values(wrap_kid=wrap.kid, nonce=fresh, ct=sealed))
                moved += done.rowcount
        return moved, (rows[-1][0], rows[-1][1]) if len(rows) == limit else None

    def forget_deleted(self) -> None:
        """Leave no deleted bytes in SQLite's write-ahead log, where `secure_delete` keeps them."""
        if self._engine.dialect.name == "sqlite":
            with OurErrors(), self._engine.connect() as database:
                database.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    # --- the mirrored number of runs --------------------------------------------------------------

    def generation(self, store_id: str) -> int:
        """The number of a state's last run as this database knows it; 0: none."""
        with OurErrors(), self._engine.connect() as database:
            return _generation(database, store_id)

    def served_another(self, store_id: str) -> bool:
        """Whether these keys were used with another state store before."""
        query = select(MIRROR.c.store_id).where(MIRROR.c.store_id != store_id).limit(1)
        with OurErrors(), self._engine.connect() as database:
            return database.execute(query).first() is not None

    def set_generation(self, store_id: str, number: int) -> None:
        """Note the number of a run; a greater one that is noted already stays."""
        with OurErrors():
            while not self._noted(store_id, number):
                pass  # another worker was faster: what it noted is seen now

    def _noted(self, store_id: str, number: int) -> bool:
        table = MIRROR.c
        try:
            with self._engine.begin() as database:
                known = _generation(database, store_id)
                if known == 0:
                    database.execute(insert(MIRROR).values(store_id=store_id, generation=number))
                    return True
                if known >= number:
                    return True
                of_known = update(MIRROR).where(
                    table.store_id == store_id, table.generation == known
                )
                return database.execute(of_known.values(generation=number)).rowcount == 1
        except IntegrityError:
            return False

    def _get(self, subject: str) -> _Open | None:
        with self._lock:
            found = self._cache.get(subject)
            if found is not None:
                self._cache.move_to_end(subject)
                return found
        self._load([subject])
        with self._lock:
            return self._cache.get(subject)

    def _load(self, subjects: Sequence[str]) -> None:
        with OurErrors(), self._engine.connect() as database:
            rows = database.execute(_KEYS, {"subjects": list(subjects)}).all()
        ring = self._ring()
        if any(ring.key(row.wrap_kid) is None for row in rows if row.state != SHREDDED):
            ring = self._newest()
        suite = ring.active(Purpose.WRAP).suite
        found: dict[str, _Open] = {}
        for subject, gen, kid, nonce, ct, kcv, state in rows:
            known = found.setdefault(subject, _Open(state, gen, {}, suite))
            known.gen, known.state, known.head = gen, state, header(suite, gen)
            if state != SHREDDED:
                key = _unwrap(ring, subject, gen, kid, nonce, ct, kcv)
                known.ciphers[gen] = cipher(suite, key)
        self._remember(found.items())

    def _remember(self, found: Iterable[tuple[str, _Open]]) -> None:
        with self._lock:
            self._cache.update(found)
            while len(self._cache) > CACHED_SUBJECTS:
                self._cache.popitem(last=False)

    def _drop(self, subjects: Iterable[str]) -> None:
        with self._lock:
            for subject in subjects:
                self._cache.pop(subject, None)


_KEYS = (
    select(
        *(SUBJECT.c[n] for n in ("subject_id", "gen", "wrap_kid", "nonce", "ct", "kcv", "state"))
    )
    .where(SUBJECT.c.subject_id.in_(bindparam("subjects", expanding=True)))
    .order_by(SUBJECT.c.subject_id, SUBJECT.c.gen)
)
_GENERATION = select(MIRROR.c.generation).where(MIRROR.c.store_id == bindparam("store_id"))


def _generation(database: Connection, store_id: str) -> int:
    return database.execute(_GENERATION, {"store_id": store_id}).scalar() or 0


def _missing() -> SealError:
    return SealError(
        "The subject's key is missing from the keys database.",
        hint="Restore the keys database from its own backup.",
        missing=True,
    )


def _context(tenant: str, subject: str, gen: int) -> bytes:
    return lp("subject", tenant, subject, str(gen))


def _unwrap(
    ring: Ring, subject: str, gen: int, kid: int, nonce: bytes, ct: bytes, kcv: bytes
) -> bytes:
    wrap = ring.key(kid)
    if wrap is None or wrap.purpose is not Purpose.WRAP:
        raise SealError(
            "A subject's key was wrapped under a key that the ring does not have.",
            hint="Restore ring and keys database from the same key backup.",
        )
    where = _context(ring.tenant, subject, gen)
    try:
        key = wrap.cipher.decrypt(nonce, ct, where)
    except (InvalidTag, ValueError):
        raise SealError(CANNOT_OPEN) from None
    if not hmac.compare_digest(check_value(key, where), kcv):
        raise SealError(CANNOT_OPEN)
    return key
