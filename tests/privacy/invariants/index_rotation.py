"""Invariant 11 for the index key: whoever holds a value holds it under both keys throughout, and a
kill at any step harms nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from connector.backup.backups import Backups
from connector.backup.restore import Restoring
from connector.errors import SealError, UsageError
from connector.keeping import references
from connector.keeping.rotation import Keyring, Rotated, Rotation
from connector.plugin import Ref
from connector.privacy.blind import mark_of
from connector.privacy.keys import KeyState, Purpose
from connector.store import claims
from connector.store import tables as t
from connector.store.claims import Claim
from connector.store.database import Hook, no_hook
from tests.copies import World
from tests.privacy.persons import Persons
from tests.story import C

OLD, NEW = 6, 12
"""The ids of the ring's index keys."""
STEPS = ("1 pending", "2 leases", "3 back-filling", "4 active", "5 draining", "6 leases")
LAST = "7 forgotten"

Tell = Callable[..., Persons]


class Killed(BaseException):
    """The process is gone."""


def rotate(story: Persons, hook: Hook = no_hook) -> Rotated:
    """As a new process would."""
    vault = story.open_vault()
    keyring = Keyring(story.folder / "ring.json", "file:kek.bin", "story")
    story.vault.follow_ring()
    try:
        store = story.store()
        rotation = Rotation(keyring, store, vault, story.clock, hook=hook, beside=story.beside)
        return rotation.rotate(Purpose.INDEX)
    finally:
        vault.close()


def points_of_index(story: Persons) -> list[str]:
    seen: list[str] = []
    rotate(story, seen.append)
    return seen


def held(story: Persons) -> dict[int, int]:
    """Claims by the key that made them."""
    return dict(references.claimed(story.store(), story.vault))


def linked(story: Persons) -> Persons:
    """Two people on all sides, one of them with another number at the vendor; one half that waits
    as a letter."""
    story.client("Ash", mail="ann@example.test", mobile="13800000001")
    story.client("Oak", mail="bob@example.test", mobile="13800000002")
    story.settle()
    story.vendor.edit(C, story.ref("Oak"), {"Mobile": "13800000003"})
    story.vendor.create(C, {"Last": "Twin", "Mail": "ann@example.test"})
    story.settle()
    return story


def stranger(story: Persons, last: str, mail: str) -> None:
    story.vendor.create(C, {"Last": last, "Mail": mail})


def rows_with(story: Persons, mail: str) -> int:
    return len(story.sql("SELECT no FROM clients WHERE mail = :m", m=mail))


def test_the_steps_are_numbered_and_every_claim_is_of_the_new_key_in_the_end(tell: Tell) -> None:
    story = linked(tell())
    before = held(story)
    assert before.keys() == {OLD}
    names = [f"{when} commit: {step}" for step in (*STEPS, LAST) for when in ("before", "after")]
    assert [p for p in points_of_index(story) if not p.endswith("a page")] == names
    story.vault.follow_ring()
    assert held(story) == {NEW: before[OLD]}
    states = {key.kid: key.state for key in story.vault.ring.of(Purpose.INDEX)}
    assert states == {NEW: KeyState.ACTIVE, OLD: KeyState.DRAINING}


def probe(story: Persons, number: int) -> None:
    """A run of the engine with a stranger that has a linked person's address, one with another's
    number, and a pair that meets for the first time."""
    mail = f"new{number}@example.test"
    stranger(story, f"Copy{number}", "ann@example.test")
    story.vendor.create(C, {"Last": f"Same{number}", "Mobile": "13800000003"})
    story.client(f"Elm{number}", mail=mail)
    stranger(story, f"Elm{number}", mail)
    story.settle()
    assert rows_with(story, "ann@example.test") == 1, number
    assert rows_with(story, mail) == 1, number
    whole = [row for row in story.rows(t.link) if row["local_id"] and row["live"]]
    linked = {row["remote_id"] for row in whole if row["connection"] == "crm"}
    assert story.ref(f"Elm{number}") in linked, number
    assert not {story.ref(f"{one}{number}") for one in ("Copy", "Same")} & linked, number


def test_11_the_engine_tells_people_apart_at_every_point_of_the_rotation(tell: Tell) -> None:
    story, seen = linked(tell(kinds=(C,))), []

    def at(point: str) -> None:
        seen.append(point)
        probe(story, len(seen))

    rotate(story, at)
    assert len(seen) >= 15
    story.vault.follow_ring()
    assert held(story).keys() == {NEW}


def test_11_a_rotation_killed_at_any_point_goes_on(tell: Tell) -> None:
    story = linked(tell(others=None, kinds=(C,)))
    world, values, ring = World(story), held(story)[OLD], story.folder / "ring.json"
    as_it_was = ring.read_bytes()
    every = points_of_index(story)
    for number, point in enumerate(every):
        ring.write_bytes(as_it_was)
        world.put_back()

        def die(at: str, point: str = point) -> None:
            if at == point:
                raise Killed

        with pytest.raises(Killed):
            rotate(story, die)
        probe(story, number)
        done = rotate(story)
        story.vault.follow_ring()
        assert held(story) == {done.kid: values + 1}, point
        assert done.kid == NEW or point in every[-3:], point  # with nothing left to do, it is new


