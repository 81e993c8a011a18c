"""A sealed file: a manifest in clear, then chunks that can be neither altered, cut nor moved.

::

    "CRMBAK1\\n" | length u32 | manifest, JSON | chunk | chunk | … | last chunk

    chunk = AES-256-GCM of at most 65536 bytes, and its tag of 16
    nonce = 7 random bytes, the same for all | number of the chunk u32 | 1 for the last, else 0
    aad   = all before the first chunk

The manifest is authenticated by every chunk. Only the last chunk may be shorter than the others,
and it is there also when there is nothing to say.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.errors import SealError

MAGIC: Final = b"CRMBAK1\n"
CHUNK: Final = 65536
TAG: Final = 16
PREFIX_BYTES: Final = 7
MAX_MANIFEST: Final = 1 << 20
_LENGTH = struct.Struct(">I")

ALTERED: Final = "The backup cannot be read: it was altered or cut, or it is no backup."
"""The one sentence for everything that may be wrong with a file."""


def altered() -> SealError:
    return SealError(ALTERED, hint="Take another backup; nothing was replaced.")


def write(file: BinaryIO, manifest: dict[str, Any], key: bytes, parts: Iterable[bytes]) -> None:
    """Write manifest and sealed content. `manifest` gets a `nonce`."""
    prefix = os.urandom(PREFIX_BYTES)
    head = orjson.dumps({**manifest, "nonce": prefix.hex()}, option=orjson.OPT_SORT_KEYS)
    aad = MAGIC + _LENGTH.pack(len(head)) + head
    file.write(aad)
    cipher, number, held = AESGCM(key), 0, bytearray()
    for part in parts:
        held += part
        while len(held) > CHUNK:  # the last chunk is held back: it is sealed as the last
            file.write(cipher.encrypt(_nonce(prefix, number, last=False), bytes(held[:CHUNK]), aad))
            del held[:CHUNK]
            number += 1
    file.write(cipher.encrypt(_nonce(prefix, number, last=True), bytes(held), aad))


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + _LENGTH.pack(number) + (b"\1" if last else b"\0")


def read_head(file: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """The manifest, not yet proven, and all bytes before the first chunk. Raises: SealError."""
    start = file.read(len(MAGIC) + _LENGTH.size)
    if len(start) != len(MAGIC) + _LENGTH.size or not start.startswith(MAGIC):
        raise altered()
    (length,) = _LENGTH.unpack(start[len(MAGIC) :])
    if length > MAX_MANIFEST:
        raise altered()
    head = file.read(length)
    try:
        manifest = orjson.loads(head)
    except orjson.JSONDecodeError:
        raise altered() from None
    if len(head) != length or not isinstance(manifest, dict):
        raise altered()
    return manifest, start + head


def read_chunks(
    file: BinaryIO, manifest: dict[str, Any], aad: bytes, key: bytes
) -> Iterator[bytes]:
    """Open the chunks behind the manifest, each before it is told. Raises: SealError."""
    try:
        prefix = bytes.fromhex(manifest["nonce"])
    except (KeyError, TypeError, ValueError):
        raise altered() from None
    if len(prefix) != PREFIX_BYTES:
        raise altered()
    cipher, number, sealed = AESGCM(key), 0, file.read(CHUNK + TAG)
    while True:
        following = file.read(CHUNK + TAG)
        try:
            yield cipher.decrypt(_nonce(prefix, number, last=not following), sealed, aad)
        except (InvalidTag, ValueError):
            raise altered() from None
        if not following:
            return
        number, sealed = number + 1, following
