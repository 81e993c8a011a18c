"""Invariant 11: a key changes while others work; a kill anywhere harms nothing."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.errors import SealError, UsageError
from connector.keeping import references
from connector.keeping.rotation import Rotation
from connector.privacy.keys import KeyState, Purpose
from connector.privacy.keys_database import BACKUP
from connector.store.database import Hook
from tests.privacy.installed import Installed, Worker, in_a_process

MOVING = (Purpose.WRAP, Purpose.SECRETS, Purpose.STAGING)


def points(home: Installed, purpose: Purpose) -> list[str]:
    """The names of all points of a rotation in the order they come."""
    seen: list[str] = []
    with home.rotation(seen.append) as rotation:
        rotation.rotate(purpose)
    return seen


def rows(home: Installed, purpose: Purpose) -> dict[int, int]:
    store, vault = home.store(), home.vault()
    try:
        return references.COUNTED[purpose](store, vault)
    finally:
        vault.close()
        store.close()


def states(home: Installed, purpose: Purpose) -> list[str]:
    entries = json.loads(home.ring.read_text())["keys"]
    return [entry["state"] for entry in entries if entry["purpose"] == purpose]


def active(home: Installed, purpose: Purpose) -> int:
    vault = home.vault()
    try:
        return vault.ring.active(purpose).kid
    finally:
        vault.close()


def test_the_points_of_a_rotation_are_its_numbered_steps(home: Installed, worker: Worker) -> None:
    names = ("1 pending", "2 active", "3 leases", "4 draining", "5 moving", "6 moved")
    wanted = [f"{when} commit: {name}" for name in names for when in ("before", "after")]
    wanted.insert(wanted.index("after commit: 5 moving"), "after commit: 5 moving, a page")
    assert points(home, Purpose.WRAP) == wanted


@pytest.mark.parametrize("purpose", MOVING)
def test_11_a_rotation_killed_at_any_point_goes_on_and_nothing_is_lost(
    purpose: Purpose, tmp_path: Path
) -> None:
    (tmp_path / "names").mkdir()
    measured = Installed(tmp_path / "names").make()
    first = Worker(measured, "crm")
    first.try_a_batch()
    every = points(measured, purpose)
    first.close()
    for number, point in enumerate(every):
        (tmp_path / str(number)).mkdir()
        home = Installed(tmp_path / str(number)).make()
        worker, before = Worker(home, "crm"), active(home, purpose)
        worker.try_a_batch()

        def die(at: str, point: str = point) -> None:
            if at == point:
                os._exit(9)

        def rotate(home: Installed = home, die: Hook = die) -> None:
            with home.rotation(die) as rotation:
                rotation.rotate(purpose)

        assert in_a_process(rotate) == 9, point
        stays = worker.vault  # opened before all this
        assert worker.read_all(stays) == worker.read_all(home.vault()) == 5, point
        assert worker.try_a_batch(), point
        with home.rotation() as rotation:
            rotation.rotate(purpose)
        assert worker.read_all(stays) == worker.read_all(home.vault()) == 8, point
        assert rows(home, purpose).get(before, 0) == 0, point
        assert sum(rows(home, purpose).values()) >= 2, point
        assert states(home, purpose).count("active") == 1, point
        assert states(home, purpose)[0] == "draining", point
        worker.close()


@pytest.mark.parametrize("purpose", MOVING)
def test_11_everything_is_readable_throughout_beside_a_writer(
    purpose: Purpose, home: Installed, worker: Worker
) -> None:
    """A run that began before holds its lease into step 3; others come and go at every point."""
    long_run, before = Worker(home, "other"), active(home, purpose)
    long_run.begin()
    stays, slept = home.vault(), 0

    def at(point: str) -> None:
        worker.try_a_batch()
        if long_run.lease is not None:
            long_run.work()
        for vault in (stays, home.vault()):
            worker.read_all(vault)
            long_run.read_all(vault)
        if point.endswith(("4 draining", "5 moving", "6 moved")):
            assert long_run.lease is None, "a run that began before may still seal"

    def sleep(seconds: float) -> None:
        nonlocal slept
        slept += 1
        long_run.work()
        if slept == 3:
            long_run.end()

    home.clock.sleep = sleep  # type: ignore[method-assign]  # a run works while it waits
    with home.rotation(at) as rotation:
        done = rotation.rotate(purpose)
    assert slept == 3
    assert worker.batches > 8
    assert done.old == (before,)
    assert rows(home, purpose).get(before, 0) == 0
    assert rows(home, purpose)[done.kid] > 2
    for one in (worker, long_run):
        assert one.read_all(home.vault()) == one.read_all(stays) > 4
    long_run.close()


def test_a_person_erased_while_keys_move_stays_erased(home: Installed, worker: Worker) -> None:
    """The erasure lands between the reading of a page and its writing."""
    [(subject, _), *_] = worker.documents
    erasing, moving = home.vault(), home.vault()
    begun = 0
    with home.rotation() as rotation:
        rotation._activate(rotation._add(Purpose.WRAP))
    moving.follow_ring()

    def at_begin(connection: object) -> None:
        nonlocal begun
        begun += 1
        if begun == 2:
            erasing.subjects.shred([subject])

    sa.event.listen(moving.subjects.engine, "begin", at_begin)
    assert moving.subjects.wrap_anew(("", 0), 10)[0] == 1
    [row] = home.keys_sql(f"SELECT state, ct FROM subject WHERE subject_id = '{subject}'")
    assert row == ("shredded", b"")
    moving.close()
    erasing.close()


def test_a_second_rotation_begins_with_the_key_that_waits(home: Installed) -> None:
    with home.rotation() as rotation:
        rotation._add(Purpose.WRAP)
        done = rotation.rotate(Purpose.WRAP)
        again = rotation.rotate(Purpose.WRAP)
    assert (done.kid, again.kid) == (12, 13)
    assert states(home, Purpose.WRAP) == ["draining", "draining", "active"]


# --- retire and destroy ---------------------------------------------------------------------------


def drained(home: Installed, purpose: Purpose = Purpose.WRAP) -> int:
    old = active(home, purpose)
    with home.rotation() as rotation:
        rotation.rotate(purpose)
    return old


def retired_and_dated(rotation: Rotation, home: Installed, kid: int) -> None:
    rotation.retire(kid)
    rotation.destroy(kid, after=home.clock.now() + timedelta(days=2))
    home.clock.move(timedelta(days=3))


@pytest.mark.parametrize("purpose", MOVING)
def test_11_a_key_is_kept_while_one_row_lies_under_it(
    purpose: Purpose, home: Installed, worker: Worker
) -> None:
    late = Worker(home, "late")
    late.begin()
    late.work()
    home.clock.move(timedelta(minutes=3))  # its lease has ended, and it does not know
    old = drained(home, purpose)
    with home.rotation() as rotation:
        rotation.retire(old)
        if purpose is Purpose.WRAP:
            late.vault.new_subjects(1)
        elif purpose is Purpose.STAGING:
            sealed = late.vault.seal_staged("late", "customer", "remote", "r1", b"record 1")
            with late.store.write(None, "x") as tx:
                tx.execute(
                    sa.text("UPDATE staged SET payload = :p WHERE connection = 'late'"),
                    {"p": sealed},
                )
        else:
            sealed = late.vault.seal_secret("late/customer/resume", b"place")
            with late.store.write(None, "x") as tx:
                tx.execute(
                    sa.text(
                        "UPDATE scope SET resume = :p"
                        " WHERE connection = 'late' AND kind = 'customer'"
                    ),
                    {"p": sealed},
                )
        rotation.destroy(old, after=home.clock.now() + timedelta(days=2))
        home.clock.move(timedelta(days=3))
        with pytest.raises(UsageError, match="1 rows lie under it"):
            rotation.destroy(old)
        rotation.revive(old)
        with pytest.raises(UsageError, match="1 rows lie under it"):
            rotation.retire(old)
        assert rotation.rotate(purpose).resumed
        retired_and_dated(rotation, home, old)
        assert rotation.destroy(old)
    assert states(home, purpose)[0] == "destroyed"
    late.lease = None
    late.close()


def test_11_a_key_is_kept_while_a_backup_needs_it(home: Installed, worker: Worker) -> None:
    old = drained(home)
    with home.rotation() as rotation:
        now = int(home.clock.now().timestamp() * 1e6)
        with worker.vault.subjects.engine.begin() as tx:
            day = 86_400_000_000
            values = {"id": "b", "content": "keys", "file": "b", "kids": json.dumps([old, 99])}
            tx.execute(sa.insert(BACKUP).values(made_us=now, until_us=now + day, **values))
        with pytest.raises(UsageError, match="1 backups need it"):
            rotation.retire(old)
        home.clock.move(timedelta(days=2))
        rotation.retire(old)


def test_a_key_is_destroyed_in_two_calls_a_day_apart(home: Installed, worker: Worker) -> None:
    old = drained(home)
    with home.rotation() as rotation:
        with pytest.raises(UsageError, match="is draining; it cannot become destroyed"):
            rotation.destroy(old, after=home.clock.now() + timedelta(days=2))
        rotation.retire(old)
        with pytest.raises(UsageError, match="has no date"):
            rotation.destroy(old)
        with pytest.raises(UsageError, match="less than a day ahead"):
            rotation.destroy(old, after=home.clock.now() + timedelta(hours=23))
        assert not rotation.destroy(old, after=home.clock.now() + timedelta(days=2))
        with pytest.raises(UsageError, match="not to be destroyed yet"):
            rotation.destroy(old)
        rotation.keep(old)
        home.clock.move(timedelta(days=3))
        with pytest.raises(UsageError, match="has no date"):
            rotation.destroy(old)
        rotation.destroy(old, after=home.clock.now() + timedelta(days=2))
        home.clock.move(timedelta(days=3))
        assert rotation.destroy(old)
        assert rotation.destroy(old)  # again changes nothing
    entry = json.loads(home.ring.read_text())["keys"][0]
    assert (entry["state"], entry["wrapped"], entry["kcv"]) == ("destroyed", None, None)
    assert worker.read_all(home.vault()) == 5


def test_a_retired_key_opens_nothing_until_it_is_revived(home: Installed, worker: Worker) -> None:
    sealed = worker.vault.seal_secret("x", b"invented")  # kept by nobody who counts
    old = drained(home, Purpose.SECRETS)
    with home.rotation() as rotation:
        rotation.retire(old)
        with pytest.raises(SealError):
            home.vault().open_secret("x", sealed)
        rotation.revive(old)
        assert home.vault().open_secret("x", sealed) == b"invented"


@pytest.mark.parametrize("step", ["retired", "revived", "dated", "destroyed"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_retire_and_destroy_may_be_killed_too(
    when: str, step: str, home: Installed, worker: Worker
) -> None:
    old = drained(home)
    with home.rotation() as rotation:
        if step != "retired":
            rotation.retire(old)
        if step == "destroyed":
            rotation.destroy(old, after=home.clock.now() + timedelta(days=2))
            home.clock.move(timedelta(days=3))

    def act(die: bool) -> None:
        def at(point: str) -> None:
            if die and point == f"{when} commit: {step}":
                os._exit(9)

        with home.rotation(at) as rotation:
            after = home.clock.now() + timedelta(days=2)
            if step == "retired":
                rotation.retire(old)
            elif step == "revived":
                rotation.revive(old)
            else:
                rotation.destroy(old, after=after if step == "dated" else None)

    assert in_a_process(partial(act, True)) == 9
    act(die=False)
    wanted = {"revived": "draining", "dated": "retired"}.get(step, step)
    assert states(home, Purpose.WRAP)[0] == wanted
    assert worker.read_all(home.vault()) == 5


# --- purposes that move nothing, or are refused ---------------------------------------------------


@pytest.mark.parametrize("purpose", [Purpose.SUPPRESS, Purpose.AUDIT])
def test_keys_that_are_needed_for_ever_are_never_retired(purpose: Purpose, home: Installed) -> None:
    old = active(home, purpose)
    with home.rotation() as rotation:
        rotation.rotate(purpose)
        with pytest.raises(UsageError, match="never destroyed"):
            rotation.retire(old)
    assert [key.kid for key in home.vault().ring.of(purpose)] == [12, old]
    assert states(home, purpose) == ["decrypt_only", "active"]


def test_the_digest_key_has_no_rotation_and_says_why(home: Installed) -> None:
    before = home.ring.read_bytes()
    why = "without the records themselves no digest can be made anew"
    with home.rotation() as rotation, pytest.raises(UsageError, match=why) as caught:
        rotation.rotate(Purpose.DIGEST)
    assert caught.value.hint
    assert home.ring.read_bytes() == before


def test_the_ref_key_is_rotated_only_while_no_record_carries_it(home: Installed) -> None:
    with home.rotation() as rotation:
        old = rotation._vault.ring.active(Purpose.REF).kid
        first = rotation._vault.external_key("crm", "customer", "1", 1)
        rotation.rotate(Purpose.REF)
        assert rotation._vault.external_key("crm", "customer", "1", 1) != first
        with rotation._store.write(None, "x") as tx:
            tx.execute(
                sa.text(
                    "INSERT INTO link (id, connection, kind, state, epoch, external_key)"
                    " VALUES ('1', 'crm', 'customer', 'active', 1, 'K')"
                )
            )
        with pytest.raises(UsageError, match="records carry keys made with it: 1 do"):
            rotation.rotate(Purpose.REF)
        with pytest.raises(UsageError, match="1 records carry"):
            rotation.retire(old)


def test_pseudonyms_change_with_their_key_in_every_process(home: Installed) -> None:
    one = home.vault()
    before = one.pseudonym("fx", "invented")
    with home.rotation() as rotation:
        rotation.rotate(Purpose.PSEUDONYM)
    one.refresh()
    assert one.pseudonym("fx", "invented") == home.vault().pseudonym("fx", "invented") != before
    assert states(home, Purpose.PSEUDONYM) == [KeyState.DRAINING, KeyState.ACTIVE]
