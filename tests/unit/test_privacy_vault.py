"""The vault: people's documents, staged records, secrets, digests, external keys, blind indexes."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event

from connector.errors import SealError, SettingsError
from connector.privacy import subjects as subjects_module
from connector.privacy.heads import Head, Heads
from connector.privacy.keys_database import open_keys_database
from connector.privacy.ring import create_ring
from connector.privacy.vault import Vault, open_vault
from tests.racing import race

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Shop:
    """One installation on disk whose vault can be opened again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOW
        self._open: list[Vault] = []
        create_ring(folder / "ring.json", "file:kek.bin", "shop-a", NOW)

    def vault(self, url: str | None = None) -> Vault:
        vault = open_vault(
            ring_path=self.folder / "ring.json",
            kek="file:kek.bin",
            subjects_url=url or f"sqlite:///{self.folder / 'keys.db'}",
            tenant="shop-a",
            clock_now=lambda: self.now,
        )
        self._open.append(vault)
        return vault

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        database = sqlite3.connect(self.folder / "keys.db")
        try:
            rows: list[tuple[object, ...]] = database.execute(statement, values).fetchall()
            database.commit()
            return rows
        finally:
            database.close()

    def close(self) -> None:
        for vault in self._open:
            vault.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.close()


@pytest.fixture
def vault(shop: Shop) -> Vault:
    return shop.vault()


def test_a_document_opens_in_another_process_that_has_the_same_keys(shop: Shop) -> None:
    [subject] = shop.vault().new_subjects(1)
    sealed = shop.vault().seal("base", "customer", subject, "link-1", b"invented")
    assert shop.vault().open("base", "customer", subject, "link-1", sealed) == b"invented"


def test_a_document_does_not_open_for_another_person_link_kind_or_name(vault: Vault) -> None:
    one, two = vault.new_subjects(2)
    sealed = vault.seal("base", "customer", one, "link-1", b"invented")
    for place in (
        ("base", "customer", two, "link-1"),
        ("base", "customer", one, "link-2"),
        ("base", "feedback", one, "link-1"),
        ("intent/1", "customer", one, "link-1"),
    ):
        with pytest.raises(SealError, match="cannot be opened") as caught:
            vault.open(*place, sealed)
        assert not caught.value.missing


def test_subject_ids_are_random_and_their_keys_are_committed_at_once(shop: Shop) -> None:
    made = shop.vault().new_subjects(50)
    assert len(set(made)) == 50
    assert all(re.fullmatch("[0-9a-f]{32}", subject) for subject in made)
    stored = {row[0] for row in shop.sql("SELECT subject_id FROM subject")}
    assert stored == set(made)


def test_subjects_are_made_by_one_statement_and_loaded_by_one(shop: Shop) -> None:
    vault = shop.vault()
    statements: list[tuple[str, bool]] = []

    @event.listens_for(vault.subjects._engine, "before_cursor_execute")
    def note(_c: object, _cu: object, text: str, _p: object, _x: object, many: bool) -> None:
        statements.append((text.split()[0], many))

    made = vault.new_subjects(300)
    assert statements == [("INSERT", True)]
    statements.clear()
    vault.preload(made)
    assert statements == []  # they are cached since they were made
    vault.refresh()
    vault.preload(made)
    for subject in made:
        vault.seal("base", "customer", subject, "link-1", b"invented")
    assert statements == [("SELECT", False)]


def test_a_missing_key_is_a_fault_and_a_shredded_one_is_final(shop: Shop) -> None:
    vault = shop.vault()
    lost, erased, kept = vault.new_subjects(3)
    sealed = {
        one: vault.seal("base", "customer", one, "link-1", b"invented") for one in (lost, erased)
    }
    shop.sql("DELETE FROM subject WHERE subject_id = ?", lost)
    vault.subjects.shred([erased])
    vault.refresh()

    assert [vault.subject_state(one) for one in (lost, erased, kept)] == [
        "missing",
        "shredded",
        "live",
    ]
    with pytest.raises(SealError, match="missing") as caught:
        vault.open("base", "customer", lost, "link-1", sealed[lost])
    assert caught.value.missing
    with pytest.raises(SealError, match="erased") as caught:
        vault.open("base", "customer", erased, "link-1", sealed[erased])
    assert not caught.value.missing
    with pytest.raises(SealError) as caught:
        vault.seal("base", "customer", lost, "link-1", b"x")
    assert caught.value.missing
    with pytest.raises(SealError) as caught:
        vault.seal("base", "customer", erased, "link-1", b"x")
    assert not caught.value.missing


def test_a_shredded_key_is_on_no_page_of_the_keys_database(shop: Shop) -> None:
    vault = shop.vault()
    [subject] = vault.new_subjects(1)
    [(wrapped,)] = shop.sql("SELECT ct FROM subject")
    assert isinstance(wrapped, bytes)

    def on_disk() -> bool:
        return any(wrapped in file.read_bytes() for file in shop.folder.glob("keys.db*"))

    assert on_disk()
    vault.subjects.shred([subject])
    assert not on_disk()


