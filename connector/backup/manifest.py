"""What a backup says of itself in clear, and what opens it."""

from __future__ import annotations

import base64
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

from connector.errors import SealError, SettingsError
from connector.privacy.blind import IN_USE
from connector.privacy.container import altered
from connector.privacy.envelope import lp
from connector.privacy.keys import Purpose
from connector.privacy.providers import KEY_BYTES, KeyProvider
from connector.privacy.ring import Ring
from connector.privacy.vault import Vault

STATE: Final = "state"
KEYS: Final = "keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`kids`: the ring keys without which something in it cannot be opened. `wrapped`: the
    backup's own key, under ring key `kid`, or for a key backup (`kid` 0) under the provider."""

    id: str
    content: str
    tenant: str
    store_id: str
    generation: int
    schema: int
    made: str
    until: str
    kids: Sequence[int]
    kid: int
    wrapped: str
    nonce: str = ""

    def for_file(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def ends(self) -> datetime:
        return datetime.fromisoformat(self.until)


def manifest_of(told: Mapping[str, Any], tenant: str) -> Manifest:
    """Read a manifest; what it says is proven when a chunk opens. Raises: SealError, SettingsError
    for another tenant's backup."""
    wanted = {field.name: field.type for field in fields(Manifest)}
    if set(told) != set(wanted) or told["content"] not in (STATE, KEYS):
        raise altered()
    kinds = {"str": str, "int": int, "Sequence[int]": list}
    if any(not isinstance(told[name], kinds[str(kind)]) for name, kind in wanted.items()):
        raise altered()
    manifest = Manifest(**told)
    try:
        datetime.fromisoformat(manifest.made), datetime.fromisoformat(manifest.until)
    except ValueError:
        raise altered() from None
    if manifest.tenant != tenant:
        raise SettingsError(
            "The backup is another tenant's than the settings name.",
            hint="Nothing was replaced.",
        )
    return manifest


def _context(tenant: str, content: str, id_: str, store_id: str) -> bytes:
    return lp("backup", tenant, content, id_, store_id)


def fresh_key(
    ring: Ring, provider: KeyProvider, content: str, id_: str, store_id: str
) -> tuple[bytes, int, str]:
    """A key for one backup, the id of the ring key that wraps it (0: the provider), and wrapped."""
    key, where = os.urandom(KEY_BYTES), _context(ring.tenant, content, id_, store_id)
    if content == KEYS:
        # Without the ring, which lies inside, its keys could not be asked for.
        return key, 0, base64.b64encode(provider.wrap(key, where)).decode()
    by = ring.active(Purpose.BACKUP)
    return key, by.kid, base64.b64encode(by.wrap(key, where)).decode()


def key_of(manifest: Manifest, ring: Ring | None, provider: KeyProvider) -> bytes:
    """The key of a backup. Raises: SealError, also for one of another ring."""
    one = manifest
    where = _context(one.tenant, one.content, one.id, one.store_id)
    try:
        wrapped = base64.b64decode(one.wrapped, validate=True)
    except ValueError:
        raise altered() from None
    if one.content == KEYS:
        key = provider.unwrap(wrapped, where)
    else:
        by = ring.key(one.kid) if ring is not None else None
        if by is None or by.purpose is not Purpose.BACKUP:
            raise SealError(
                "The key ring has no key for this backup: it is of another ring, or its key was"
                " retired or destroyed.",
                hint="Nothing was replaced.",
            )
        try:
            key = by.unwrap(wrapped, where)
        except SealError:
            raise altered() from None
    if len(key) != KEY_BYTES:
        raise altered()
    return key


def kids_of_state(vault: Vault, others: Collection[int]) -> list[int]:
    """What a backup of the state needs of the ring, `others` among it.

    People's keys are in the keys database and are re-wrapped there: no wrap key is needed. Tokens,
    places in pages and staged records are fetched again where their key is gone.
    """
    ring = vault.ring
    kept = {ring.active(purpose).kid for purpose in (Purpose.DIGEST, Purpose.REF)}
    kept |= {key.kid for key in ring.of(Purpose.INDEX) if key.state in IN_USE}
    return sorted({*others, *kept})
