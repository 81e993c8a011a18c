"""20: what is put back is what was there; nothing foreign, altered or cut is put back; no key is in
a backup of the state. And what backups have to do with 8 and 11."""

from __future__ import annotations

import shutil
import stat
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.backup.manifest import KEYS, STATE
from connector.backup.restore import Restoring, recover_ring
from connector.errors import (
    SealError,
    SettingsError,
    UsageError,
)
from connector.keeping.rotation import Keyring
from connector.privacy.keys import Purpose
from connector.privacy.ledger import DONE, Entry
from connector.privacy.suppression import Token
from connector.store import tables as t
from connector.store.database import Store, open_engine
from tests.privacy.backups import (
    WEEK,
    backups,
    holds,
    large,
    parts_of,
    plain,
    restore,
    secrets_of,
    spoilt,
    wipe,
)
from tests.privacy.installed import KEK, TENANT, Installed, Worker, fill, logical
from tests.servers import database


def test_20_what_is_put_back_is_what_was_there(filled: Worker) -> None:
    before = logical(filled.store)
    path = backups(filled).create()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wipe(filled)
    assert logical(filled.store) != before
    done = restore(filled, path)
    assert logical(filled.store) == before
    assert done.counts["link"] == 6 and done.aside is None
    assert filled.read_all(filled.home.vault()) > 6
    with closing(filled.home.store()) as again:
        assert again.store_id == done.manifest.store_id


def test_20_who_was_erased_since_does_not_come_back(filled: Worker) -> None:
    path = backups(filled).create()
    (subject, _), *_ = filled.documents
    filled.vault.subjects.shred([subject])
    wipe(filled)
    assert restore(filled, path).erased == 1
    found = logical(filled.store)
    erased = [row for row in found["link"] if row[8] == subject]
    assert [row[6] for row in erased] == ["erased"]
    for canary in ("local-0", "remote-0", "KEY0", bytes(16)):
        assert canary not in [one for rows in found.values() for row in rows for one in row]
    for table, count in (("claim", 5), ("event", 6), ("intent", 5), ("conflict", 5), ("link", 6)):
        assert len(found[table]) == count, table
    with pytest.raises(SealError, match="erased"):
        filled.vault.open(
            "base", "customer", subject, "link-1", next(iter(filled.documents.values()))
        )


def test_20_an_erasure_that_only_the_backup_knows_holds_for_the_keys_too(filled: Worker) -> None:
    """The keys database was put back from before an erasure, then a state from after it."""
    (subject, _), *_ = filled.documents
    token = Token("email/1", 7, bytes(range(16)))
    filled.vault.ledger.save(Entry("e1", 1, (subject,), (token,), DONE, 10))
    path = backups(filled).create()
    with filled.vault.subjects.engine.begin() as tx:
        for table in ("erasure", "suppression"):
            tx.execute(sa.text(f"DELETE FROM {table}"))
        tx.execute(sa.text("UPDATE subject SET state = 'live'"))
    filled.vault.refresh()
    wipe(filled)
    assert restore(filled, path).erased == 1
    assert filled.home.vault().subject_state(subject) == "shredded"
    assert filled.home.keys_sql("SELECT subject_id FROM erasure") == [(subject,)]
    assert filled.home.keys_sql("SELECT token FROM suppression") == [(token.digest,)]


@pytest.mark.parametrize("there", ["sqlite", "postgresql"])
def test_20_a_backup_moves_between_databases(there: str, filled: Worker) -> None:
    before, path = logical(filled.store), backups(filled).create()
    with database("postgresql") as url:
        now = filled.store._now_us
        with closing(Store(open_engine(url), tenant=TENANT, now_us=now)) as store:
            restore(filled, path, store)
            assert logical(store) == before
            with store.write(None, "x") as tx:  # its counters go on behind what was put back
                values = {"at_us": 1, "run": "r", "connection": "c", "kind": "k", "cause": "x"}
                tx.execute(sa.insert(t.event).values(values))
            if there == "sqlite":
                moved = logical(store)
                path = backups(filled, store=store).create()
                restore(filled, path)
                assert logical(filled.store) == moved


def test_20_nothing_altered_cut_or_reordered_is_put_back(filled: Worker, tmp_path: Path) -> None:
    head, chunks = parts_of(large(filled))
    assert len(chunks) >= 4
    before, file, tried = logical(filled.store), tmp_path / "spoilt", 0
    for name, content in spoilt(head, chunks):
        file.write_bytes(content)
        with pytest.raises((SealError, SettingsError)):
            restore(filled, file)
            raise AssertionError(name)
        tried += 1
    assert tried > 350
    assert logical(filled.store) == before
    assert [one for one in backups(filled).list() if not one.there] == []


