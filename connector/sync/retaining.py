"""The daily look for records over their term: each linked row is judged, what is due is staged.

It goes by pages of links and of the shop's rows, and asks no vendor. What is staged is decided like
any news, so whatever holds for a write holds here: leases, stale rows, the limits of `[safety]`,
people whose data may only be stored. A look that is broken off begins anew.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from connector.local.contract import Local, Row, RowState
from connector.plugin import Kind
from connector.policy.retention import OVER, Judged
from connector.privacy.subjects import RESTRICTED
from connector.privacy.vault import Vault
from connector.store import links, scopes, staged
from connector.store.database import Store
from connector.store.links import Link
from connector.store.staged import LOCAL
from connector.sync.decision import EXPIRED, Situation
from connector.sync.documents import Base
from connector.sync.expiry import holds_nothing
from connector.sync.marks import reread, row_again
from connector.sync.moments import us_in
from connector.sync.scope import Scope
from connector.sync.terms import Terms

EVERY_US: Final = us_in(dt.timedelta(hours=24))
_AT_ONCE: Final = 500


@dataclass(slots=True)
class Tally:
    """How records stand to one entry of the policy, by the words of `policy/retention.py`; and of
    those that are over their term, how many still hold something (`waits`), and how many are of
    people whose data may only be stored (`restricted`)."""

    stands: dict[str, int] = field(default_factory=dict)
    waits: int = 0
    restricted: int = 0

    def count(self, word: str) -> None:
        self.stands[word] = self.stands.get(word, 0) + 1


Tallies = dict[int, Tally]
"""By the number of the entry in the file."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One linked row, judged."""

    link: Link
    row: Row
    judged: Judged
    restricted: bool

    @property
    def is_due(self) -> bool:
        return bool(self.judged.due) and not self.restricted


def pages(
    store: Store, local: Local, vault: Vault, connection: str, kind: Kind, terms: Terms
) -> Iterator[list[Looked]]:
    """All live rows that are linked at a connection, judged, a page at a time."""
    after = ""
    while True:
        with store.read() as tx:
            found = links.following(tx, connection, kind, after, _AT_ONCE)
        if not found:
            return
        after = found[-1].id
        rows = local.read(kind, [link.local_id or "" for link in found])
        vault.preload({link.subject for link in found if link.subject})
        yield [
            Looked(link, row, terms.judge(row.values), _is_restricted(vault, link))
            for link in found
            if (row := rows.get(link.local_id or "")) is not None and row.state is RowState.LIVE
        ]


def _is_restricted(vault: Vault, link: Link) -> bool:
    return link.subject is not None and vault.subject_state(link.subject) == RESTRICTED


def tally(tallies: Tallies, one: Looked, *, waits: bool) -> None:
    """Count one record for each entry of its kind."""
    for number, word in one.judged.stands.items():
        counted = tallies.setdefault(number, Tally())
        counted.count(word)
        if word == OVER:
            counted.waits += waits
            counted.restricted += one.restricted


# --- in a run -------------------------------------------------------------------------------------


def look(scope: Scope) -> None:
    """Stage what is over its term, if that is due today."""
    terms = scope.rules.terms
    if terms is None:
        return
    name = place(scope.kind)
    with scope.store.read() as tx:
        known, began = scopes.get(tx, scope.connection, name), scope.store.now_us(tx)
    if known is not None and known.since_us is not None:
        if 0 <= began - known.since_us < EVERY_US:
            return  # most runs end here, and write nothing
    else:
        with scope.store.write(scope.lease, "begin retention") as tx:
            scope.store.ensure_scope(tx, scope.connection, name)
    tallies: Tallies = {entry.number: Tally() for entry in terms.entries}
    ports = scope.ports
    for page in pages(ports.store, ports.local, ports.vault, scope.connection, scope.kind, terms):
        due = []
        for one in page:
            waits = bool(one.judged.due) and not _is_done(scope, one)
            tally(tallies, one, waits=waits)
            if waits and one.is_due:
                due.append(one.link)
        with scope.store.write(scope.lease, "over their term") as tx:
            staged.stage_both(tx, [mark for link in due for mark in reread(link)])
    _look_at_dead(scope)
    with scope.store.write(scope.lease, "end retention") as tx:
        document = json.dumps(as_document(tallies), sort_keys=True)
        scopes.update(tx, scope.connection, name, since_us=began, fields_doc=document)


def _is_done(scope: Scope, one: Looked) -> bool:
    """Whether nothing of what is over its term is left on either side, as far as is known."""
    due = one.judged.due
    if due.record:
        return False
    base = scope.open_base(one.link) if one.link.subject is not None else None
    return holds_nothing(scope.pair, scope.rules, due, one.row.values, base or Base())


def _look_at_dead(scope: Scope) -> None:
    """Rows that are there although their records went: a run was stopped in between."""
    for found in links.batches(scope.store, scope.connection, scope.kind, live=False):
        gone = {k.local_id: k for k in found if k.evidence == EXPIRED and k.local_id is not None}
        there = scope.ports.local.present(scope.kind, list(gone)) if gone else ()
        if there:
            with scope.store.write(scope.lease, "rows left over") as tx:
                live = links.by_side(tx, scope.connection, scope.kind, "local", list(there))
                left = [gone[key] for key in there if live[key].id == gone[key].id]
                staged.stage_both(tx, [mark for link in left for mark in row_again(link)])


def add_due(scope: Scope, cases: Sequence[Situation]) -> None:
    """Judge the rows of these cases; of dead links whose row is over its term, say whether another
    connection still has that row."""
    terms = scope.rules.terms
    if terms is None:
        return
    left = {}
    for case in cases:
        if case.row is None or case.row.state is not RowState.LIVE:
            continue
        case.due = terms.judge(case.row.values).due
        if case.due.record and case.link.live is None:
            left[case.row.key] = case
    if not left:
        return
    with scope.store.read() as tx:
        for name in scope.peers:
            for key, link in links.by_side(tx, name, scope.kind, LOCAL, left).items():
                if link.live is not None and link.remote_id is not None:
                    left[key].shared = True


# --- what is remembered of it ---------------------------------------------------------------------

_PLACE: Final = "*/retention/"


def place(kind: str) -> str:
    return f"{_PLACE}{kind}"


def look_now(tx: sa.Connection, connection: str, kind: str) -> None:
    """Have the connection's next run look, whenever it looked last."""
    scopes.update(tx, connection, place(kind), since_us=None)


def as_document(tallies: Mapping[int, Tally]) -> dict[str, Any]:
    return {
        str(number): {**one.stands, "waits": one.waits, "restricted": one.restricted}
        for number, one in tallies.items()
    }


@dataclass(frozen=True, slots=True)
class LastLook:
    """When a scope was looked at last, and what was found; counts by the entry's number."""

    connection: str
    kind: str
    at_us: int | None
    counts: Mapping[str, Mapping[str, int]]

    @property
    def waits(self) -> int:
        return sum(one.get("waits", 0) for one in self.counts.values())


def last_looks(tx: sa.Connection) -> Sequence[LastLook]:
    """Of all scopes that were ever looked at."""
    return [
        LastLook(
            row.connection,
            row.kind.removeprefix(_PLACE),
            row.since_us,
            json.loads(row.fields_doc or "{}"),
        )
        for row in scopes.beginning(tx, _PLACE)
    ]
