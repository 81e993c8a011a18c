"""The key ring: made once, safe on disk, opened only by its own key-encrypting key."""

from __future__ import annotations

import copy
import json
import os
import pickle
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.errors import SealError, SettingsError, UsageError
from connector.privacy.keys import KeyState, Purpose
from connector.privacy.ring import create_ring, load_ring
from connector.privacy.ring_changes import complete_ring, destroy_staging, rotate_staging

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEK = "file:kek.bin"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keyring.json"
    create_ring(path, KEK, "shop-a", NOW)
    return path


def test_a_ring_survives_the_disk_with_one_active_key_for_each_purpose(path: Path) -> None:
    one, two = load_ring(path, KEK, "shop-a"), load_ring(path, KEK, "shop-a")
    for purpose in Purpose:
        assert one.active(purpose).kid == two.active(purpose).kid
        assert one.active(purpose).derive(b"x") == two.active(purpose).derive(b"x")
    assert len({one.active(purpose).derive(b"x") for purpose in Purpose}) == len(Purpose)


def test_ring_and_kek_are_for_their_owner_only_though_the_umask_is_open(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        create_ring(tmp_path / "keyring.json", KEK, "shop-a", NOW)
    finally:
        os.umask(umask)
    for name in ("keyring.json", "kek.bin"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_an_existing_ring_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        create_ring(path, KEK, "shop-a", NOW)
    assert path.read_bytes() == before


def test_an_existing_kek_is_used_and_not_replaced(path: Path) -> None:
    before = path.with_name("kek.bin").read_bytes()
    create_ring(path.with_name("second.json"), KEK, "shop-b", NOW)
    assert path.with_name("kek.bin").read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o660, 0o666, 0o602])
@pytest.mark.parametrize("name", ["keyring.json", "kek.bin"])
def test_a_key_file_that_others_can_touch_is_refused(path: Path, name: str, mode: int) -> None:
    path.with_name(name).chmod(mode)
    with pytest.raises(SealError, match="chmod 600"):
        load_ring(path, KEK, "shop-a")


@pytest.mark.parametrize("name", ["keyring.json", "kek.bin"])
def test_a_key_file_behind_a_symlink_is_refused(path: Path, name: str) -> None:
    file = path.with_name(name)
    file.rename(path.with_name("elsewhere"))
    file.symlink_to(path.with_name("elsewhere"))
    with pytest.raises(SealError, match="symbolic link"):
        load_ring(path, KEK, "shop-a")


def test_a_missing_ring_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="crm-connector keys init") as caught:
        load_ring(tmp_path / "none.json", KEK, "shop-a")
    assert caught.value.exit_code == 9


def test_a_ring_does_not_open_with_another_kek(path: Path) -> None:
    path.with_name("kek.bin").write_bytes(bytes(32))
    with pytest.raises(SealError, match="another key-encrypting key"):
        load_ring(path, KEK, "shop-a")


def test_another_tenants_ring_is_a_settings_error(path: Path) -> None:
    with pytest.raises(SettingsError, match="another tenant"):
        load_ring(path, KEK, "shop-b")


def test_keys_that_swap_purposes_in_the_file_do_not_open(path: Path) -> None:
    document = json.loads(path.read_text())
    one, two = document["keys"][0], document["keys"][1]
    one["purpose"], two["purpose"] = two["purpose"], one["purpose"]
    path.write_text(json.dumps(document))
    with pytest.raises(SealError):
        load_ring(path, KEK, "shop-a")


def test_a_ring_moved_to_another_tenant_by_editing_does_not_open(path: Path) -> None:
    path.write_text(path.read_text().replace("shop-a", "shop-b"))
    with pytest.raises(SealError):
        load_ring(path, KEK, "shop-b")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ring": 2}', '{"ring": 1, "tenant": "shop-a"}'])
