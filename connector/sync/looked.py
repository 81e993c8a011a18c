"""What both sides show of a batch of links, as staged, or read by id where that is out of date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from connector.local.contract import Row
from connector.plugin import Gone, Reason, Seen, version_key
from connector.store import conflicts
from connector.store.conflicts import Conflict
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.rulings import Rulings, rule_on
from connector.sync.scope import Scope
from connector.sync.staging import open_staged
from connector.sync.suppressed import which_cases

Found = tuple[Link, list[Staged]]
"""A link with what is staged of it."""

_NOT_READ: Final = Reason(code="not_read", text="the vendor did not answer for this record")


@dataclass(slots=True)
class Looked:
    """What was read of both sides for a batch."""

    standing: Mapping[str, dict[str, Conflict]]
    rulings: Rulings | None
    seen: Mapping[str, tuple[Seen, bool]]
    """By ref: the vendor's record, and whether it was read by id."""
    table: Mapping[str, Row]
    unsaid: Set[str]
    """Rows that are not there, and of which the local side cannot say that they are gone."""
    named: Mapping[str, Mapping[str, str | None]]
    """By row: whom it names by something else than a key."""
    broken: list[tuple[Staged, Reason]]
    """Rows whose record the vendor did not answer for."""
    suppressed: list[Found]
    """Of people who were erased."""


def look(
    scope: Scope,
    found: dict[str, Found],
    standing: Mapping[str, dict[str, Conflict]],
) -> Looked:
    """Read both sides of these links; who was erased leaves `found`."""
    keys = [link.local_id for link, _ in found.values() if link.local_id is not None]
    rulings = rule_on(scope, [link for link, _ in found.values()])
    rows = [_distrusted(link, row) for link, many in found.values() for row in many]
    unsure = _unsure(found, standing)
    if rulings is not None:
        # Not even an id of theirs goes there: what was read before is all that is known.
        quiet = {found[i][0].remote_id for i in rulings.stopped}
        unsure = [ref for ref in unsure if ref not in quiet]
        rows = [r for r in rows if r.record not in quiet or r.payload or r.side == LOCAL]
    seen, broken = _hydrate(scope, rows, unsure)
    table = rulings.table if rulings is not None else scope.ports.local.read(scope.kind, keys)
    erased = which_cases(scope, found, {ref: one for ref, (one, _) in seen.items()}, table)
    suppressed = [found.pop(link_id) for link_id in erased]
    lost = [key for key in keys if key not in table]
    unsaid = set(lost) - scope.ports.local.gone(scope.kind, lost) if lost else set()
    named = _referred(scope, keys)
    scope.preload(link for link, _ in found.values())
    return Looked(standing, rulings, seen, table, unsaid, named, broken, suppressed)


def _referred(scope: Scope, keys: Sequence[str]) -> Mapping[str, Mapping[str, str | None]]:
    """Whom these rows name by something else than a key; nothing where the mapping has no such."""
    unread = scope.pair.unread.intersection(scope.pair.reference_fields)
    return scope.ports.local.referred(scope.kind, keys) if unread else {}


def _distrusted(link: Link, row: Staged) -> Staged:
    """A remote row no newer than what the link knows was seen before our last write or look.

    Its content is out of date: the record is read by id instead.
    """
    known = link.remote_version if link.base is not None else None
    if row.side == REMOTE and known and version_key(row.version) <= version_key(known):
        row.payload = None
    return row


def _unsure(found: dict[str, Found], standing: Mapping[str, Mapping[str, Conflict]]) -> list[str]:
    """Remote records that are read by id although they are not staged.

    Those that may be removed because their row is gone: an edit that the feed does not show yet
    must not be destroyed. And those with an open conflict: their base does not hold their latest
    value, so "unchanged since the base" would not be true.
    """
    return [
        link.remote_id
        for link, rows in found.values()
        if link.live is not None
        and link.remote_id is not None
        and all(row.side != REMOTE for row in rows)
        and (
            any(row.side == LOCAL and row.gone in (Gone.EXPLICIT, Gone.NOT_FOUND) for row in rows)
            or any(c.state != conflicts.LEFT_OUT for c in standing.get(link.id, {}).values())
        )
    ]


def _hydrate(
    scope: Scope, rows: Iterable[Staged], others: Sequence[str]
) -> tuple[dict[str, tuple[Seen, bool]], list[tuple[Staged, Reason]]]:
    """The remote records of these rows, each with whether it was read by id, as those are that were
    staged without content; and the rows whose record was not answered for."""
    seen: dict[str, tuple[Seen, bool]] = {}
    by_id: dict[str, Staged] = {}
    for row in rows:
        if row.side != REMOTE:
            continue
        if row.payload is None or row.gone is not None:
            by_id[row.record] = row
        else:
            seen[row.record] = (open_staged(scope.ports.vault, row), False)
    asked = [*by_id, *(ref for ref in others if ref not in by_id)]
    if asked:
        for one in scope.read(asked):
            if one.ref in others:
                seen[one.ref] = (one, True)
            elif one.ref in by_id:  # what we did not ask for is never believed
                seen[one.ref] = (_with_evidence(one, by_id[one.ref]), True)
    return seen, [(row, _NOT_READ) for ref, row in by_id.items() if ref not in seen]


def _with_evidence(one: Seen, row: Staged) -> Seen:
    """A record not found by id, of which the feed said it was removed, is explicitly gone."""
    if one.gone is Gone.NOT_FOUND and row.gone == Gone.EXPLICIT:
        return Seen(
            ref=one.ref,
            version=one.version or row.version,
            changed_at=one.changed_at,
            fields={},
            gone=Gone.EXPLICIT,
            merged_into=one.merged_into,
        )
    return one
