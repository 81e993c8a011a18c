"""Bases whose digests were made under another mapping, or that keep what they should not any more.

A digest tells a change only under the mapping that made it. So before anything is decided, once
after a change of a mapping or a policy that is about such fields, all bases of the scope are looked
at: what is kept whole and should not be becomes a digest; where a digest is of no use any more, the
value is read again on its side, and is taken over if it is still the one that was agreed. Neither
side is written, and an edit made meanwhile stays an edit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from connector.plugin import Ref
from connector.records import Digest
from connector.store import conflicts, events, links, scopes, staged
from connector.store.links import Link
from connector.sync.documents import Base, Own
from connector.sync.marks import reread
from connector.sync.rulings import stopped
from connector.sync.scope import Scope

_AT_ONCE: Final = 100


def rebase(scope: Scope) -> None:
    """Bring the bases of one scope in line with mapping and policy, if these have changed.

    Raises: VendorError, LocalError; the next run goes on then, and nothing is decided before.
    """
    digests, name = scope.pair.digests, f"*/digests/{scope.kind}"
    told = {field: digests.rule_of(field) for field in sorted(digests.fields)}
    now = json.dumps(told) if told else "none"
    with scope.store.read() as tx:
        known = scopes.get(tx, scope.connection, name)
    was = known.fingerprint if known is not None else None
    if (was or "none") == now:
        return
    with scope.store.write(scope.lease, "begin digests") as tx:
        scope.store.ensure_scope(tx, scope.connection, name)
    for some in links.batches(scope.store, scope.connection, scope.kind, _AT_ONCE):
        _rebase(scope, [link for link in some if link.base is not None])
    with scope.store.write(scope.lease, "end digests") as tx:
        scopes.update(tx, scope.connection, name, fingerprint=now)


def _rebase(scope: Scope, some: Sequence[Link]) -> None:
    scope.preload(some)
    bases = {link.id: base for link in some if (base := scope.open_base(link)) is not None}
    stale = [link for link in some if link.id in bases and _is_stale(scope, bases[link.id])]
    rows, seen = _read(scope, stale) if stale else ({}, {})
    for link in stale:
        base = bases[link.id]
        _renew(scope, "local", base.local, rows.get(link.local_id or "", {}))
        _renew(scope, "remote", base.remote, seen.get(link.remote_id or "", {}))
        # Of older writes nothing can be read again: their reversals are counted from here on.
        base.turns = {n: turn for n, turn in base.turns.items() if not _digests(turn.was)}
    for link in some:
        if link.id in bases:
            scope.seal_base(link, bases[link.id])
    mine = [unit for unit in scope.pair.units if scope.pair.digests.fields & set(unit.fields)]
    with scope.store.write(scope.lease, "digests") as tx:
        links.save(tx, [link for link in some if link.id in bases])
        # What an earlier policy let the state keep of losers and open conflicts goes as well.
        events.drop_values(tx, list(bases), [unit.name for unit in mine])
        disputed = conflicts.of_links(tx, bases) if mine else {}
        again = [mark for link in some if link.id in disputed for mark in reread(link)]
        staged.stage_both(tx, again)


def _is_stale(scope: Scope, base: Base) -> bool:
    return any(
        not _is_current(scope, side, name, one)
        for side, own in (("local", base.local), ("remote", base.remote))
        for name, one in _digests(own).items()
    )


def _digests(own: Own) -> dict[str, Digest]:
    return {name: value for name, value in own.items() if isinstance(value, Digest)}


def _is_current(scope: Scope, side: str, name: str, one: Digest) -> bool:
    field = scope.pair.digests.field_of(side, name)
    return field is not None and one.rule == scope.pair.digests.rule_of(field)


def _read(
    scope: Scope, some: Sequence[Link]
) -> tuple[Mapping[str, Mapping[str, Any]], Mapping[str, Mapping[str, Any]]]:
    """Both sides' own values. A record that may not go to the vendor is not asked for there."""
    keys = [link.local_id or "" for link in some]
    left = stopped(scope, some)
    refs = [Ref(k.remote_id) for k in some if k.remote_id and k.id not in left]
    rows = {key: row.values for key, row in scope.ports.local.read(scope.kind, keys).items()}
    read = scope.remote.fetch(scope.kind, refs) if refs else ()
    return rows, {one.ref: one.fields for one in read if one.gone is None}


def _renew(scope: Scope, side: str, held: Own, shown: Mapping[str, Any]) -> None:
    """Take over what a side still holds as it was agreed; what it holds otherwise has moved."""
    for name, one in _digests(held).items():
        if _is_current(scope, side, name, one) or name not in shown:
            continue
        if scope.pair.digests.holds(one, shown[name]):
            held[name] = shown[name]  # sealing makes a digest of it, where one is wanted
        else:
            rule = scope.pair.digests.rule_at(side, name)
            held[name] = replace(one, rule=rule, whole="", near="", far="")
