"""What the core lends a plugin: work spread over threads."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from connector.host import in_threads


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
    assert list(in_threads(lambda item: item, [], 4)) == []


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
