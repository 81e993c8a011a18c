"""Backups of an installation of the tests: made, put back, spoilt, looked into."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa

from connector.backup.backups import Backups, opened
from connector.backup.restore import Restored, Restoring
from connector.keeping.rotation import Keyring
from connector.privacy import container
from connector.store import tables as t
from connector.store.database import Hook, Store, no_hook
from tests.privacy.installed import KEK, TENANT, Worker

WEEK, QUARTER = timedelta(days=7), timedelta(days=90)


def backups(worker: Worker, hook: Hook = no_hook, store: Store | None = None) -> Backups:
    home = worker.home
    return Backups(
        home.folder / "backups",
        Keyring(home.ring, KEK, TENANT),
        store or worker.store,
        worker.vault,
        home.clock,
        keep=QUARTER,
        keep_keys=WEEK,
        hook=hook,
    )


def restore(worker: Worker, path: Path, store: Store | None = None) -> Restored:
    return Restoring(backups(worker, store=store)).restore(path)


def wipe(worker: Worker) -> None:
    """The state is lost; a new, empty one is begun."""
    worker.store.close()
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (worker.home.folder / name).unlink(missing_ok=True)
    worker.store = worker.home.store()


def plain(worker: Worker, path: Path) -> bytes:
    """All that is sealed in a backup."""
    keyring = Keyring(worker.home.ring, KEK, TENANT)
    with opened(path, keyring, worker.vault.follow_ring) as (_, chunks):
        return b"".join(chunks)


def parts_of(path: Path) -> tuple[bytes, list[bytes]]:
    """What stands before the first chunk, and the chunks."""
    whole = path.read_bytes()
    with path.open("rb") as file:
        start = len(container.read_head(file)[1])
    size = container.CHUNK + container.TAG
    return whole[:start], [whole[at : at + size] for at in range(start, len(whole), size)]


def spoilt(head: bytes, chunks: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Everything that may have happened to a file, and its name."""
    whole = head + b"".join(chunks)
    for at in range(len(head)):
        yield f"head byte {at}", whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    edges = [len(head) + sum(map(len, chunks[:n])) for n in range(len(chunks) + 1)]
    for n, (start, end) in enumerate(pairwise(edges)):
        for at in (start, (start + end) // 2, end - container.TAG - 1, end - 1):
            yield f"chunk {n} byte {at}", whole[:at] + bytes([whole[at] ^ 0x80]) + whole[at + 1 :]
    for at in {0, 4, 12, len(head) - 1, *edges, *(e - 1 for e in edges), *(e + 1 for e in edges)}:
        if at < len(whole):
            yield f"cut at {at}", whole[:at]
    yield "a byte more", whole + b"\0"
    yield "the last chunk twice", whole + chunks[-1]
    yield "a chunk twice", head + b"".join([chunks[0], *chunks])
    for n in range(len(chunks)):
        yield f"without chunk {n}", head + b"".join(chunks[:n] + chunks[n + 1 :])
        if n:
            swapped = [*chunks[: n - 1], chunks[n], chunks[n - 1], *chunks[n + 1 :]]
            yield f"chunks {n - 1} and {n} swapped", head + b"".join(swapped)
    yield "empty", b""
    yield "text", b"CRMBAK1\n" + b"{" * 100


def secrets_of(worker: Worker) -> list[bytes]:
    """What stands for a key on disk: wrapped ring keys and wrapped subject keys."""
    entries = json.loads(worker.home.ring.read_text())["keys"]
    found = [base64.b64decode(entry["wrapped"]) for entry in entries]
    found += [bytes(row[0]) for row in worker.home.keys_sql("SELECT ct FROM subject")]  # type: ignore[call-overload]  # a column of bytes
    return found


def holds(content: bytes, secret: bytes) -> bool:
    forms = (secret, base64.b64encode(secret), secret.hex().encode())
    return any(form in content for form in forms)


def lose_keys(worker: Worker) -> None:
    worker.vault.close()
    for name in ("ring.json", "keys.db", "keys.db-wal", "keys.db-shm"):
        (worker.home.folder / name).unlink(missing_ok=True)


def large(worker: Worker) -> Path:
    """A backup of several chunks."""
    with worker.store.write(None, "x") as tx:
        for n in range(4):
            tx.execute(sa.insert(t.meta).values(key=f"large-{n}", value=str(n) * 50_000))
    return backups(worker).create()
