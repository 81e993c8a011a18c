"""`examples/flask`: a host that hands in its engine, played in a process of its own."""

from __future__ import annotations

from pathlib import Path

from tests.examples.hosts import play


def told(story: str, folder: Path) -> str:
    return play("flask", story, folder, module="tests.examples.flask_stories")


def test_records_travel_both_ways(tmp_path: Path) -> None:
    assert "zoho/customer: 1 created, 1 updated, 0 removed" in told("both_ways", tmp_path)


def test_what_a_request_undoes_rings_nobody_and_is_never_sent(tmp_path: Path) -> None:
    told("rolled_back", tmp_path)


def test_no_request_calls_a_vendor(tmp_path: Path) -> None:
    told("no_call_in_the_request", tmp_path)


def test_threads_log_signals_names_and_engine_stay_the_hosts(tmp_path: Path) -> None:
    told("leaves_no_trace", tmp_path)


def test_a_ring_during_a_run_is_another_run_and_a_hundred_are_few(tmp_path: Path) -> None:
    told("a_ring_during_a_run_is_another_run", tmp_path)


def test_what_waiting_mends_is_tried_again_and_said(tmp_path: Path) -> None:
    log = told("what_waiting_mends_is_tried_again", tmp_path)
    assert log == "sync: The answer was lost (RemoteDisconnected).\n"


def test_a_child_of_a_fork_has_its_own_thread(tmp_path: Path) -> None:
    told("a_child_of_a_fork_has_its_own_thread", tmp_path)


def test_a_process_that_ends_in_a_run_lets_go_and_the_next_goes_on(tmp_path: Path) -> None:
    told("a_process_ends_in_a_run", tmp_path)


def test_a_broken_side_ends_no_thread_and_is_quoted_nowhere(tmp_path: Path) -> None:
    told("a_broken_side_ends_no_thread_and_is_quoted_nowhere", tmp_path)


def test_no_thread_to_be_had_breaks_no_request(tmp_path: Path) -> None:
    told("no_thread_to_be_had", tmp_path)


def test_it_runs_under_its_own_server_as_its_readme_says(tmp_path: Path) -> None:
    told("under_its_own_server", tmp_path)


def test_the_operators_command_works_on_the_hosts_settings(tmp_path: Path) -> None:
    told("the_operators_command", tmp_path)
