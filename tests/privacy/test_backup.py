"""Backups under trouble: processes that die, others at work, lost keys, times that are over."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.backup.backups import Backups
from connector.backup.manifest import KEYS, STATE
from connector.backup.restore import Restoring, recover_ring
from connector.errors import (
    LeaseHeldError,
    SafetyStopError,
    SealError,
    SettingsError,
    StoreError,
    UsageError,
)
from connector.keeping.rotation import Keyring
from connector.privacy import container
from connector.privacy.keys import Purpose
from connector.privacy.ledger import DONE, Entry
from connector.store import tables as t
from connector.store.database import Hook
from tests.privacy.backups import (
    QUARTER,
    WEEK,
    backups,
    lose_keys,
    parts_of,
    restore,
    wipe,
)
from tests.privacy.installed import KEK, TENANT, Worker, in_a_process, logical
from tests.story import C, Story


def test_a_present_state_is_kept_aside(filled: Worker) -> None:
    first = backups(filled).create()
    assert filled.try_a_batch()
    later = logical(filled.store)
    done = restore(filled, first)
    assert logical(filled.store) != later
    assert done.aside is not None
    restore(filled, done.aside)
    assert logical(filled.store) == later


def test_a_backup_is_of_one_moment_while_others_write(filled: Worker) -> None:
    def at(what: str, mib: int) -> None:
        assert filled.try_a_batch()

    # a row large enough that the reading is told in parts
    with filled.store.write(None, "x") as tx:
        tx.execute(sa.insert(t.meta).values(key="large", value="x" * 200_000))
    before, made = logical(filled.store), backups(filled)
    made.progress = at
    path = made.create()
    assert filled.batches > 3
    restore(filled, path)
    assert logical(filled.store) == before


def test_a_backup_of_a_newer_schema_is_refused(
    filled: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(t, "SCHEMA_VERSION", t.SCHEMA_VERSION + 1)  # as the next version makes it
    path = backups(filled).create()
    monkeypatch.undo()
    with pytest.raises(SettingsError, match="newer one"):
        restore(filled, path)


def test_nothing_is_put_back_while_a_run_is_at_work(filled: Worker) -> None:
    path = backups(filled).create()
    other = Worker(filled.home, "other")
    other.begin()
    before = logical(filled.store)
    with pytest.raises(LeaseHeldError, match="nothing was replaced"):
        restore(filled, path)
    assert logical(filled.store) == before
    other.end()
    restore(filled, path)
    other.close()


def test_a_run_that_began_during_the_first_reading_is_seen(filled: Worker) -> None:
    path, other = backups(filled).create(), Worker(filled.home, "other")

    def at(point: str) -> None:
        if point == "after commit: backup written":  # of what is there, right before the restore
            other.begin()

    before = logical(filled.store)
    with pytest.raises(LeaseHeldError):
        Restoring(backups(filled, at)).restore(path)
    assert other.lease is not None
    other.end()
    found = logical(filled.store)
    assert {name: found[name] for name in found if name != "scope"} == {
        name: before[name] for name in before if name != "scope"
    }
    other.close()


def dies(at: str, work: Callable[[Hook], object]) -> None:
    def hook(point: str) -> None:
        if point == at:
            os._exit(9)

    assert in_a_process(lambda: work(hook)) == 9


@pytest.mark.parametrize("at", ["before commit: restore", "after commit: restore"])
def test_a_restore_that_dies_has_replaced_all_or_nothing(at: str, filled: Worker) -> None:
    first = logical(filled.store)
    path = backups(filled).create()
    assert filled.try_a_batch()
    now = logical(filled.store)

    def work(hook: Hook) -> None:
        child = Worker(filled.home, "crm")
        child.store = filled.home.store(hook)
        restore(child, path)

    dies(at, work)
    with closing(filled.home.store()) as found:
        assert logical(found) == (now if at.startswith("before") else first)
    restore(filled, path)
    assert logical(filled.store) == first


@pytest.mark.parametrize("at", ["backup noted", "backup written"])
def test_a_backup_that_dies_leaves_no_half_file(at: str, filled: Worker) -> None:
    def work(hook: Hook) -> None:
        backups(Worker(filled.home, "crm"), hook).create()

    dies(f"after commit: {at}", work)
    [noted] = backups(filled).list()  # noted first: a key that it may need is kept meanwhile
    assert noted.there is (at == "backup written")
    if noted.there:
        backups(filled).verify(Path(noted.file))
    path = backups(filled).create()
    assert backups(filled).verify(path)[1]["link"] == 6


def test_a_folder_that_cannot_be_written_is_told_and_nothing_noted(filled: Worker) -> None:
    (filled.home.folder / "backups").write_text("a file in its place")
    with pytest.raises(StoreError, match=r"cannot be written"):
        backups(filled).create()
    assert backups(filled).list() == []


def test_a_lease_held_at_the_backup_is_not_put_back(filled: Worker) -> None:
    other = Worker(filled.home, "other")
    other.begin()
    path = backups(filled).create()
    other.end()
    restore(filled, path)
    with filled.store.read() as tx:
        held = sa.select(t.scope.c.holder, t.scope.c.expires_us)
        assert set(tx.execute(held).all()) == {(None, None)}
    other.close()


def test_a_container_that_is_cut_between_two_chunks_is_refused(tmp_path: Path) -> None:
    """Also where what it holds would not show it."""
    file, key = tmp_path / "file", bytes(32)
    with file.open("wb") as out:
        container.write(out, {"a": 1}, key, [b"x" * container.CHUNK, b"y" * container.CHUNK])
    head, chunks = parts_of(file)
    assert [len(one) for one in chunks] == [container.CHUNK + container.TAG] * 2

    def read() -> bytes:
        with file.open("rb") as source:
            manifest, aad = container.read_head(source)
            return b"".join(container.read_chunks(source, manifest, aad, key))

    assert read() == b"x" * container.CHUNK + b"y" * container.CHUNK
    for left in ([chunks[0]], []):
        file.write_bytes(head + b"".join(left))
        with pytest.raises(SealError):
            read()


def test_a_backup_whose_time_is_over_is_deleted(filled: Worker) -> None:
    old, keys = backups(filled).create(), backups(filled).create(KEYS)
    filled.home.clock.move(WEEK + timedelta(hours=1))
    assert backups(filled).prune() == 1
    backups(filled).create()
    assert old.exists() and not keys.exists()
    assert [one.content for one in backups(filled).list()] == [STATE, STATE]


def test_no_backup_file_shows_what_is_in_it(filled: Worker) -> None:
    for what in (STATE, KEYS):
        raw = backups(filled).create(what).read_bytes()
        for canary in (b"local-0", b"remote-0", b"KEY0", b"subject_id", b'"wrap"'):
            assert canary not in raw


def test_lost_keys_come_back_from_their_own_backup(filled: Worker) -> None:
    path = backups(filled).create(KEYS)
    lose_keys(filled)
    keyring = Keyring(filled.home.ring, KEK, TENANT)
    assert recover_ring(path, keyring)
    assert not recover_ring(path, keyring)
    filled.vault = filled.home.vault()
    restore(filled, path)
    assert filled.read_all(filled.vault) > 6
    assert filled.vault.subjects.generation(filled.store.store_id) == 3


def test_backups_are_noted_again_when_the_keys_database_was_lost(filled: Worker) -> None:
    state, keys = backups(filled).create(), backups(filled).create(KEYS)
    lose_keys(filled)
    recover_ring(keys, Keyring(filled.home.ring, KEK, TENANT))
    filled.vault = filled.home.vault()
    assert backups(filled).list() == []
    restore(filled, keys)
    assert {one.file for one in backups(filled).list()} == {str(state), str(keys)}
    with filled.home.rotation() as rotation:
        old = filled.vault.ring.active(Purpose.BACKUP).kid
        rotation.rotate(Purpose.BACKUP)
        with pytest.raises(UsageError, match="2 backups need it"):
            rotation.retire(old)


def test_a_backup_whose_time_is_over_is_put_back_all_the_same(filled: Worker) -> None:
    """Its keys are still there, and it is the one that is left."""
    before, path = logical(filled.store), backups(filled).create()
    filled.home.clock.move(QUARTER + timedelta(days=1))
    assert filled.try_a_batch()
    assert restore(filled, path).aside is not None
    assert logical(filled.store) == before


def test_an_older_ring_gives_way_to_the_backups_and_is_kept(filled: Worker) -> None:
    old = filled.home.ring.read_bytes()
    with filled.home.rotation() as rotation:
        rotation.rotate(Purpose.WRAP)
    path = backups(filled).create(KEYS)
    filled.home.ring.write_bytes(old)
    assert recover_ring(path, Keyring(filled.home.ring, KEK, TENANT))
    [aside] = filled.home.folder.glob("ring.json.before-*")
    assert aside.read_bytes() == old
    assert filled.read_all(filled.home.vault()) > 6


def test_keys_put_back_never_bring_back_an_erased_person(filled: Worker) -> None:
    """Neither where the present keys know of the erasure, nor where a later backup does."""
    (one, _), (two, _), *_ = filled.documents
    path = backups(filled).create(KEYS)
    filled.vault.subjects.shred([one])
    filled.vault.ledger.save(Entry("e1", 1, (two,), state=DONE, step=10))
    restore(filled, path)
    assert filled.home.vault().subject_state(one) == "shredded"
    backups(filled).create()  # its copy of the ledger knows of the second
    lose_keys(filled)
    recover_ring(path, Keyring(filled.home.ring, KEK, TENANT))
    filled.vault = filled.home.vault()
    restore(filled, path)
    assert filled.vault.subject_state(two) == "shredded"


def test_keys_put_back_suppress_nobody_whose_erasure_was_lifted(filled: Worker) -> None:
    vault = filled.vault
    ann = [("email/1", "ann@example.test")]
    entry = Entry("e1", 1, (), tuple(vault.suppression.tokens(ann)), state=DONE)
    vault.ledger.save(entry)
    path = backups(filled).create(KEYS)
    vault.ledger.lift(entry)
    restore(filled, path)
    vault.refresh()
    assert vault.suppression.hits({"ann": ann}) == {}
    vault.ledger.save(entry)
    assert vault.suppression.hits({"ann": ann}) == {"ann": {"email/1"}}


def test_no_key_backups_means_nothing_to_rewrite(filled: Worker) -> None:
    backups(filled).create()
    assert backups(filled).rewrite_key_backups() is None


def test_a_drill_opens_a_sample_and_leaves_nothing(filled: Worker) -> None:
    path, before = backups(filled).create(), logical(filled.store)
    found = Restoring(backups(filled)).drill(path)
    assert (found.opened, found.erased, found.failed) == (6, 0, 0)
    (one, _), (two, _), *_ = filled.documents
    filled.vault.subjects.shred([one])
    with filled.vault.subjects.engine.begin() as tx:
        tx.execute(sa.text("DELETE FROM subject WHERE subject_id = :one"), {"one": two})
    filled.vault.refresh()
    found = Restoring(backups(filled)).drill(path)
    assert (found.opened, found.erased, found.failed) == (4, 1, 1)
    assert logical(filled.store) == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    with pytest.raises(UsageError, match="drill is of a backup of the state"):
        Restoring(backups(filled)).drill(backups(filled).create(KEYS))


def test_after_an_older_state_is_put_back_nothing_is_written_before_a_reconcile(
    tmp_path: Path,
) -> None:
    story = Story(folder=tmp_path, first_contact="fill_blank")
    story.client("Ada", mail="ada@example.test")
    story.runner().run()
    made = Backups(
        tmp_path / "backups",
        Keyring(tmp_path / "ring.json", KEK, "story"),
        story.store(),
        story.vault,
        story.clock,
        keep=QUARTER,
        keep_keys=WEEK,
    )
    path = made.create()
    story.client("Bo", mail="bo@example.test")
    story.runner().run()
    Restoring(made).restore(path)
    with pytest.raises(SafetyStopError):
        raise story.runner().run().errors[0]
    report = story.runner().run(only_reconcile=True)
    assert {one.doubt for one in report.reconciled} == {"state"}
    assert story.runner().run().errors == []
    assert len(story.vendor.records[C]) == 2
    story.close()


def test_what_lies_under_keys_that_are_gone_is_fetched_again(filled: Worker) -> None:
    path = backups(filled).create()
    for _ in range(3):
        filled.home.clock.move(timedelta(days=8))
        filled.vault = filled.home.vault()
        filled.vault.destroy_staging(in_use=[])
    wipe(filled)
    restore(filled, path)
    found = logical(filled.store)
    assert found["staged"] and all(row[6] is None for row in found["staged"])
    assert any(row[5] is not None for row in found["scope"])  # tokens: their key is as it was
