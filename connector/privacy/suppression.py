"""Tokens of the erased: whether a record is one of theirs, told without keeping what they were.

A token is a keyed hash of an identifying value or of an id, under a key that does nothing else and
is never destroyed. A later key makes new tokens; those of earlier ones are asked for too, since
nobody has the values any more that new ones could be made of.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from connector.errors import SealError
from connector.privacy.envelope import lp
from connector.privacy.keys import Purpose, RingKey
from connector.privacy.keys_database import SUPPRESSION, OurErrors
from connector.privacy.ring import Ring

TOKEN_BYTES = 16
_IN_LIMIT = 500

Labelled = tuple[str, str]
"""What kind of identifier (`email/1`, `local/customer`), and its normal form."""


@dataclass(frozen=True, slots=True)
class Token:
    """One suppressed identifier: its kind in clear, the id of the key, and the hash."""

    label: str
    kid: int
    digest: bytes


class Suppression:
    """What must not come back. What another process suppresses shows after `refresh`."""

    def __init__(
        self, engine: Engine, ring: Callable[[], Ring], reload: Callable[[], Ring]
    ) -> None:
        self._engine = engine
        self._ring = ring
        self._reload = reload
        self._known: bool | None = None
        self._macs: dict[int, hmac.HMAC] = {}

    def __repr__(self) -> str:
        return "<Suppression>"

    def refresh(self) -> None:
        """Ask again, at the next question, whether there is anything at all."""
        self._known = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody was ever erased: then nothing has to be asked of any record.

        Asked of the database once after each `refresh`. Raises: SealError if the ring lacks a key.
        """
        if self._known is None:
            with OurErrors(), self._engine.connect() as database:
                newest = database.execute(select(func.max(SUPPRESSION.c.kid))).scalar()
            # Another process may have put a new key into the ring since it was read.
            rings = (self._ring, self._reload)
            if newest is not None and all(ring().key(newest) is None for ring in rings):
                raise SealError(
                    "The key ring lacks the key that the erased are known again by.",
                    hint="Restore ring and keys database from the same key backup.",
                )
            self._known = newest is not None
        return not self._known

    def tokens(self, asked: Iterable[Labelled]) -> list[Token]:
        """Tokens under the key of today, each once."""
        key = self._ring().active(Purpose.SUPPRESS)
        return [
            Token(label, key.kid, self._digest(key, label, value))
            for label, value in dict.fromkeys(asked)
        ]

    def hits(self, asked: Mapping[str, Iterable[Labelled]]) -> dict[str, set[str]]:
        """Of these names, those with suppressed identifiers, and of what kinds these are."""
        if not asked or self.is_empty:
            return {}
        keys = self._ring().of(Purpose.SUPPRESS)
        wanted: dict[bytes, list[tuple[str, str]]] = {}
        for name, labelled in asked.items():
            for label, value in labelled:
                for key in keys:
                    digest = self._digest(key, label, value)
                    wanted.setdefault(digest, []).append((name, label))
        found: dict[str, set[str]] = {}
        for digest in self._among(list(wanted)):
            for name, label in wanted[digest]:
                found.setdefault(name, set()).add(label)
        return found

    def _among(self, digests: list[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        with OurErrors(), self._engine.connect() as database:
            for start in range(0, len(digests), _IN_LIMIT):
                some = digests[start : start + _IN_LIMIT]
                query = select(SUPPRESSION.c.token).where(SUPPRESSION.c.token.in_(some))
                found.update(bytes(token) for token in database.execute(query).scalars())
        return found

    def _digest(self, key: RingKey, label: str, value: str) -> bytes:
        mac = self._macs.get(key.kid)
        if mac is None:
            secret = key.derive(lp("suppress", self._ring().tenant))
            mac = self._macs[key.kid] = hmac.new(secret, digestmod="sha256")
        mac = mac.copy()
        # The value needs no length in front: nothing follows it.
        mac.update(lp(label))
        mac.update(value.encode("utf-8", "surrogatepass"))
        return mac.digest()[:TOKEN_BYTES]
