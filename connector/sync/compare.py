"""The slow look: each day some linked records are read whole, and compared with what we believe.

Feeds and listings tell of changes by versions. What changed without a new version, what a state
got wrong, what an echo never confirmed: nobody tells of that, and both sides would differ in
silence for ever. The look goes through all links, a slice a day, in the order of their ids.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from connector.mapping.translate import Unit
from connector.plugin import Ref, Seen, version_key
from connector.store import conflicts, links, scopes, staged
from connector.store.links import Link
from connector.store.staged import REMOTE, Staged
from connector.sync.documents import Base
from connector.sync.marks import reread
from connector.sync.moments import us_in
from connector.sync.news import note_rows
from connector.sync.rulings import stopped
from connector.sync.scope import Scope
from connector.sync.successors import keep_units

EVERY_US = us_in(dt.timedelta(hours=24))
_AT_ONCE = 100
SEEN_ONCE = 1
"""`remote_observed_us` of a version that a read by id confirmed, nobody knows when: never late
enough to trust a version in time, but no echo is waited for any more."""


def compare(scope: Scope) -> bool:
    """Compare the day's slice, if that is due; says whether there is news to decide."""
    if not scope.compare_daily or scope.ports.dry is not None:
        return False
    after, most, news = _begin(scope), scope.compare_daily, False
    if after is None:
        return False
    with scope.store.read() as tx:
        day = links.following(tx, scope.connection, scope.kind, after, most)
        echoing = links.echoing(tx, scope.connection, scope.kind, most)
    first = {link.id for link in echoing}
    day = [link for link in day if link.id not in first]
    for some, in_order in [*_parts(echoing, False), *_parts(day, True)]:
        news = _look_at(scope, some, in_order=in_order) or news
        scope.ports.progress(scope.connection, scope.kind, "compared", len(some))
    return news


def _parts(some: Sequence[Link], in_order: bool) -> list[tuple[Sequence[Link], bool]]:
    """Links a call's worth at a time; `in_order` are those that move the place to go on from."""
    return [(some[at : at + _AT_ONCE], in_order) for at in range(0, len(some), _AT_ONCE)]


def _begin(scope: Scope) -> str | None:
    """The link to go on behind; None if no slice is due. What a stop left out is tomorrow's."""
    name = f"*/compare/{scope.kind}"
    with scope.store.read() as tx:  # most runs have nothing to write here
        state, now = scopes.get(tx, scope.connection, name), scope.store.now_us(tx)
    since_us = state.since_us if state is not None else None
    if since_us is not None and now - since_us < EVERY_US:
        return None
    with scope.store.write(scope.lease, "compare begin") as tx:
        scope.store.ensure_scope(tx, scope.connection, name)
        scopes.update(tx, scope.connection, name, since_us=now)
    if state is None or since_us is None:
        return None  # on the first day all was read just now
    return state.resume.decode() if state.resume is not None else ""


def _look_at(scope: Scope, some: Sequence[Link], *, in_order: bool) -> bool:
    left = stopped(scope, some)
    refs = [Ref(link.remote_id or "") for link in some if link.id not in left]
    read = {one.ref: one for one in scope.remote.fetch(scope.kind, refs)}
    keys = [link.local_id or "" for link in some]
    rows = scope.ports.local.read(scope.kind, keys)
    scope.preload(some)
    name = f"*/compare/{scope.kind}"
    with scope.store.write(scope.lease, "compare") as tx:
        before = staged.count(tx, scope.connection, scope.kind)
        # What was settled since the slice was drawn is another link by now.
        fresh = links.by_ids(tx, [link.id for link in some])
        now = [link for link in fresh.values() if link.live is not None and link.base is not None]
        note_rows(scope, tx, [link.local_id for link in now if link.local_id], rows)
        standing = conflicts.of_links(tx, [link.id for link in now])
        judged = [link for link in now if Ref(link.remote_id or "") in read]
        changed = [
            link
            for link in judged
            if _judge(scope, tx, link, read[Ref(link.remote_id or "")], standing.get(link.id, {}))
        ]
        links.save(tx, changed)
        if in_order:
            scopes.update(tx, scope.connection, name, resume=_place(scope, tx, some))
        return staged.count(tx, scope.connection, scope.kind) > before


def _place(scope: Scope, tx: sa.Connection, some: Sequence[Link]) -> bytes:
    """Where to go on: behind the last link, or from the front again."""
    last = some[-1].id
    more = links.following(tx, scope.connection, scope.kind, last, 1)
    return last.encode() if more else b""


def _judge(
    scope: Scope, tx: sa.Connection, link: Link, seen: Seen, disputed: Collection[str]
) -> bool:
    """Stage what the record shows beside what we know; forget an agreement that is none. Says
    whether the link has changed by that."""
    # Read by id, a lower version is a clock that went back, unless such reads may lag.
    older = version_key(seen.version) < version_key(link.remote_version or "")
    stale = older and not scope.caps.reads_own_writes
    if seen.gone is not None or stale:
        if seen.gone is not None:
            _stage(scope, tx, link, seen)
        return False
    shown = scope.digest(link.id, "R", scope.pair.read_remote(seen.fields))
    if shown != link.remote_digest:
        if seen.version == link.remote_version and link.remote_observed_us:
            scope.counts.silent += 1
        _stage(scope, tx, link, seen)
        return False
    echoed = not link.remote_observed_us
    if echoed:
        link.remote_observed_us = SEEN_ONCE
    base = scope.open_base(link)
    assert base is not None
    unlike = [unit for unit in scope.pair.units if _disagrees(scope, unit, base)]
    # What waits for a person, or was left out, is explained: by unit, or by one of its fields.
    unlike = [unit for unit in unlike if not {unit.name, *unit.fields} & set(disputed)]
    if unlike:
        # Both sides hold what the base says, and still differ: they never agreed.
        scope.counts.silent += 1
        kept = [unit for unit in scope.pair.units if unit not in unlike]
        scope.seal_base(link, keep_units(scope.pair, base, kept))
        staged.stage_both(tx, reread(link))
    return echoed or bool(unlike)


def _disagrees(scope: Scope, unit: Unit, base: Base) -> bool:
    """Whether a unit that travels both ways has two values in the base that no lens makes one."""
    if (
        scope.rules.read_only
        or not (unit.push and unit.pull)
        or unit.name in scope.pair.reference_fields
        or unit.name in base.stand_ins
    ):
        return False
    local, remote = scope.pair.read_local(base.local), scope.pair.read_remote(base.remote)
    return any(
        name in local and name in remote and not scope.pair.same(name, local[name], remote[name])
        for name in unit.fields
    )


def _stage(scope: Scope, tx: sa.Connection, link: Link, seen: Seen) -> None:
    version = max(seen.version, link.remote_version or "", key=version_key)
    row = Staged(scope.connection, scope.kind, REMOTE, seen.ref, version)
    row.gone = seen.gone.value if seen.gone is not None else None
    staged.stage(tx, [row])