def test_a_broken_ring_is_a_seal_error(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(SealError):
        load_ring(path, KEK, "shop-a")


def test_keys_show_in_no_repr_and_cannot_be_pickled_or_copied(path: Path) -> None:
    ring = load_ring(path, KEK, "shop-a")
    key = ring.active(Purpose.WRAP)
    assert repr(key) == "<RingKey 1 wrap active>"
    for thing in (key, ring):
        assert "bytes" not in repr(thing) and "\\x" not in repr(thing)
        for refuse in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled"):
                refuse(thing)


def test_a_young_staging_key_is_left_alone(path: Path) -> None:
    before = path.read_bytes()
    rotate_staging(path, KEK, "shop-a", NOW + timedelta(days=6, hours=23))
    assert path.read_bytes() == before


def test_a_week_old_staging_key_still_opens_and_no_longer_seals(path: Path) -> None:
    old = load_ring(path, KEK, "shop-a").active(Purpose.STAGING)
    ring = rotate_staging(path, KEK, "shop-a", NOW + timedelta(days=7))
    again = rotate_staging(path, KEK, "shop-a", NOW + timedelta(days=7))
    assert ring.epoch == again.epoch == 2
    assert ring.active(Purpose.STAGING).kid != old.kid
    kept = ring.key(old.kid)
    assert kept is not None and kept.state is KeyState.DECRYPT_ONLY
    assert kept.derive(b"x") == old.derive(b"x")


def test_a_staging_key_is_destroyed_after_two_weeks_unless_something_waits(path: Path) -> None:
    old = load_ring(path, KEK, "shop-a").active(Purpose.STAGING)
    rotate_staging(path, KEK, "shop-a", NOW + timedelta(days=7))

    early = destroy_staging(path, KEK, "shop-a", NOW + timedelta(days=13), in_use=[])
    assert early.key(old.kid) is not None
    waiting = destroy_staging(path, KEK, "shop-a", NOW + timedelta(days=14), in_use=[old.kid])
    assert waiting.key(old.kid) is not None

    done = destroy_staging(path, KEK, "shop-a", NOW + timedelta(days=14), in_use=[])
    assert done.key(old.kid) is None
    entry = json.loads(path.read_text())["keys"][old.kid - 1]
    assert (entry["state"], entry["wrapped"], entry["kcv"]) == ("destroyed", None, None)


def test_a_key_unused_for_a_month_opens_for_a_week_after_it_stopped_sealing(path: Path) -> None:
    old = load_ring(path, KEK, "shop-a").active(Purpose.STAGING)
    month = NOW + timedelta(days=30)
    rotate_staging(path, KEK, "shop-a", month)
    assert destroy_staging(path, KEK, "shop-a", month, in_use=[]).key(old.kid) is not None


def made_before(path: Path, *lacking: Purpose) -> None:
    """Make the ring one of a release that did not have these purposes yet."""
    document = json.loads(path.read_text())
    document["keys"] = [key for key in document["keys"] if key["purpose"] not in lacking]
    path.write_text(json.dumps(document))


def test_a_ring_of_an_older_release_gets_the_keys_it_lacks_once(path: Path) -> None:
    before = load_ring(path, KEK, "shop-a").active(Purpose.REF).derive(b"x")
    made_before(path, Purpose.PSEUDONYM)
    old = load_ring(path, KEK, "shop-a")
    assert old.lacking == (Purpose.PSEUDONYM,)
    with pytest.raises(SealError, match="pseudonym"):
        old.active(Purpose.PSEUDONYM)
    one, two = (complete_ring(path, KEK, "shop-a", NOW) for _ in range(2))
    assert (one.epoch, two.epoch) == (2, 2)
    assert one.active(Purpose.PSEUDONYM).kid == two.active(Purpose.PSEUDONYM).kid
    assert one.active(Purpose.REF).derive(b"x") == before


def test_a_ring_that_lost_an_old_purpose_is_not_mended_by_a_new_key(path: Path) -> None:
    made_before(path, Purpose.REF, Purpose.PSEUDONYM)
    with pytest.raises(SealError, match="lacks an active key for: ref"):
        complete_ring(path, KEK, "shop-a", NOW)
