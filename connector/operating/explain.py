"""Why a record, and each field of it, is as it is: observation, base, rule, what waits, history.

Values are masked unless asked for in clear, and shown only where the person's key opens; that they
were shown in clear is noted in the record's events.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector.app import Connector
from connector.errors import SealError, UsageError
from connector.mapping.translate import Unit
from connector.operating.finding import find_links
from connector.operating.looking import Look, look
from connector.operating.rules import RuleView, left_out_rules, rule_view
from connector.operating.unsettled import Open, not_settled
from connector.plugin import Kind
from connector.privacy.masking import mask, plainly
from connector.privacy.vault import Vault
from connector.records import Canonical
from connector.store import conflicts, links
from connector.store.conflicts import LEFT_OUT
from connector.store.events import Event
from connector.store.links import Link
from connector.sync.causes import in_words
from connector.sync.decision import KindRules, Situation
from connector.sync.documents import unpack
from connector.sync.fields import moves_of
from connector.sync.merge import Cause
from connector.sync.moments import moment
from connector.sync.showing import Showing

Shown = dict[str, str]
"""Canonical field to its value, masked or not. Empty: not known, or its key does not open."""

_STATES = {
    links.PENDING: "seen on one side; the other side's record is not known yet",
    links.ACTIVE: "linked",
    links.OUT: "linked, and out of sight on one side: its fields do not travel",
    links.GONE: "dead: it was removed, and only a restore brings it back",
    links.MERGED: "dead: it was merged into another record",
    links.ERASED: "dead: the person was erased",
}

_NEXT = {
    Cause.NOTHING: "in step: neither side changed since both agreed",
    Cause.AGREED: "both sides changed to the same; the next sync notes that",
    Cause.LOCAL_EDIT: "edited in the shop; the next sync takes it to the vendor",
    Cause.REMOTE_EDIT: "edited at the vendor; the next sync takes it to the shop",
    Cause.AGAINST_DIRECTION: "edited against the mapping's `direction`; it stays on its side",
    Cause.POLICY: "both sides changed it; the next sync decides by `policy`",
    Cause.CONFLICT: "both sides changed it, and a person has to decide",
    Cause.CHOSEN: "a person chose whose value stands; the next sync writes it",
}


@dataclass(frozen=True, slots=True)
class FieldView:
    """One unit (a field, or a group that moves as one): its values, its rule, what comes next."""

    name: str
    local: Shown
    remote: Shown
    base_local: Shown
    base_remote: Shown
    local_edited: str | None
    remote_edited: str | None
    """When each side's value was last edited, where a `time` of the mapping says so."""
    rule: RuleView
    cause: str | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Told:
    """One event. `values` are those that a policy overwrote."""

    at: str | None
    run: str
    cause: str
    field: str | None
    sentence: str
    values: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of one record at one connection. Times are ISO 8601 in UTC."""

    connection: str
    kind: str
    link: str
    local_id: str | None
    remote_id: str | None
    state: str
    sentence: str
    remote_version: str | None
    remote_seen: str | None
    remote_from: str
    url: str | None
    sealed: bool
    fields: list[FieldView]
    open: list[Open]
    events: list[Told]


def explain(
    connector: Connector,
    record: str,
    name: str | None = None,
    *,
    connection: str | None = None,
    kind: Kind | None = None,
    live: bool = False,
    show: bool = False,
    reason: str = "",
) -> list[Explanation]:
    """Explain a record, or one field of it, at each connection that knows it.

    `record` is as for `find_links`, `name` a canonical field, a group, a column or a vendor's
    field. `show`: values in clear, with the `reason`; see `sync/showing.py`. Raises: UsageError,
    PolicyError, LocalError, and with `live` the vendor's errors.
    """
    found = find_links(connector, record, connection=connection, kind=kind)
    vault = connector.released if show else None
    showing = None
    if vault is not None:
        limit = connector.settings.privacy.people_an_hour
        showing = Showing(connector.store, vault, limit, reason)
        showing.ask()
    told = []
    for link in found:
        known = look(connector, link, live=live)
        clear = showing is not None and not known.sealed and _has_key(showing.vault, link)
        told.append(_explanation(connector, known, name, _Values(connector, known, clear)))
        if clear and showing is not None:
            showing.note(link, told[-1].fields[0].name if name else None)
    return told


def _has_key(vault: Vault, link: Link) -> bool:
    """Whether the person's key is there; of a record without a person yet, there is none to ask."""
    lost = ("shredding", "shredded", "missing")
    return link.subject is None or vault.subject_state(link.subject) not in lost


class _Values:
    """Values for a screen: masked or not, and references as the ids they are."""

    def __init__(self, connector: Connector, known: Look, show: bool) -> None:
        self._connector, self._known, self._show = connector, known, show

    def of(self, unit: Unit, record: Canonical | None) -> Shown:
        """The unit's part of a record."""
        return self.all({n: record[n] for n in unit.fields if n in record} if record else {})

    def all(self, values: Mapping[str, Any]) -> Shown:
        return {name: self._one(name, value) for name, value in values.items()}

    def _one(self, name: str, value: Any) -> str:
        clear = self._show or name in self._known.pair.reference_fields
        return plainly(value) if clear else mask(value)

    def lost(self, event: Event) -> Shown:
        """The values that an event keeps, if the person's key opens."""
        link = self._known.link
        if event.doc is None or link.subject is None:
            return {}
        try:
            plain = self._connector.vault.open(
                f"event/{event.field}", link.kind, link.subject, link.id, event.doc
            )
        except SealError:
            return {}
        document: dict[str, dict[str, Any]] = unpack(plain)
        return {n: v for values in document.values() for n, v in self.all(values).items()}


