"""The rotation of the index key, by which an identity value is known without being read.

A digest cannot be made anew from itself: it takes the value. So both keys are in use until all that
is claimed under the old one is claimed under the new one too:

::

    1 pending       a new key is in the ring: who begins now writes and looks under both
    2 leases        every run that knows the old one only has ended
    3 back-filling  what is claimed under the old key alone is claimed under the new one
    4 active        the new one is the key; the old one is still written, for runs under way
    5 draining      the old one is neither written nor looked under by who begins now
    6 leases        every run that still writes under it has ended
    7 forgotten     what it made is deleted

The values come from where they stand: of linked records from the sealed base; of others, and where
a base does not open, from the shop's row, from what is staged, and from the vendor's record. A
value that stands nowhere any more is not claimed anew: nobody has it. If something does not open
and a value may be in it, both keys stay in use, and the rotation stops before its fourth step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

from connector.errors import SealError
from connector.local.contract import RowState
from connector.mapping.identifiers import Identifier
from connector.mapping.translate import Pair
from connector.plugin import Gone, Kind, Ref
from connector.privacy.blind import IN_USE, mark_of
from connector.privacy.keys import KeyState, Purpose
from connector.privacy.vault import Vault
from connector.store import claims, links, staged
from connector.store.claims import Claim
from connector.store.database import Store
from connector.store.links import Link
from connector.store.staged import REMOTE
from connector.sync.beside import Beside
from connector.sync.documents import Base
from connector.sync.staging import open_staged

Told = Callable[[int], None]
"""Told after each page how many rows it has made or deleted."""

_ASKED: Final = 100
"""Records that a vendor is asked for in one call."""


class Indexing:
    """Claims identity values under the new key, and forgets what the old ones made."""

    def __init__(self, store: Store, vault: Vault, beside: Beside) -> None:
        self._store, self._vault, self._beside = store, vault, beside
        self._pairs = beside.pairs()

    # --- back-filling -----------------------------------------------------------------------------

    def fill(self, told: Told) -> int:
        """Claim under all keys in use what is claimed under an older one of them; again changes
        nothing. Returns the number of new rows.

        Raises: SealError if a value may stand in what does not open; VendorError, LocalError.
        """
        made = closed = 0
        for mark in self._marks(IN_USE)[:-1]:
            with self._store.read() as tx:
                places = claims.places(tx, mark)
            for connection, kind in places:
                pair = self._pairs.get((connection, Kind(kind)))
                for page in self._pages(connection, kind, mark):
                    if pair is None:
                        closed += sum(len(held) for _, held in page)
                        continue
                    some = _Page(self._vault, self._beside, pair, connection, Kind(kind))
                    values = some.values_of(self._store, page)
                    with self._store.write(None, "back-fill") as tx:
                        count = claims.spread(tx, connection, kind, values)
                    made, closed = made + count, closed + some.closed
                    told(count)
        if closed:
            raise _closed(closed)
        return made

    def _marks(self, states: Collection[KeyState]) -> list[bytes]:
        """What the digests under index keys in these states begin with, the oldest key's first."""
        ring = self._vault.follow_ring()
        found = [key.kid for key in ring.of(Purpose.INDEX) if key.state in states]
        return [mark_of(kid, ring.first_index) for kid in sorted(found)]

    def _pages(
        self, connection: str, kind: str, mark: bytes
    ) -> Iterator[list[tuple[str, list[Claim]]]]:
        after = ""
        while True:
            with self._store.read() as tx:
                page = claims.held_under(tx, connection, kind, mark, after)
            if not page:
                return
            yield page
            after = page[-1][0]

    # --- the end of the old key -------------------------------------------------------------------

    def forget(self, told: Told) -> int:
        """Delete what draining keys made; returns how much."""
        total = 0
        for mark in self._marks((KeyState.DRAINING,)):
            while True:
                with self._store.write(None, "forget index") as tx:
                    count = claims.forget_under(tx, mark)
                total += count
                told(count)
                if not count:
                    break
        return total


