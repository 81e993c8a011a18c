"""People's keys on a real PostgreSQL, and under workers that begin at once."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from connector.privacy.ring import Ring, create_ring
from connector.privacy.subjects import Subjects
from connector.privacy.vault import open_vault
from connector.testing.clock import ManualClock
from tests.racing import race
from tests.servers import database


def test_new_keys_may_be_opened_by_many_workers_at_once(tmp_path: Path) -> None:
    clock = ManualClock()
    create_ring(tmp_path / "ring.json", "file:kek.bin", "t", clock.now())
    opened: list[bool] = []

    def begin(url: str) -> None:
        vault = open_vault(
            ring_path=tmp_path / "ring.json",
            kek="file:kek.bin",
            subjects_url=url,
            tenant="t",
            clock_now=clock.now,
        )
        vault.close()
        opened.append(True)

    with database("postgresql") as url:
        race([partial(begin, url)] * 6)
    assert len(opened) == 6


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_workers_may_note_the_number_of_their_runs_at_once(where: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        if where == "sqlite":
            url = f"sqlite:///{tmp_path}/keys.db"
        else:
            url = stack.enter_context(database(where))
        workers = [
            stack.enter_context(closing(Subjects(url, no_ring, ManualClock().now)))
            for _ in range(4)
        ]
        ended: list[int] = []

        def note(worker: Subjects, first: int) -> None:
            for number in range(first, 41, 4):
                worker.set_generation("1a2b", number)
            ended.append(first)

        race([partial(note, worker, first) for first, worker in enumerate(workers, 1)])
        assert sorted(ended) == [1, 2, 3, 4]
        assert workers[0].generation("1a2b") == 40


def no_ring() -> Ring:
    raise AssertionError("no key is asked for")
