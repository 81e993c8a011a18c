"""Records that are gone: what becomes of the other side's, and what brings one back."""

from __future__ import annotations

from connector.local.contract import RowState
from connector.mapping.translate import Pair
from connector.plugin import Op, version_key
from connector.store.conflicts import CHOSEN, OPEN, RECORD
from connector.store.links import GONE, OUT
from connector.sync.decision import (
    DETACHED,
    EXPIRED,
    Clash,
    Decision,
    KindRules,
    Side,
    Situation,
    Successor,
    other_side,
)
from connector.sync.documents import Draft
from connector.sync.expiry import decide_buried


def decide_tombstone(pair: Pair, case: Situation) -> Decision:
    """News of a dead link: only an explicit restore brings a record back, as a new epoch."""
    link, row, seen = case.link, case.row, case.seen
    if link.evidence == DETACHED:
        return Decision(link)
    if link.evidence == EXPIRED:
        return decide_buried(pair, case)
    if row is not None and row.state is RowState.LIVE:
        return Decision(link, rebirth="local")
    newer = seen is not None and version_key(seen.version) > version_key(link.remote_version or "")
    if seen is not None and seen.gone is None and newer:
        return Decision(link, rebirth="remote")
    return Decision(link)


def decide_gone(pair: Pair, rules: KindRules, case: Situation, side: Side) -> Decision:
    """One side's record is gone, the other's is there."""
    link = case.link
    other = other_side(side)
    if _edited(pair, case, other):
        # gone here, edited there since both agreed: the edit wins, the record comes back
        return Decision(link, state=GONE, evidence="edit_wins", rebirth=other)
    policy = rules.on_gone_push if side == "local" else rules.on_gone_pull
    if policy == "archive" and other == "local" and not rules.archive_local:
        policy = "manual"
    if policy == "detach":
        return Decision(link, state=GONE, evidence=DETACHED)
    if policy == "ignore":
        return Decision(link, state=OUT, evidence="ignored")
    if policy == "manual":
        return Decision(link, clashes=[Clash(RECORD, f"{side}_gone", {}, {}, {})])
    return _removal(case, other, final=policy == "propagate")


def decide_merged(pair: Pair, rules: KindRules, case: Situation, into: Successor) -> Decision:
    """The vendor merged the record into another one.

    If nobody has that one, the link goes on with it. If a row of the shop has it already, two rows
    face one record, and the mapping says what becomes of this one; it is never created again.
    """
    link, other = case.link, into.link
    if other is None or (other.live is not None and other.local_id is None):
        return Decision(link, succeeds=True)
    if other.live is None:
        return decide_gone(pair, rules, case, "remote")
    policy = rules.on_gone_merged
    if policy == "detach":
        return Decision(link, state=GONE, evidence=DETACHED)
    if policy == "ignore":
        return Decision(link, state=OUT, evidence="ignored")
    lossless = not _edited(pair, case, "local")
    if lossless and (policy == "propagate" or (policy == "archive" and rules.archive_local)):
        return _removal(case, "local", final=policy == "propagate")
    return Decision(link, clashes=[Clash(RECORD, "remote_gone", {}, {}, {})])


def _removal(case: Situation, side: Side, *, final: bool) -> Decision:
    """Remove the record of `side`: the link dies first, then the write is sent."""
    draft = Draft(side, Op.REMOVE)
    if side == "local":
        assert case.row is not None
        held = case.base.local if case.base else {}
        # The row goes only if it still holds what we knew: an edit made meanwhile is kept.
        draft.old = {name: value for name, value in case.row.values.items() if name in held}
        draft.op = Op.PURGE if final else Op.REMOVE
    return Decision(case.link, [draft], state=GONE, evidence="explicit")


def _edited(pair: Pair, case: Situation, side: Side) -> bool:
    """Whether the side that is still there was edited since both agreed."""
    if any(c.state == OPEN and c.field != RECORD for c in case.conflicts.values()):
        return True
    if case.base is None:
        return True  # the two were joined and never agreed: what is still there was never given up
    if side == "local":
        assert case.row is not None
        was, now = pair.read_local(case.base.local), case.local_record(pair)
    else:
        if case.seen is None:
            return False
        was, now = pair.read_remote(case.base.remote), case.remote_record(pair)
    return any(
        name in now and name in was and not pair.same(name, was[name], now[name])
        for unit in pair.units
        if (unit.push if side == "local" else unit.pull)
        for name in unit.fields
    )


def decide_waiting(pair: Pair, rules: KindRules, case: Situation) -> Decision:
    """A record is gone on one side and a person is asked what should become of the other's."""
    link, clash = case.link, case.conflicts[RECORD]
    side: Side = "local" if clash.rule == "local_gone" else "remote"
    local_gone = case.row is None or case.row.state is RowState.DELETED
    remote_gone = case.seen is not None and case.seen.gone is not None
    if local_gone and remote_gone:
        return Decision(link, state=GONE, evidence="both", close=[clash.id])
    back = not local_gone if clash.who is None and side == "local" else False
    if side == "remote":
        back = case.seen is not None and case.seen.gone is None
    if back:
        return Decision(link, close=[clash.id], reread=True)
    if clash.state == CHOSEN:
        gone: Side = "local" if local_gone else "remote"
        other = other_side(gone)
        if clash.rule == gone:
            return _removal(case, other, final=not rules.archive_local)
        return Decision(link, state=GONE, evidence="chosen", rebirth=other, close=[clash.id])
    return Decision(link)
