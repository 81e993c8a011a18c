"""One scope in one run: what a pass works with, and what it seals and opens there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from connector.mapping.translate import Pair
from connector.plugin import Capabilities, Kind, Op, Reason, Ref, Remote, Seen
from connector.records import Canonical, Digest, discreet
from connector.store import claims
from connector.store.claims import Value
from connector.store.database import Lease, Store
from connector.store.events import Event
from connector.store.links import Link
from connector.store.starts import SUSPECT
from connector.sync.counts import Counts, Limits
from connector.sync.decision import KindRules, Side
from connector.sync.documents import Base, Draft, Own, pack
from connector.sync.ports import Ports

TOMBSTONE_LIFE = dt.timedelta(days=400)
"""How long a dead link is remembered, if the settings say nothing."""


@discreet
@dataclass(slots=True)
class Scope:
    """One (connection, kind) in one run."""

    ports: Ports
    connection: str
    kind: Kind
    remote: Remote
    caps: Capabilities
    pair: Pair
    rules: KindRules
    parent_kinds: Mapping[str, Kind]
    """Reference field to the kind it points to."""
    max_delete: Limits
    max_change: Limits
    lease: Lease
    order: tuple[str, ...] = ()
    """All connections of this kind in the settings' order, whether they take part or not."""
    counts: Counts = field(default_factory=Counts)
    watermark: dt.datetime | None = None
    """No foreign change at or before this is unknown to us; set once the window was read."""
    looked_at: dt.datetime | None = None
    """When the vendor's window was last read, by our clock."""
    rows_looked: bool = False
    """Whether all rows of the shop were looked at in this run."""
    sweep_every: dt.timedelta | None = None
    """How often all ids are listed; None: never."""
    compare_daily: int = 0
    """How many linked records are compared in full each day."""
    first_sync: bool = False
    may_remove: bool = True
    tombstone_life: dt.timedelta = TOMBSTONE_LIFE
    doubt: str | None = None
    """Why nothing may be written before a reconcile; words of `place.py`."""
    off: Mapping[str, str] = field(default_factory=dict)
    """The vendor's fields that are switched off, each with a sentence; see `drift.py`."""
    renew: Callable[[Scope], None] | None = None
    """Read the metadata anew and go on with what works now."""
    killers: frozenset[tuple[str, str]] = frozenset()
    """Sides and records that are set aside because whoever works on them dies."""
    renewed: bool = False
    asks_anew: bool = False
    stopped: str | None = None
    """Why a class of writes was held back (a safety stop)."""
    match_columns: tuple[str, ...] = ()
    match_fields: tuple[str, ...] = ()
    held: set[str] = field(default_factory=set)
    """Links whose writes `[safety]` held back in this run."""
    source: Side | None = None
    """The side that is only read in this run; nothing is removed then either."""
    expected: int = 0
    """How many records a first read will meet at the vendor, as far as a plan has seen."""
    bulk: bool = False
    """Very many new records may go by the vendor's jobs; see `loads.py`."""
    left_there: set[str] = field(default_factory=set)
    """Links whose news would be written into the source."""
    restricted: set[str] = field(default_factory=set)
    """Links of people whose data may not be used for now."""
    told: dict[tuple[str, ...], str | None] = field(default_factory=dict)
    """By the names of the own fields that a write fills: the classes of data in them."""
    removed_strangers: dict[str, str] = field(default_factory=dict)
    """Records removed in this run's window that no link knows, with the removal's version."""
    foreseen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields that a plan has written to remote records, by id: the vendor knows nothing of them."""
    batch: int = 1000

    def __post_init__(self) -> None:
        self.use(self.pair, self.off)

    def use(self, pair: Pair, off: Mapping[str, str]) -> None:
        """Work with these fields from here on."""
        self.pair, self.off = pair, off
        match = set(self.pair.vendor.match)
        units = [unit for unit in self.pair.units if match & set(unit.fields)]
        self.match_columns = tuple(n for unit in units for n in self.pair.columns_of(unit))
        self.match_fields = tuple(n for unit in units for n in self.pair.remote_fields_of(unit))

    @property
    def store(self) -> Store:
        return self.ports.store

    @property
    def careful(self) -> bool:
        """Whether so many runs died that nothing is looked into before it is counted."""
        return self.lease.deaths >= SUSPECT

    @property
    def peers(self) -> tuple[str, ...]:
        """The other connections of this kind."""
        return tuple(name for name in self.order if name != self.connection)

    # --- what the vendor says of its fields ---------------------------------------------------

    def may_be_outdated(self, reason: Reason | None) -> bool:
        """Whether a refusal may mean that our metadata is: then it is read anew, once in a run."""
        about = reason.field if reason is not None else None
        if self.renewed or self.renew is None or about not in self.pair.remote_fields:
            return False
        self.asks_anew = True
        return True

    def renew_fields(self) -> None:
        self.asks_anew = False
        if self.renew is not None and not self.renewed:
            self.renewed = True
            self.renew(self)

    def preload(self, some: Iterable[Link]) -> None:
        """Have the keys of these links' people at hand: one query, and not one for each."""
        self.ports.vault.preload({link.subject for link in some if link.subject})

    def read(self, refs: Sequence[str]) -> Iterator[Seen]:
        """Read remote records by id, with what is only planned."""
        for seen in self.remote.fetch(self.kind, [Ref(ref) for ref in refs]):
            planned = self.foreseen.get(seen.ref)
            if planned is not None and seen.gone is None:
                seen = replace(seen, fields={**seen.fields, **planned})
            yield seen

    # --- sealing --------------------------------------------------------------------------------

    def local_digest(self, link: str, record: Canonical, own: Mapping[str, Any]) -> bytes:
        """The digest of a row: of what is mapped, and of what the policy's gates ask of a person,
        so that news of either is news."""
        if self.rules.gate is not None and self.kind is Kind.CUSTOMER:
            facts = self.rules.gate.people.record(own)
            record = {**record, **{f"?{name}": value for name, value in facts.items()}}
        return self.digest(link, "L", record)

    def digest(self, link: str, side: str, record: Canonical) -> bytes:
        digests = self.pair.digests
        if digests or any(v.__class__ is Digest for v in record.values()):
            record = {
                n: digests.whole(link, n, v)
                if (n in digests.fields and v is not None) or isinstance(v, Digest)
                else v
                for n, v in record.items()
            }
        if side == "L" and self.pair.unread:
            # What a look at the row never shows cannot tell whether it changed.
            record = {n: v for n, v in record.items() if n not in self.pair.unread}
        return self.ports.vault.digest(self.kind, link, side, pack(record))

    def seal_base(
        self, link: Link, base: Base, shown: Mapping[str, tuple[Own, Canonical]] | None = None
    ) -> None:
        """Put a base into its link, with both digests beside it.

        `shown` may hold readings that were made already, with the own values they are of.
        """
        assert link.subject is not None
        vault = self.ports.vault
        kept = base.kept(self.pair.digests, link.id) if self.pair.digests else base
        link.base = vault.seal("base", self.kind, link.subject, link.id, kept.pack())
        local, remote = (shown or {}).get("local"), (shown or {}).get("remote")
        here = local[1] if local and local[0] == base.local else self.pair.read_local(base.local)
        there = (
            remote[1] if remote and remote[0] == base.remote else self.pair.read_remote(base.remote)
        )
        link.local_digest = self.local_digest(link.id, here, base.local)
        link.remote_digest = self.digest(link.id, "R", there)

    def open_base(self, link: Link) -> Base | None:
        if link.base is None:
            return None
        assert link.subject is not None
        plain = self.ports.vault.open("base", self.kind, link.subject, link.id, link.base)
        return Base.unpack(plain)

    def identities(self, side: str, own: Mapping[str, Any]) -> list[Value]:
        """The identity values among own values as blind indexes; reads only what it needs."""
        if side == "local":
            part = {name: own[name] for name in self.match_columns if name in own}
            return self.blind_all(self.pair.read_local(part))
        part = {name: own[name] for name in self.match_fields if name in own}
        return self.blind_all(self.pair.read_remote(part))

    def reclaim(self, tx: sa.Connection, link: Link, base: Base, touched: Iterable[str]) -> None:
        """Where own names of identity values were touched, let the link's claims follow."""
        if not set(touched) & {*self.match_columns, *self.match_fields}:
            return
        held = {*self.identities("local", base.local), *self.identities("remote", base.remote)}
        claims.keep(tx, link.id, held)
        claims.stake(tx, self.connection, self.kind, {link.id: list(held)}, {link.id: "both"})

    def row_key(self, ref: str, epoch: int) -> str:
        """The id of the intent that makes a row of a vendor's record: like our key at the vendor,
        it is found again after any loss of the state."""
        return self.ports.vault.external_key(f"{self.connection}/rows", self.kind, ref, epoch)

    def give_key(self, link: Link) -> None:
        """Give a link the key that its row carries at the vendor in this life of the record."""
        assert link.local_id is not None
        link.external_key = self.ports.vault.external_key(
            link.connection, link.kind, link.local_id, link.epoch
        )

    def intent_id(self, link: Link, draft: Draft) -> str:
        if draft.side == "local" and draft.op == Op.CREATE:
            assert link.remote_id is not None
            return self.row_key(link.remote_id, link.epoch)
        return self.store.new_id()

    def blind_all(self, record: Canonical) -> list[Value]:
        """The record's identity values as blind indexes."""
        blind = self.ports.vault.blind
        return [blind(kind, value) for kind, value in self.pair.match_values(record)]

    def event(self, tx_now_us: int, link: str | None, cause: str, **more: Any) -> Event:
        return Event(
            at_us=tx_now_us,
            run=self.ports.run,
            connection=self.connection,
            kind=self.kind,
            cause=cause,
            link=link,
            **more,
        )
