"""People's keys on a real PostgreSQL, and under workers that begin at once."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from connector.privacy.heads import Head, Heads, Restore
from connector.privacy.keys_database import open_keys_database
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


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_keys_of_an_older_release_get_the_tables_and_columns_that_they_lack(
    where: str, tmp_path: Path
) -> None:
    """A table of ends, one of restores, and the later columns of the ledger."""
    with ExitStack() as stack:
        local = where == "sqlite"
        completed(f"sqlite:///{tmp_path}/k.db" if local else stack.enter_context(database(where)))


def completed(url: str) -> None:
    first = open_keys_database(url)
    with first.begin() as database:
        database.exec_driver_sql("DROP TABLE audit_restore")
        database.exec_driver_sql("DROP TABLE audit_head")
        for column in ("subjects", "state", "step", "work", "done_us"):
            database.exec_driver_sql(f"ALTER TABLE erasure DROP COLUMN {column}")
        database.exec_driver_sql(
            "INSERT INTO erasure (id, subject_id, at_us, tokens, vendors, basis)"
            " VALUES ('e', 's', 1, '[]', '[]', '')"
        )
    first.dispose()
    heads = Heads(engine := open_keys_database(url))
    heads.note("1a2b", Head(5, b"m" * 32, 7), ())
    back = Restore("r", 9, "2026-03-02T00:00:00+00:00", (2, b"e" * 32), frozenset({(5, b"m" * 32)}))
    heads.note_restore("1a2b", back)
    assert heads.of("1a2b") == [Head(5, b"m" * 32, 7)]
    assert heads.restores("1a2b") == [back]
    with engine.begin() as database:
        [row] = database.exec_driver_sql("SELECT subjects, state, step, work FROM erasure").all()
    assert tuple(row) == ("[]", "open", 0, None)
    engine.dispose()


def no_ring() -> Ring:
    raise AssertionError("no key is asked for")
