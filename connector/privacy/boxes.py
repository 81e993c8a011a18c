"""Boxes: what one seals for a reader, without being able to read it again.

::

    0xC1 "box" 1 | kid u32 | a public key of one use, 32 bytes | nonce 12 | ciphertext and tag 16

    key = HKDF-SHA256 of X25519(key of one use, the reader's key), bound to both public keys
    aad = all before the nonce | context of the document, see `envelope.py`

A run seals with the reader's public key. The private one is key `kid` of the ring, of purpose
`disclose`. No document begins with 0xC1.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connector.errors import SealError
from connector.privacy.envelope import CANNOT_OPEN, NONCE_BYTES, lp

MAGIC: Final = b"\xc1box\x01"
_KID_AT: Final = len(MAGIC)
_PUBLIC_AT: Final = _KID_AT + 4
_NONCE_AT: Final = _PUBLIC_AT + 32
_BODY_AT: Final = _NONCE_AT + NONCE_BYTES


def public_of(private: bytes) -> bytes:
    """The public half of 32 bytes of key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def box(public: bytes, kid: int, where: bytes, plain: bytes) -> bytes:
    """Seal for the reader who has the private half."""
    once = X25519PrivateKey.generate()
    head = MAGIC + kid.to_bytes(4, "big") + once.public_key().public_bytes_raw()
    key = _key(once.exchange(X25519PublicKey.from_public_bytes(public)), head, public)
    nonce = os.urandom(NONCE_BYTES)
    return head + nonce + AESGCM(key).encrypt(nonce, plain, head + where)


def is_box(plain: bytes) -> bool:
    """Whether an opened document is one more time sealed."""
    return plain.startswith(MAGIC)


def kid_of(sealed: bytes) -> int:
    """The key of the ring that opens a box."""
    return int.from_bytes(sealed[_KID_AT:_PUBLIC_AT], "big")


def unbox(private: bytes, where: bytes, sealed: bytes) -> bytes:
    """Open a box. Raises: SealError."""
    head = sealed[:_NONCE_AT]
    try:
        once = X25519PublicKey.from_public_bytes(head[_PUBLIC_AT:])
        shared = X25519PrivateKey.from_private_bytes(private).exchange(once)
        key = _key(shared, head, public_of(private))
        return AESGCM(key).decrypt(sealed[_NONCE_AT:_BODY_AT], sealed[_BODY_AT:], head + where)
    except (InvalidTag, ValueError):
        raise SealError(CANNOT_OPEN) from None


def _key(shared: bytes, head: bytes, public: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=lp("box", head, public)).derive(
        shared
    )
