"""What a migration takes here, in calls and time: each written record is a call of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from connector.estimates import Estimate, Fact, Workload
from connector.http.limits import parse_rate
from connector_fxiaoke.settings import FxiaokeSettings

CALL_S: Final = 0.5
"""We reckon with half a second for a call. A choice, no fact."""
LOGIN_CALLS: Final = 4
"""The login, and an object's fields."""


def estimate(settings: FxiaokeSettings, work: Workload) -> Estimate:
    """See `connector.estimates.Estimates`. The limit on each path bounds it, or the calls do."""
    reads = -(-work.read // settings.page_size) + 1
    # Creates and updates are two paths, each with a budget of its own.
    longest = max(reads, work.create, work.update)
    rate = parse_rate(settings.rate)
    waiting = max(0, longest - rate.units) * rate.per_s / rate.units
    calls = LOGIN_CALLS + reads + work.create + work.update
    busy = (work.create + work.update) * CALL_S / settings.concurrency + reads * CALL_S
    seconds = max(waiting, busy)
    facts = [
        Fact(text="A record is written by a call of its own.", certainty="documented"),
        Fact(text=f"Each path may be called {settings.rate}.", certainty="chosen"),
        Fact(text="A call is reckoned with half a second.", certainty="unverified"),
    ]
    if settings.quota is not None:
        seconds = max(seconds, (calls // settings.quota) * 86_400.0)
        facts.append(Fact(text=f"A day has {settings.quota} calls.", certainty="chosen"))
    return Estimate(
        calls=calls, cost=calls, unit="calls", takes=timedelta(seconds=seconds), facts=facts
    )
