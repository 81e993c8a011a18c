"""Find equal values without opening any: a keyed hash for each kind of identifier.

Two fields that hold the same kind of identifier (a customer's and a member's e-mail) share one
index key, or they would never meet. Values come normalised; how is the caller's matter.
"""

from __future__ import annotations

import hmac

from connector.privacy.envelope import lp
from connector.privacy.keys import RingKey, derive

INDEX_BYTES = 16


class Blind:
    """Blind indexes of one tenant."""

    def __init__(self, key: RingKey, tenant: str) -> None:
        self._root = key.derive(lp("root", "idx"))
        self._tenant = tenant
        self._macs: dict[str, hmac.HMAC] = {}

    def __repr__(self) -> str:
        return "<Blind>"

    def __call__(self, identifier_kind: str, value: str) -> bytes:
        """16 bytes, equal for equal values of one kind of identifier, for this tenant only."""
        mac = self._macs.get(identifier_kind)
        if mac is None:
            key = derive(self._root, lp("idx", self._tenant, identifier_kind))
            mac = self._macs[identifier_kind] = hmac.new(key, digestmod="sha256")
        mac = mac.copy()
        mac.update(value.encode())
        return mac.digest()[:INDEX_BYTES]
