"""What the core lends a plugin: work spread over threads, and budgets."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import cast

import pytest

from connector.errors import LeaseLostError, RateLimitedError, StoreError
from connector.host import Beating, StoreHost, in_threads, one_ahead
from connector.privacy.vault import Vault
from connector.store.database import Store, open_engine
from connector.sync.moments import as_us
from connector.testing.clock import ManualClock


def test_each_item_is_worked_on_once_and_never_more_than_the_width_at_a_time() -> None:
    lock, now, most = threading.Lock(), 0, 0
    meet = threading.Barrier(3)

    def work(item: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        meet.wait(timeout=10)  # breaks unless three really run together
        with lock:
            now -= 1
        return item * item

    assert sorted(in_threads(work, range(30), 3)) == [i * i for i in range(30)]
    assert most == 3


def test_an_error_comes_out_after_what_had_begun_and_nothing_more_begins() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 2:
            raise ValueError("told")
        return item

    with pytest.raises(ValueError, match="told"):
        list(in_threads(work, range(100), 2))
    assert len(begun) < 10


def test_nothing_begins_before_it_is_asked_for() -> None:
    begun: list[int] = []
    worked = in_threads(begun.append, iter(range(9)), 2)
    assert begun == []
    next(worked)
    worked.close()  # type: ignore[attr-defined]  # it is a generator
    assert sorted(begun) in ([0], [0, 1])


def test_no_items_are_no_work() -> None:
    assert list(in_threads(lambda item: item, [], 4)) == []


def test_one_is_fetched_while_one_is_worked_on_and_never_more() -> None:
    asked: list[int] = []
    come = [threading.Event() for _ in range(4)]

    def pages() -> Iterator[int]:
        for number in range(4):
            asked.append(number)
            come[number].set()
            yield number

    for number in one_ahead(pages()):
        if number < 3:
            assert come[number + 1].wait(timeout=10), "the next is on its way"
        assert asked == list(range(min(number + 2, 4)))
    assert asked == [0, 1, 2, 3]


def test_an_error_while_fetching_comes_at_its_place() -> None:
    def pages() -> Iterator[int]:
        yield 1
        raise ValueError("told")

    met: list[int] = []
    with pytest.raises(ValueError, match="told"):
        for page in one_ahead(pages()):
            met.append(page)
    assert met == [1]


def test_whoever_stops_in_the_middle_leaves_nothing_under_way() -> None:
    begun, ended = threading.Event(), threading.Event()

    def pages() -> Iterator[int]:
        yield 1
        begun.set()
        ended.wait(timeout=0.05)
        ended.set()
        yield 2

    def stop() -> None:
        for _ in one_ahead(pages()):
            begun.wait(timeout=10)
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        stop()
    gc.collect()
    assert ended.is_set()


AT_THE_END = """
import atexit
from connector.errors import StopRequest
from connector.host import in_threads

def late():
    try:
        list(in_threads(print, ["begun"], 1))
    except StopRequest:
        print("stopped")

list(in_threads(print, ["in time"], 1))
atexit.register(late)
"""


def test_a_process_on_its_way_out_stops_a_run_as_if_it_were_asked_to() -> None:
    told = subprocess.run([sys.executable, "-c", AT_THE_END], capture_output=True, text=True)
    assert (told.stdout.split("\n")[:-1], told.stderr) == (["in time", "stopped"], "")


def test_a_lease_is_renewed_while_a_block_lasts_though_the_database_is_busy_once() -> None:
    beats, enough = list[int](), threading.Event()

    def work() -> None:
        beats.append(1)
        if len(beats) == 1:
            raise StoreError("It is busy.")
        if len(beats) == 3:
            enough.set()

    before = set(threading.enumerate())
    with Beating(0.005)(work):
        assert enough.wait(5)
    assert set(threading.enumerate()) <= before, "nothing beats any more"


def test_a_lost_lease_is_not_asked_for_again() -> None:
    beats = list[int]()

    def work() -> None:
        beats.append(1)
        raise LeaseLostError("Another run took over.")

    before = set(threading.enumerate())
    with Beating(0.005)(work):
        for beating in set(threading.enumerate()) - before:
            beating.join(5)
        assert set(threading.enumerate()) <= before, "it ends by itself"
    assert len(beats) == 1


def test_calls_that_a_pause_keeps_back_take_nothing_from_the_budget() -> None:
    clock, vault = ManualClock(), cast(Vault, None)  # no secret is asked for
    with closing(Store(open_engine("sqlite://"), now_us=lambda: as_us(clock.now()))) as store:
        host = StoreHost("crm", store, vault, clock)
        host.pause("api", 60)
        for _ in range(40):
            with pytest.raises(RateLimitedError):
                host.spend("api", 1, "80/20s")
        clock.move(timedelta(seconds=60))
        host.spend("api", 4, "80/20s")
        assert (clock.slept, host.spent) == (timedelta(0), (1, 4))
        host.spend("api", 1, "80/20s")
        assert timedelta(0) < clock.slept < timedelta(seconds=1)
