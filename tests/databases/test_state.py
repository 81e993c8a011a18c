"""The state on a real PostgreSQL: what SQLite promises by having one writer, it promises too."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from connector.errors import LeaseHeldError, StoreError
from connector.store import claims, events, links, scopes, staged
from connector.store.copies import copy_of
from connector.store.database import Store, open_engine
from connector.store.events import Event
from connector.store.staged import Staged
from connector.store.tables import SCHEMA_VERSION
from tests.racing import race
from tests.servers import database
from tests.unit.test_store import OLDER

C = "customer"


@pytest.fixture
def state() -> Iterator[str]:
    with database("postgresql") as url:
        yield url


def test_of_eight_workers_at_once_one_gets_the_lease(state: str) -> None:
    Store(open_engine(state), tenant="t").close()
    won: list[int] = []

    def begin() -> None:
        store = Store(open_engine(state), tenant="t")
        with contextlib.suppress(LeaseHeldError):
            won.append(store.acquire("crm", C).fence)
        store.close()

    race([begin] * 8)
    assert won == [1]


def test_a_new_state_may_be_opened_by_many_workers_at_once(state: str) -> None:
    ids: list[str] = []

    def begin() -> None:
        store = Store(open_engine(state), tenant="t")
        ids.append(store.store_id)
        store.close()

    race([begin] * 6)
    assert len(ids) == 6
    assert len(set(ids)) == 1


def test_a_rate_budget_that_workers_share_is_never_spent_twice(state: str) -> None:
    Store(open_engine(state), tenant="t").close()

    def spend() -> None:
        store = Store(open_engine(state), tenant="t")
        for _ in range(25):
            scopes.reserve(store, "crm", "a/path/" * 20, "80/20s", 0, lambda tat, now: (tat + 1, 0))
        store.close()

    race([spend] * 4)
    store = Store(open_engine(state), tenant="t")
    with store.read() as tx:
        row = scopes.get(tx, "crm", "*/" + "a/path/" * 20)
    assert row is not None
    assert row.tat_us == 100
    store.close()


def test_marks_of_one_row_by_two_workers_meet(state: str) -> None:
    Store(open_engine(state), tenant="t").close()

    def mark() -> None:
        store = Store(open_engine(state), tenant="t")
        for _ in range(20):
            with store.write(None, "mark") as tx:
                staged.mark(tx, ["crm"], C, {"1": None})
        store.close()

    race([mark] * 3)
    store = Store(open_engine(state), tenant="t")
    with store.read() as tx:
        assert staged.load(tx, "crm", C, "local", ["1"])["1"].counter == 60
    store.close()


def test_the_time_is_the_servers(state: str) -> None:
    store = Store(open_engine(state), tenant="t")
    with store.engine.begin() as tx:
        tx.exec_driver_sql("CREATE SCHEMA slow")
        tx.exec_driver_sql(
            "CREATE FUNCTION slow.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
            " AS $$ SELECT to_timestamp(7) $$"
        )
    with store.read() as tx:
        tx.exec_driver_sql("SET LOCAL search_path = slow, pg_catalog")
        assert store.now_us(tx) == 7_000_000
    store.close()


def test_reading_writes_nothing(state: str) -> None:
    store = Store(open_engine(state), tenant="t")
    with pytest.raises(StoreError), store.read() as tx:
        staged.stage(tx, [Staged("crm", C, "local", "1")])
    store.close()


def test_a_worker_that_freezes_in_a_transaction_is_left_behind(state: str) -> None:
    engine = open_engine(state)
    store = Store(engine, tenant="t")

    @sa.event.listens_for(engine, "connect")
    def impatient(dbapi: object, record: object) -> None:
        dbapi.execute("SET idle_in_transaction_session_timeout = '200ms'")  # type: ignore[attr-defined]  # psycopg's own
        dbapi.commit()  # type: ignore[attr-defined]  # psycopg's own

    engine.dispose()
    other = Store(open_engine(state), tenant="t")
    with pytest.raises(StoreError), store.write(None, "freeze") as tx:
        staged.stage(tx, [Staged("crm", C, "local", "1")])
        with other.write(None, "go on") as beside:  # waits until the server has ended the first
            assert staged.load(beside, "crm", C, "local", ["1"]) == {}
    store.close()
    other.close()


def test_a_plan_works_on_a_copy_that_holds_all_rows(state: str) -> None:
    store = Store(open_engine(state), tenant="t")
    lease = store.acquire("crm", C)
    with store.write(lease, "stage") as tx:
        staged.stage(tx, [Staged("crm", C, "remote", f"{n}", "1", payload=b"p") for n in range(3)])
    copy = Store(copy_of(store.engine), tenant="t")
    assert copy.store_id == store.store_id
    taken = copy.acquire("crm", C)
    with copy.write(taken, "look") as tx:
        assert len(staged.load(tx, "crm", C, "remote", ["0", "1", "2"])) == 3
    store.renew(lease)
    copy.engine.dispose()
    store.close()


@pytest.mark.parametrize("version", OLDER)
def test_a_state_of_an_older_version_is_upgraded_here_too(state: str, version: str) -> None:
    first = Store(open_engine(state), tenant="t")
    with first.engine.begin() as tx:
        for statement in OLDER[version]:
            tx.exec_driver_sql(statement)
        tx.exec_driver_sql("UPDATE meta SET value = %s WHERE key = 'schema'", (version,))
        tx.exec_driver_sql(
            "INSERT INTO link (id, connection, kind, local_id, live, state, epoch)"
            " VALUES ('l1', 'crm', 'customer', '7', 1, 'pending', 1)"
        )
        tx.exec_driver_sql(
            "INSERT INTO event (seq, at_us, run, connection, kind, cause)"
            " VALUES (1, 1, 'r', 'crm', 'customer', 'bound')"
        )
    first.close()
    again = Store(open_engine(state), tenant="t", chain=Chained)
    assert again.meta("schema") == str(SCHEMA_VERSION)
    with again.write(None, "go on") as tx:
        assert links.by_ids(tx, ["l1"])["l1"].local_id == "7"
        events.append(tx, [Event(2, "r", "crm", C, "bound", doc=b"sealed")])
        old, new = events.entries(tx)
    assert (old["mac"], old["doc_digest"], old["kid"]) == (None, None, None)
    assert (bytes(new["mac"]), new["kid"]) == (b"m" * 32, 8)
    assert bytes(new["doc_digest"]) == events.digest_of(b"sealed")
    again.close()


def test_claims_are_told_apart_by_the_key_that_made_them(state: str) -> None:
    store = Store(open_engine(state), tenant="t")
    old, new = b"o" * 16, (12).to_bytes(4, "big") + b"n" * 16
    mark = new[:4]
    with store.write(None, "claims") as tx:
        claims.stake(tx, "crm", C, {"L": [(old,)]}, {"L": "local"})
        assert claims.spread(tx, "crm", C, [(old, new)]) == 1
        assert claims.count_by_mark(tx) == {b"": 1, mark: 1}
        assert claims.places(tx, mark) == claims.places(tx, b"") == [("crm", C)]
        [(link, [held])] = claims.held_under(tx, "crm", C, b"", "")
        assert (link, bytes(held.digest)) == ("L", old)
        assert claims.forget_under(tx, b"") == 1
        assert claims.count_by_mark(tx) == {mark: 1}
        assert claims.get(tx, "crm", C, [(new,)])[(new,)].link == "L"
    store.close()


class Chained:
    """Hashes that are not looked at."""

    kid = 8

    def mac(self, kid: int, seq: int, content: bytes) -> bytes:
        return b"m" * 32


def test_a_lost_process_leaves_no_lock_behind(state: str) -> None:
    Store(open_engine(state), tenant="t").close()
    code = (
        "import os, signal, sys\n"
        "from connector.store.database import Store, open_engine\n"
        "store = Store(open_engine(sys.argv[1]), tenant='t')\n"
        "with store.write(None, 'die') as tx:\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, state], check=False).returncode == -9
    store = Store(open_engine(state), tenant="t")
    store.acquire("crm", C)
    store.close()