def test_a_shredded_subject_never_comes_back_to_life(vault: Vault) -> None:
    [subject] = vault.new_subjects(1)
    vault.subjects.shred([subject])
    vault.subjects.set_state([subject], "live")
    assert vault.subject_state(subject) == "shredded"


def test_a_subject_being_shredded_still_opens_and_seals_no_more(vault: Vault) -> None:
    [subject] = vault.new_subjects(1)
    sealed = vault.seal("base", "customer", subject, "link-1", b"invented")
    vault.subjects.set_state([subject], "shredding")
    assert vault.open("base", "customer", subject, "link-1", sealed) == b"invented"
    with pytest.raises(SealError, match="shredding"):
        vault.seal("base", "customer", subject, "link-1", b"x")


def test_another_processes_erasure_shows_after_refresh(shop: Shop) -> None:
    ours, theirs = shop.vault(), shop.vault()
    [subject] = ours.new_subjects(1)
    theirs.subjects.shred([subject])
    ours.refresh()
    assert ours.subject_state(subject) == "shredded"


def test_a_doctored_key_row_is_refused(shop: Shop) -> None:
    vault = shop.vault()
    one, two = vault.new_subjects(2)
    shop.sql(
        "UPDATE subject SET ct = (SELECT ct FROM subject WHERE subject_id = ?),"
        " nonce = (SELECT nonce FROM subject WHERE subject_id = ?) WHERE subject_id = ?",
        two,
        two,
        one,
    )
    vault.refresh()
    with pytest.raises(SealError, match="cannot be opened"):
        vault.seal("base", "customer", one, "link-1", b"x")


def test_a_key_that_does_not_match_its_check_value_is_refused(shop: Shop) -> None:
    vault = shop.vault()
    [subject] = vault.new_subjects(1)
    shop.sql("UPDATE subject SET kcv = zeroblob(16)")
    vault.refresh()
    with pytest.raises(SealError, match="cannot be opened"):
        vault.subject_state(subject)


def test_the_keys_database_is_private_and_deletes_for_good_on_every_connection(
    shop: Shop,
) -> None:
    vault = shop.vault()
    vault.new_subjects(1)
    for file in shop.folder.glob("keys.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    engine = vault.subjects._engine
    with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            found = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("secure_delete", "journal_mode", "synchronous", "busy_timeout")
            ]
            assert found == [1, "wal", 2, 15000]


def test_more_subjects_than_the_cache_holds_still_open(vault: Vault) -> None:
    made = vault.new_subjects(subjects_module.CACHED_SUBJECTS + 50)
    assert len(vault.subjects._cache) == subjects_module.CACHED_SUBJECTS
    sealed = vault.seal("base", "customer", made[0], "link-1", b"invented")
    vault.preload(made)
    assert vault.open("base", "customer", made[0], "link-1", sealed) == b"invented"
    assert len(vault.subjects._cache) == subjects_module.CACHED_SUBJECTS


def test_threads_may_share_a_vault(vault: Vault) -> None:
    made = vault.new_subjects(40)
    wrong: list[object] = []

    def work(offset: int) -> None:
        try:
            for n in range(200):
                subject = made[(offset * 7 + n) % 40]
                sealed = vault.seal("base", "customer", subject, "link", str(n).encode())
                if n % 50 == 0:
                    vault.refresh()
                if vault.open("base", "customer", subject, "link", sealed) != str(n).encode():
                    wrong.append(n)
        except Exception as error:
            wrong.append(error)

    race([partial(work, n) for n in range(4)])
    assert wrong == []


def test_errors_of_the_database_show_no_bound_value(shop: Shop) -> None:
    vault = shop.vault()
    shop.sql("DROP TABLE subject")
    with pytest.raises(SealError) as caught:
        vault.new_subjects(1)
    assert str(caught.value).startswith("The keys database did not answer (OperationalError)")
    assert caught.value.__suppress_context__


def test_a_keys_url_that_is_none_is_a_settings_error(shop: Shop) -> None:
    with pytest.raises(SettingsError):
        shop.vault("no url")
    with pytest.raises(SettingsError, match="cannot be opened"):
        shop.vault(f"sqlite:///{shop.folder}/no/such/folder/keys.db")


def test_staged_records_open_for_their_own_side_only_and_across_a_rotation(shop: Shop) -> None:
    vault = shop.vault()
    place = ("zoho", "customer", "remote", "100")
    sealed = vault.seal_staged(*place, b"invented")
    for at in range(4):
        other = list(place)
        other[at] += "x"
        with pytest.raises(SealError):
            vault.open_staged(other[0], other[1], other[2], other[3], sealed)

    shop.now = NOW + timedelta(days=8)
    later = shop.vault()
    assert later.open_staged(*place, sealed) == b"invented"
    assert not later.is_staging_current(sealed)
    fresh = later.seal_staged(*place, b"invented")
    assert later.is_staging_current(fresh)
    assert vault.open_staged(*place, fresh) == b"invented"  # the older process reads the ring again

    shop.now = NOW + timedelta(days=16)
    later.destroy_staging(in_use=[later.staging_key(sealed)])
    assert later.open_staged(*place, sealed) == b"invented"
    later.destroy_staging(in_use=[])
    with pytest.raises(SealError, match="cannot be opened"):
        later.open_staged(*place, sealed)
    assert later.open_staged(*place, fresh) == b"invented"