def test_20_the_chunks_of_another_backup_are_refused(filled: Worker, tmp_path: Path) -> None:
    (one, first), (_, second) = parts_of(large(filled)), parts_of(backups(filled).create())
    file, before = tmp_path / "mixed", logical(filled.store)
    for chunks in (second, [*first[:-1], second[-1]], [second[0], *first[1:]]):
        file.write_bytes(one + b"".join(chunks))
        with pytest.raises(SealError):
            restore(filled, file)
    assert logical(filled.store) == before


def test_20_another_tenants_backup_is_refused(filled: Worker) -> None:
    path, before = backups(filled).create(), logical(filled.store)
    other = backups(filled)
    other.keyring = Keyring(filled.home.ring, KEK, "shop-b")
    with pytest.raises(SettingsError, match="another tenant"):
        Restoring(other).restore(path)
    assert logical(filled.store) == before


@pytest.mark.parametrize("content", [STATE, KEYS])
def test_20_a_backup_of_another_ring_is_refused(
    content: str, filled: Worker, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    foreign = fill(Installed(tmp_path / "other").make())
    path, before = backups(foreign).create(content), logical(filled.store)
    with pytest.raises(SealError):
        restore(filled, path)
    if content == KEYS:  # even for one who has that installation's key-encrypting key
        shutil.copy(tmp_path / "other" / "kek.bin", filled.home.folder / "kek.bin")
        with pytest.raises(SealError):
            recover_ring(path, Keyring(filled.home.ring, KEK, TENANT))
            restore(filled, path)
    assert logical(filled.store) == before
    foreign.close()


def test_20_a_backup_of_another_state_is_refused(filled: Worker) -> None:
    path = backups(filled).create()
    now = filled.store._now_us
    other_file = f"sqlite:///{filled.home.folder / 'other.db'}"
    with closing(Store(open_engine(other_file), tenant=TENANT, now_us=now)) as other:
        with other.write(None, "x") as tx:
            other.set_meta(tx, "generation", "1")
        before = logical(other)
        with pytest.raises(SettingsError, match="another state"):
            restore(filled, path, other)
        assert logical(other) == before
    never = f"sqlite:///{filled.home.folder / 'never.db'}"
    with closing(Store(open_engine(never), tenant=TENANT, now_us=now)) as new:
        with filled.vault.subjects.engine.begin() as tx:
            tx.execute(sa.text("DELETE FROM mirror"))  # as if these keys never served it
        with pytest.raises(SettingsError, match="another state"):
            restore(filled, path, new)


def test_20_no_key_is_inside_a_backup_of_the_state(filled: Worker) -> None:
    secrets = secrets_of(filled)
    assert len(secrets) == 17
    state, keys = (plain(filled, backups(filled).create(what)) for what in (STATE, KEYS))
    assert not any(holds(state, secret) for secret in secrets)
    # the scan can find them: in a backup of the keys it does
    assert sum(holds(keys, secret) for secret in secrets) >= 6
    assert b"local-0" in state and b"local-0" not in keys


def test_08_after_an_erasure_no_key_backup_holds_the_key(filled: Worker) -> None:
    (subject, _), *_ = filled.documents
    [(ct,)] = filled.home.keys_sql(f"SELECT ct FROM subject WHERE subject_id = '{subject}'")
    assert isinstance(ct, bytes)
    made = backups(filled)
    first, second = made.create(KEYS), made.create(KEYS)
    assert holds(plain(filled, second), ct)
    gone = made.create(KEYS)
    gone.rename(gone.with_name("taken-away"))
    filled.vault.subjects.shred([subject])
    done = made.rewrite_key_backups()
    assert done is not None
    assert (done.deleted, done.elsewhere) == (2, 1)
    assert done.irrecoverable_from == filled.home.clock.now() + WEEK
    assert not first.exists() and not second.exists()
    assert not holds(plain(filled, Path(done.made)), ct)
    restore(filled, Path(done.made))
    assert filled.home.vault().subject_state(subject) == "shredded"


def test_11_backups_hold_on_to_keys_that_they_need_and_to_no_others(filled: Worker) -> None:
    old = filled.vault.ring.active(Purpose.BACKUP).kid
    state = backups(filled).create()
    with filled.home.rotation() as rotation:
        rotation.rotate(Purpose.BACKUP)
        rotation.rotate(Purpose.WRAP)
        backups(filled).create(KEYS)
        rotation.retire(1)  # the drained wrap key: no key backup keeps it
        with pytest.raises(UsageError, match="backups need it"):
            rotation.retire(old)
        backups(filled).verify(state)
        [noted] = [one for one in backups(filled).list() if one.file == str(state)]
        backups(filled).forget(noted.id)
        with pytest.raises(UsageError, match="1 backups need it"):
            rotation.retire(old)  # the key backup was made while it was needed
        filled.home.clock.move(WEEK)
        rotation.retire(old)
