"""The keyed hashes of the log of events: each entry is hashed together with the one before it."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from connector.errors import SealError
from connector.privacy.envelope import lp
from connector.privacy.keys import Purpose, RingKey
from connector.privacy.ring import Ring

STEP: Final = 1000
"""Entries under one step of the key; then it moves on, and from a later step no earlier one can be
made."""


class Audit:
    """Hashes entries under the ring's key for the log. Safe for threads."""

    def __init__(self, ring: Callable[[], Ring], newest: Callable[[], Ring]) -> None:
        """`newest` reads the ring again: another process may have put a new key into it."""
        self._ring = ring
        self._newest = newest
        self._at: tuple[int, int, bytes] | None = None

    def __repr__(self) -> str:
        return "<Audit>"

    @property
    def kid(self) -> int:
        """The id of the key that new entries are hashed under."""
        return self._ring().active(Purpose.AUDIT).kid

    def mac(self, kid: int, seq: int, content: bytes) -> bytes:
        """32 bytes for the entry of this number. Raises: SealError if the ring lacks the key."""
        return hmac.digest(self._key(kid, seq // STEP), content, "sha256")

    def holds(self, kid: int, seq: int, content: bytes, mac: bytes) -> bool:
        """Whether this is the entry's hash. Raises: as `mac`."""
        return hmac.compare_digest(self.mac(kid, seq, content), mac)

    def _key(self, kid: int, step: int) -> bytes:
        at = self._at
        if at is None or at[0] != kid or at[1] > step:
            at = kid, 0, self._first(kid)
        _, reached, key = at
        for _ in range(step - reached):
            key = hmac.digest(key, b"next", "sha256")
        self._at = kid, step, key
        return key

    def _first(self, kid: int) -> bytes:
        key = self._found(self._ring(), kid) or self._found(self._newest(), kid)
        if key is None:
            raise SealError(
                f"The key ring lacks key {kid}, under which entries of the log are hashed.",
                hint="Restore the ring from your key backup.",
            )
        return key.derive(lp("audit", self._ring().tenant))

    @staticmethod
    def _found(ring: Ring, kid: int) -> RingKey | None:
        return next((key for key in ring.of(Purpose.AUDIT) if key.kid == kid), None)
