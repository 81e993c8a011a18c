"""The key ring: one small file of wrapped keys, each for one purpose, under an epoch number.

::

    {"ring": 1, "tenant": "shop-a", "epoch": 3, "provider": "file", "keys": [
      {"kid": 1, "purpose": "wrap", "suite": 1, "state": "active", "created": "…+00:00",
       "retired": null, "wrapped": "base64", "kcv": "base64"}, …]}

The epoch grows with each rewriting. Rewriting happens under a lock and replaces the file whole.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from connector.errors import SealError, SettingsError, UsageError
from connector.privacy.envelope import AES_256_GCM, lp
from connector.privacy.keys import KeyState, Purpose, RingKey, check_value
from connector.privacy.private_file import locked, read_private, write_private
from connector.privacy.providers import (
    KEY_BYTES,
    FileProvider,
    KeyProvider,
    kek_path,
    make_kek,
    require_built,
)

STAGING_LIFE: Final = timedelta(weeks=1)
"""A staging key seals for so long, and opens for as long again."""

_INIT_HINT: Final = "Run `crm-connector keys init`, or restore the ring from your key backup."
_WHAT: Final = "The key ring"


class Ring:
    """The open ring: every key that is not destroyed, by id, and the active one of each purpose."""

    def __init__(self, tenant: str, epoch: int, keys: Collection[RingKey]) -> None:
        self.tenant = tenant
        self.epoch = epoch
        self._by_kid = {key.kid: key for key in keys}
        self._active = {key.purpose: key for key in keys if key.state is KeyState.ACTIVE}
        lacking = [str(purpose) for purpose in Purpose if purpose not in self._active]
        if lacking:
            raise SealError(f"{_WHAT} lacks an active key for: {', '.join(lacking)}.")

    def __repr__(self) -> str:
        return f"<Ring epoch {self.epoch}, {len(self._by_kid)} keys>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key ring cannot be pickled or copied.")

    def active(self, purpose: Purpose) -> RingKey:
        return self._active[purpose]

    def of(self, purpose: Purpose) -> list[RingKey]:
        """Every key of a purpose that is not destroyed, the active one among them."""
        return [key for key in self._by_kid.values() if key.purpose is purpose]

    def key(self, kid: int) -> RingKey | None:
        """A key by its id; None if the ring has no such key, or it was destroyed."""
        return self._by_kid.get(kid)


def create_ring(
    path: Path,
    kek_ref: str,
    tenant: str,
    now: datetime,
    *,
    provider: str = "file",
    suite: int = AES_256_GCM,
) -> None:
    """Make a new ring with one key for each purpose, and the key-encrypting key if it is absent.

    A relative `kek_ref` ("file:kek.bin") counts from the ring's folder. Raises: UsageError if the
    ring exists (nothing is touched), SettingsError for a provider this release lacks.
    """
    require_built(provider)
    kek = kek_path(kek_ref, path.parent)
    if path.exists() or path.is_symlink():
        raise UsageError(
            f"{_WHAT} {path} exists already; it is never overwritten.",
            hint="Data sealed under it is lost without it.",
        )
    if not (kek.exists() or kek.is_symlink()):
        make_kek(kek)
    keeper = FileProvider(kek)
    entries = [
        _new_entry(keeper, tenant, kid, purpose, suite, now)
        for kid, purpose in enumerate(Purpose, start=1)
    ]
    document = {
        "ring": 1,
        "tenant": tenant,
        "epoch": 1,
        "provider": keeper.id,
        "keys": entries,
    }
    try:
        write_private(path, _dump(document), replace=False)
    except FileExistsError:
        raise UsageError(f"{_WHAT} {path} exists already; it is never overwritten.") from None


def load_ring(path: Path, kek_ref: str, tenant: str) -> Ring:
    """Open the ring.

    Raises: SealError (missing, unsafe or altered), SettingsError (another tenant's).
    """
    document = _read(path, tenant)
    return _open(document, FileProvider(kek_path(kek_ref, path.parent)), tenant)


def rotate_staging(path: Path, kek_ref: str, tenant: str, now: datetime) -> Ring:
    """Put a new staging key in place of one older than `STAGING_LIFE`; the old one still opens.

    Does nothing when the active key is young, also when another process was faster.
    """
    with locked(path):
        document = _read(path, tenant)
        keeper = FileProvider(kek_path(kek_ref, path.parent))
        ring = _open(document, keeper, tenant)
        old = ring.active(Purpose.STAGING)
        if now - old.created < STAGING_LIFE:
            return ring
        for entry in document["keys"]:
            if entry["kid"] == old.kid:
                entry["state"] = KeyState.DECRYPT_ONLY
                entry["retired"] = now.isoformat()
        kid = max(entry["kid"] for entry in document["keys"]) + 1
        document["keys"].append(_new_entry(keeper, tenant, kid, Purpose.STAGING, old.suite, now))
        return _rewrite(path, document, keeper, tenant)


def destroy_staging(
    path: Path, kek_ref: str, tenant: str, now: datetime, *, in_use: Collection[int]
) -> Ring:
    """Destroy staging keys that stopped sealing `STAGING_LIFE` ago, except those `in_use`.

    `in_use` holds the ids of keys under which something still waits; see `Vault.staging_key`.
    """
    with locked(path):
        document = _read(path, tenant)
        keeper = FileProvider(kek_path(kek_ref, path.parent))
        ring = _open(document, keeper, tenant)
        doomed = {
            entry["kid"]
            for entry in document["keys"]
            if (key := ring.key(entry["kid"])) is not None
            and key.purpose is Purpose.STAGING
            and key.retired is not None
            and now - key.retired >= STAGING_LIFE
            and key.kid not in in_use
        }
        if not doomed:
            return ring
        for entry in document["keys"]:
            if entry["kid"] in doomed:
                entry.update(state=KeyState.DESTROYED, wrapped=None, kcv=None)
        return _rewrite(path, document, keeper, tenant)


def _rewrite(path: Path, document: dict[str, Any], keeper: KeyProvider, tenant: str) -> Ring:
    document["epoch"] += 1
    ring = _open(document, keeper, tenant)  # never replace a good file by one that does not open
    write_private(path, _dump(document), replace=True)
    return ring


def _dump(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _read(path: Path, tenant: str) -> dict[str, Any]:
    try:
        content = read_private(path, _WHAT)
    except FileNotFoundError:
        raise SealError(f"{_WHAT} {path} is missing.", hint=_INIT_HINT) from None
    try:
        document = json.loads(content)
    except ValueError:
        raise SealError(f"{_WHAT} {path} is not readable as JSON.", hint=_INIT_HINT) from None
    if not isinstance(document, dict) or document.get("ring") != 1:
        raise SealError(f"{_WHAT} {path} is not a ring of this version.", hint=_INIT_HINT)
    if document.get("tenant") != tenant:
        raise SettingsError(
            f"{_WHAT} {path} was made for another tenant than the settings name.",
            hint="The tenant is part of every seal and can never change.",
        )
    return document


def _open(document: Mapping[str, Any], keeper: KeyProvider, tenant: str) -> Ring:
    try:
        keys = [
            _open_entry(entry, keeper, tenant)
            for entry in document["keys"]
            if entry["state"] != KeyState.DESTROYED
        ]
        return Ring(tenant, int(document["epoch"]), keys)
    except (KeyError, TypeError, ValueError):
        raise SealError(f"{_WHAT} has a broken entry.", hint=_INIT_HINT) from None


def _open_entry(entry: Mapping[str, Any], keeper: KeyProvider, tenant: str) -> RingKey:
    kid, purpose = int(entry["kid"]), Purpose(entry["purpose"])
    where = _context(tenant, purpose, kid)
    key = keeper.unwrap(base64.b64decode(entry["wrapped"]), where)
    if not hmac.compare_digest(check_value(key, where), base64.b64decode(entry["kcv"])):
        raise SealError(f"Key {kid} of the ring is not the one that was put there.")
    retired = entry["retired"]
    return RingKey(
        kid,
        purpose,
        int(entry["suite"]),
        KeyState(entry["state"]),
        datetime.fromisoformat(entry["created"]),
        None if retired is None else datetime.fromisoformat(retired),
        key,
    )


def _new_entry(
    keeper: KeyProvider, tenant: str, kid: int, purpose: Purpose, suite: int, now: datetime
) -> dict[str, Any]:
    key = os.urandom(KEY_BYTES)
    where = _context(tenant, purpose, kid)
    return {
        "kid": kid,
        "purpose": purpose,
        "suite": suite,
        "state": KeyState.ACTIVE,
        "created": now.isoformat(),
        "retired": None,
        "wrapped": base64.b64encode(keeper.wrap(key, where)).decode(),
        "kcv": base64.b64encode(check_value(key, where)).decode(),
    }


def _context(tenant: str, purpose: Purpose, kid: int) -> bytes:
    return lp("keyring", tenant, purpose, str(kid))
