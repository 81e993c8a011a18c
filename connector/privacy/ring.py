"""The key ring: one small file of wrapped keys, each for one purpose, under an epoch number.

::

    {"ring": 1, "tenant": "shop-a", "epoch": 3, "provider": "file",
     "root": {"wrapped": "base64", "kcv": "base64"}, "keys": [
      {"kid": 1, "purpose": "wrap", "suite": 1, "state": "active", "created": "…+00:00",
       "stopped": null, "wrapped": "base64", "kcv": "base64"}, …]}

The provider wraps the root key, and the root key wraps the others: so the provider is asked once
for each load. In rings of the first release, which have no root, it wraps each key. The epoch grows
with each rewriting; `ring_changes` rewrites.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from connector.errors import SealError, SettingsError, UsageError
from connector.privacy.boxes import public_of
from connector.privacy.envelope import AES_256_GCM, lp
from connector.privacy.keys import (
    ADDED_LATER,
    OFFICER,
    READABLE,
    KeyState,
    OfficersKey,
    Purpose,
    RingKey,
    check_value,
)
from connector.privacy.private_file import read_private, write_private
from connector.privacy.providers import (
    KEY_BYTES,
    Kek,
    KeyProvider,
    make_kek_if_absent,
    provider_of,
    unwrap_here,
    wrap_here,
)

INIT_HINT: Final = "Run `crm-connector keys init`, or restore the ring from your key backup."
_COMPLETE_HINT: Final = "Any command that opens the ring adds it, if it may write the ring's file."
WHAT: Final = "The key ring"


class Ring:
    """The open ring: every key that is not destroyed, by id, and the active one of each purpose."""

    def __init__(
        self, tenant: str, epoch: int, keys: Collection[RingKey], first_index: int = 0
    ) -> None:
        self.tenant = tenant
        self.epoch = epoch
        self.keys = tuple(sorted(keys, key=lambda key: -key.kid))
        """Newest first."""
        self.first_index = first_index
        """The id of the first index key there was, also if it is destroyed."""
        self._by_kid = {key.kid: key for key in keys if key.state in READABLE}
        active = [key for key in keys if key.state is KeyState.ACTIVE]
        self._active = {key.purpose: key for key in active}
        if len(self._active) != len(active):
            raise SealError(f"{WHAT} has two active keys for one purpose.", hint=INIT_HINT)
        self.lacking = tuple(purpose for purpose in Purpose if purpose not in self._active)
        """Purposes added after the ring was made; `complete_ring` gives them a key."""
        lost = [str(purpose) for purpose in self.lacking if purpose not in ADDED_LATER]
        if lost:
            raise SealError(f"{WHAT} lacks an active key for: {', '.join(lost)}.")

    def __repr__(self) -> str:
        return f"<Ring epoch {self.epoch}, {len(self.keys)} keys>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key ring cannot be pickled or copied.")

    def active(self, purpose: Purpose) -> RingKey:
        """The key that seals now. Raises: SealError for a purpose that this ring lacks."""
        if purpose not in self._active:
            raise SealError(f"{WHAT} lacks a key for: {purpose}.", hint=_COMPLETE_HINT)
        return self._active[purpose]

    def key(self, kid: int) -> RingKey | None:
        """A key by its id; None if the ring has no such key, or it is retired or destroyed."""
        return self._by_kid.get(kid)

    def of(self, purpose: Purpose) -> tuple[RingKey, ...]:
        """All keys of a purpose that open what they sealed, newest first."""
        return tuple(k for k in self.keys if k.purpose is purpose and k.state in READABLE)


def create_ring(
    path: Path,
    kek: Kek,
    tenant: str,
    now: datetime,
    *,
    suite: int = AES_256_GCM,
    officer: Kek | None = None,
) -> None:
    """Make a new ring with one key for each purpose; for a `file:` reference its key too.

    With `officer` the ring is split: that provider alone opens the key `disclose`.

    A relative reference counts from the ring's folder. Raises: UsageError if the ring exists
    (nothing is touched), SealError if the provider does not wrap.
    """
    if path.exists() or path.is_symlink():
        raise UsageError(
            f"{WHAT} {path} exists already; it is never overwritten.",
            hint="Data sealed under it is lost without it.",
        )
    make_kek_if_absent(kek, path.parent)
    provider, root = provider_of(kek, path.parent), os.urandom(KEY_BYTES)
    entries = [
        fresh_entry(root, tenant, kid, purpose, suite, now, officers(officer, path))
        for kid, purpose in enumerate(Purpose, start=1)
    ]
    document = {
        "ring": 1,
        "tenant": tenant,
        "epoch": 1,
        "provider": provider.id,
        "root": wrap_root(provider, tenant, root),
        "keys": entries,
    }
    try:
        write_private(path, dump(document), replace=False)
    except FileExistsError:
        raise UsageError(f"{WHAT} {path} exists already; it is never overwritten.") from None


def load_ring(path: Path, kek: Kek, tenant: str) -> Ring:
    """Open the ring.

    Raises: SealError (missing, unsafe or altered), SettingsError (another tenant's).
    """
    document = read_ring(path, tenant)
    return open_ring(document, open_root(document, provider_of(kek, path.parent), tenant), tenant)


# --- the file's parts, for `ring_changes` ---------------------------------------------------------


def dump(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def read_ring(path: Path, tenant: str) -> dict[str, Any]:
    """The file as it is, nothing opened. Raises: as `load_ring`."""
    try:
        content = read_private(path, WHAT)
    except FileNotFoundError:
        raise SealError(f"{WHAT} {path} is missing.", hint=INIT_HINT) from None
    return parse_ring(content, tenant, str(path))


def parse_ring(content: bytes, tenant: str, name: str) -> dict[str, Any]:
    """Read a ring's bytes. Raises: SealError, SettingsError (another tenant's)."""
    try:
        document = json.loads(content)
    except ValueError:
        raise SealError(f"{WHAT} {name} is not readable as JSON.", hint=INIT_HINT) from None
    if not isinstance(document, dict) or document.get("ring") != 1:
        raise SealError(f"{WHAT} {name} is not a ring of this version.", hint=INIT_HINT)
    if document.get("tenant") != tenant:
        raise SettingsError(
            f"{WHAT} {name} was made for another tenant than the settings name.",
            hint="The tenant is part of every seal and can never change.",
        )
    return document


class _Rootless:
    """Stands for the root in a ring of the first release: the provider wraps each key itself."""

    def __init__(self, provider: KeyProvider) -> None:
        self.provider = provider


Root = bytes | _Rootless


def open_root(document: Mapping[str, Any], provider: KeyProvider, tenant: str) -> Root:
    """What unwraps the ring's keys; asks the provider once. Raises: SealError."""
    sealed = document.get("root")
    if sealed is None:
        return _Rootless(provider)
    where = _root_context(tenant)
    try:
        root = provider.unwrap(base64.b64decode(sealed["wrapped"]), where)
        known = base64.b64decode(sealed["kcv"])
    except (KeyError, TypeError, ValueError):
        raise _broken() from None
    except SealError:
        made_by = document.get("provider")
        if made_by == provider.id:
            raise
        raise SealError(
            f'{WHAT} is wrapped by the provider "{made_by}"; the settings name "{provider.id}".',
            hint="Name the old one under [keys.previous], then `crm-connector keys rotate kek`.",
        ) from None
    if len(root) != KEY_BYTES or not hmac.compare_digest(check_value(root, where), known):
        raise SealError(f"{WHAT}'s root is not the one that was put there.")
    return root


