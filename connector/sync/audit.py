"""The log of events as a whole: its end is noted after each run, and all of it can be checked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connector.privacy.heads import BEGUN, Head, Mark, Restore
from connector.privacy.vault import Vault
from connector.store import events
from connector.store.database import Store

NO_END: Final[Mark] = (0, b"")
"""The end of a log without entries that are hashed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the log found. `entries`: how many are hashed; `older`: how many were there
    before entries were hashed, which nothing vouches for. `broken`: the number of the first entry
    that is not as it was written. `missing`: ends of the log, noted after runs, that it no longer
    leads to: entries were cut off, or the state was put back from an older copy by no restore of
    ours. `restored`: what restores put back, the newest first; what they lost is not missing."""

    entries: int
    older: int
    broken: int | None
    missing: Sequence[Head]
    restored: Sequence[Restore] = ()

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
    heads, restores = vault.heads.of(store.store_id), vault.heads.restores(store.store_id)
    vault.follow_ring()
    wanted = {one.seq for one in heads} | {one.end[0] for one in restores}
    reached: set[Mark] = set()
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
    missing, restored = _judged(heads, restores, reached)
    return Verdict(walk.entries, walk.older, None, missing, restored)


def _judged(
    heads: Sequence[Head], restores: Sequence[Restore], reached: Collection[Mark]
) -> tuple[list[Head], list[Restore]]:
    """The ends that are missing without a reason, and the restores that account for others.

    A restore counts while the log leads on from what it put back, or while a later one that
    counts put back what is older still. So a copy of before it, put in place by hand, shows.
    """
    there = {*reached, NO_END}
    counting: list[Restore] = []
    ended = [one for one in restores if one.end != BEGUN]
    for one in ended:
        if one.end in there:
            counting.append(one)
            there |= one.lost
    missing = [one for one in heads if (one.seq, one.mac) not in there]
    missing += [Head(*one.end, one.at_us) for one in ended if one not in counting]
    return missing, counting


def begin_restore(store: Store, vault: Vault, store_id: str, made: str) -> Restore:
    """Note that a restore begins, and which ends are missing already: those are not of its doing.

    In place of a state that was lost there is an empty one, in whose log nothing ever was. A
    restore that died is taken up again by the next one: what it cut off is not missing before.
    """
    for one in vault.heads.restores(store_id):
        if one.end == BEGUN:
            return one
    with store.read() as tx:
        is_empty, at_us = events.last_hash(tx) is None, store.now_us(tx)
        is_new = is_empty and (store.meta_in(tx, "generation") or "0") == "0"
    lost = frozenset() if is_new else frozenset(_lost_ends(store, vault, store_id))
    begun = Restore(store.new_id(), at_us, made, BEGUN, lost)
    vault.heads.note_restore(store_id, begun)
    return begun


def end_restore(store: Store, vault: Vault, begun: Restore, made: str) -> None:
    """Account for the ends that a restore has cut off; `made`: of when the copy is. A restore that
    dies right before this shows as a copy put in place by hand, until it is done once more."""
    lost = _lost_ends(store, vault, store.store_id) - begun.lost
    if lost:
        with store.read() as tx:
            end, at_us = events.last_hash(tx) or NO_END, store.now_us(tx)
        ended = Restore(begun.id, at_us, made, end, frozenset(lost))
        vault.heads.note_restore(store.store_id, ended)
    else:
        vault.heads.forget_restore(begun.id)
    note_head(store, vault)


def _lost_ends(store: Store, vault: Vault, store_id: str) -> set[Mark]:
    """Ends that ought to be in the log and are not, as far as numbers and hashes tell."""
    heads, restores = vault.heads.of(store_id), vault.heads.restores(store_id)
    wanted = {*((one.seq, one.mac) for one in heads), *(one.end for one in restores)}
    with store.read() as tx:
        known = events.hashes(tx, {seq for seq, _ in wanted})
    missing, _ = _judged(heads, restores, set(known.items()))
    return {(one.seq, one.mac) for one in missing}


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
