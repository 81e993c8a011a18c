"""The in-memory vendor's way in bulk, in bad weather."""

from __future__ import annotations

from random import Random

import pytest

from connector.errors import CursorExpiredError, RetryableError
from connector.plugin import Outcome
from connector.records import Kind
from connector.testing.clock import ManualClock
from connector.testing.lab import new
from connector.testing.memory import MemoryVendor
from connector.testing.memory_bulk import BulkHouse, BulkMemoryRemote
from connector.testing.weather import Phase, Trouble
from tests.contract.test_memory import SCHEMA, TARGET

C = Kind.CUSTOMER


@pytest.fixture
def vendor() -> MemoryVendor:
    return MemoryVendor(clock=ManualClock(), rng=Random(7), schemas={C: SCHEMA})


@pytest.mark.parametrize("trouble", [Trouble.LOST_BEFORE, Trouble.LOST_AFTER])
def test_a_start_that_was_never_answered_is_recognised(
    vendor: MemoryVendor, trouble: Trouble
) -> None:
    phases: list[Phase] = ["before" if trouble is Trouble.LOST_BEFORE else "after"]

    def weather(operation: str, phase: Phase) -> Trouble | None:
        if operation != "bulk_write" or phases != [phase]:
            return None
        phases.clear()
        return trouble

    vendor.weather = weather
    house, kept = BulkHouse(), list[bytes | None]()
    writes = [new({"Last": "Lin"}, "K1"), new({"Last": "Wei"}, "K2")]
    with pytest.raises(RetryableError):
        list(BulkMemoryRemote(vendor, {C: TARGET}, house).bulk_write(C, writes, None, kept.append))
    again = BulkMemoryRemote(vendor, {C: TARGET}, house)  # another process
    results = list(again.bulk_write(C, writes[::-1], kept[-1], kept.append))
    assert [one.outcome for one in results] == [Outcome.APPLIED] * 2
    assert len(vendor.dump(C)) == 2


def test_a_job_that_is_forgotten_begins_anew(vendor: MemoryVendor) -> None:
    remote = BulkMemoryRemote(vendor, {C: TARGET})
    place = next(iter(remote.bulk_read(C, None))).resume
    remote.house.reads.clear()
    with pytest.raises(CursorExpiredError):
        list(remote.bulk_read(C, place))
