"""Records that take another's place under a link: the older of two twins, the winner of a merge.

The link goes on with the new record. Its base keeps only what that record shows too: the rest was
never agreed with it, and meets as at first contact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connector.mapping.translate import Pair, Unit
from connector.plugin import Gone, Ref, Seen
from connector.store import conflicts, links
from connector.store.links import ACTIVE, Link
from connector.sync.decision import Situation, Successor
from connector.sync.documents import Base
from connector.sync.scope import Scope


def add_successors(scope: Scope, cases: Sequence[Situation]) -> None:
    """Where a linked record is gone, find what it was merged into.

    The vendor says so, or the link's own key stands in another record by now. Likeness is no
    evidence. Most runs see no removal, and ask nothing here.
    """
    gone = [case for case in cases if _is_removed(case)]
    if not gone:
        return
    told = {c.link.id: c.seen.merged_into for c in gone if c.seen and c.seen.merged_into}
    read = _winners(scope, set(told.values()))
    keys = [c.link.external_key for c in gone if c.link.id not in told and c.link.external_key]
    keyed = _by_key(scope, keys)
    found: dict[str, Seen] = {}
    for case in gone:
        one = read.get(told.get(case.link.id, Ref(""))) or keyed.get(case.link.external_key or "")
        if one is not None and one.gone is None and one.ref != case.link.remote_id:
            found[case.link.id] = one
    with scope.store.read() as tx:
        refs = {one.ref for one in found.values()}
        owners = links.by_side(tx, scope.connection, scope.kind, "remote", refs)
    for case in gone:
        if case.link.id in found:
            successor = found[case.link.id]
            case.successor = Successor(successor, owners.get(successor.ref))


def _is_removed(case: Situation) -> bool:
    whole = case.link.local_id is not None and case.link.remote_id is not None
    removed = case.seen is not None and case.seen.gone not in (None, Gone.HIDDEN)
    return case.link.live is not None and whole and removed and case.row is not None


def _winners(scope: Scope, refs: set[Ref]) -> dict[Ref, Seen]:
    """What these records are by now: one that was merged in its turn is its own winner's."""
    found: dict[Ref, Seen] = {}
    left = {ref: ref for ref in refs}
    for _ in range(_MOST_MERGES):
        if not left:
            break
        read = {one.ref: one for one in scope.remote.fetch(scope.kind, sorted(left.values()))}
        for first, now in list(left.items()):
            del left[first]
            if now in read:
                found[first] = read[now]
                if (further := read[now].merged_into) is not None:
                    left[first] = further
    return found


_MOST_MERGES = 5


def _by_key(scope: Scope, keys: Sequence[str]) -> dict[str, Seen]:
    """Records that carry these keys, each read by id: a search may still show what is gone."""
    field = scope.pair.vendor.external_key
    if not keys or field is None or scope.caps.external_key == "none":
        return {}
    listed = [one.ref for one in scope.remote.find(scope.kind, field, keys)]
    if not listed:
        return {}
    read = [one for one in scope.remote.fetch(scope.kind, listed) if one.gone is None]
    return {one.external_key: one for one in read if one.external_key is not None}


def repoint(
    scope: Scope,
    tx: sa.Connection,
    link: Link,
    successor: Seen,
    half: Link | None,
    *,
    merged: bool,
) -> None:
    """Let a link go on with another record; `half` is that record's own link so far.

    Of a merge it is known that what was empty and is filled now is somebody's edit.
    """
    if half is not None:
        links.forget(tx, half.id)
        links.hand_over_claims(tx, half.id, link.id)
    base = scope.open_base(link)
    if base is not None:
        scope.seal_base(link, _shared(scope.pair, base, successor.fields, fills=merged))
        link.state = ACTIVE
    link.remote_id = successor.ref
    link.remote_version = link.remote_observed_us = link.listed_us = link.evidence = None
    conflicts.close_links(tx, [link.id])
    links.save(tx, [link])


def _shared(pair: Pair, base: Base, fields: Mapping[str, Any], *, fills: bool) -> Base:
    """What of a base another record shows as well, unit by unit; with `fills` what it adds too."""
    was, now = pair.read_remote(base.remote), pair.read_remote(fields)

    def stays(names: Iterable[str]) -> bool:
        there = [n for n in names if n in now and n in was]
        same = all(pair.same(n, was[n], now[n]) for n in there)
        return bool(there) and (same or (fills and all(was[n] is None for n in there)))

    return keep_units(pair, base, [unit for unit in pair.units if stays(unit.fields)])


def keep_units(pair: Pair, base: Base, units: Iterable[Unit]) -> Base:
    """A base that knows of these units alone; the others are in first contact again."""
    kept = list(units)
    columns = {name for unit in kept for name in pair.columns_of(unit)}
    theirs = {name for unit in kept for name in pair.remote_fields_of(unit)}
    return Base(
        {n: v for n, v in base.local.items() if n in columns},
        {n: v for n, v in base.remote.items() if n in theirs},
        {unit.name: base.turns[unit.name] for unit in kept if unit.name in base.turns},
        {unit.name: base.stand_ins[unit.name] for unit in kept if unit.name in base.stand_ins},
    )
