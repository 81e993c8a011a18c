"""Every change of the key ring: under a lock, in one rewriting of the file, along one table.

Each function may be repeated: what is done already changes nothing.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from connector.errors import SealError, UsageError
from connector.privacy.keys import KeyState, OfficersKey, Purpose
from connector.privacy.private_file import locked, write_private
from connector.privacy.providers import KEY_BYTES, Kek, KeyProvider, provider_of
from connector.privacy.ring import (
    Ring,
    Root,
    dump,
    fresh_entry,
    officers,
    open_ring,
    open_root,
    read_ring,
    unwrap_entry,
    unwrap_public,
    wrap_entry,
    wrap_public,
    wrap_root,
)

STAGING_LIFE: Final = timedelta(weeks=1)
"""A staging key seals for so long, and opens for as long again."""

_NEXT: Final = {
    KeyState.ACTIVE: (KeyState.DECRYPT_ONLY,),
    KeyState.DECRYPT_ONLY: (KeyState.DRAINING,),
    # Back to `decrypt_only`: a state was put back in which values are claimed under it.
    KeyState.DRAINING: (KeyState.RETIRED, KeyState.DECRYPT_ONLY),
    KeyState.RETIRED: (KeyState.DRAINING, KeyState.DESTROYED),
}
"""Where `move` may take a key from each state. `activate` moves two at once."""


@dataclass(slots=True)
class _Draft:
    """The ring's file while it is being changed."""

    document: dict[str, Any] = field(repr=False)
    root: Root = field(repr=False)
    tenant: str
    ring: Ring
    changed: bool = False

    def entry(self, kid: int) -> dict[str, Any]:
        for entry in self.document["keys"]:
            if entry["kid"] == kid:
                found: dict[str, Any] = entry
                return found
        raise UsageError(f"The key ring has no key {kid}.", hint="See `crm-connector keys status`.")

    def add(
        self,
        purpose: Purpose,
        suite: int,
        state: KeyState,
        now: datetime,
        officer: KeyProvider | None = None,
    ) -> int:
        kid = max(int(entry["kid"]) for entry in self.document["keys"]) + 1
        entry = fresh_entry(self.root, self.tenant, kid, purpose, suite, now, officer)
        self.document["keys"].append({**entry, "state": state})
        self.changed = True
        return kid

    def set(self, kid: int, **values: Any) -> None:
        entry = self.entry(kid)
        entry.pop("retired", None)  # the first release's name of `stopped`
        entry.update(values)
        self.changed = True


@contextmanager
def _changing(path: Path, kek: Kek, tenant: str) -> Iterator[_Draft]:
    """Lend the file's content under the lock; what was changed replaces it as a whole."""
    with locked(path):
        document = read_ring(path, tenant)
        root = open_root(document, provider_of(kek, path.parent), tenant)
        draft = _Draft(document, root, tenant, open_ring(document, root, tenant))
        yield draft
        if draft.changed:
            document["epoch"] += 1
            # never replace a good file by one that does not open
            draft.ring = open_ring(document, draft.root, tenant)
            write_private(path, dump(document), replace=True)


def complete_ring(path: Path, kek: Kek, tenant: str, now: datetime) -> Ring:
    """Add a key for each purpose that there was not yet when the ring was made.

    Does nothing if another process was faster.
    """
    with _changing(path, kek, tenant) as draft:
        suite = draft.ring.active(Purpose.WRAP).suite
        for purpose in draft.ring.lacking:
            draft.add(purpose, suite, KeyState.ACTIVE, now)
    return draft.ring


# --- the life of a key ----------------------------------------------------------------------------


def add_pending(
    path: Path,
    kek: Kek,
    tenant: str,
    now: datetime,
    purpose: Purpose,
    officer: Kek | None = None,
) -> int:
    """Put a new key into the ring that does not seal yet; the one that waits already, if any.

    One of `disclose` under the provider of the `officer`, if there is one: so a ring is split.
    """
    with _changing(path, kek, tenant) as draft:
        for key in draft.ring.of(purpose):
            if key.state is KeyState.PENDING:
                return key.kid
        suite = draft.ring.active(purpose).suite
        by = officers(officer, path) if purpose is Purpose.DISCLOSE else None
        return draft.add(purpose, suite, KeyState.PENDING, now, by)


def activate(path: Path, kek: Kek, tenant: str, now: datetime, kid: int) -> Ring:
    """Let a pending key seal from now on; the one that sealed before only opens."""
    with _changing(path, kek, tenant) as draft:
        entry = draft.entry(kid)
        if entry["state"] == KeyState.PENDING:
            before = draft.ring.active(Purpose(entry["purpose"]))
            _stop(draft, before.kid, now)
            draft.set(kid, state=KeyState.ACTIVE)
    return draft.ring


def move(path: Path, kek: Kek, tenant: str, kid: int, state: KeyState) -> Ring:
    """Take a key one step on. Raises: UsageError for a step that there is not."""
    assert state is not KeyState.DESTROYED, "use destroy() for the last step"
    with _changing(path, kek, tenant) as draft:
        now_in = KeyState(draft.entry(kid)["state"])
        if now_in is not state:
            _allow(kid, now_in, state)
            draft.set(kid, state=state, destroy_after=None)
    return draft.ring


