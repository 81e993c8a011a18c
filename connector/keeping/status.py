"""How the keys stand: each key of the ring, what lies under it, and what is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from connector.keeping import references
from connector.keeping.rotation import Keyring
from connector.privacy.keys import KeyState, Purpose
from connector.privacy.providers import ProviderInfo, WithPrevious, provider_of
from connector.privacy.ring import open_root, read_ring
from connector.privacy.vault import Vault
from connector.store.database import Store

YEARLY: Final = timedelta(days=365)
"""After so long the keys that can be rotated without loss should be: whoever kept an old disk has
only what a destroyed key wrapped."""
_DUE: Final = (Purpose.WRAP, Purpose.SECRETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """One key of the ring. `rows` is None where rows do not say which key they lie under."""

    kid: int
    purpose: str
    state: str
    created: datetime
    stopped: datetime | None
    rows: int | None
    backups: int
    destroy_after: datetime | None


@dataclass(frozen=True, slots=True)
class KeysStatus:
    """The whole ring. `behind`: it is still wrapped by the provider under `[keys.previous]`."""

    epoch: int
    provider: str
    about: ProviderInfo
    behind: bool
    keys: Sequence[KeyLine]
    hints: Sequence[str]


def status_of_keys(keyring: Keyring, store: Store, vault: Vault, now: datetime) -> KeysStatus:
    """Look at everything; changes nothing and opens no sealed value."""
    ring = vault.follow_ring()
    document = read_ring(keyring.path, keyring.tenant)
    with store.read() as tx:
        now_us = store.now_us(tx)
    rows = {purpose: count(store, vault) for purpose, count in references.COUNTED.items()}
    whole = {
        Purpose.DIGEST: references.digested(store),
        Purpose.REF: references.carried(store),
    }
    backups = references.in_backups(vault.subjects, now_us)
    lines = [_line(entry, rows, whole, backups) for entry in document["keys"]]
    provider = provider_of(keyring.kek, keyring.path.parent)
    behind = False
    if isinstance(provider, WithPrevious):
        open_root(document, provider, keyring.tenant)  # which of the two opens it is asked here
        behind = provider.fell_back
    hints = [
        *_of_kek(provider, behind),
        *_of_officer(keyring, document),
        *(h for line in lines for h in _of_key(line, now)),
    ]
    order = list(Purpose)
    told = tuple(sorted(lines, key=lambda line: (order.index(Purpose(line.purpose)), line.kid)))
    return KeysStatus(ring.epoch, document["provider"], provider.describe(), behind, told, hints)


def _line(
    entry: Mapping[str, Any],
    rows: Mapping[Purpose, Mapping[int, int]],
    whole: Mapping[Purpose, int],
    backups: Mapping[int, int],
) -> KeyLine:
    purpose, kid = Purpose(entry["purpose"]), int(entry["kid"])
    counted: int | None = None
    if purpose in rows:
        counted = rows[purpose].get(kid, 0)
    elif entry["state"] == KeyState.ACTIVE:
        counted = whole.get(purpose)
    return KeyLine(
        kid=kid,
        purpose=purpose,
        state=entry["state"],
        created=datetime.fromisoformat(entry["created"]),
        stopped=_moment(entry.get("stopped", entry.get("retired"))),
        rows=counted,
        backups=backups.get(kid, 0),
        destroy_after=_moment(entry.get("destroy_after")),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _of_kek(provider: object, behind: bool) -> Iterator[str]:
    if behind:
        yield "The ring is still wrapped by the previous provider: `crm-connector keys rotate kek`."
    elif isinstance(provider, WithPrevious):
        yield "The ring no longer needs [keys.previous]: take it out of the settings."


def _left(purpose: str) -> tuple[KeyState, ...]:
    """In which states an old key with rows is one whose rotation is to go on."""
    if purpose == Purpose.INDEX:  # the old one is written as long as the new one is not complete
        return KeyState.DECRYPT_ONLY, KeyState.DRAINING
    return (KeyState.DRAINING,)


def _of_officer(keyring: Keyring, document: Mapping[str, Any]) -> Iterator[str]:
    for entry in document["keys"]:
        mine = entry["purpose"] == Purpose.DISCLOSE and entry["state"] == KeyState.ACTIVE
        if mine and keyring.officer is not None and "profile" not in entry:
            yield (
                f"Key {entry['kid']} (disclose) is not the privacy officer's alone:"
                " `crm-connector keys rotate disclose`."
            )


def _of_key(line: KeyLine, now: datetime) -> Iterator[str]:
    name, state = f"Key {line.kid} ({line.purpose})", KeyState(line.state)
    old = now - line.created >= YEARLY
    if state is KeyState.ACTIVE and old and line.purpose in _DUE:
        yield f"{name} is over a year old: `crm-connector keys rotate {line.purpose}`."
    elif state is KeyState.PENDING or (state in _left(line.purpose) and line.rows):
        yield f"{name}: a rotation was broken off: `crm-connector keys rotate {line.purpose}`."
    elif state is KeyState.DRAINING and not line.backups:
        yield f"{name} is needed by nothing: `crm-connector keys retire {line.kid}`."
    elif state is KeyState.RETIRED and line.destroy_after is None:
        yield f"{name} is retired: `crm-connector keys destroy {line.kid} --after DATE`."
    elif state is KeyState.RETIRED and line.destroy_after is not None:
        when = line.destroy_after.isoformat(timespec="minutes")
        if now >= line.destroy_after:
            yield f"{name} may be destroyed: `crm-connector keys destroy {line.kid}`."
        else:
            stop = f"`crm-connector keys destroy {line.kid} --keep`"
            yield f"{name} may be destroyed after {when}; {stop} stops that."
