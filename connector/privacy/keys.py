"""What the keys are for, and key objects that do not let their bytes be seen by accident."""

from __future__ import annotations

import hmac
import os
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from connector.errors import SealError
from connector.privacy.boxes import unbox
from connector.privacy.envelope import CANNOT_OPEN, NONCE_BYTES, RING_BIT, Cipher, cipher, header

KCV_BYTES: Final = 16


class Purpose(StrEnum):
    """Purposes never share a key."""

    WRAP = "wrap"
    """Wraps subject keys."""
    SECRETS = "secrets"
    """Seals access tokens and places in a vendor's pages."""
    STAGING = "staging"
    """Seals what has no subject yet; rotated weekly."""
    DIGEST = "digest"
    REF = "ref"
    """External keys. Never rotated while a vendor's record carries one."""
    INDEX = "index"
    """Blind indexes."""
    SUPPRESS = "suppress"
    """Suppression tokens. Never destroyed."""
    AUDIT = "audit"
    BACKUP = "backup"
    PSEUDONYM = "pseudonym"
    """Derives one key for each destination: what one is sent in place of a value."""
    DISCLOSE = "disclose"
    """Opens what is kept only for people to read. In a split ring it is the privacy officer's."""


OFFICER: Final = "privacy-officer"
"""The profile that alone is released the key `disclose`, where the ring is split."""

ADDED_LATER: Final = (Purpose.PSEUDONYM, Purpose.DISCLOSE)
"""Purposes that a ring may lack because it was made before there was such a purpose."""


class KeyState(StrEnum):
    """A key's life, in this order. One key of a purpose is active.

    `RETIRED` is kept and used for nothing: the last look before `DESTROYED`, which keeps the
    entry and not the key.
    """

    PENDING = "pending"
    ACTIVE = "active"
    DECRYPT_ONLY = "decrypt_only"
    """No longer active; a run that began before may still seal under it."""
    DRAINING = "draining"
    """Nothing seals under it any more; what lies under it moves to the active key."""
    RETIRED = "retired"
    DESTROYED = "destroyed"


READABLE: Final = (
    KeyState.PENDING,
    KeyState.ACTIVE,
    KeyState.DECRYPT_ONLY,
    KeyState.DRAINING,
)
"""Keys in these states open what they sealed."""


def derive(key: bytes, label: bytes) -> bytes:
    """Derive 32 bytes for one use of a key."""
    return HKDFExpand(algorithm=SHA256(), length=32, info=label).derive(key)


def check_value(key: bytes, label: bytes) -> bytes:
    """A mark that commits to a key: AES-GCM alone lets one ciphertext open under two keys."""
    return hmac.digest(key, b"kcv" + label, "sha256")[:KCV_BYTES]


class RingKey:
    """One open key of the ring. Its bytes show neither in `repr` nor in a pickle."""

    __slots__ = ("__dict__", "_key", "created", "kid", "purpose", "state", "stopped", "suite")

    def __init__(
        self,
        kid: int,
        purpose: Purpose,
        suite: int,
        state: KeyState,
        created: datetime,
        stopped: datetime | None,
        key: bytes,
    ) -> None:
        """`stopped`: when it was last the active key of its purpose."""
        self.kid = kid
        self.purpose = purpose
        self.suite = suite
        self.state = state
        self.created = created
        self.stopped = stopped
        self._key = key

    def __repr__(self) -> str:
        return f"<RingKey {self.kid} {self.purpose} {self.state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key cannot be pickled or copied.")

    @cached_property
    def cipher(self) -> Cipher:
        return cipher(self.suite, self._key)

    @cached_property
    def header(self) -> bytes:
        return header(self.suite, RING_BIT | self.kid)

    def derive(self, label: bytes) -> bytes:
        return derive(self._key, label)

    def unbox(self, where: bytes, sealed: bytes) -> bytes:
        """Open a box (`boxes.py`) with this key. Raises: SealError."""
        return unbox(self._key, where, sealed)

    def wrap(self, key: bytes, where: bytes) -> bytes:
        """Wrap another key for the place `where`."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self.cipher.encrypt(nonce, key, where)

    def unwrap(self, wrapped: bytes, where: bytes) -> bytes:
        """The inverse of `wrap`. Raises: SealError."""
        try:
            return self.cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], where)
        except (InvalidTag, ValueError):
            raise SealError(CANNOT_OPEN) from None

    def mac(self) -> hmac.HMAC:
        """A keyed hash to copy and feed."""
        return hmac.new(self._key, digestmod="sha256")


class OfficersKey(RingKey):
    """A key of purpose `disclose` of a split ring, as everybody has it: it seals boxes. Its private
    half is wrapped by the officer's own provider, and the ring's other keys do not open it."""

    def __init__(
        self, about: RingKey, public: bytes, wrapped: bytes, known: bytes, where: bytes
    ) -> None:
        """`known`: the mark that commits to the private half; see `check_value`."""
        super().__init__(
            about.kid, about.purpose, about.suite, about.state, about.created, about.stopped, b""
        )
        self.public = public
        self.wrapped = wrapped
        self._known, self._where = known, where

    def with_private(self, private: bytes) -> RingKey:
        """The same key, opened. Raises: SealError if this is not its private half."""
        if not hmac.compare_digest(check_value(private, self._where), self._known):
            raise SealError(f"Key {self.kid} of the ring is not the one that was put there.")
        return RingKey(
            self.kid, self.purpose, self.suite, self.state, self.created, self.stopped, private
        )

    @property
    def where(self) -> bytes:
        """What the private half is bound to as it is wrapped."""
        return self._where
