"""The state: leases with fences, staged rows, claims, and what the database itself forbids."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from connector.errors import LeaseHeldError, LeaseLostError, SettingsError
from connector.store import claims, conflicts, intents, links, scopes, staged, tables
from connector.store.conflicts import Conflict
from connector.store.database import Store, open_engine, owner_is_dead
from connector.store.intents import SENDING, Intent
from connector.store.links import Link
from connector.store.staged import Staged
from tests.servers import database

C = "customer"
PHONE = (b"phone",)


@dataclass
class Time:
    us: int = 1_000_000

    def __call__(self) -> int:
        return self.us

    def pass_(self, seconds: float) -> None:
        self.us += int(seconds * 1_000_000)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    with ExitStack() as stack:
        on_server = request.param == "postgresql"
        url = stack.enter_context(database(request.param)) if on_server else "sqlite://"
        engine = open_engine(url)
        yield engine
        engine.dispose()


def store_of(engine: sa.Engine, time: Time, seed: int = 1) -> Store:
    """The store as one worker opens it."""
    return Store(engine, now_us=time, tenant="t", rng=Random(seed))


@pytest.fixture
def store(engine: sa.Engine, time: Time) -> Store:
    return store_of(engine, time)


# --- leases ---------------------------------------------------------------------------------------


def test_two_workers_cannot_hold_one_scope(engine: sa.Engine, time: Time) -> None:
    one, two = store_of(engine, time, 1), store_of(engine, time, 2)
    one.acquire("crm", C)
    with pytest.raises(LeaseHeldError):
        two.acquire("crm", C)
    two.acquire("crm", "feedback")


def test_a_lease_that_ran_out_is_taken_over_with_a_higher_fence(
    engine: sa.Engine, time: Time
) -> None:
    one, two = store_of(engine, time, 1), store_of(engine, time, 2)
    old = one.acquire("crm", C)
    time.pass_(89)
    with pytest.raises(LeaseHeldError):
        two.acquire("crm", C)
    time.pass_(2)
    assert two.acquire("crm", C).fence == old.fence + 1


def test_every_write_lengthens_the_lease(engine: sa.Engine, time: Time) -> None:
    one, two = store_of(engine, time, 1), store_of(engine, time, 2)
    lease = one.acquire("crm", C)
    for _ in range(3):
        time.pass_(80)
        with one.write(lease, "work"):
            pass
    with pytest.raises(LeaseHeldError):
        two.acquire("crm", C)


def test_who_lost_the_lease_writes_nothing(engine: sa.Engine, time: Time) -> None:
    one, two = store_of(engine, time, 1), store_of(engine, time, 2)
    old = one.acquire("crm", C)
    time.pass_(91)
    new = two.acquire("crm", C)
    with pytest.raises(LeaseLostError), one.write(old, "late") as tx:
        staged.stage(tx, [Staged("crm", C, "local", "1")])
    with pytest.raises(LeaseLostError):
        one.renew(old)
    one.release(old)
    with two.write(new, "still mine") as tx:
        assert staged.load(tx, "crm", C, "local", ["1"]) == {}
    with pytest.raises(LeaseHeldError):
        one.acquire("crm", C)


def test_a_released_lease_is_free_at_once_and_the_fence_goes_on(
    engine: sa.Engine, time: Time
) -> None:
    one, two = store_of(engine, time, 1), store_of(engine, time, 2)
    lease = one.acquire("crm", C)
    one.release(lease)
    assert two.acquire("crm", C).fence == lease.fence + 1


def test_the_lease_of_a_dead_process_of_this_host_is_free(engine: sa.Engine, time: Time) -> None:
    one, two = store_of(engine, time, 1), store_of(engine, time, 2)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    one.holder = f"{socket.gethostname()}:{dead.pid}:00"
    one.acquire("crm", C)
    two.acquire("crm", C)


def test_of_a_process_elsewhere_nobody_can_say_that_it_is_dead() -> None:
    assert not owner_is_dead("another-host:1:00")
    assert not owner_is_dead(f"{socket.gethostname()}:1:00")
    assert not owner_is_dead("nonsense")


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    lease = store.acquire("crm", C)
    with pytest.raises(RuntimeError), store.write(lease, "breaks") as tx:
        staged.stage(tx, [Staged("crm", C, "local", "1")])
        raise RuntimeError
    with store.read() as tx:
        assert staged.load(tx, "crm", C, "local", ["1"]) == {}


def test_a_store_of_another_tenant_or_schema_is_refused(engine: sa.Engine, store: Store) -> None:
    with pytest.raises(SettingsError, match="tenant"):
        Store(engine, tenant="other")
    with store.write(None, "schema") as tx:
        store.set_meta(tx, "schema", "99")
    with pytest.raises(SettingsError, match="schema 99"):
        Store(engine, tenant="t")


def test_a_cursor_never_moves_back(store: Store) -> None:
    store.acquire("crm", C)
    for since, then in ((100, 100), (50, 100), (150, 150)):
        with store.write(None, "advance") as tx:
            scopes.update(tx, "crm", C, resume=b"x")
            scopes.advance(tx, "crm", C, since, 1)
            found = scopes.get(tx, "crm", C)
        assert found is not None
        assert (found.since_us, found.resume) == (then, None)


# --- staged rows ----------------------------------------------------------------------------------


def remote(version: str, payload: bytes = b"p", record: str = "r1") -> Staged:
    return Staged("crm", C, "remote", record, version, payload=payload)


def loaded(tx: sa.Connection, side: str = "remote", record: str = "r1") -> Staged | None:
    return staged.load(tx, "crm", C, side, [record]).get(record)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [("1", "2", b"second"), ("2", "1", b"first"), ("9", "10", b"second"), ("1", "1", b"second")],
)
def test_staging_keeps_the_newer_version(
    store: Store, first: str, second: str, kept: bytes
) -> None:
    with store.write(None, "stage") as tx:
        staged.stage(tx, [remote(first, b"first")])
        staged.stage(tx, [remote(second, b"second")])
        row = loaded(tx)
    assert row is not None
    assert row.payload == kept


def test_of_copies_on_one_page_the_newest_is_kept_in_any_order(store: Store) -> None:
    for page in (["1", "3", "2"], ["3", "2", "1"]):
        with store.write(None, "stage") as tx:
            staged.stage(tx, [remote(v, v.encode(), record=page[0]) for v in page])
            row = loaded(tx, record=page[0])
        assert row is not None
        assert row.version == "3"


def test_a_row_staged_anew_loses_its_reason_and_its_waiting(store: Store) -> None:
    with store.write(None, "stage") as tx:
        staged.stage(tx, [remote("1")])
        row = loaded(tx)
        assert row is not None
        row.reason, row.waits_for, row.not_before_us = "{}", "customer/local/1", 9
        staged.save(tx, [row])
        staged.stage(tx, [remote("2")])
        row = loaded(tx)
    assert row is not None
    assert (row.reason, row.waits_for, row.not_before_us, row.counter) == (None, None, None, 2)


def test_a_mark_is_settled_only_if_nothing_was_staged_since(store: Store) -> None:
    mark = Staged("crm", C, "local", "1")
    with store.write(None, "stage") as tx:
        staged.stage(tx, [mark])
        planned = loaded(tx, "local", "1")
        staged.stage(tx, [Staged("crm", C, "local", "1")])
        assert planned is not None
        staged.settle(tx, [planned])
        again = loaded(tx, "local", "1")
        assert again is not None, "somebody edited the row while it was being settled"
        staged.settle(tx, [again])
        assert loaded(tx, "local", "1") is None


def test_ready_leaves_out_letters_waiting_rows_and_those_put_off(store: Store) -> None:
    rows = [remote("1", record=r) for r in ("a", "b", "c", "d", "e")]
    with store.write(None, "stage") as tx:
        staged.stage(tx, rows)
        rows[0].reason, rows[1].waits_for, rows[2].not_before_us = "{}", "x", 50
        rows[3].gone = "explicit"
        staged.save(tx, rows)

        def names(now: int, *, gone: bool = False) -> list[str]:
            found = staged.ready(tx, "crm", C, "remote", gone=gone, after="", limit=9, now_us=now)
            return [row.record for row in found]

        assert (names(49), names(50), names(50, gone=True)) == (["e"], ["c", "e"], ["d"])
        staged.wake(tx, "crm", ["x"])
        assert names(50) == ["b", "c", "e"]


# --- what the database forbids --------------------------------------------------------------------


def link(id_: str, local: str | None, remote_: str | None, live: int | None = 1) -> Link:
    return Link(id_, "crm", C, local_id=local, remote_id=remote_, live=live)


@pytest.mark.parametrize("second", [link("2", "l1", "r2"), link("2", "l2", "r1")])
def test_two_live_links_of_one_record_are_impossible(store: Store, second: Link) -> None:
    with pytest.raises(sa.exc.IntegrityError), store.write(None, "links") as tx:
        links.insert(tx, [link("1", "l1", "r1")])
        links.insert(tx, [second])


def test_any_number_of_tombstones_may_lie_beside_one_live_link(store: Store) -> None:
    with store.write(None, "links") as tx:
        links.insert(tx, [link("1", "l1", "r1", None), link("2", "l1", "r1", None)])
        links.insert(tx, [link("3", "l1", "r1")])
        assert links.by_side(tx, "crm", C, "local", ["l1"])["l1"].id == "3"
        assert links.count_live(tx, "crm", C) == 1


def test_ids_compare_byte_by_byte(store: Store) -> None:
    with store.write(None, "links") as tx:
        links.insert(tx, [link("1", "a", "r1"), link("2", "A", "r2")])
        assert links.by_side(tx, "crm", C, "local", ["A"])["A"].id == "2"


def an_intent(id_: str, link_: str = "l") -> Intent:
    return Intent(id_, "crm", C, link_, "remote", "update", b"", SENDING, 1)


def test_one_link_has_one_open_write_to_a_side(store: Store) -> None:
    with pytest.raises(sa.exc.IntegrityError), store.write(None, "intents") as tx:
        intents.put(tx, [an_intent("1")])
        intents.put(tx, [an_intent("2")])


def test_a_letter_makes_way_for_the_next_write_of_its_link(store: Store) -> None:
    with store.write(None, "intents") as tx:
        intents.put(tx, [an_intent("1")])
        intents.mark(tx, ["1"], intents.LETTER, "{}")
        intents.put(tx, [an_intent("2")])
        assert [i.id for i in intents.unresolved(tx, "crm", C)] == ["2"]
        assert intents.letters(tx) == []


def test_one_field_has_one_open_conflict_with_the_latest_values(store: Store) -> None:
    with store.write(None, "conflicts") as tx:
        for id_ in ("1", "2"):
            conflicts.put(
                tx, [Conflict(id_, "crm", C, "l", "city", id_.encode(), "manual", "open", 1)]
            )
        assert [c.doc for c in conflicts.listed(tx, conflicts.OPEN)] == [b"2"]


# --- claims ---------------------------------------------------------------------------------------


def staked(tx: sa.Connection, link_: str, side: str) -> claims.Claim:
    return claims.stake(tx, "crm", C, {link_: [PHONE]}, {link_: side})[PHONE]


def test_the_first_comer_holds_a_value_and_one_of_the_other_side_is_its_rival(
    store: Store,
) -> None:
    with store.write(None, "claims") as tx:
        links.insert(tx, [link("L", "l1", None), link("R", None, "r1"), link("S", None, "r2")])
        staked(tx, "L", "local")
        claim = staked(tx, "R", "remote")
        assert (claim.link, claim.rival, claim.contested) == ("L", "R", 0)
        claim = staked(tx, "S", "remote")
        assert (claim.link, claim.rival, claim.contested) == ("L", "R", 1)


def test_a_second_record_of_the_same_side_contests_a_value(store: Store) -> None:
    with store.write(None, "claims") as tx:
        links.insert(tx, [link("L", "l1", None), link("K", "l2", None)])
        staked(tx, "L", "local")
        assert staked(tx, "K", "local").contested == 1


def test_two_workers_cannot_both_claim_a_value(store: Store) -> None:
    with store.write(None, "claims") as tx:
        staked(tx, "L", "local")
        row = {"connection": "crm", "kind": C, "digest": PHONE[0], "link": "K", "contested": 0}
        with pytest.raises(sa.exc.IntegrityError):
            tx.execute(sa.insert(tables.claim), [row])


def test_claims_die_with_their_link(store: Store) -> None:
    with store.write(None, "claims") as tx:
        links.insert(tx, [link("L", "l1", None)])
        staked(tx, "L", "local")
        links.delete(tx, ["L"])
        assert claims.get(tx, "crm", C, [PHONE]) == {}


# Also asked of PostgreSQL, in tests/databases/test_state.py.
NOT_IN_5 = (
    "ALTER TABLE event DROP COLUMN kid",
    "ALTER TABLE event DROP COLUMN doc_digest",
    "ALTER TABLE event DROP COLUMN mac",
)
NOT_IN_4 = (
    *NOT_IN_5,
    "DROP INDEX link_by_subject",
    "DROP INDEX event_by_link",
    "ALTER TABLE event DROP COLUMN note",
    "DROP TABLE erasure",
)
NOT_IN_2 = (
    *NOT_IN_4,
    "ALTER TABLE scope DROP COLUMN doubt",
    "ALTER TABLE scope DROP COLUMN fields_doc",
    "ALTER TABLE scope DROP COLUMN deaths",
    "ALTER TABLE staged DROP COLUMN starts",
    "ALTER TABLE intent DROP COLUMN starts",
    "DROP INDEX link_by_end",
)
OLDER = {
    "1": ("ALTER TABLE link DROP COLUMN listed_us", *NOT_IN_2),
    "2": NOT_IN_2,
    "3": (
        *NOT_IN_4,
        "DROP INDEX link_by_end",
        "CREATE INDEX link_by_end ON link (keep_until_us)",
    ),
    "4": NOT_IN_4,
    "5": NOT_IN_5,
}
"""What each older version of the state lacked."""


def shape(store: Store) -> dict[str, tuple[set[str], set[tuple[str, ...]]]]:
    """The columns and the indexes of each table."""
    look = sa.inspect(store.engine)
    return {
        table: (
            {column["name"] for column in look.get_columns(table)},
            {(str(one["name"]), *map(str, one["column_names"])) for one in look.get_indexes(table)},
        )
        for table in look.get_table_names()
    }


@pytest.mark.parametrize("version", OLDER)
def test_a_state_written_by_an_older_version_is_upgraded_and_keeps_what_it_holds(
    tmp_path: Path, version: str
) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    first = Store(open_engine(url), tenant="shop")
    new = shape(first)
    with first.engine.begin() as tx:
        for statement in OLDER[version]:
            tx.exec_driver_sql(statement)
        tx.exec_driver_sql("UPDATE meta SET value = ? WHERE key = 'schema'", (version,))
        tx.exec_driver_sql(
            "INSERT INTO link (id, connection, kind, local_id, live, state, epoch)"
            " VALUES ('l1', 'crm', 'customer', '7', 1, 'pending', 1)"
        )
    first.close()
    again = Store(open_engine(url), tenant="shop")
    assert again.meta("schema") == str(tables.SCHEMA_VERSION)
    assert shape(again) == new
    with again.read() as tx:
        assert links.by_ids(tx, ["l1"])["l1"].local_id == "7"
    again.close()
