"""Invariant 18: whatever is done to the log of events behind our back shows; erasing a person does
not, and no entry holds a value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from connector.backup.backups import Backups
from connector.backup.restore import Restoring
from connector.errors import SealError
from connector.keeping.rotation import Keyring, Rotation
from connector.privacy.audit import STEP
from connector.privacy.keys import Purpose
from connector.privacy.ring_changes import activate, add_pending
from connector.rights.facade import Rights
from connector.rights.who import Who
from connector.settings import PrivacySettings
from connector.store import events
from connector.store import tables as t
from connector.store.events import Event
from connector.sync.audit import Verdict, note_head, verify
from tests.privacy.canary import Scanner
from tests.privacy.persons import Persons, ann_everywhere

Tell = Callable[..., Any]
c = t.event.c

CHANGED = {
    "at_us": 1,
    "run": "f" * 32,
    "connection": "elsewhere",
    "kind": "feedback",
    "link": "f" * 32,
    "field": "another",
    "cause": "older_kept",
    "doc": b"another",
    "note": "another reason",
    "kid": 4000,
    "doc_digest": b"d" * 32,
    "mac": b"m" * 32,
}
"""Another value for each column but the number."""


def test_18_every_column_is_known_here() -> None:
    assert {column.name for column in t.event.columns} == {*CHANGED, "seq"}


@pytest.fixture
def logged(tell: Tell) -> Persons:
    """A story with a log of every kind of entry, its end noted."""
    story: Persons = tell()
    ann_everywhere(story)
    assert look(story) == Verdict(len(story.rows(t.event)), 0, None, [], [])
    assert len(story.rows(t.event)) > 15
    return story


def look(story: Persons) -> Verdict:
    return verify(story.store(), story.vault)


def change(story: Persons, *statements: sa.Executable) -> None:
    """What somebody does who may write into the state's database."""
    with story.state_engine.begin() as tx:
        for statement in statements:
            tx.execute(statement)


def seen(story: Persons) -> int | str | None:
    """The first broken entry; or that the ring lacks its key; or that an end is missing."""
    try:
        found = look(story)
    except SealError:
        return "no key"
    return found.broken if found.broken is not None else "missing" if found.missing else None


@pytest.mark.parametrize("column", CHANGED)
def test_18_a_changed_column_is_detected(logged: Persons, column: str) -> None:
    for row in logged.rows(t.event):
        before = dict(row)  # put back afterwards
        for value in (CHANGED[column], None):
            if before[column] == value or (value is None and not t.event.c[column].nullable):
                continue
            if column == "doc" and value is None:
                continue  # an erasure does that
            one = sa.update(t.event).where(c.seq == row["seq"])
            change(logged, one.values({column: value}))
            # Without its hash the first entry looks like one of an older release: the next tells.
            told = row["seq"] + (column == "mac" and value is None and row["seq"] == 1)
            unknown = column == "kid" and value is not None
            assert seen(logged) == ("no key" if unknown else told), (row["seq"], column, value)
            change(logged, one.values(before))
    assert seen(logged) is None


