"""State and keys each know who was erased; whichever was put back learns it from the other.

It comes before a run reads anything: a restored state would find its erased people linked, and
restored keys would open what was sealed for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.privacy.ledger import DONE, Entry
from connector.privacy.suppression import Labelled
from connector.store import erasing
from connector.store.links import Link
from connector.store.staged import LOCAL
from connector.sync.ports import Ports
from connector.sync.suppressed import key_label, record_label, row_label

_BATCH = 500


def replay_erasures(ports: Ports) -> None:
    """Bring both ledgers in step, and erase anew what an older copy brought back.

    A plan does so in its copy of the state alone.
    """
    ledger = ports.vault.ledger
    theirs = ledger.marks()
    with ports.store.read() as tx:
        mine = erasing.marks(tx)
        if mine == theirs:
            return
        unlike = [one for one, mark in mine.items() if theirs.get(one) != mark]
        kept = [Entry.unpack(doc) for doc in erasing.copies(tx, unlike)]
    if ports.dry is None:
        ledger.replay(kept)
    before = {entry.id: entry for entry in kept}
    behind = [
        entry
        for entry in ledger.entries()
        if entry.id not in before or entry.is_later_than(before[entry.id])
        if mine.get(entry.id) != entry.mark
    ]
    if behind:
        _erase_anew(ports, [entry for entry in behind if entry.state == DONE])
        with ports.store.write(None, "copy of the ledger") as tx:
            for entry in behind:
                erasing.keep_copy(tx, entry.id, entry.mark, entry.pack())


def keep_copy(ports: Ports, entry: Entry) -> None:
    """Let the state know an entry as the keys database has it."""
    with ports.store.write(None, "copy of the ledger") as tx:
        erasing.keep_copy(tx, entry.id, entry.mark, entry.pack())


def _erase_anew(ports: Ports, entries: Sequence[Entry]) -> None:
    """Forget the people of these erasures, whom a state of before them knows.

    By their subjects; and since a record may have had none yet, by asking of every id.
    """
    if not entries:
        return
    with ports.store.write(None, "erase anew: links") as tx:
        found = erasing.links_of_subjects(tx, {s for entry in entries for s in entry.subjects})
        erasing.erase(tx, [link.id for link in found])
    if ports.vault.suppression.is_empty:
        return
    after = ""
    while True:
        with ports.store.write(None, "erase anew: ids") as tx:
            some = erasing.all_links(tx, after, _BATCH)
            turned = ports.vault.suppression.hits({link.id: _labels(link) for link in some})
            erasing.erase(tx, list(turned))
        if not some:
            break
        after = some[-1].id
    _drop_staged(ports)


def _labels(link: Link) -> list[Labelled]:
    found = []
    if link.local_id is not None:
        found.append((row_label(link.kind), link.local_id))
    if link.remote_id is not None:
        found.append((record_label(link.connection, link.kind), link.remote_id))
    if link.external_key is not None:
        found.append((key_label(link.connection, link.kind), link.external_key))
    return found


def _drop_staged(ports: Ports) -> None:
    after = ("", "", "", "")
    while True:
        with ports.store.write(None, "erase anew: staged") as tx:
            some = erasing.all_staged(tx, after, _BATCH)
            asked: dict[str, list[Labelled]] = {}
            for connection, kind, side, record in some:
                label = row_label(kind) if side == LOCAL else record_label(connection, kind)
                asked["\0".join((connection, kind, side, record))] = [(label, record)]
            for name in ports.vault.suppression.hits(asked):
                connection, kind, side, record = name.split("\0")
                erasing.drop_rows(tx, connection, kind, side, [record])
        if not some:
            return
        after = some[-1]
