"""Two vendors around one shop, and short looks at all sides."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from connector.plugin import Capabilities, Kind, Op
from connector.testing.memory import MemoryVendor
from connector.testing.world import PERFECT
from tests.story import C, Story, Tell

COUNTING = replace(
    PERFECT,
    batch={Op.CREATE: 1, Op.UPDATE: 1, Op.REMOVE: 1},
    external_key="plain",
    conditional=False,
    counts_writes=True,
    reports_removals=False,
    reports_merges=False,
    removal="invalidate",
    find_lag=dt.timedelta(seconds=60),
)
"""A vendor like Fxiaoke: one call for each write, a version that counts, no feed of removals."""


def make_hub(tell: Tell, able: Capabilities = COUNTING, **how: Any) -> Story:
    story = tell(others={"far": able}, **how)
    story.vendors["far"].answers_version = False
    story.vendors["far"].answers_fields = False
    return story


def one(vendor: MemoryVendor, kind: Kind = C) -> dict[str, Any]:
    """The vendor's only record of a kind."""
    [found] = vendor.dump(kind)
    return found


def clients(story: Story) -> list[dict[str, Any]]:
    return [dict(row) for row in story.sql("SELECT * FROM clients WHERE is_deleted = 0")]


def written(story: Story) -> int:
    return sum(
        vendor.calls[op]
        for vendor in story.vendors.values()
        for op in ("create", "update", "remove", "restore")
    ) + len(story.sql(f"SELECT intent FROM crm_connector_applied_{story.store().store_id}"))


def silent(story: Story) -> bool:
    before = written(story)
    for _ in range(3):
        story.settle()
    return written(story) == before
