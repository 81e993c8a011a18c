"""`examples/django`: a host with a local side of its own, played in a process of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.examples.hosts import play, run
from tests.servers import database

KIT = Path(__file__).with_name("django_contract.py")


def told(story: str, folder: Path, **environment: str) -> str:
    module = "tests.examples.django_stories"
    return play("django", story, folder, module=module, **environment)


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """What has the example work on a PostgreSQL database of its own."""
    with database("postgresql") as url:
        place = sa.make_url(url)
        yield {
            "DESK_POSTGRES_PORT": str(place.port),
            "DESK_POSTGRES_NAME": str(place.database),
            "DESK_POSTGRES_USER": str(place.username),
        }


def test_records_of_three_models_travel_both_ways(tmp_path: Path) -> None:
    assert "zoho/feedback: 2 created, 0 updated, 0 removed" in told("both_ways", tmp_path)


def test_they_do_on_postgresql(tmp_path: Path) -> None:
    with postgres() as environment:
        output = told("both_ways", tmp_path, **environment)
    assert "zoho/feedback: 2 created, 0 updated, 0 removed" in output


def test_a_view_wakes_the_thread_after_its_commit_and_calls_nobody(tmp_path: Path) -> None:
    told("a_view_wakes_the_thread", tmp_path)


def test_a_sync_inside_a_transaction_is_refused(tmp_path: Path) -> None:
    told("a_sync_inside_a_transaction_is_refused", tmp_path)


def test_what_sends_no_signal_is_found_within_a_day(tmp_path: Path) -> None:
    told("what_sends_no_signal_is_found_within_a_day", tmp_path)


def test_its_tables_will_do_where_its_models_do_nothing(tmp_path: Path) -> None:
    told("the_tables_will_do", tmp_path)


def test_threads_log_signals_and_names_stay_the_hosts(tmp_path: Path) -> None:
    told("leaves_no_trace", tmp_path)


def test_the_operators_command_works_on_the_hosts_settings(tmp_path: Path) -> None:
    told("the_operators_command", tmp_path)


def test_its_thread_ends_with_the_process(tmp_path: Path) -> None:
    assert told("ends_with_its_process", tmp_path) == "{'MainThread'}\n"


def kit(folder: Path, **environment: str) -> None:
    """The kit of local sides, in the example's own process."""
    arguments = ["-m", "pytest", str(KIT), "-p", "no:cacheprovider"]
    output = run("django", arguments, DESK_DATA=str(folder), **environment)
    counted = re.search(r"(\d+) passed, (\d+) skipped", output)
    assert counted is not None, output
    assert int(counted[1]) > 50


def test_its_side_keeps_every_promise(tmp_path: Path) -> None:
    kit(tmp_path)


def test_its_side_keeps_every_promise_on_postgresql(tmp_path: Path) -> None:
    with postgres() as environment:
        kit(tmp_path, **environment)


def test_its_migrations_are_those_of_its_models(tmp_path: Path) -> None:
    run("django", ["manage.py", "makemigrations", "--check"], DESK_DATA=str(tmp_path))
