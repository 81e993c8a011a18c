"""A policy that changed, and a new day: what was decided by the old one is looked at again.

A policy that became stricter must reach what was sent before, and one that became looser what was
held back. A day that passed may end a transfer, or make somebody of age. Both are noticed once, by
what the state remembers of the last time.
"""

from __future__ import annotations

import json
import logging

from connector.policy.load import Policy
from connector.store import staged
from connector.sync.gate import LETTER
from connector.sync.marks import reread_all
from connector.sync.scope import Scope

NOTED = "policy"
"""The word of the state under which the policies of all scopes are remembered."""

_log = logging.getLogger(__name__)


def notice(scope: Scope, policy: Policy | None) -> None:
    """Compare the policy and the day with the last time, and have looked at what may change."""
    name = f"{scope.connection}/{scope.kind}"
    with scope.store.read() as tx:
        known = json.loads(scope.store.meta_in(tx, NOTED) or "{}")
    was = known.get(name) or ["none", ""]
    now = ["none", ""]
    if policy is not None:
        assert scope.rules.gate is not None
        now = [policy.digest, scope.rules.gate.compiled.today.isoformat()]
    if was == now:
        return
    if was[0] != now[0]:
        _log.warning(
            "The privacy policy of %s is another one than at the last run: %s, was %s.",
            name,
            now[0],
            was[0],
        )
        # A record that may not go there any more is not asked for there.
        reread_all(scope.store, scope.lease, "policy changed")
    with scope.store.write(scope.lease, "policy noted") as tx:
        staged.retry_letters(tx, scope.connection, scope.kind, LETTER)
        # Read again: another connection's run may have noted its own meanwhile.
        known = json.loads(scope.store.meta_in(tx, NOTED) or "{}")
        known[name] = now
        scope.store.set_meta(tx, NOTED, json.dumps(known, sort_keys=True))
