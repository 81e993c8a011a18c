"""From what both sides show to what is to be done: pure decisions for one link at a time.

`decide` takes a `Situation` (a link, its base, both records as they now stand) and returns a
`Decision`. It reads no clock, no network and no database, so `plan` and `sync` cannot differ.
"""

from __future__ import annotations

from connector.local.contract import RowState
from connector.mapping.translate import Pair
from connector.plugin import Gone, Kind
from connector.store.conflicts import RECORD
from connector.store.links import ACTIVE, GONE, OUT
from connector.sync.decision import Decision, KindRules, Situation
from connector.sync.drafting import decide_fields
from connector.sync.expiry import decide_expired
from connector.sync.gone import decide_gone, decide_merged, decide_tombstone, decide_waiting
from connector.sync.halves import decide_half


def decide(pair: Pair, rules: KindRules, case: Situation) -> Decision:
    """Decide one link. See the module for what it may look at."""
    link = case.link
    if link.live is None:
        return decide_tombstone(pair, case)
    if link.remote_id is None:
        return decide_half(pair, rules, case, "local")
    if link.local_id is None:
        return decide_half(pair, rules, case, "remote")
    if case.due.record and pair.kind is not Kind.CUSTOMER:
        expired = decide_expired(case)
        if expired is not None:
            return expired
    if RECORD in case.conflicts:
        return decide_waiting(pair, rules, case)
    local_gone = case.row is None or case.row.state is RowState.DELETED
    remote_gone = case.seen is not None and case.seen.gone not in (None, Gone.HIDDEN)
    hidden = (case.row is not None and case.row.state is RowState.OUT) or (
        case.seen is not None and case.seen.gone is Gone.HIDDEN
    )
    if local_gone and remote_gone:
        return Decision(link, state=GONE, evidence="both")
    if local_gone:
        return decide_gone(pair, rules, case, "local")
    if remote_gone and case.successor is not None:
        return decide_merged(pair, rules, case, case.successor)
    if remote_gone:
        return decide_gone(pair, rules, case, "remote")
    if hidden:
        # Out of sight is not deleted: fields stop, nothing is removed.
        return Decision(link, state=OUT, evidence="hidden")
    if link.state == OUT:
        return Decision(link, state=ACTIVE, reread=True)
    return decide_fields(pair, rules, case)