def plan_destruction(path: Path, kek: Kek, tenant: str, kid: int, after: datetime | None) -> Ring:
    """Note when a retired key may be destroyed; None takes it back."""
    with _changing(path, kek, tenant) as draft:
        _allow(kid, KeyState(draft.entry(kid)["state"]), KeyState.DESTROYED)
        draft.set(kid, destroy_after=after.isoformat() if after is not None else None)
    return draft.ring


def destroy(
    path: Path, kek: Kek, tenant: str, kid: int, now: datetime, needed: Callable[[], str | None]
) -> Ring:
    """Destroy a retired key whose time has come; its entry stays.

    `needed` is asked under the lock and says why the key must stay. Raises: UsageError.
    """
    with _changing(path, kek, tenant) as draft:
        entry = draft.entry(kid)
        state = KeyState(entry["state"])
        if state is KeyState.DESTROYED:
            return draft.ring
        _allow(kid, state, KeyState.DESTROYED)
        after = entry.get("destroy_after")
        if after is None or now < datetime.fromisoformat(after):
            raise UsageError(
                f"Key {kid} is not to be destroyed yet." if after else f"Key {kid} has no date.",
                hint=f"Not before {after}." if after else "Give it one with --after DATE first.",
            )
        if (why := needed()) is not None:
            raise UsageError(f"Key {kid} is kept: {why}.")
        _forget(draft, kid)
    return draft.ring


def destroyed(path: Path, kek: Kek, tenant: str) -> set[int]:
    """The ids of keys that were destroyed."""
    entries = read_ring(path, tenant)["keys"]
    return {entry["kid"] for entry in entries if entry["state"] == KeyState.DESTROYED}


def _allow(kid: int, state: KeyState, to: KeyState) -> None:
    if to not in _NEXT.get(state, ()):
        raise UsageError(
            f"Key {kid} is {state}; it cannot become {to}.",
            hint="`keys rotate` drains a key, then `keys retire`, then `keys destroy`.",
        )


def _stop(draft: _Draft, kid: int, now: datetime) -> None:
    draft.set(kid, state=KeyState.DECRYPT_ONLY, stopped=now.isoformat())


def _forget(draft: _Draft, kid: int) -> None:
    draft.set(kid, state=KeyState.DESTROYED, wrapped=None, kcv=None, destroy_after=None)


# --- staging keys, which change by themselves -----------------------------------------------------


def rotate_staging(path: Path, kek: Kek, tenant: str, now: datetime) -> Ring:
    """Put a new staging key in place of one older than `STAGING_LIFE`; the old one still opens.

    Does nothing when the active key is young, also when another process was faster.
    """
    with _changing(path, kek, tenant) as draft:
        old = draft.ring.active(Purpose.STAGING)
        if now - old.created >= STAGING_LIFE:
            _stop(draft, old.kid, now)
            draft.add(Purpose.STAGING, old.suite, KeyState.ACTIVE, now)
    return draft.ring


def destroy_staging(
    path: Path, kek: Kek, tenant: str, now: datetime, *, in_use: Collection[int]
) -> Ring:
    """Destroy staging keys that stopped sealing `STAGING_LIFE` ago, except those `in_use`.

    `in_use` holds the ids of keys under which something still waits; see `Vault.staging_key`.
    """
    with _changing(path, kek, tenant) as draft:
        for key in draft.ring.keys:
            old = key.stopped is not None and now - key.stopped >= STAGING_LIFE
            if key.purpose is Purpose.STAGING and old and key.kid not in in_use:
                _forget(draft, key.kid)
    return draft.ring


# --- the key-encrypting key -----------------------------------------------------------------------


def rewrap(path: Path, kek: Kek, tenant: str, officer: Kek | None = None) -> Ring:
    """Wrap all keys anew: under a fresh root key, and that under the provider as it is now. What is
    the officer's is wrapped anew if the provider of the `officer` is at hand, else it stays.

    With `WithPrevious` this is how one provider takes over from another.
    """
    with _changing(path, kek, tenant) as draft:
        provider: KeyProvider = provider_of(kek, path.parent)
        old, new = draft.root, os.urandom(KEY_BYTES)
        for entry in draft.document["keys"]:
            if entry["state"] != KeyState.DESTROYED and "profile" in entry:
                public = unwrap_public(entry, old, tenant)
                entry["public"] = wrap_public(new, tenant, int(entry["kid"]), public)
                _rewrap_private(draft.ring, entry, officer, path)
            elif entry["state"] != KeyState.DESTROYED:
                kid, purpose = int(entry["kid"]), Purpose(entry["purpose"])
                key = unwrap_entry(entry, old, tenant)
                entry["wrapped"] = wrap_entry(new, tenant, kid, purpose, key)
        draft.document.update(provider=provider.id, root=wrap_root(provider, tenant, new))
        draft.root, draft.changed = new, True
    return draft.ring


def _rewrap_private(ring: Ring, entry: dict[str, Any], officer: Kek | None, path: Path) -> None:
    key = next(one for one in ring.keys if one.kid == entry["kid"])
    if officer is None or not isinstance(key, OfficersKey):
        return
    provider = provider_of(officer, path.parent)
    with suppress(SealError):
        private = provider.unwrap(key.wrapped, key.where)
        wrapped = base64.b64encode(provider.wrap(private, key.where)).decode()
        entry.update(provider=provider.id, wrapped=wrapped)
