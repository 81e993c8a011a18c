"""What a staged record of the vendor's holds: sealed, and opened again."""

from __future__ import annotations

from connector.plugin import Seen
from connector.privacy.vault import Vault
from connector.store.staged import REMOTE, Staged
from connector.sync.documents import pack, unpack
from connector.sync.scope import Scope


def seal_seen(scope: Scope, one: Seen) -> bytes:
    plain = pack(
        {
            "v": one.version,
            "at": one.changed_at,
            "f": dict(one.fields),
            "k": one.external_key,
        }
    )
    return scope.ports.vault.seal_staged(scope.connection, scope.kind, REMOTE, one.ref, plain)


def open_staged(vault: Vault, row: Staged) -> Seen:
    """The vendor's record that a staged row holds. Raises: SealError."""
    assert row.payload is not None
    plain = vault.open_staged(row.connection, row.kind, REMOTE, row.record, row.payload)
    d = unpack(plain)
    return Seen(
        ref=row.record,  # type: ignore[arg-type]  # the column holds what a plugin called a Ref
        version=d["v"],
        changed_at=d["at"],
        fields=d["f"],
        external_key=d["k"],
    )