class _Page:
    """Finds the values of a page of links of one connection and kind. `closed`: how many claims are
    left whose value may stand in what does not open."""

    def __init__(
        self, vault: Vault, beside: Beside, pair: Pair, connection: str, kind: Kind
    ) -> None:
        self._vault, self._beside, self._pair = vault, beside, pair
        self._connection, self._kind = connection, kind
        self._known: dict[bytes, claims.Value] = {}
        self._shut: set[str] = set()
        self.closed = 0

    def values_of(
        self, store: Store, page: Sequence[tuple[str, Sequence[Claim]]]
    ) -> list[claims.Value]:
        """Each value that one of these claims is of. Asks the vendor last, and for as little as it
        can. Raises: VendorError, LocalError."""
        held = [claim for _, many in page for claim in many]
        with store.read() as tx:
            ids = {one for claim in held for one in (claim.link, claim.rival) if one is not None}
            known = links.by_ids(tx, ids)
        self._vault.preload({link.subject for link in known.values() if link.subject})
        sources = (self._from_base, self._from_rows, self._from_staged, self._from_vendor)
        for source in sources:
            left = [claim for claim in held if claim.digest not in self._known]
            if not left:
                break
            wanted = {one for claim in left for one in (claim.link, claim.rival)}
            source(store, [link for id_, link in known.items() if id_ in wanted])
        left = [claim for claim in held if claim.digest not in self._known]
        self.closed = sum(bool({claim.link, claim.rival} & self._shut) for claim in left)
        return [self._known[claim.digest] for claim in held if claim.digest in self._known]

    def _add(self, values: Iterable[Identifier]) -> None:
        for one in values:
            digests = self._vault.blind(*one)
            self._known.update(dict.fromkeys(digests, digests))

    def _from_base(self, store: Store, some: Sequence[Link]) -> None:
        for link in some:
            if link.base is None or link.subject is None:
                continue
            try:
                plain = self._vault.open("base", link.kind, link.subject, link.id, link.base)
            except SealError:
                self._shut.add(link.id)
                continue
            base = Base.unpack(plain)
            self._add(self._pair.match_values(self._pair.read_local(base.local)))
            self._add(self._pair.match_values(self._pair.read_remote(base.remote)))

    def _from_rows(self, store: Store, some: Sequence[Link]) -> None:
        keys = [link.local_id for link in some if link.local_id is not None]
        for row in self._beside.ports.local.read(self._kind, keys).values() if keys else ():
            if row.state is RowState.LIVE:
                self._add(self._pair.match_values(self._pair.read_local(row.values)))

    def _from_staged(self, store: Store, some: Sequence[Link]) -> None:
        by_ref = {link.remote_id: link for link in some if link.remote_id is not None}
        with store.read() as tx:
            rows = staged.load(tx, self._connection, self._kind, REMOTE, list(by_ref))
        for ref, row in rows.items():
            if row.payload is None:
                continue
            try:
                seen = open_staged(self._vault, row)
            except SealError:
                self._shut.add(by_ref[ref].id)
                continue
            self._add(self._pair.match_values(self._pair.read_remote(seen.fields)))

    def _from_vendor(self, store: Store, some: Sequence[Link]) -> None:
        remote = self._beside.connections[self._connection].remote
        refs = [Ref(link.remote_id) for link in some if link.remote_id is not None]
        by_ref = {link.remote_id: link for link in some}
        for start in range(0, len(refs), _ASKED):
            for seen in remote.fetch(self._kind, refs[start : start + _ASKED]):
                if seen.gone is Gone.HIDDEN:
                    self._shut.add(by_ref[seen.ref].id)
                elif seen.gone is None:
                    self._add(self._pair.match_values(self._pair.read_remote(seen.fields)))


def _closed(count: int) -> SealError:
    return SealError(
        f"{count} identity values cannot be claimed under the new index key: what holds them does"
        " not open, or is hidden from us, or is of a connection that the settings do not name.",
        hint="Both keys stay in use meanwhile. Put the keys database or the connection back, then"
        " run `crm-connector keys rotate index` again.",
    )
