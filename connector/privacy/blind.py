"""Find equal values without opening any: a keyed hash for each kind of identifier.

While the index key is rotated there are two keys, and each value has a digest under both; see
`keeping/indexing.py`.

Two fields that hold the same kind of identifier (a customer's and a member's e-mail) share one
index key, or they would never meet. Values come normalised; how is the caller's matter.
"""

from __future__ import annotations

import hmac
from typing import Final

from connector.privacy.envelope import lp
from connector.privacy.keys import KeyState, Purpose, derive
from connector.privacy.ring import Ring

INDEX_BYTES: Final = 16
KID_BYTES: Final = 4

IN_USE: Final = (KeyState.PENDING, KeyState.ACTIVE, KeyState.DECRYPT_ONLY)
"""Index keys that values are written and looked for under. A draining one no longer is."""


class Blind:
    """Blind indexes of one tenant."""

    def __init__(self, ring: Ring) -> None:
        self._tenant = ring.tenant
        used = [key for key in reversed(ring.of(Purpose.INDEX)) if key.state in IN_USE]
        self._roots = [
            (mark_of(key.kid, ring.first_index), key.derive(lp("root", "idx"))) for key in used
        ]
        self._macs: dict[str, list[tuple[bytes, hmac.HMAC]]] = {}

    def __repr__(self) -> str:
        return "<Blind>"

    def __call__(self, identifier_kind: str, value: str) -> tuple[bytes, ...]:
        """Equal for equal values of one kind of identifier, for this tenant only: 16 bytes under
        the ring's first index key, 20 under a later one; the oldest key's first."""
        macs = self._macs.get(identifier_kind)
        if macs is None:
            label = lp("idx", self._tenant, identifier_kind)
            macs = self._macs[identifier_kind] = [
                (mark, hmac.new(derive(root, label), digestmod="sha256"))
                for mark, root in self._roots
            ]
        return tuple([_digest(mark, mac, value.encode()) for mark, mac in macs])


def _digest(mark: bytes, mac: hmac.HMAC, value: bytes) -> bytes:
    mac = mac.copy()
    mac.update(value)
    return mark + mac.digest()[:INDEX_BYTES]


def mark_of(kid: int, first: int) -> bytes:
    """What digests under an index key begin with: its id; nothing under the ring's first one,
    whose digests are older than this mark."""
    return b"" if kid == first else kid.to_bytes(KID_BYTES, "big")