def test_a_run_that_knows_the_old_key_only_is_waited_for(tell: Tell) -> None:
    """Its claims are found and claimed anew: it staked one after the new key was in the ring."""
    story = linked(tell())
    late, store = story.open_vault(), story.store()
    lease = store.acquire("crm", "customer")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            with store.write(lease, "late") as tx:
                [digest] = late.blind("email/1", "late@example.test")
                row = {"connection": "crm", "kind": C, "digest": digest, "contested": 0}
                some = tx.execute(sa.select(t.link.c.id).where(t.link.c.kind == C)).scalars()
                tx.execute(sa.insert(t.claim).values(**row, link=next(some)))
            store.release(lease)

    story.clock.sleep = sleep  # type: ignore[method-assign]  # the test's own clock
    story.sql("UPDATE clients SET mail = 'late@example.test' WHERE full_name = 'Ash'")
    rotate(story)
    assert len(slept) == 2
    story.vault.follow_ring()
    [digest] = story.vault.blind("email/1", "late@example.test")
    assert digest[:4] == mark_of(NEW, OLD)
    with story.store().read() as tx:
        assert claims.get(tx, "crm", C, [(digest,)])


def test_a_value_that_does_not_open_keeps_both_keys_in_use(tell: Tell) -> None:
    """A person's key is missing, and the vendor's side, which alone has the value, is hidden."""
    story = linked(tell(others=None))
    keys = story.back_up_keys()
    [link] = [row for row in story.rows(t.link) if row["remote_id"] == story.ref("Oak")]
    with story.vault.subjects.engine.begin() as tx:
        tx.exec_driver_sql("DELETE FROM subject WHERE subject_id = ?", (link["subject"],))
    story.vault.refresh()
    story.sql("UPDATE clients SET mobile = NULL WHERE full_name = 'Oak'")
    story.vendor.hide(C, Ref(link["remote_id"]))
    with pytest.raises(SealError, match="1 identity values cannot be claimed"):
        rotate(story)
    story.vault.follow_ring()
    assert [k.state for k in story.vault.ring.of(Purpose.INDEX)] == ["pending", "active"]
    probe_ann(story)
    story.put_keys_back(keys)
    rotate(story)
    story.vault.follow_ring()
    assert held(story).keys() == {NEW}


def probe_ann(story: Persons) -> None:
    stranger(story, "Copy", "ann@example.test")
    story.settle()
    assert rows_with(story, "ann@example.test") == 1


def test_a_missing_key_harms_nothing_where_a_side_still_shows_the_value(tell: Tell) -> None:
    story = linked(tell(others=None))
    values = held(story)[OLD]
    with story.vault.subjects.engine.begin() as tx:
        tx.exec_driver_sql("DELETE FROM subject")
    story.vault.refresh()
    rotate(story)
    story.vault.follow_ring()
    assert held(story) == {NEW: values}


def test_a_connection_that_is_not_in_the_settings_keeps_both_keys(tell: Tell) -> None:
    story = linked(tell())
    story.only = ("crm",)
    with pytest.raises(SealError, match="settings do not name"):
        rotate(story)
    story.only = None
    rotate(story)


def test_the_drained_index_key_may_be_retired_and_one_in_use_may_not(tell: Tell) -> None:
    story = linked(tell())
    rotate(story)
    keyring = Keyring(story.folder / "ring.json", "file:kek.bin", "story")
    rotation = Rotation(keyring, story.store(), story.vault, story.clock, beside=story.beside)
    with pytest.raises(UsageError, match="rows lie under it"):
        rotation.retire(NEW)
    retired: Any = rotation.retire(OLD)
    assert retired.state is KeyState.RETIRED
    probe(story, 1)


def test_a_state_put_back_from_before_the_rotation_is_known_by_both_keys(tell: Tell) -> None:
    story = linked(tell(others=None, kinds=(C,)))
    keyring = Keyring(story.folder / "ring.json", "file:kek.bin", "story")
    store = story.store()
    day = dt.timedelta(days=1)
    backups = Backups(
        story.folder, keyring, store, story.vault, story.clock, keep=day, keep_keys=day
    )
    copy = backups.create()
    rotate(story)
    rotation = Rotation(keyring, store, story.vault, story.clock, beside=story.beside)
    with pytest.raises(UsageError, match="1 backups need it"):
        rotation.retire(OLD)
    Restoring(backups).restore(copy)
    assert held(story).keys() == {OLD}
    assert [k.state for k in story.vault.ring.of(Purpose.INDEX)] == ["active", "decrypt_only"]
    done = rotate(story)
    assert (done.kid, done.resumed) == (NEW, True)
    story.vault.follow_ring()
    assert held(story).keys() == {NEW}


def claim(link: str, rival: str | None = None, contested: int = 0) -> Claim:
    return Claim(b"d", link, rival, contested)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (claim("A"), claim("A"), claim("A")),
        (claim("A"), claim("A", "B"), claim("A", "B")),
        (claim("A", "B"), claim("A"), claim("A", "B")),
        (claim("A", "B"), claim("B"), claim("A", "B")),
        (claim("A", "B"), claim("B", "A"), claim("A", "B")),
        (claim("A", "B"), claim("A", "D"), claim("A", "B", 1)),
        (claim("A"), claim("B"), claim("A", None, 1)),
        (claim("A"), claim("A", None, 1), claim("A", None, 1)),
    ],
)
def test_two_rows_of_one_value_are_one_claim_that_forgets_nobody(
    old: Claim, new: Claim, found: Claim
) -> None:
    assert claims.together([old, new]) == found
