"""Where the key-encrypting key lives. It wraps the ring's keys, a dozen, once per load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NoReturn, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.errors import SealError, SettingsError
from connector.privacy.private_file import read_private, write_private

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
NOT_BUILT: Final = ("env", "command", "vault", "aws-kms")
"""Providers whose names are reserved and which this release does not have."""


class KeyProvider(Protocol):
    """Wraps and unwraps keys; `context` binds a wrapped key to its place in the ring."""

    @property
    def id(self) -> str:
        """Names the provider in the ring file; never secret."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Raises: SealError if the key-encrypting key is not the one that wrapped it."""
        ...


class FileProvider:
    """A key-encrypting key of 32 bytes in a file of its own, mode 0600."""

    id = "file"

    def __init__(self, path: Path) -> None:
        try:
            key = read_private(path, "The key-encrypting key")
        except FileNotFoundError:
            raise SealError(
                f"The key-encrypting key {path} is missing.",
                hint="Restore it from your key backup; a new ring needs `crm-connector keys init`.",
            ) from None
        if len(key) != KEY_BYTES:
            raise SealError(f"The key-encrypting key {path} does not have {KEY_BYTES} bytes.")
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "<FileProvider>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key provider cannot be pickled or copied.")

    def wrap(self, key: bytes, context: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            return self._cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            raise SealError(
                "The key ring cannot be opened: another key-encrypting key made it, or it was"
                " altered.",
                hint="Restore ring and key-encrypting key from the same key backup.",
            ) from None


def require_built(provider: str) -> None:
    """Raises: SettingsError unless `[keys] provider` is one this release has."""
    if provider == FileProvider.id:
        return
    if provider in NOT_BUILT:
        raise SettingsError(
            f'[keys] provider = "{provider}" is not built yet.', hint='Use provider = "file".'
        )
    raise SettingsError(
        "[keys] provider is not known.", hint=f"Known are: file, {', '.join(NOT_BUILT)}."
    )


def kek_path(kek: str, base: Path) -> Path:
    """Read a reference `file:PATH`; a relative path counts from `base`. Raises: SettingsError."""
    scheme, _, rest = kek.partition(":")
    if scheme in NOT_BUILT:
        raise SettingsError(
            f'[keys] kek = "{scheme}:…" is not built yet.', hint='Use kek = "file:PATH".'
        )
    if scheme != "file" or not rest:
        raise SettingsError('[keys] kek must be a reference like "file:kek.bin".')
    return base / rest


def make_kek(path: Path) -> None:
    """Make a new key-encrypting key. Raises: FileExistsError."""
    write_private(path, os.urandom(KEY_BYTES), replace=False)