def _explanation(
    connector: Connector, known: Look, name: str | None, values: _Values
) -> Explanation:
    link = known.link
    unit = None if name is None else _unit(known, name)
    views = list(_fields(connector, known, values))
    if name is not None:
        views = [one for one in views if unit is not None and one.name == unit.name] or [
            _not_travelling(known, name)
        ]
    names = None if unit is None else {unit.name, *unit.fields, *known.pair.remote_fields_of(unit)}

    def about(field: str | None) -> bool:
        return names is None or field is None or field in names

    return Explanation(
        connection=link.connection,
        kind=link.kind,
        link=link.id,
        local_id=link.local_id,
        remote_id=link.remote_id,
        state=link.state,
        sentence=_STATES.get(link.state, link.state),
        remote_version=known.seen.version if known.seen is not None else link.remote_version,
        remote_seen=moment(link.remote_observed_us or None),
        remote_from=known.seen_from,
        url=connector.record_url(link.connection, link.kind, link.remote_id or ""),
        sealed=known.sealed,
        fields=views,
        open=[one for one in not_settled(connector, known) if about(one.field)],
        events=[_told(one, values) for one in known.events if about(one.field)],
    )


def _told(one: Event, values: _Values) -> Told:
    return Told(
        moment(one.at_us), one.run, one.cause, one.field, in_words(one.cause), values.lost(one)
    )


# --- fields -----------------------------------------------------------------------------------


def _unit(known: Look, name: str) -> Unit | None:
    """The unit that a name means, in either side's words or ours."""
    pair = known.pair
    for unit in pair.units:
        own = (*pair.columns_of(unit), *pair.remote_fields_of(unit))
        if name in (unit.name, *unit.fields, *own):
            return unit
    return None


def _fields(connector: Connector, known: Look, values: _Values) -> Iterator[FieldView]:
    pair, base, row, seen = known.pair, known.base, known.row, known.seen
    there = seen is not None and seen.gone is None
    local = pair.read_local(row.values) if row is not None else None
    remote = pair.read_remote(seen.fields) if seen is not None and there else None
    if seen is None and base is not None:
        remote = pair.read_remote(base.remote)
    was_local = pair.read_local(base.local) if base is not None else None
    was_remote = pair.read_remote(base.remote) if base is not None else None
    causes = _causes(connector, known)
    for unit in pair.units:
        cause = causes.get(unit.name)
        standing = known.conflicts.get(unit.name)
        clash = known.clashes.get(unit.name)
        if clash is not None and seen is None:
            # The base holds what was agreed; what the vendor shows since is in the conflict.
            chosen = standing is not None and standing.state == conflicts.CHOSEN
            cause = Cause.CHOSEN if chosen else Cause.CONFLICT
        ruled = base is not None and unit.name in base.stand_ins
        sentence = _sentence(known, cause, left=standing is not None and standing.state == LEFT_OUT)
        yield FieldView(
            unit.name,
            values.of(unit, local),
            values.of(unit, remote if clash is None or seen is not None else clash["remote"]),
            values.of(unit, was_local),
            values.of(unit, was_remote),
            _iso(pair.edited_local(unit, row.values)) if row is not None else None,
            _iso(pair.edited_remote(unit, seen.fields)) if seen is not None else None,
            rule_view(pair, unit),
            _RULED if ruled else cause.value if cause is not None else None,
            _STANDS_IN if ruled else sentence,
        )


_RULED = "privacy_policy"
_STANDS_IN = (
    "the vendor has of it what the privacy policy lets out, and is not read; `privacy explain`"
    " says which rule"
)


def _iso(moment: dt.datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None


def _causes(connector: Connector, known: Look) -> dict[str, Cause]:
    """What the merge rule itself says of each unit now; nothing where it is not asked."""
    there = known.seen is None or known.seen.gone is None
    if known.link.live is None or known.base is None or known.row is None or not there:
        return {}
    settings = connector.settings.local.kinds()[Kind(known.link.kind)]
    case = Situation(
        known.link,
        known.base,
        known.row,
        known.seen,
        known.conflicts,
        parents=known.parents,
    )
    rules = KindRules(first_contact=settings.first_contact)
    return {unit.name: move.cause for unit, _, move in moves_of(known.pair, rules, case)}


def _sentence(known: Look, cause: Cause | None, *, left: bool) -> str:
    if left and cause in (None, Cause.NOTHING):
        return "left out: the other side would not take the value; it goes once it is edited"
    if cause is not None:
        return _NEXT[cause]
    if known.sealed:
        return "not compared: the person's key does not open what was agreed"
    if known.link.local_id is None or known.link.remote_id is None:
        return "there is no record on the other side yet"
    if known.base is None:
        return "both sides have not agreed on anything yet"
    return "one side's record is not there"


def _not_travelling(known: Look, name: str) -> FieldView:
    """A field that a mapping names and that does not travel, with the reason."""
    rules = left_out_rules(known.pair)
    if name not in rules:
        travelling = ", ".join(unit.name for unit in known.pair.units)
        raise UsageError(
            "The mappings have no such field for this kind.", hint=f"There are: {travelling}."
        )
    rule, sentence = rules[name]
    return FieldView(rule.canonical, {}, {}, {}, {}, None, None, rule, None, sentence)
