"""The words of a decision: what it may look at (`Situation`) and what it says (`Decision`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from connector.local.contract import Row
from connector.mapping.translate import Pair
from connector.plugin import Op, Reason, Seen
from connector.policy.compile import Ruling
from connector.policy.retention import NOTHING_DUE, Due
from connector.records import Canonical, discreet
from connector.store.conflicts import Conflict
from connector.store.links import Link
from connector.sync.documents import Base, Draft
from connector.sync.gate import Gate
from connector.sync.merge import Cause
from connector.sync.terms import Terms

Side = Literal["local", "remote"]
DETACHED = "detached"
EXPIRED = "retention"
"""The evidence of links whose record went because its term was over."""


def other_side(side: Side) -> Side:
    return "remote" if side == "local" else "local"


@dataclass(frozen=True, slots=True)
class KindRules:
    """What settings and mapping say about a kind as a whole."""

    first_contact: str = "manual"
    create_local: bool = True
    create_remote: bool = True
    archive_local: bool = False
    on_gone_push: str = "archive"
    on_gone_pull: str = "manual"
    on_gone_merged: str = "manual"
    reference: str = "none"
    read_only: bool = False
    """The local side is a source that is only read: nothing is ever written there."""
    in_row: bool = False
    """Its records live in the rows of those they belong to, and cannot move to another."""
    gate: Gate | None = None
    """What the privacy policy lets out; None: there is no policy."""
    terms: Terms | None = None
    """How long the policy has records of this kind kept; None: it does not say."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The record that a reference points to, as far as it is known."""

    kind: str
    link: str
    local_id: str | None
    remote_id: str | None
    subject: str | None
    ready: bool
    blocked: bool
    gone: str | None = None
    """On which side it is gone while a person is asked: "local_gone" or "remote_gone"."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A link that goes on with another record than the one it holds, and whether that is gone."""

    link: str
    gone: bool


@dataclass(frozen=True, slots=True)
class Partner:
    """What keys and claims say about a half link: its one candidate, the link whose record it
    takes the place of, or why there is none."""

    candidate: str | None = None
    replaced: Replaced | None = None
    clash: Reason | None = None


@dataclass(frozen=True, slots=True)
class Successor:
    """The record that took over what a removed one was, and the link that has it by now."""

    seen: Seen
    link: Link | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose a unit's value in the shop is, as seen from another connection."""

    at: dt.datetime | None
    """When it was edited there, if a time field says so."""
    first: bool
    """Its connection stands before the other one in the settings."""


@discreet
@dataclass(slots=True)
class Situation:
    """All that a decision may depend on."""

    link: Link
    base: Base | None
    row: Row | None
    seen: Seen | None
    """The remote record as read; None: unchanged since the base."""
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)
    partner: Partner = field(default_factory=Partner)
    successor: Successor | None = None
    """The remote record is gone because it was merged into this one."""
    parents: Mapping[tuple[str, str], Parent] = field(default_factory=dict)
    new_only: bool = False
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Units whose value in the row another vendor put there, and whose it is."""
    ruling: Ruling | None = None
    """What the policy says of the person whose record this is; None: nothing can go out."""
    due: Due = NOTHING_DUE
    """What of the record is over its term, by the shop's row."""
    shared: bool = False
    """Another connection still has a live link with the row of a dead one."""
    shown: dict[str, Canonical] = field(default_factory=dict)
    """What each side shows, in canonical values: read once, used many times."""

    def local_record(self, pair: Pair) -> Canonical:
        """The local row in canonical values."""
        if "local" not in self.shown:
            assert self.row is not None
            self.shown["local"] = pair.read_local(self.row.values)
        return self.shown["local"]

    def remote_record(self, pair: Pair) -> Canonical:
        """The remote record as read in canonical values."""
        if "remote" not in self.shown:
            assert self.seen is not None
            self.shown["remote"] = pair.read_remote(self.seen.fields)
        return self.shown["remote"]


@dataclass(slots=True)
class Left:
    """An optional value that the other side will not take."""

    field: str
    reason: Reason


@discreet
@dataclass(slots=True)
class Clash:
    """A field (or `*`, the record) that waits for a person, with both values and the base's."""

    field: str
    rule: str
    local: Canonical
    remote: Canonical
    base: Canonical


@discreet
@dataclass(slots=True)
class Lost:
    """A value that a policy overwrites; it is kept, sealed, in an event."""

    field: str
    side: str
    values: Canonical


@dataclass(slots=True)
class Decision:
    """What to do about one link. Nothing set: all is as it should be."""

    link: Link
    drafts: list[Draft] = field(default_factory=list)
    base: Base | None = None
    """The base after the advances that need no write; None: unchanged."""
    clashes: list[Clash] = field(default_factory=list)
    close: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    expired: frozenset[str] = frozenset()
    """Units and fields that are emptied because their term is over: what the state keeps of their
    older values goes too."""
    moves: list[tuple[str, Cause]] = field(default_factory=list)
    letter: Reason | None = None
    waits_for: str | None = None
    bind: str | None = None
    """Join this pending half: the link of the other side's record."""
    replaces: Replaced | None = None
    """Let that link go on with this half's record, which is the older one of two with its key."""
    succeeds: bool = False
    """Let this link go on with the record that its own was merged into."""
    drop: bool = False
    """Forget a half link whose record is gone."""
    state: str | None = None
    evidence: str | None = None
    rebirth: Side | None = None
    """Start a new epoch from the record of this side (the other side's is dead)."""
    again: bool = False
    """A dead link's row is to be looked at once more."""
    reread: bool = False
    """Read both sides by id before deciding again."""

    @property
    def removes(self) -> bool:
        return any(d.op in (Op.REMOVE, Op.PURGE) for d in self.drafts)
