"""The in-memory vendor keeps the plugin contract, whatever it can and cannot do."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from connector.plugin import Capabilities, FieldInfo, Remote, Schema, Target
from connector.records import Kind
from connector.testing.clock import ManualClock
from connector.testing.contract import PluginContract
from connector.testing.hands import Hands, MemoryHands
from connector.testing.memory import PERFECT, MemoryVendor
from connector.testing.memory_bulk import BulkMemoryRemote
from tests.sync.hub import COUNTING

TARGET = Target(
    object="People",
    fields=("Last", "First", "Mail", "Stage", "Note"),
    key_field="Key",
    match_fields=("Mail",),
)
SCHEMA = Schema(
    object="People",
    fields={
        info.name: info
        for info in (
            FieldInfo(name="Last", type="text", max_length=40, required=True),
            FieldInfo(name="First", type="text", max_length=40),
            FieldInfo(name="Mail", type="email"),
            FieldInfo(name="Stage", type="choice", options=("新", "老")),
            FieldInfo(name="Note", type="text"),
            FieldInfo(name="Unmapped", type="text"),
            FieldInfo(name="Key", type="text", unique=True, external=True),
        )
    },
)

LAGGING = replace(
    PERFECT,
    feed_lag=timedelta(seconds=30),
    find_lag=timedelta(seconds=90),
    reads_own_writes=False,
)
ABILITIES: dict[str, Capabilities] = {
    "perfect": PERFECT,
    "lagging": LAGGING,
    "one by one, counting": COUNTING,
    "whole seconds": replace(PERFECT, version_step=timedelta(seconds=1)),
    "whole minutes, late": replace(LAGGING, version_step=timedelta(minutes=1)),
    "no keys, final, no search": replace(
        PERFECT,
        external_key="none",
        removal="final",
        find_lag=None,
        reports_merges=False,
    ),
    "final and silent": replace(
        PERFECT, removal="final", reports_removals=False, reports_merges=False
    ),
    "merges only": replace(LAGGING, reports_removals=False),
    "counting and conditional": replace(PERFECT, counts_writes=True, external_key="none"),
}


class TestMemory(PluginContract):
    @pytest.fixture(params=list(ABILITIES.values()), ids=list(ABILITIES))
    def abilities(self, request: pytest.FixtureRequest) -> Capabilities:
        found: Any = request.param
        assert isinstance(found, Capabilities)
        return found

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def vendor(self, clock: ManualClock, abilities: Capabilities) -> MemoryVendor:
        return MemoryVendor(
            clock=clock,
            rng=Random(7),
            schemas={Kind.CUSTOMER: SCHEMA},
            capabilities=abilities,
        )

    @pytest.fixture
    def target(self) -> Target:
        return TARGET

    @pytest.fixture
    def remote(self, vendor: MemoryVendor, target: Target) -> Remote:
        return BulkMemoryRemote(vendor, {Kind.CUSTOMER: target})

    @pytest.fixture
    def hands(self, vendor: MemoryVendor, clock: ManualClock) -> Hands:
        return MemoryHands(vendor, clock)
