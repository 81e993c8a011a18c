"""`examples/flask`: a host that hands in its engine, played in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.hosts import play


def told(story: str, folder: Path) -> str:
    return play("flask", story, folder, module="tests.examples.flask_stories")


def test_records_travel_both_ways(tmp_path: Path) -> None:
    assert "zoho/customer: 1 created, 1 updated, 0 removed" in told("both_ways", tmp_path)


@pytest.mark.parametrize(
    "story",
    [
        "rolled_back",
        "no_call_in_the_request",
        "leaves_no_trace",
        "a_ring_during_a_run_is_another_run",
        "a_child_of_a_fork_has_its_own_thread",
        "a_process_ends_in_a_run",
        "no_thread_to_be_had",
        "a_broken_side_ends_no_thread_and_is_quoted_nowhere",
    ],
)
def test_the_story(story: str, tmp_path: Path) -> None:
    told(story, tmp_path)


def test_what_waiting_mends_is_tried_again_and_said(tmp_path: Path) -> None:
    log = told("what_waiting_mends_is_tried_again", tmp_path)
    assert log == "sync: The answer was lost (RemoteDisconnected).\n"
