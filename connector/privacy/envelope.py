"""The wire format of sealed bytes, and the two functions that write and read it.

::

    0      1       2       3             7          19
    | 0xC5 | ver=1 | suite | key_ref u32 | nonce 12 | ciphertext and tag 16 |

    aad       = header(7) | lp("cv1") | lp(tenant) | lp(kind) | lp(field) | lp(subject) | lp(record)
    plaintext = type tag (1 byte) | value | 0x80 | zeros to the next 16 bytes
    lp(x)     = length of x as u16, big endian | x

`key_ref` with its top bit clear is a generation of the subject's key; with it set, the rest is the
id of a key in the ring.
"""

from __future__ import annotations

import os
import struct
from functools import lru_cache
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV, ChaCha20Poly1305

from connector.errors import SealError

MAGIC: Final = 0xC5
VERSION: Final = 1
HEADER_BYTES: Final = 7
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
RING_BIT: Final = 0x8000_0000
"""Set in `key_ref` when a key of the ring sealed the data, not a subject's key."""

AES_256_GCM: Final = 1
CHACHA20_POLY1305: Final = 2
AES_256_GCM_SIV: Final = 3

CANNOT_OPEN: Final = "Sealed data cannot be opened: it was altered, or it belongs elsewhere."
"""The one sentence for a bad tag, a bad key, a bad length and bad padding: no oracle."""

_HEADER = struct.Struct(">BBBI")
_BODY_AT = HEADER_BYTES + NONCE_BYTES
_TYPE = b"b"
# The end of the plaintext by its length modulo 16: one table look-up in place of arithmetic.
_PADDING: Final = tuple(b"\x80" + bytes((15 - used) % 16) for used in range(16))


class Cipher(Protocol):
    """An AEAD of `cryptography` that holds one key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


def cipher(suite: int, key: bytes) -> Cipher:
    """Make the AEAD of a suite from 32 bytes of key. Raises: SealError for an unknown suite."""
    if suite == AES_256_GCM:
        return AESGCM(key)
    if suite == CHACHA20_POLY1305:
        return ChaCha20Poly1305(key)
    if suite == AES_256_GCM_SIV:
        return AESGCMSIV(key)
    raise SealError(f"Cipher suite {suite} is not known to this version.")


def lp(*parts: str | bytes) -> bytes:
    """Join parts so that no two different lists give the same bytes.

    >>> lp("ab", "c") == lp("a", "bc")
    False
    """
    out = bytearray()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        if len(raw) > 0xFFFF:
            raise SealError("A name inside a seal is longer than 65535 bytes.")
        out += len(raw).to_bytes(2, "big")
        out += raw
    return bytes(out)


@lru_cache(maxsize=2048)
def _prefix(tenant: str, kind: str, field: str) -> bytes:
    return lp("cv1", tenant, kind, field)


def context(tenant: str, kind: str, field: str, subject: str, record: str | bytes) -> bytes:
    """Say where sealed data belongs; what was sealed for one place opens at no other."""
    one = subject.encode()
    two = record.encode() if isinstance(record, str) else record
    if len(one) > 0xFFFF or len(two) > 0xFFFF:
        raise SealError("A name inside a seal is longer than 65535 bytes.")
    return b"".join(
        (
            _prefix(tenant, kind, field),
            len(one).to_bytes(2, "big"),
            one,
            len(two).to_bytes(2, "big"),
            two,
        )
    )


@lru_cache(maxsize=256)
def header(suite: int, key_ref: int) -> bytes:
    """The first 7 bytes of everything sealed by one key."""
    return _HEADER.pack(MAGIC, VERSION, suite, key_ref)


def read_header(sealed: bytes) -> tuple[int, int]:
    """Read suite and key_ref. Raises: SealError if these are no sealed bytes of this version."""
    if len(sealed) < _BODY_AT + TAG_BYTES + 16 or sealed[0] != MAGIC or sealed[1] != VERSION:
        raise SealError(CANNOT_OPEN)
    return sealed[2], int.from_bytes(sealed[3:7], "big")


def seal(by: Cipher, head: bytes, where: bytes, plain: bytes) -> bytes:
    """Encrypt `plain` for the place `where` (see `context`) under a fresh random nonce."""
    nonce = os.urandom(NONCE_BYTES)
    padded = b"".join((_TYPE, plain, _PADDING[(len(plain) + 1) & 15]))
    return b"".join((head, nonce, by.encrypt(nonce, padded, head + where)))


def unseal(by: Cipher, where: bytes, sealed: bytes) -> bytes:
    """Decrypt what `seal` made. Raises: SealError, always with the same sentence."""
    try:
        padded = by.decrypt(
            sealed[HEADER_BYTES:_BODY_AT], sealed[_BODY_AT:], sealed[:HEADER_BYTES] + where
        )
    except (InvalidTag, ValueError):
        raise SealError(CANNOT_OPEN) from None
    end = padded.rfind(b"\x80")
    if end < 1 or len(padded) % 16 or padded[:1] != _TYPE or padded[end + 1 :].strip(b"\0"):
        raise SealError(CANNOT_OPEN)
    return padded[1:end]
