"""The vendors of a story, drawn from its seed: what they can do, and how wrong their clocks are."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from random import Random
from typing import Any

from connector.plugin import Capabilities
from connector.records import Kind
from connector.testing.clock import ManualClock
from connector.testing.world import PERFECT, Commit, MemoryVendor
from tests.story import BATCH


class SkewedClock:
    """The vendor's clock: as fast as ours, and wrong by a span."""

    def __init__(self, ours: ManualClock, wrong: dt.timedelta) -> None:
        self._ours = ours
        self._wrong = wrong

    def now(self) -> dt.datetime:
        return self._ours.now() + self._wrong

    def sleep(self, seconds: float) -> None:
        self._ours.sleep(seconds)


def draw_counting(rng: Random) -> Capabilities:
    """A vendor that takes one record by a call, counts its writes and tells of no removals."""
    return replace(
        PERFECT,
        batch=dict.fromkeys(BATCH, 1),
        external_key="plain",
        conditional=False,
        counts_writes=True,
        reports_removals=False,
        reports_merges=False,
        version_step=dt.timedelta(0),
        feed_lag=dt.timedelta(seconds=rng.choice([0, 2, 30])),
        find_lag=dt.timedelta(seconds=rng.choice([0, 3, 60])),
        removal=rng.choice(["invalidate", "invalidate", "final"]),
        call_life=dt.timedelta(seconds=30),
    )


def draw_capabilities(rng: Random) -> Capabilities:
    """A vendor drawn from the seed: what it can do, how late and how coarse it is."""
    counts = rng.random() < 0.3
    step = dt.timedelta(0) if counts else dt.timedelta(seconds=rng.choice([0, 1, 1, 1]))
    return replace(
        PERFECT,
        batch=BATCH if rng.random() < 0.5 else {op: 3 for op in BATCH},
        external_key=rng.choice(["unique", "unique", "plain"]),
        conditional=rng.random() < 0.6,
        counts_writes=counts,
        version_step=step,
        feed_lag=dt.timedelta(seconds=rng.choice([0, 2, 120])),
        find_lag=dt.timedelta(seconds=rng.choice([0, 0, 5])),
        removal=rng.choice(["recycle", "recycle", "final"]),
        call_life=dt.timedelta(seconds=30),
    )


ROUTED = "routed"
"""The city that a vendor's workflow writes."""


class Rewriting(MemoryVendor):
    """A vendor whose workflow sets a field right after each write of ours."""

    def _commit(self, kind: Kind, was: Commit | None, **what: Any) -> Commit:
        made = super()._commit(kind, was, **what)
        city = made.fields.get("City")
        if made.by_us and made.state == "live" and kind == Kind.CUSTOMER and city != ROUTED:
            # the answer to the write knows nothing of it
            super()._commit(kind, made, fields={**made.fields, "City": ROUTED}, by_us=False)
        return made
