"""Invariant 20: what is put back is what was there; nothing foreign, altered or cut is put back;
no key is in a backup of the state."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.backup.backups import Backups, opened
from connector.backup.manifest import KEYS, STATE
from connector.backup.restore import Restored, Restoring, recover_ring
from connector.errors import (
    ConnectorError,
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
from connector.privacy.suppression import Token
from connector.store import tables as t
from connector.store.database import Hook, Store, no_hook, open_engine
from tests.privacy.installed import KEK, TENANT, Installed, Worker, fill, in_a_process, logical
from tests.servers import database
from tests.story import C, Story

WEEK, QUARTER = timedelta(days=7), timedelta(days=90)


@pytest.fixture
def home(tmp_path: Path) -> Installed:
    (tmp_path / "home").mkdir()
    return Installed(tmp_path / "home").make()


@pytest.fixture
def worker(home: Installed) -> Iterator[Worker]:
    worker = fill(home)
    yield worker
    worker.close()


def backups(worker: Worker, hook: Hook = no_hook, store: Store | None = None) -> Backups:
    home = worker.home
    return Backups(
        home.folder / "backups",
        Keyring(home.ring, KEK, TENANT),
        store or worker.store,
        worker.vault,
        home.clock,
        keep=QUARTER,
        keep_keys=WEEK,
        hook=hook,
    )


def restore(worker: Worker, path: Path, store: Store | None = None) -> Restored:
    return Restoring(backups(worker, store=store)).restore(path)


def wipe(worker: Worker) -> None:
    """The state is lost; a new, empty one is begun."""
    worker.store.close()
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (worker.home.folder / name).unlink(missing_ok=True)
    worker.store = worker.home.store()


def plain(worker: Worker, path: Path) -> bytes:
    """All that is sealed in a backup."""
    keyring = Keyring(worker.home.ring, KEK, TENANT)
    with opened(path, keyring, worker.vault.follow_ring) as (_, chunks):
        return b"".join(chunks)


# --- round trip -----------------------------------------------------------------------------------


def test_20_what_is_put_back_is_what_was_there(worker: Worker) -> None:
    before = logical(worker.store)
    path = backups(worker).create()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wipe(worker)
    assert logical(worker.store) != before
    done = restore(worker, path)
    assert logical(worker.store) == before
    assert done.counts["link"] == 6 and done.aside is None
    assert worker.read_all(worker.home.vault()) > 6
    with closing(worker.home.store()) as again:
        assert again.store_id == done.manifest.store_id


def test_20_who_was_erased_since_does_not_come_back(worker: Worker) -> None:
    path = backups(worker).create()
    (subject, _), *_ = worker.documents
    worker.vault.subjects.shred([subject])
    wipe(worker)
    assert restore(worker, path).erased == 1
    found = logical(worker.store)
    erased = [row for row in found["link"] if row[8] == subject]
    assert [row[6] for row in erased] == ["erased"]
    for canary in ("local-0", "remote-0", "KEY0", bytes(16)):
        assert canary not in [one for rows in found.values() for row in rows for one in row]
    for table, count in (("claim", 5), ("event", 6), ("intent", 5), ("conflict", 5), ("link", 6)):
        assert len(found[table]) == count, table
    with pytest.raises(SealError, match="erased"):
        worker.vault.open(
            "base", "customer", subject, "link-1", next(iter(worker.documents.values()))
        )


def test_20_an_erasure_that_only_the_backup_knows_holds_for_the_keys_too(worker: Worker) -> None:
    """The keys database was put back from before an erasure, then a state from after it."""
    (subject, _), *_ = worker.documents
    token = Token("email/1", 7, bytes(range(16)))
    worker.vault.ledger.save(Entry("e1", 1, (subject,), (token,), DONE, 10))
    path = backups(worker).create()
    with worker.vault.subjects.engine.begin() as tx:
        for table in ("erasure", "suppression"):
            tx.execute(sa.text(f"DELETE FROM {table}"))
        tx.execute(sa.text("UPDATE subject SET state = 'live'"))
    worker.vault.refresh()
    wipe(worker)
    assert restore(worker, path).erased == 1
    assert worker.home.vault().subject_state(subject) == "shredded"
    assert worker.home.keys_sql("SELECT subject_id FROM erasure") == [(subject,)]
    assert worker.home.keys_sql("SELECT token FROM suppression") == [(token.digest,)]


def test_a_present_state_is_kept_aside(worker: Worker) -> None:
    first = backups(worker).create()
    assert worker.try_a_batch()
    later = logical(worker.store)
    done = restore(worker, first)
    assert logical(worker.store) != later
    assert done.aside is not None
    restore(worker, done.aside)
    assert logical(worker.store) == later


def test_a_backup_is_of_one_moment_while_others_write(worker: Worker) -> None:
    def at(what: str, mib: int) -> None:
        assert worker.try_a_batch()

    # a row large enough that the reading is told in parts
    with worker.store.write(None, "x") as tx:
        tx.execute(sa.update(t.claim).values(contested=0))
        tx.execute(sa.insert(t.meta).values(key="large", value="x" * 200_000))
    before, made = logical(worker.store), backups(worker)
    made.progress = at
    path = made.create()
    assert worker.batches > 3
    restore(worker, path)
    assert logical(worker.store) == before


@pytest.mark.parametrize("there", ["sqlite", "postgresql"])
def test_20_a_backup_moves_between_databases(there: str, worker: Worker) -> None:
    before, path = logical(worker.store), backups(worker).create()
    with database("postgresql") as url:
        now = worker.store._now_us
        with closing(Store(open_engine(url), tenant=TENANT, now_us=now)) as store:
            restore(worker, path, store)
            assert logical(store) == before
            with store.write(None, "x") as tx:  # its counters go on behind what was put back
                values = {"at_us": 1, "run": "r", "connection": "c", "kind": "k", "cause": "x"}
                tx.execute(sa.insert(t.event).values(values))
            if there == "sqlite":
                moved = logical(store)
                path = backups(worker, store=store).create()
                restore(worker, path)
                assert logical(worker.store) == moved


# --- mutations ------------------------------------------------------------------------------------


def large(worker: Worker) -> Path:
    """A backup of several chunks."""
    with worker.store.write(None, "x") as tx:
        for n in range(4):
            tx.execute(sa.insert(t.meta).values(key=f"large-{n}", value=str(n) * 50_000))
    return backups(worker).create()


def parts_of(path: Path) -> tuple[bytes, list[bytes]]:
    """What stands before the first chunk, and the chunks."""
    whole = path.read_bytes()
    with path.open("rb") as file:
        start = len(container.read_head(file)[1])
    size = container.CHUNK + container.TAG
    return whole[:start], [whole[at : at + size] for at in range(start, len(whole), size)]


def spoilt(head: bytes, chunks: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Everything that may have happened to a file, and its name."""
    whole = head + b"".join(chunks)
    for at in range(len(head)):
        yield f"head byte {at}", whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    edges = [len(head) + sum(map(len, chunks[:n])) for n in range(len(chunks) + 1)]
    for n, (start, end) in enumerate(pairwise(edges)):
        for at in (start, (start + end) // 2, end - container.TAG - 1, end - 1):
            yield f"chunk {n} byte {at}", whole[:at] + bytes([whole[at] ^ 0x80]) + whole[at + 1 :]
    for at in {0, 4, 12, len(head) - 1, *edges, *(e - 1 for e in edges), *(e + 1 for e in edges)}:
        if at < len(whole):
            yield f"cut at {at}", whole[:at]
    yield "a byte more", whole + b"\0"
    yield "the last chunk twice", whole + chunks[-1]
    yield "a chunk twice", head + b"".join([chunks[0], *chunks])
    for n in range(len(chunks)):
        yield f"without chunk {n}", head + b"".join(chunks[:n] + chunks[n + 1 :])
        if n:
            swapped = [*chunks[: n - 1], chunks[n], chunks[n - 1], *chunks[n + 1 :]]
            yield f"chunks {n - 1} and {n} swapped", head + b"".join(swapped)
    yield "empty", b""
    yield "text", b"CRMBAK1\n" + b"{" * 100


def test_20_nothing_altered_cut_or_reordered_is_put_back(worker: Worker, tmp_path: Path) -> None:
    head, chunks = parts_of(large(worker))
    assert len(chunks) >= 4
    before, file, tried = logical(worker.store), tmp_path / "spoilt", 0
    for name, content in spoilt(head, chunks):
        file.write_bytes(content)
        with pytest.raises((SealError, SettingsError)):
            restore(worker, file)
            raise AssertionError(name)
        tried += 1
    assert tried > 350
    assert logical(worker.store) == before
    assert [one for one in backups(worker).list() if not one.there] == []


def test_20_the_chunks_of_another_backup_are_refused(worker: Worker, tmp_path: Path) -> None:
    (one, first), (_, second) = parts_of(large(worker)), parts_of(backups(worker).create())
    file, before = tmp_path / "mixed", logical(worker.store)
    for chunks in (second, [*first[:-1], second[-1]], [second[0], *first[1:]]):
        file.write_bytes(one + b"".join(chunks))
        with pytest.raises(SealError):
            restore(worker, file)
    assert logical(worker.store) == before


# --- foreign --------------------------------------------------------------------------------------


def test_20_another_tenants_backup_is_refused(worker: Worker, tmp_path: Path) -> None:
    path, before = backups(worker).create(), logical(worker.store)
    other = backups(worker)
    other.keyring = Keyring(worker.home.ring, KEK, "shop-b")
    with pytest.raises(SettingsError, match="another tenant"):
        Restoring(other).restore(path)
    assert logical(worker.store) == before


@pytest.mark.parametrize("content", [STATE, KEYS])
def test_20_a_backup_of_another_ring_is_refused(
    content: str, worker: Worker, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    foreign = fill(Installed(tmp_path / "other").make())
    path, before = backups(foreign).create(content), logical(worker.store)
    with pytest.raises(SealError):
        restore(worker, path)
    if content == KEYS:  # even for one who has that installation's key-encrypting key
        shutil.copy(tmp_path / "other" / "kek.bin", worker.home.folder / "kek.bin")
        with pytest.raises(SealError):
            recover_ring(path, Keyring(worker.home.ring, KEK, TENANT))
            restore(worker, path)
    assert logical(worker.store) == before
    foreign.close()


def test_20_a_backup_of_another_state_is_refused(worker: Worker) -> None:
    path = backups(worker).create()
    now = worker.store._now_us
    other_file = f"sqlite:///{worker.home.folder / 'other.db'}"
    with closing(Store(open_engine(other_file), tenant=TENANT, now_us=now)) as other:
        with other.write(None, "x") as tx:
            other.set_meta(tx, "generation", "1")
        before = logical(other)
        with pytest.raises(SettingsError, match="another state"):
            restore(worker, path, other)
        assert logical(other) == before
    never = f"sqlite:///{worker.home.folder / 'never.db'}"
    with closing(Store(open_engine(never), tenant=TENANT, now_us=now)) as new:
        with worker.vault.subjects.engine.begin() as tx:
            tx.execute(sa.text("DELETE FROM mirror"))  # as if these keys never served it
        with pytest.raises(SettingsError, match="another state"):
            restore(worker, path, new)


def test_a_backup_of_a_newer_schema_is_refused(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(t, "SCHEMA_VERSION", t.SCHEMA_VERSION + 1)  # as the next version makes it
    path = backups(worker).create()
    monkeypatch.undo()
    with pytest.raises(SettingsError, match="newer one"):
        restore(worker, path)


# --- who works, who dies --------------------------------------------------------------------------


def test_nothing_is_put_back_while_a_run_is_at_work(worker: Worker) -> None:
    path = backups(worker).create()
    other = Worker(worker.home, "other")
    other.begin()
    before = logical(worker.store)
    with pytest.raises(LeaseHeldError, match="nothing was replaced"):
        restore(worker, path)
    assert logical(worker.store) == before
    other.end()
    restore(worker, path)
    other.close()


def test_a_run_that_began_during_the_first_reading_is_seen(worker: Worker) -> None:
    path, other = backups(worker).create(), Worker(worker.home, "other")

    def at(point: str) -> None:
        if point == "after commit: backup written":  # of what is there, right before the restore
            other.begin()

    before = logical(worker.store)
    with pytest.raises(LeaseHeldError):
        Restoring(backups(worker, at)).restore(path)
    other.end()
    found = logical(worker.store)
    assert {name: found[name] for name in found if name != "scope"} == {
        name: before[name] for name in before if name != "scope"
    }
    other.close()


def dies(at: str, work: Callable[[Hook], object]) -> None:
    def hook(point: str) -> None:
        if point == at:
            os._exit(9)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        assert in_a_process(lambda: void(work(hook))) == 9


def void(_: object) -> None:
    pass


@pytest.mark.parametrize("at", ["before commit: restore", "after commit: restore"])
def test_a_restore_that_dies_has_replaced_all_or_nothing(at: str, worker: Worker) -> None:
    first = logical(worker.store)
    path = backups(worker).create()
    assert worker.try_a_batch()
    now = logical(worker.store)

    def work(hook: Hook) -> None:
        child = Worker(worker.home, "crm")
        child.store = worker.home.store(hook)
        restore(child, path)

    dies(at, work)
    with closing(worker.home.store()) as found:
        assert logical(found) == (now if at.startswith("before") else first)
    restore(worker, path)
    assert logical(worker.store) == first


@pytest.mark.parametrize("at", ["backup noted", "backup written"])
def test_a_backup_that_dies_leaves_no_half_file(at: str, worker: Worker) -> None:
    def work(hook: Hook) -> None:
        backups(Worker(worker.home, "crm"), hook).create()

    dies(f"after commit: {at}", work)
    [noted] = backups(worker).list()  # noted first: a key that it may need is kept meanwhile
    assert noted.there is (at == "backup written")
    if noted.there:
        backups(worker).verify(Path(noted.file))
    path = backups(worker).create()
    assert backups(worker).verify(path)[1]["link"] == 6


def test_a_folder_that_cannot_be_written_is_told_and_nothing_noted(worker: Worker) -> None:
    (worker.home.folder / "backups").write_text("a file in its place")
    with pytest.raises(StoreError, match=r"cannot be written"):
        backups(worker).create()
    assert backups(worker).list() == []


def test_a_lease_held_at_the_backup_is_not_put_back(worker: Worker) -> None:
    other = Worker(worker.home, "other")
    other.begin()
    path = backups(worker).create()
    other.end()
    restore(worker, path)
    with worker.store.read() as tx:
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


def test_a_backup_whose_time_is_over_is_deleted(worker: Worker) -> None:
    old, keys = backups(worker).create(), backups(worker).create(KEYS)
    worker.home.clock.move(WEEK + timedelta(hours=1))
    assert backups(worker).prune() == 1
    backups(worker).create()
    assert old.exists() and not keys.exists()
    assert [one.content for one in backups(worker).list()] == [STATE, STATE]


# --- no keys inside -------------------------------------------------------------------------------


def secrets_of(worker: Worker) -> list[bytes]:
    """What stands for a key on disk: wrapped ring keys and wrapped subject keys."""
    entries = json.loads(worker.home.ring.read_text())["keys"]
    found = [base64.b64decode(entry["wrapped"]) for entry in entries]
    found += [bytes(row[0]) for row in worker.home.keys_sql("SELECT ct FROM subject")]  # type: ignore[call-overload]  # a column of bytes
    return found


def holds(content: bytes, secret: bytes) -> bool:
    forms = (secret, base64.b64encode(secret), secret.hex().encode())
    return any(form in content for form in forms)


def test_20_no_key_is_inside_a_backup_of_the_state(worker: Worker) -> None:
    secrets = secrets_of(worker)
    assert len(secrets) == 17
    state, keys = (plain(worker, backups(worker).create(what)) for what in (STATE, KEYS))
    assert not any(holds(state, secret) for secret in secrets)
    # the scan can find them: in a backup of the keys it does
    assert sum(holds(keys, secret) for secret in secrets) >= 6
    assert b"local-0" in state and b"local-0" not in keys


def test_no_backup_file_shows_what_is_in_it(worker: Worker) -> None:
    for what in (STATE, KEYS):
        raw = backups(worker).create(what).read_bytes()
        for canary in (b"local-0", b"remote-0", b"KEY0", b"subject_id", b'"wrap"'):
            assert canary not in raw


# --- backups of the keys --------------------------------------------------------------------------


def lose_keys(worker: Worker) -> None:
    worker.vault.close()
    for name in ("ring.json", "keys.db", "keys.db-wal", "keys.db-shm"):
        (worker.home.folder / name).unlink(missing_ok=True)


def test_lost_keys_come_back_from_their_own_backup(worker: Worker) -> None:
    path = backups(worker).create(KEYS)
    lose_keys(worker)
    keyring = Keyring(worker.home.ring, KEK, TENANT)
    assert recover_ring(path, keyring)
    assert not recover_ring(path, keyring)
    worker.vault = worker.home.vault()
    restore(worker, path)
    assert worker.read_all(worker.vault) > 6
    assert worker.vault.subjects.generation(worker.store.store_id) == 3


def test_backups_are_noted_again_when_the_keys_database_was_lost(worker: Worker) -> None:
    state, keys = backups(worker).create(), backups(worker).create(KEYS)
    lose_keys(worker)
    recover_ring(keys, Keyring(worker.home.ring, KEK, TENANT))
    worker.vault = worker.home.vault()
    assert backups(worker).list() == []
    restore(worker, keys)
    assert {one.file for one in backups(worker).list()} == {str(state), str(keys)}
    with worker.home.rotation() as rotation:
        old = worker.vault.ring.active(Purpose.BACKUP).kid
        rotation.rotate(Purpose.BACKUP)
        with pytest.raises(UsageError, match="2 backups need it"):
            rotation.retire(old)


def test_a_backup_whose_time_is_over_is_put_back_all_the_same(worker: Worker) -> None:
    """Its keys are still there, and it is the one that is left."""
    before, path = logical(worker.store), backups(worker).create()
    worker.home.clock.move(QUARTER + timedelta(days=1))
    assert worker.try_a_batch()
    assert restore(worker, path).aside is not None
    assert logical(worker.store) == before


def test_an_older_ring_gives_way_to_the_backups_and_is_kept(worker: Worker) -> None:
    old = worker.home.ring.read_bytes()
    with worker.home.rotation() as rotation:
        rotation.rotate(Purpose.WRAP)
    path = backups(worker).create(KEYS)
    worker.home.ring.write_bytes(old)
    assert recover_ring(path, Keyring(worker.home.ring, KEK, TENANT))
    [aside] = worker.home.folder.glob("ring.json.before-*")
    assert aside.read_bytes() == old
    assert worker.read_all(worker.home.vault()) > 6


def test_keys_put_back_never_bring_back_an_erased_person(worker: Worker) -> None:
    """Neither where the present keys know of the erasure, nor where a later backup does."""
    (one, _), (two, _), *_ = worker.documents
    path = backups(worker).create(KEYS)
    worker.vault.subjects.shred([one])
    worker.vault.ledger.save(Entry("e1", 1, (two,), state=DONE, step=10))
    restore(worker, path)
    assert worker.home.vault().subject_state(one) == "shredded"
    backups(worker).create()  # its copy of the ledger knows of the second
    lose_keys(worker)
    recover_ring(path, Keyring(worker.home.ring, KEK, TENANT))
    worker.vault = worker.home.vault()
    restore(worker, path)
    assert worker.vault.subject_state(two) == "shredded"


def test_08_after_an_erasure_no_key_backup_holds_the_key(worker: Worker) -> None:
    (subject, _), *_ = worker.documents
    [(ct,)] = worker.home.keys_sql(f"SELECT ct FROM subject WHERE subject_id = '{subject}'")
    assert isinstance(ct, bytes)
    made = backups(worker)
    first, second = made.create(KEYS), made.create(KEYS)
    assert holds(plain(worker, second), ct)
    gone = made.create(KEYS)
    gone.rename(gone.with_name("taken-away"))
    worker.vault.subjects.shred([subject])
    done = made.rewrite_key_backups()
    assert done is not None
    assert (done.deleted, done.elsewhere) == (2, 1)
    assert done.irrecoverable_from == worker.home.clock.now() + WEEK
    assert not first.exists() and not second.exists()
    assert not holds(plain(worker, Path(done.made)), ct)
    restore(worker, Path(done.made))
    assert worker.home.vault().subject_state(subject) == "shredded"


def test_no_key_backups_means_nothing_to_rewrite(worker: Worker) -> None:
    backups(worker).create()
    assert backups(worker).rewrite_key_backups() is None


def test_11_backups_hold_on_to_keys_that_they_need_and_to_no_others(worker: Worker) -> None:
    old = worker.vault.ring.active(Purpose.BACKUP).kid
    state = backups(worker).create()
    with worker.home.rotation() as rotation:
        rotation.rotate(Purpose.BACKUP)
        rotation.rotate(Purpose.WRAP)
        backups(worker).create(KEYS)
        rotation.retire(1)  # the drained wrap key: no key backup keeps it
        with pytest.raises(UsageError, match="backups need it"):
            rotation.retire(old)
        backups(worker).verify(state)
        [noted] = [one for one in backups(worker).list() if one.file == str(state)]
        backups(worker).forget(noted.id)
        with pytest.raises(UsageError, match="1 backups need it"):
            rotation.retire(old)  # the key backup was made while it was needed
        worker.home.clock.move(WEEK)
        rotation.retire(old)


# --- drill ----------------------------------------------------------------------------------------


def test_a_drill_opens_a_sample_and_leaves_nothing(worker: Worker) -> None:
    path, before = backups(worker).create(), logical(worker.store)
    found = Restoring(backups(worker)).drill(path)
    assert (found.opened, found.erased, found.failed) == (6, 0, 0)
    (one, _), (two, _), *_ = worker.documents
    worker.vault.subjects.shred([one])
    with worker.vault.subjects.engine.begin() as tx:
        tx.execute(sa.text("DELETE FROM subject WHERE subject_id = :one"), {"one": two})
    worker.vault.refresh()
    found = Restoring(backups(worker)).drill(path)
    assert (found.opened, found.erased, found.failed) == (4, 1, 1)
    assert logical(worker.store) == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    with pytest.raises(UsageError, match="drill is of a backup of the state"):
        Restoring(backups(worker)).drill(backups(worker).create(KEYS))


# --- the engine afterwards ------------------------------------------------------------------------


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


def test_what_lies_under_keys_that_are_gone_is_fetched_again(worker: Worker) -> None:
    path = backups(worker).create()
    for _ in range(3):
        worker.home.clock.move(timedelta(days=8))
        worker.vault = worker.home.vault()
        worker.vault.destroy_staging(in_use=[])
    wipe(worker)
    restore(worker, path)
    found = logical(worker.store)
    assert found["staged"] and all(row[6] is None for row in found["staged"])
    assert any(row[5] is not None for row in found["scope"])  # tokens: their key is as it was


def test_errors_of_a_backup_tell_nothing_of_its_content() -> None:
    assert isinstance(container.altered(), ConnectorError)
    assert partial(container.altered)().exit_code == 9
