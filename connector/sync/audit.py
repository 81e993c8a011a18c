"""The log of events as a whole: its end is noted after each run, and all of it can be checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connector.privacy.heads import Head
from connector.privacy.vault import Vault
from connector.store import events
from connector.store.database import Store


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the log found. `entries`: how many are hashed; `older`: how many were there
    before entries were hashed, which nothing vouches for. `broken`: the number of the first entry
    that is not as it was written. `missing`: ends of the log, noted after runs, that it no longer
    leads to: entries were cut off, or the state was put back from an older copy."""

    entries: int
    older: int
    broken: int | None
    missing: Sequence[Head]

    @property
    def exit(self) -> int:
        """The command's exit code."""
        return 9 if self.broken is not None else 8 if self.missing else 0


def note_head(store: Store, vault: Vault) -> None:
    """Note the log's end in the keys database, in place of the ends that lead to it."""
    heads = vault.heads.of(store.store_id)
    with store.read() as tx:
        last = events.last_hash(tx)
        if last is None or any((one.seq, one.mac) == last for one in heads):
            return
        known = events.hashes(tx, [one.seq for one in heads])
        at_us = store.now_us(tx)
    passed = [one for one in heads if known.get(one.seq) == one.mac]
    vault.heads.note(store.store_id, Head(*last, at_us), passed)


def verify(store: Store, vault: Vault) -> Verdict:
    """Check every entry from the first one on, then whether every noted end is among them.

    Raises: SealError if the ring lacks a key that entries are hashed under.
    """
    # Before the log: a run that ends meanwhile notes an end that this look need not lead to.
    heads = vault.heads.of(store.store_id)
    vault.follow_ring()
    wanted, reached = {one.seq: one for one in heads}, set()
    with store.read() as tx:
        walk = _Walk(vault)
        for entry in events.entries(tx):
            if entry["mac"] is None and walk.mac is None:
                walk.older += 1
                continue
            if walk.mac is None:
                walk.mac = events.start_of(tx, walk.older)
            if not walk.follows(entry):
                return Verdict(walk.entries, walk.older, entry["seq"], ())
            if entry["seq"] in wanted:
                reached.add((entry["seq"], bytes(entry["mac"])))
    missing = [one for one in heads if (one.seq, one.mac) not in reached]
    return Verdict(walk.entries, walk.older, None, missing)


class _Walk:
    """A walk along the chain, entry by entry."""

    def __init__(self, vault: Vault) -> None:
        self._audit = vault.audit
        self.mac: bytes | None = None
        self.entries = self.older = self._seq = self._kid = 0

    def follows(self, entry: Any) -> bool:
        """Whether this entry is whole and comes right after the last one."""
        assert self.mac is not None
        seq, kid, mac, doc = entry["seq"], entry["kid"], entry["mac"], entry["doc"]
        if mac is None or kid is None or kid < self._kid or (self.entries and seq != self._seq + 1):
            return False
        # An erasure takes the value out and leaves its digest.
        if doc is not None and events.digest_of(doc) != entry["doc_digest"]:
            return False
        content = self.mac + events.canonical(entry)
        if not self._audit.holds(kid, seq, content, bytes(mac)):
            return False
        self.mac, self._seq, self._kid = bytes(mac), seq, kid
        self.entries += 1
        return True
