"""The other half: which record of the other side a record belongs to, by our key, then by match.

A record that carries the key of a link belongs to that link. If the link has another record by
then, two carry one key: the older is kept, and the younger is set aside by nobody's deleting it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.local.contract import RowState
from connector.plugin import Gone, Reason, Ref, Seen
from connector.store import claims, links
from connector.store.claims import Claim, Value
from connector.store.links import UNCLAIMED, Link
from connector.store.staged import LOCAL, REMOTE
from connector.sync.decision import Partner, Replaced, Situation
from connector.sync.rulings import quiet
from connector.sync.scope import Scope


def add_partners(scope: Scope, cases: Sequence[Situation]) -> None:
    """Find the one record on the other side that each half link belongs to.

    Halves claim their values by that, and so does a link that was joined before anybody looked at
    them.
    """
    live = [c for c in cases if c.link.live is not None]
    halves = [c for c in live if _side(c.link) != BOTH]
    unclaimed = [c.link for c in live if c.link.evidence == UNCLAIMED]
    if not halves and not unclaimed:
        return
    joined = [c for c in live if _side(c.link) == BOTH and c.link.evidence == UNCLAIMED]
    claiming = [*joined, *halves]  # the first comer holds a value
    with scope.store.write(scope.lease, "claim") as tx:
        keyed = links.by_keys(
            tx,
            scope.connection,
            scope.kind,
            {c.seen.external_key for c in halves if c.seen and c.seen.external_key},
        )
        wanted = {c.link.id: _identities(scope, c) for c in claiming}
        sides = {c.link.id: _side(c.link) for c in claiming}
        held = claims.stake(tx, scope.connection, scope.kind, wanted, sides)
        for link in unclaimed:
            link.evidence = None
        links.save(tx, unclaimed)
        others = {h.link for h in held.values()} | {h.rival for h in held.values() if h.rival}
        known = links.by_ids(tx, others - wanted.keys())
    known |= {c.link.id: c.link for c in claiming}
    rivals = _rivals(scope, keyed)
    for case in halves:
        reborn = case.link.epoch > 1
        if case.seen is not None and case.seen.external_key and not reborn:
            case.partner = _by_key(case.seen, keyed.get(case.seen.external_key, []), rivals)
        else:
            case.partner = _by_match(
                case.link, [held[d] for d in wanted[case.link.id] if d in held], known
            )


BOTH = "both"


def _side(link: Link) -> str:
    if link.local_id is not None and link.remote_id is not None:
        return BOTH
    return LOCAL if link.local_id is not None else REMOTE


def _identities(scope: Scope, case: Situation) -> list[Value]:
    if case.row is not None and case.row.state is RowState.LIVE:
        return scope.blind_all(case.local_record(scope.pair))
    if case.seen is not None and case.seen.gone is None:
        return scope.blind_all(case.remote_record(scope.pair))
    return []


def _rivals(scope: Scope, keyed: Mapping[str, Sequence[Link]]) -> dict[str, Seen]:
    """The records that the owners of these keys are linked to, read by id; none in most runs.

    One of somebody whom the policy stops is not asked for: which of the two is older is then not
    known, and the linked one is kept.
    """
    whole = [
        owner
        for owners in keyed.values()
        for owner in owners
        if owner.live is not None and owner.remote_id is not None
    ]
    left = quiet(scope, whole) if whole else set()
    refs = [Ref(one.remote_id) for one in whole if one.id not in left and one.remote_id]
    return {one.ref: one for one in scope.remote.fetch(scope.kind, refs)} if refs else {}


def _by_key(mine: Seen, owners: Sequence[Link], rivals: Mapping[str, Seen]) -> Partner:
    """A remote record that carries a key of ours belongs to that link and to no other."""
    live = next((o for o in owners if o.live is not None), None)
    if live is not None and live.remote_id is None:
        return Partner(candidate=live.id)
    if live is not None:
        rival = rivals.get(live.remote_id or "")
        gone = rival is not None and rival.gone not in (None, Gone.HIDDEN)
        if rival is not None and (gone or is_older(mine, rival)):
            return Partner(replaced=Replaced(live.id, gone))
        text = "it carries the key of a record that is linked to another one; the older is kept"
        return Partner(clash=Reason(code="twin", text=text))
    if owners:
        text = "it carries the key of a record that was removed; it is not brought back unasked"
        return Partner(clash=Reason(code="dead_key", text=text))
    text = "it carries a key of ours that no record here knows"
    return Partner(clash=Reason(code="foreign_key", text=text))


def is_older(one: Seen, other: Seen) -> bool:
    """Whether a record was created before another. Where the vendor does not tell, it was not."""
    if one.created_at is None or other.created_at is None:
        return False
    return (one.created_at, len(one.ref), one.ref) < (other.created_at, len(other.ref), other.ref)


def _by_match(mine: Link, held: Sequence[Claim], known: dict[str, Link]) -> Partner:
    """Exactly one unlinked record of the other side with one of our values, or a clash."""
    candidates: set[str] = set()
    for claim in held:
        if claim.link == mine.id:
            if claim.rival is None:
                continue
            if claim.contested:
                return _ambiguous("several records have the same identifying value")
            candidates.add(claim.rival)
            continue
        holder = known.get(claim.link)
        if holder is None:
            continue
        half = holder.live is not None and (holder.local_id is None) != (holder.remote_id is None)
        if half and claim.rival == mine.id and not claim.contested:
            candidates.add(holder.id)
        else:
            return _ambiguous("another record already has the same identifying value")
    if len(candidates) > 1:
        return _ambiguous("its identifying values belong to different records")
    return Partner(candidate=candidates.pop() if candidates else None)


def _ambiguous(text: str) -> Partner:
    return Partner(clash=Reason(code="ambiguous", text=text + " (see `match` in the mapping)"))
