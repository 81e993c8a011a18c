"""What one pass works with: the ports to the outside, the scope, and what it counts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from connector.local.contract import Local
from connector.local.foreseen import Foreseen
from connector.mapping.translate import Pair
from connector.plugin import Capabilities, Clock, Kind, Reason, Remote
from connector.privacy.vault import Vault
from connector.records import Canonical
from connector.store import links
from connector.store.database import Hook, Lease, Store, no_hook
from connector.store.events import Event
from connector.store.links import Link
from connector.sync.decision import KindRules
from connector.sync.documents import Base, Own, pack

T = TypeVar("T")
R = TypeVar("R")

LOCAL_SCOPE = "local"
"""The `connection` of the observer of the local side."""


@dataclass(slots=True)
class Counts:
    """What one pass did; the summary line and `sync --json` show it."""

    read: int = 0
    created: int = 0
    updated: int = 0
    removed: int = 0
    adopted: int = 0
    conflicts: int = 0
    letters: int = 0
    left_out: int = 0
    """Optional values that the other side will not take; the rest of their records went."""
    waiting: int = 0
    unknown: int = 0
    postponed: int = 0
    against_direction: int = 0
    held: int = 0

    @property
    def written(self) -> int:
        """Writes that landed (of a plan: that would be sent)."""
        return self.created + self.updated + self.removed

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Limits:
    """`[safety]`: a share of the links and a number, of which the larger counts.

    >>> Limits(5, 5).of(1000)
    50
    >>> Limits(5, 5).of(10)
    5
    """

    percent: float
    least: int

    def of(self, links: int) -> int:
        return max(int(links * self.percent / 100), self.least)


@dataclass(slots=True)
class PlannedWrite:
    """One write of a plan. `fields` maps own names to (before, after); values stay in memory."""

    connection: str
    kind: str
    side: str
    op: str
    local_id: str | None
    remote_id: str | None
    fields: Mapping[str, tuple[Any, Any]]


Progress = Callable[[str, str, str, int], None]
"""Called with connection, kind, phase and a running count."""


class Spread(Protocol):
    """Works on items, so many at a time; see `plugin.Host.spread`."""

    def __call__(
        self, work: Callable[[T], R], items: Iterable[T], width: int, /
    ) -> Iterator[R]: ...


def in_turn(work: Callable[[T], R], items: Iterable[T], width: int) -> Iterator[R]:
    """Work on one item after the other, in this thread."""
    return map(work, items)


def no_progress(connection: str, kind: str, phase: str, count: int) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Ports:
    """The engine's ways to the world. All are given; it opens nothing itself."""

    store: Store
    vault: Vault
    local: Local
    clock: Clock
    run: str
    hook: Hook = no_hook
    progress: Progress = no_progress
    spread: Spread = in_turn
    dry: list[PlannedWrite] | None = None
    """A list to put planned writes into instead of sending them."""

    def __post_init__(self) -> None:
        if self.dry is not None:
            self.local = Foreseen(self.local)


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
    sweep_every: dt.timedelta | None = None
    """How often all ids are listed; None: never."""
    first_sync: bool = False
    may_remove: bool = True
    stopped: str | None = None
    """Why a class of writes was held back (a safety stop)."""
    match_columns: tuple[str, ...] = ()
    match_fields: tuple[str, ...] = ()
    held: set[str] = field(default_factory=set)
    """Links whose writes `[safety]` held back in this run."""
    removed_strangers: dict[str, str] = field(default_factory=dict)
    """Records removed in this run's window that no link knows, with the removal's version."""
    batch: int = 1000

    def __post_init__(self) -> None:
        match = set(self.pair.vendor.match)
        units = [unit for unit in self.pair.units if match & set(unit.fields)]
        self.match_columns = tuple(n for unit in units for n in self.pair.columns_of(unit))
        self.match_fields = tuple(n for unit in units for n in self.pair.remote_fields_of(unit))

    @property
    def store(self) -> Store:
        return self.ports.store

    @property
    def peers(self) -> tuple[str, ...]:
        """The other connections of this kind."""
        return tuple(name for name in self.order if name != self.connection)

    # --- sealing --------------------------------------------------------------------------------

    def digest(self, link: str, side: str, record: Canonical) -> bytes:
        return self.ports.vault.digest(self.kind, link, side, pack(record))

    def seal_base(
        self, link: Link, base: Base, shown: Mapping[str, tuple[Own, Canonical]] | None = None
    ) -> None:
        """Put a base into its link, with both digests beside it.

        `shown` may hold readings that were made already, with the own values they are of.
        """
        assert link.subject is not None
        vault = self.ports.vault
        link.base = vault.seal("base", self.kind, link.subject, link.id, base.pack())
        local, remote = (shown or {}).get("local"), (shown or {}).get("remote")
        here = local[1] if local and local[0] == base.local else self.pair.read_local(base.local)
        there = (
            remote[1] if remote and remote[0] == base.remote else self.pair.read_remote(base.remote)
        )
        link.local_digest = self.digest(link.id, "L", here)
        link.remote_digest = self.digest(link.id, "R", there)

    def open_base(self, link: Link) -> Base | None:
        if link.base is None:
            return None
        assert link.subject is not None
        plain = self.ports.vault.open("base", self.kind, link.subject, link.id, link.base)
        return Base.unpack(plain)

    def identities(self, side: str, own: Mapping[str, Any]) -> list[bytes]:
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
        links.keep_claims(tx, link.id, held)
        links.stake(tx, self.connection, self.kind, {link.id: list(held)}, {link.id: "both"})

    def blind_all(self, record: Canonical) -> list[bytes]:
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


def as_us(moment: dt.datetime) -> int:
    """Microseconds since 1970.

    >>> as_us(dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC))
    1000000
    """
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)


def from_us(us: int) -> dt.datetime:
    """The inverse of `as_us`, in UTC."""
    return _EPOCH + dt.timedelta(microseconds=us)


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
NEVER = _EPOCH
"""The time of an observation whose moment by the vendor's clock is not known: never late enough
to trust a version alone."""


def reason_text(reason: Reason) -> str:
    """A reason as the store keeps it."""
    return json.dumps(asdict(reason), ensure_ascii=False)


def reason_of(text: str) -> Reason:
    return Reason(**json.loads(text))