def test_18_an_entry_taken_out_put_in_or_moved_is_detected(logged: Persons) -> None:
    rows = [dict(row) for row in logged.rows(t.event)]
    for at in (0, 1, len(rows) // 2, len(rows) - 2):
        here, nextone = rows[at], rows[at + 1]
        one, other = c.seq == here["seq"], c.seq == nextone["seq"]
        # Taken out, and with the later ones moved up.
        change(logged, sa.delete(t.event).where(one))
        assert seen(logged) == nextone["seq"]
        change(logged, sa.update(t.event).where(other).values(seq=here["seq"]))
        assert seen(logged) == here["seq"]
        change(
            logged,
            sa.update(t.event).where(one).values(seq=nextone["seq"]),
            sa.insert(t.event).values(here),
        )
        # Two in each other's place.
        change(
            logged,
            sa.update(t.event).where(one).values(seq=10**6),
            sa.update(t.event).where(other).values(seq=here["seq"]),
            sa.update(t.event).where(c.seq == 10**6).values(seq=nextone["seq"]),
        )
        assert seen(logged) == here["seq"]
        change(
            logged,
            sa.update(t.event).where(one).values(seq=10**6),
            sa.update(t.event).where(other).values(seq=here["seq"]),
            sa.update(t.event).where(c.seq == 10**6).values(seq=nextone["seq"]),
        )
        assert seen(logged) is None
    for more in ({"seq": 0}, {"seq": -5, "mac": None, "kid": None}, {"seq": len(rows) + 1}):
        change(logged, sa.insert(t.event).values({**rows[1], **more}))
        assert seen(logged) is not None, more
        change(logged, sa.delete(t.event).where(c.seq == more["seq"]))
    assert seen(logged) is None


def test_18_a_cut_tail_is_detected_and_stays_so_when_the_log_goes_on(logged: Persons) -> None:
    rows = [dict(row) for row in logged.rows(t.event)]
    last = rows[-1]["seq"]
    for left in (0, 1, len(rows) - 1):
        change(logged, sa.delete(t.event).where(c.seq > left))
        found = look(logged)
        assert (found.broken, found.exit) == (None, 8)
        assert [one.seq for one in found.missing] == [last]
        change(logged, sa.insert(t.event).values([row for row in rows if row["seq"] > left]))
        assert seen(logged) is None
    change(logged, sa.delete(t.event).where(c.seq > last - 1))
    append(logged, 4)
    note_head(logged.store(), logged.vault)
    assert [one.seq for one in look(logged).missing] == [last], "longer than before, and another"
    append(logged, 1)
    note_head(logged.store(), logged.vault)
    assert [one.seq for one in look(logged).missing] == [last]


def test_18_an_older_copy_of_the_state_is_older_than_the_head_and_not_broken(tell: Tell) -> None:
    story = tell(on_disk=True)
    ann_everywhere(story)
    copy, end = story.back_up_state(), len(story.rows(t.event))
    append(story, 3)
    note_head(story.store(), story.vault)
    story.put_state_back(copy)
    found = look(story)
    assert (found.entries, found.broken, found.exit) == (end, None, 8)


def backups_of(story: Persons) -> Backups:
    keyring = Keyring(story.folder / "ring.json", "file:kek.bin", "story")
    day = timedelta(days=1)
    return Backups(
        *(story.folder, keyring, story.store(), story.vault, story.clock), keep=day, keep_keys=day
    )


def restore(story: Persons, copy: Path) -> None:
    Restoring(backups_of(story)).restore(copy)


def grown(story: Persons) -> bytes:
    """The log has gone on and a run has noted its end; the state as it was before."""
    before: bytes = story.back_up_state()  # type: ignore[attr-defined]  # its state is a file
    append(story, 3)
    note_head(story.store(), story.vault)
    return before


def test_18_a_restore_accounts_for_the_ends_that_it_cuts_off(tell: Tell) -> None:
    story = tell(on_disk=True)
    append(story, 5)
    copy = backups_of(story).create()
    grown(story)
    story.later(hours=1)
    restore(story, copy)
    found = look(story)
    assert (found.exit, found.missing) == (0, [])
    [back] = found.restored
    assert (back.end[0], [seq for seq, _ in back.lost]) == (5, [8])
    append(story, 2)
    note_head(story.store(), story.vault)
    assert look(story).exit == 0
    restore(story, copy)  # again, and over the first one
    assert (look(story).exit, len(look(story).restored)) == (0, 2)


def test_18_a_copy_put_in_place_by_hand_shows_also_after_a_restore(tell: Tell) -> None:
    story = tell(on_disk=True)
    append(story, 5)
    earliest = story.back_up_state()
    append(story, 2)
    copy = backups_of(story).create()
    grown(story)
    restore(story, copy)
    put_back = story.back_up_state()
    grown(story)
    assert look(story).exit == 0
    story.put_state_back(put_back)
    assert [one.seq for one in look(story).missing] == [10]
    story.put_state_back(earliest)
    assert {one.seq for one in look(story).missing} == {7, 10}


def test_18_a_restore_does_not_cover_up_what_was_missing_before_it(tell: Tell) -> None:
    story = tell(on_disk=True)
    append(story, 5)
    copy = backups_of(story).create()
    before = grown(story)
    story.put_state_back(before)
    append(story, 1)
    restore(story, copy)
    assert [one.seq for one in look(story).missing] == [8]


def test_18_a_state_that_was_lost_is_put_back_into_an_empty_one(tell: Tell) -> None:
    story = tell(on_disk=True)
    story.client("Ann", mail="ann@example.test")
    story.settle()
    copy = backups_of(story).create()
    grown(story)
    story.state_engine.dispose()
    for end in ("", "-wal", "-shm"):
        (story.folder / f"state.db{end}").unlink(missing_ok=True)
    story.state_engine = story.open_state()
    restore(story, copy)
    assert (look(story).exit, len(look(story).restored)) == (0, 1)


def test_18_a_restore_that_dies_before_it_is_noted_is_done_once_more(tell: Tell) -> None:
    story = tell(on_disk=True)
    append(story, 5)
    backups = backups_of(story)
    copy = backups.create()
    grown(story)

    def die(point: str) -> None:
        if point == "after commit: restore":
            raise ZeroDivisionError

    story.hook = die
    with pytest.raises(ZeroDivisionError):
        restore(story, copy)
    story.hook = lambda point: None
    assert look(story).exit == 8
    restore(story, copy)
    assert look(story).exit == 0


def test_18_privacy_commands_note_the_end_of_the_log(tell: Tell) -> None:
    story = tell(others=None)
    known = ann_everywhere(story)
    rights = Rights(lambda p, h: story.beside(), PrivacySettings(local_erasure="delete"))
    who = Who([str(known.key)])

    def noted() -> bool:
        last = story.rows(t.event)[-1]
        return (last["seq"], last["mac"]) in {
            (one.seq, one.mac) for one in story.vault.heads.of(story.store().store_id)
        }

    rights.restrict(who, "a dispute")
    assert noted()
    rights.export(who, story.folder / "x", reason="request", recipient="her")
    assert noted()
    review = story.review()
    review.conflict(review.conflicts()[0].id, show=True)
    assert noted()
    rights.erase(who)
    assert noted()
    append(story, 1)
    assert not noted()
    keyring = Keyring(story.folder / "ring.json", "file:kek.bin", "story")
    Rotation(keyring, story.store(), story.vault, story.clock).rotate(Purpose.AUDIT)
    assert noted()


def test_18_erasing_a_person_leaves_the_chain_whole(tell: Tell) -> None:
    story = tell()
    known = ann_everywhere(story)
    assert any(row["doc"] for row in story.rows(t.event))
    story.erase(known.key)
    assert not any(row["doc"] for row in story.rows(t.event))
    assert any(row["doc_digest"] for row in story.rows(t.event))
    story.settle()
    assert seen(story) is None


def test_18_entries_hold_no_canary(logged: Persons) -> None:
    known = ann_everywhere(logged, number=2)
    scanner = Scanner(known.ann.values())
    for row in logged.rows(t.event):
        assert scanner.text(f"entry {row['seq']}", repr(dict(row))) == []
        for column in ("doc", "doc_digest", "mac"):
            assert scanner.bytes(column, row[column] or b"") == []


def test_18_the_chain_goes_on_over_steps_and_under_a_new_key(logged: Persons) -> None:
    append(logged, 2 * STEP)
    path, kek, now = logged.folder / "ring.json", "file:kek.bin", logged.clock.now()
    old = {row["kid"] for row in logged.rows(t.event)}
    kid = add_pending(path, kek, "story", now, Purpose.AUDIT)
    activate(path, kek, "story", now, kid)
    logged.vault.close()
    logged.vault = logged.open_vault()
    append(logged, 3)
    assert {row["kid"] for row in logged.rows(t.event)} == {*old, kid}
    assert seen(logged) is None
    change(logged, sa.update(t.event).where(c.seq == STEP + 7).values(cause="erased"))
    assert seen(logged) == STEP + 7


def test_18_the_key_moves_on_and_later_entries_say_nothing_of_earlier_keys(tell: Tell) -> None:
    story: Persons = tell()
    audit, other = story.vault.audit, story.open_vault()
    kid = audit.kid
    macs = {seq: audit.mac(kid, seq, b"same") for seq in (1, STEP - 1, STEP, 3 * STEP, 1, STEP)}
    assert macs[1] == macs[STEP - 1]
    assert len({macs[1], macs[STEP], macs[3 * STEP]}) == 3
    assert other.audit.mac(kid, 3 * STEP, b"same") == macs[3 * STEP]
    assert other.audit.mac(kid, STEP, b"same") == macs[STEP]
    assert macs[1].hex() not in repr(audit)
    other.close()


def test_18_entries_of_an_older_release_are_told_and_counted(tell: Tell) -> None:
    story: Persons = tell()
    story.later(seconds=1)
    ann_everywhere(story)
    rows = [dict(row) for row in story.rows(t.event)]
    change(story, sa.delete(t.event))
    bare = {"kid": None, "mac": None, "doc_digest": None}
    change(story, sa.insert(t.event).values([{**row, **bare} for row in rows[:5]]))
    with story.vault.subjects.engine.begin() as keys:
        keys.exec_driver_sql("DELETE FROM audit_head")
    append(story, 4)
    found = look(story)
    assert (found.entries, found.older, found.broken, found.exit) == (4, 5, None, 0)
    change(story, sa.delete(t.event).where(c.seq == 2))
    assert seen(story) == 6, "how many they were is vouched for"


def test_18_a_transaction_that_fails_leaves_no_hole(logged: Persons) -> None:
    with pytest.raises(ZeroDivisionError), logged.store().write(None, "test") as tx:
        events.append(tx, [an_event()])
        raise ZeroDivisionError
    append(logged, 2)
    assert seen(logged) is None


def append(story: Persons, count: int) -> None:
    with story.store().write(None, "test") as tx:
        events.append(tx, [an_event() for _ in range(count)])


def an_event() -> Event:
    return Event(1, uuid4().hex, "crm", "customer", "bound")