def test_secrets_open_under_their_own_name_and_not_as_anything_else(shop: Shop) -> None:
    vault = shop.vault()
    sealed = vault.seal_secret("zoho/token", b"invented token")
    assert shop.vault().open_secret("zoho/token", sealed) == b"invented token"
    with pytest.raises(SealError):
        vault.open_secret("fxiaoke/token", sealed)
    with pytest.raises(SealError):
        vault.open_staged("", "", "", "zoho/token", sealed)
    [subject] = vault.new_subjects(1)
    with pytest.raises(SealError):
        vault.open("base", "customer", subject, "link-1", sealed)
    with pytest.raises(SealError):
        vault.open_secret("zoho/token", vault.seal("base", "customer", subject, "zoho/token", b"x"))


def test_external_keys_are_the_same_for_ever_and_differ_by_every_part(shop: Shop) -> None:
    key = shop.vault().external_key("zoho", "customer", "17", 0)
    assert re.fullmatch("[A-Z2-7]{26}", key)
    vault = shop.vault()
    assert vault.external_key("zoho", "customer", "17", 0) == key
    others = {
        vault.external_key(*place)
        for place in (
            ("zoho2", "customer", "17", 0),
            ("zoho", "feedback", "17", 0),
            ("zoho", "customer", "1", 0),
            ("zoho", "customer", "17", 1),
            ("zoho", "customer", "7", 1),
        )
    }
    assert len(others) == 5 and key not in others


def test_digests_tell_kinds_links_sides_and_contents_apart(shop: Shop) -> None:
    vault = shop.vault()
    digest = vault.digest("customer", "link-1", "local", b"content")
    assert len(digest) == 16
    assert shop.vault().digest("customer", "link-1", "local", b"content") == digest
    others = {
        vault.digest(*place)
        for place in (
            ("feedback", "link-1", "local", b"content"),
            ("customer", "link-2", "local", b"content"),
            ("customer", "link-1", "remote", b"content"),
            ("customer", "link-1", "local", b"content2"),
            ("customer", "link-1", "loca", b"lcontent"),
        )
    }
    assert len(others) == 5 and digest not in others


def test_blind_indexes_meet_by_identifier_and_by_installation_only(
    shop: Shop, tmp_path: Path
) -> None:
    [digest] = index = shop.vault().blind("email", "a@example.test")
    assert len(digest) == 16
    vault = shop.vault()
    assert vault.blind("email", "a@example.test") == index
    assert vault.blind("phone", "a@example.test") != index
    assert vault.blind("email", "b@example.test") != index
    (tmp_path / "other").mkdir()
    other = Shop(tmp_path / "other")
    assert other.vault().blind("email", "a@example.test") != index
    other.close()


def test_nothing_personal_is_in_the_files_of_a_vault(shop: Shop) -> None:
    vault = shop.vault()
    [subject] = vault.new_subjects(1)
    vault.seal("base", "customer", subject, "link-1", b"CNRY-1")
    vault.seal_secret("name", b"CNRY-1")
    vault.close()
    for file in shop.folder.iterdir():
        assert b"CNRY-1" not in file.read_bytes(), file.name
    assert "shop-a" in repr(vault) and "key" not in repr(vault)


def test_a_pseudonym_is_stable_and_two_destinations_cannot_join_theirs(shop: Shop) -> None:
    one, two = shop.vault(), shop.vault()
    assert one.pseudonym("fx", "invented") == two.pseudonym("fx", "invented")
    names = {
        one.pseudonym("fx", "invented"),
        one.pseudonym("fx", "other"),
        one.pseudonym("zoho-eu", "invented"),
        *one.blind("fx", "invented"),
    }
    assert len(names) == 4
    assert {len(name) for name in names} == {16}


def test_a_vault_on_a_ring_of_an_older_release_adds_the_key_for_pseudonyms(shop: Shop) -> None:
    ring = shop.folder / "ring.json"
    document = json.loads(ring.read_text())
    document["keys"] = [key for key in document["keys"] if key["purpose"] != "pseudonym"]
    ring.write_text(json.dumps(document))
    first = shop.vault().pseudonym("fx", "invented")
    assert shop.vault().pseudonym("fx", "invented") == first
    assert json.loads(ring.read_text())["epoch"] == 2


def test_a_log_of_statements_shows_no_row_of_the_keys_database(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A host that has SQLAlchemy log everything means its own database."""
    with caplog.at_level(logging.DEBUG, "sqlalchemy"):
        heads = Heads(engine := open_keys_database(f"sqlite:///{tmp_path}/keys.db"))
        heads.note("1a2b", Head(5, b"m" * 32, 7), ())
        assert heads.of("1a2b") == [Head(5, b"m" * 32, 7)]
    engine.dispose()
    assert "INSERT INTO audit_head" in caplog.text
    assert (b"m" * 32).hex() not in caplog.text