def wrap_root(provider: KeyProvider, tenant: str, root: bytes) -> dict[str, str]:
    """The `root` entry of a ring."""
    where = _root_context(tenant)
    return {"wrapped": _text(provider.wrap(root, where)), "kcv": _text(check_value(root, where))}


def open_ring(document: Mapping[str, Any], root: Root, tenant: str) -> Ring:
    """Open all keys of a ring's file. Raises: SealError."""
    try:
        keys = [
            _open_entry(entry, root, tenant)
            for entry in document["keys"]
            if entry["state"] != KeyState.DESTROYED
        ]
        index = [int(e["kid"]) for e in document["keys"] if e["purpose"] == Purpose.INDEX]
        return Ring(tenant, int(document["epoch"]), keys, min(index, default=0))
    except (KeyError, TypeError, ValueError):
        raise _broken() from None


def _open_entry(entry: Mapping[str, Any], root: Root, tenant: str) -> RingKey:
    kid, purpose = int(entry["kid"]), Purpose(entry["purpose"])
    apart = "profile" in entry
    key = b"" if apart else unwrap_entry(entry, root, tenant)
    stopped = entry["stopped"] if "stopped" in entry else entry["retired"]  # the first release's
    found = RingKey(
        kid,
        purpose,
        int(entry["suite"]),
        KeyState(entry["state"]),
        datetime.fromisoformat(entry["created"]),
        None if stopped is None else datetime.fromisoformat(stopped),
        key,
    )
    if not apart:
        return found
    wrapped, known = base64.b64decode(entry["wrapped"]), base64.b64decode(entry["kcv"])
    public = unwrap_public(entry, root, tenant)
    return OfficersKey(found, public, wrapped, known, _context(tenant, purpose, kid))


