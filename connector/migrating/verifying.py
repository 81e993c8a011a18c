"""The proof of a migration: counts on both sides, and a sample compared field by field, afresh.

Both sides are read again: the vendor's records by id and by its listing, the shop's rows. What was
once agreed is not believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from random import Random

from connector.local.contract import Row, RowState
from connector.mapping.translate import Unit
from connector.migrating.kept import Difference, ScopeProof
from connector.migrating.route import Leg
from connector.plugin import Ref, Seen
from connector.records import Canonical
from connector.store import conflicts, links, tally
from connector.store.links import Link
from connector.sync.documents import Base
from connector.sync.rulings import stopped
from connector.sync.scope import Scope

CONFIDENCE = 0.95
_BATCH = 500


def prove(scope: Scope, leg: Leg, sample: int, rng: Random) -> tuple[ScopeProof, list[Difference]]:
    """Look at one scope. Raises: VendorError, LocalError."""
    unlisted, strangers = _listed(scope)
    with scope.store.read() as tx:
        known = tally.linked(tx, scope.connection, scope.kind)
        aside = sum(tally.set_aside(tx, scope.connection, scope.kind, leg.source).values())
        waiting = sum(tally.waiting(tx, scope.connection, scope.kind, leg.source))
        chosen = _sample(tally.agreed_ids(tx, scope.connection, scope.kind), sample, rng)
    listed = known.both - unlisted + strangers
    if leg.source == "local":
        missing, target, target_only = unlisted, listed, strangers
        records, alone = _live_rows(scope), known.only_local
    else:
        missing, target, target_only = _rows_there(scope)
        records, alone = listed, known.only_remote
    proof = ScopeProof(
        scope.connection,
        str(scope.kind),
        leg.source,
        records=records,
        migrated=known.both,
        target=target,
        missing=missing,
        target_only=target_only,
        set_aside=aside + waiting,
        unexplained=max(0, max(alone, records - known.both) - aside - waiting),
    )
    differences: list[Difference] = []
    for start in range(0, len(chosen), _BATCH):
        differences += _compare(scope, leg, chosen[start : start + _BATCH], proof)
        scope.ports.progress(scope.connection, scope.kind, "compared", proof.sampled)
    proof.differing = len(differences)
    proof.most = at_most(proof.differing, proof.sampled)
    return proof, differences


def at_most(found: int, looked: int, confidence: float = CONFIDENCE) -> float:
    """The greatest share of all that may be so, when `found` of `looked` drawn by chance were; the
    exact (Clopper-Pearson) upper limit.

    >>> at_most(0, 300), at_most(0, 0), round(at_most(3, 100), 3)
    (0.00994, 1.0, 0.076)
    """
    if looked == 0 or found >= looked:
        return 1.0
    low, high = found / looked, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if _tail(found, looked, middle) > 1 - confidence else (low, middle)
        )
    return float(f"{high:.3g}")


def _tail(found: int, looked: int, share: float) -> float:
    """The chance of `found` or fewer among `looked`."""
    if share in (0.0, 1.0):
        return 1.0 - share
    logs = (
        math.lgamma(looked + 1)
        - math.lgamma(k + 1)
        - math.lgamma(looked - k + 1)
        + k * math.log(share)
        + (looked - k) * math.log1p(-share)
        for k in range(found + 1)
    )
    return math.fsum(math.exp(one) for one in logs)


def _sample(ids: Iterable[str], size: int, rng: Random) -> list[str]:
    """So many of these, each with the same chance, in one look and little memory."""
    kept: list[str] = []
    for number, one in enumerate(ids):
        if number < size:
            kept.append(one)
        elif (place := rng.randrange(number + 1)) < size:
            kept[place] = one
    return kept


# --- counts -----------------------------------------------------------------------------------


def _listed(scope: Scope) -> tuple[int, int]:
    """How many linked records the vendor does not list, and how many it lists that are not ours."""
    ours = others = 0
    for page in scope.remote.listing(scope.kind, None):
        refs = {seen.ref for seen in page.seen if seen.gone is None}
        with scope.store.read() as tx:
            known = links.by_side(tx, scope.connection, scope.kind, "remote", refs)
        whole = sum(1 for link in known.values() if link.live and link.local_id is not None)
        ours, others = ours + whole, others + len(refs) - whole
        scope.store.renew(scope.lease)
        scope.ports.progress(scope.connection, scope.kind, "listed", ours + others)
    with scope.store.read() as tx:
        both = tally.linked(tx, scope.connection, scope.kind).both
    return max(0, both - ours), others


def _live_rows(scope: Scope) -> int:
    return sum(1 for row in _rows(scope) if row.state is RowState.LIVE)


def _rows(scope: Scope) -> Iterable[Row]:
    after: str | None = None
    while some := scope.ports.local.scan(scope.kind, after, _BATCH):
        yield from some
        after = some[-1].key
        scope.store.renew(scope.lease)


def _rows_there(scope: Scope) -> tuple[int, int, int]:
    """Of a migration into the shop: linked rows that are not there, live rows, rows not linked."""
    rows = linked = 0
    some: list[str] = []

    def count() -> int:
        with scope.store.read() as tx:
            known = links.by_side(tx, scope.connection, scope.kind, "local", some)
        return sum(1 for link in known.values() if link.live and link.remote_id is not None)

    for row in _rows(scope):
        if row.state is RowState.LIVE:
            rows += 1
            some.append(row.key)
        if len(some) >= _BATCH:
            linked, some = linked + count(), []
    linked += count() if some else 0
    with scope.store.read() as tx:
        both = tally.linked(tx, scope.connection, scope.kind).both
    return max(0, both - linked), rows, rows - linked


# --- the sample ---------------------------------------------------------------------------------


def _compare(scope: Scope, leg: Leg, ids: Sequence[str], proof: ScopeProof) -> list[Difference]:
    with scope.store.read() as tx:
        some = list(links.by_ids(tx, ids).values())
        standing = conflicts.of_links(tx, [link.id for link in some])
        parents = links.by_ids(tx, [link.parent for link in some if link.parent])
    scope.store.renew(scope.lease)
    keys = [link.local_id or "" for link in some]
    rows = scope.ports.local.read(scope.kind, keys)
    left_out = stopped(scope, some)
    some = [link for link in some if link.id not in left_out]
    read = {
        s.ref: s for s in scope.remote.fetch(scope.kind, [Ref(k.remote_id or "") for k in some])
    }
    scope.preload(some)
    found = []
    for link in some:
        proof.sampled += 1
        row, seen = rows.get(link.local_id or ""), read.get(Ref(link.remote_id or ""))
        if row is None or row.state is not RowState.LIVE or seen is None or seen.gone is not None:
            unlike = ["*"]
        else:
            units, left = _units(scope, leg, link, set(standing.get(link.id, {})))
            proof.excepted += left
            unlike = _unlike(scope, units, row, seen, parents.get(link.parent or ""), proof)
        if unlike:
            found.append(
                Difference(
                    scope.connection,
                    str(scope.kind),
                    link.local_id or "",
                    link.remote_id or "",
                    unlike,
                )
            )
    return found


def _units(scope: Scope, leg: Leg, link: Link, disputed: set[str]) -> tuple[list[Unit], int]:
    """The units that this migration should have made equal, and how many fields are excepted."""
    base = scope.open_base(link) or Base()
    gate = scope.rules.gate
    units, left = [], 0
    for unit in scope.pair.units:
        if not (unit.push if leg.source == "local" else unit.pull):
            continue
        shut = gate is not None and bool(gate.shut.intersection(unit.fields))
        if shut or unit.name in base.stand_ins or disputed & {unit.name, *unit.fields}:
            left += len(unit.fields)
            continue
        units.append(unit)
    return units, left


def _unlike(
    scope: Scope,
    units: Sequence[Unit],
    row: Row,
    seen: Seen,
    parent: Link | None,
    proof: ScopeProof,
) -> list[str]:
    """The canonical fields that the two sides show differently."""
    here, there = scope.pair.read_local(row.values), scope.pair.read_remote(seen.fields)
    unlike = []
    for unit in units:
        for name in unit.fields:
            if name not in here or name not in there:
                continue
            proof.compared += 1
            if name in scope.parent_kinds:
                same = _same_parent(here, there, name, parent)
            else:
                same = scope.pair.same(name, here[name], there[name])
            if not same:
                unlike.append(name)
    return unlike


def _same_parent(here: Canonical, there: Canonical, name: str, parent: Link | None) -> bool:
    """Whether both sides name the same person; an optional one may be nobody on both."""
    if not here[name] or not there[name]:
        return parent is None
    return parent is not None and (parent.local_id, parent.remote_id) == (here[name], there[name])