def unwrap_entry(entry: Mapping[str, Any], root: Root, tenant: str) -> bytes:
    """The key of an entry. Raises: SealError."""
    where = _context(tenant, Purpose(entry["purpose"]), int(entry["kid"]))
    key = _unwrap(root, base64.b64decode(entry["wrapped"]), where)
    if not hmac.compare_digest(check_value(key, where), base64.b64decode(entry["kcv"])):
        raise SealError(f"Key {entry['kid']} of the ring is not the one that was put there.")
    return key


def officers(officer: Kek | None, path: Path) -> KeyProvider | None:
    """The officer's provider; a file that it is to lie in is made if it is not there."""
    if officer is None:
        return None
    make_kek_if_absent(officer, path.parent)
    return provider_of(officer, path.parent)


def fresh_entry(
    root: Root,
    tenant: str,
    kid: int,
    purpose: Purpose,
    suite: int,
    now: datetime,
    officer: KeyProvider | None,
) -> dict[str, Any]:
    """An entry with a fresh key, active.

    Of `disclose` with an `officer`: the private half is wrapped by that provider, the public one by
    the root, so that nobody without the ring puts his own in its place. Raises: SealError if a
    provider does not wrap.
    """
    key, where = os.urandom(KEY_BYTES), _context(tenant, purpose, kid)
    entry = {
        "kid": kid,
        "purpose": purpose,
        "suite": suite,
        "state": KeyState.ACTIVE,
        "created": now.isoformat(),
        "stopped": None,
        "kcv": _text(check_value(key, where)),
    }
    if officer is None or purpose is not Purpose.DISCLOSE:
        return {**entry, "wrapped": wrap_entry(root, tenant, kid, purpose, key)}
    return {
        **entry,
        "profile": OFFICER,
        "provider": officer.id,
        "public": wrap_public(root, tenant, kid, public_of(key)),
        "wrapped": _text(officer.wrap(key, where)),
    }


def wrap_entry(root: Root, tenant: str, kid: int, purpose: Purpose, key: bytes) -> str:
    """A key as its entry holds it."""
    return _wrap(root, key, _context(tenant, purpose, kid))


def wrap_public(root: Root, tenant: str, kid: int, public: bytes) -> str:
    """The public half of an officer's key as its entry holds it."""
    return _wrap(root, public, _public_context(tenant, kid))


def unwrap_public(entry: Mapping[str, Any], root: Root, tenant: str) -> bytes:
    """The inverse of `wrap_public`. Raises: SealError."""
    where = _public_context(tenant, int(entry["kid"]))
    return _unwrap(root, base64.b64decode(entry["public"]), where)


def _wrap(root: Root, key: bytes, where: bytes) -> str:
    if isinstance(root, _Rootless):
        return _text(root.provider.wrap(key, where))
    return _text(wrap_here(root, key, where))


def _unwrap(root: Root, wrapped: bytes, where: bytes) -> bytes:
    if isinstance(root, _Rootless):
        return root.provider.unwrap(wrapped, where)
    return unwrap_here(root, wrapped, where)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _broken() -> SealError:
    return SealError(f"{WHAT} has a broken entry.", hint=INIT_HINT)


def _context(tenant: str, purpose: Purpose, kid: int) -> bytes:
    return lp("keyring", tenant, purpose, str(kid))


def _public_context(tenant: str, kid: int) -> bytes:
    return lp("keyring", tenant, f"{Purpose.DISCLOSE}/public", str(kid))


def _root_context(tenant: str) -> bytes:
    return lp("keyring", tenant, "root")
