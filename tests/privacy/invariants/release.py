"""Invariant 19: which keys are released to whom decides who reads what."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import pytest

from connector.errors import PolicyError, SealError, SettingsError, UsageError
from connector.keeping.rotation import Keyring, Rotation
from connector.privacy import boxes
from connector.privacy.keys import OfficersKey, Purpose
from connector.privacy.providers import ProviderInfo
from connector.privacy.ring import create_ring, load_ring
from connector.privacy.vault import Vault, open_vault
from connector.rights.facade import Rights
from connector.rights.who import Who
from connector.settings import PrivacySettings, parse
from connector.store import erasing
from connector.store import tables as t
from connector.sync.audit import verify
from connector.sync.review import Review
from connector.sync.status import status_of
from tests.privacy.canary import Scanner
from tests.privacy.persons import Known, Persons, ann_everywhere
from tests.story import C

KEK, OFFICER = "file:kek.bin", "file:officer.bin"

Tell = Callable[..., Persons]


class Shut:
    """A provider that releases nothing, and counts who asks."""

    id = "shut"

    def __init__(self) -> None:
        self.asked = 0

    def wrap(self, key: bytes, context: bytes) -> bytes:
        raise AssertionError("nobody wraps here")

    def unwrap(self, wrapped: bytes, context: bytes) -> NoReturn:
        self.asked += 1
        raise SealError("This key is not released to you.")

    def describe(self) -> ProviderInfo:
        return ProviderInfo(leaves_provider=False, hardware="no", rotation="none")


class Split(Persons):
    """A story whose ring is split: `self.vault`, and so every run, is without the officer's key."""

    def open_state(self) -> Any:
        ring = self.folder / "ring.json"
        if not ring.exists():
            create_ring(ring, KEK, "story", self.clock.now(), officer=OFFICER)
        return super().open_state()

    def vault_of(self, kek: Any = KEK, officer: Any = None) -> Vault:
        return open_vault(
            ring_path=self.folder / "ring.json",
            kek=kek,
            subjects_url=f"sqlite:///{self.folder}/keys.db",
            tenant="story",
            clock_now=self.clock.now,
            officer=officer,
        )

    def review_with(self, vault: Vault | None, limit: int = 20) -> Review:
        return Review(self.store(), vault, people_an_hour=limit)


@pytest.fixture
def split(tmp_path: Path) -> Any:
    story = Split(folder=tmp_path)
    yield story
    story.close()


@pytest.fixture
def ann(split: Split) -> Known:
    return ann_everywhere(split)


def sealed(story: Persons) -> list[tuple[str, str, str, str, bytes]]:
    """Every document that lies under a person's key: its name, kind, subject, link and bytes."""
    known = {row["id"]: row for row in story.rows(t.link) if row["subject"]}
    found = [
        ("base", row["kind"], row["subject"], row["id"], row["base"])
        for row in known.values()
        if row["base"]
    ]
    with story.store().read() as tx:
        for link, kind, name, doc in erasing.sealed_documents(tx, list(known)):
            found.append((name, kind, known[link]["subject"], link, doc))
    return found


def opened(story: Persons, vault: Vault) -> dict[str, int]:
    """How many documents open, by what they are."""
    counts: dict[str, int] = {}
    for name, kind, subject, link, doc in sealed(story):
        what = name.partition("/")[0]
        counts.setdefault(what, 0)
        try:
            vault.open(name, kind, subject, link, doc)
            counts[what] += 1
        except SealError:
            pass
    return counts


def in_clear(known: Known, *told: Any) -> list[str]:
    """The person's values that stand in what somebody was told."""
    text = json.dumps([asdict(one) for one in told], ensure_ascii=False)
    return Scanner(known.ann.values()).text("told", text)


def test_19_without_a_key_all_is_listed_and_nothing_opens(split: Split, ann: Known) -> None:
    masked = split.review_with(split.vault)
    shut = Shut()
    for _ in range(2):
        with pytest.raises(SealError):
            split.vault_of(shut)
    assert shut.asked == 2
    bare = split.review_with(None)
    assert [one.id for one in bare.letters()] == [one.id for one in masked.letters()] != []
    told = bare.conflicts()
    assert [one.id for one in told] == [one.id for one in masked.conflicts()] != []
    assert all(one.sealed and not (one.local or one.remote or one.base) for one in told)
    assert in_clear(ann, *told, *bare.letters()) == []
    assert status_of(split.store()).conflicts == len(told)
    # What the files alone hold opens nothing: another ring's keys open none of it.
    (split.folder / "other").mkdir()
    create_ring(split.folder / "other" / "ring.json", KEK, "story", split.clock.now())
    stranger = open_vault(
        ring_path=split.folder / "other" / "ring.json",
        kek=KEK,
        subjects_url=f"sqlite:///{split.folder}/keys.db",
        tenant="story",
        clock_now=split.clock.now,
    )
    found = opened(split, stranger)
    assert found.keys() >= {"base", "conflict", "event"}
    assert set(found.values()) == {0}
    stranger.close()
    # A side is chosen without a key; the next run, which has its keys, writes it.
    [one] = [one for one in told if one.field == "address"]
    assert one.sealed
    bare.resolve(one.id, "local")
    assert shut.asked == 2
    split.settle()
    assert [one.field for one in masked.conflicts()] == []


def test_19_a_run_opens_what_it_needs_and_shows_nobody_anything(split: Split, ann: Known) -> None:
    [one] = split.review_with(split.vault).conflicts()
    assert one.local and in_clear(ann, one) == []
    found = opened(split, split.vault)
    assert found.pop("event") == 0, "values that a rule overwrote are kept for people alone"
    assert all(found.values()) and found.keys() >= {"base", "conflict"}
    for vault in (split.vault, split.vault_of(officer=Shut()), split.vault_of(officer="file:no.x")):
        with pytest.raises(PolicyError, match="privacy officer only"):
            split.review_with(vault).conflict(one.id, show=True, reason="curious")
    rights = Rights(lambda p, h: split.beside(), PrivacySettings())
    with pytest.raises(PolicyError, match="privacy officer only"):
        rights.export(Who([str(ann.key)]), split.folder / "ann", reason="curious", recipient="me")
    assert not list(split.folder.glob("ann.*"))
    assert not [row for row in split.rows(t.event) if row["cause"] in ("shown", "exported")]


def test_19_the_officer_opens_one_person_with_a_reason_and_it_is_noted(
    split: Split, ann: Known
) -> None:
    [one] = split.review_with(split.vault).conflicts()
    officer = split.vault_of(officer=OFFICER)
    with pytest.raises(UsageError, match="--reason"):
        split.review_with(officer).conflict(one.id, show=True)
    shown = split.review_with(officer).conflict(one.id, show=True, reason="request of 3 March")
    assert in_clear(ann, shown) != []
    [row] = [row for row in split.rows(t.event) if row["cause"] == "shown"]
    assert row["note"] == "request of 3 March"
    assert verify(split.store(), officer).broken is None
    found = opened(split, officer)
    assert found["event"] > 0
    assert all(found.values())
    officer.close()


def test_19_the_officer_sees_so_many_people_an_hour(split: Split) -> None:
    for n in range(3):
        split.client(f"P{n}", mail=f"p{n}@example.test", city="Old")
    split.settle()
    split.sql("UPDATE clients SET city = 'Here'")
    for n in range(3):
        split.vendor.edit(C, split.ref(f"P{n}"), {"City": "There"})
    split.settle()
    officer = split.vault_of(officer=OFFICER)
    review = split.review_with(officer, limit=2)
    first, second, third = (one.id for one in review.conflicts())
    for one in (first, second, first):  # the same person again is one person
        review.conflict(one, show=True, reason="request")
    with pytest.raises(PolicyError, match="2 people were shown within the hour"):
        review.conflict(third, show=True, reason="request")
    split.later(minutes=61)
    review.conflict(third, show=True, reason="request")
    officer.close()


def test_in_a_ring_that_is_not_split_everything_is_as_it_was(tell: Tell) -> None:
    story = tell(others=None)
    ann_everywhere(story)
    found = opened(story, story.vault)
    assert all(found.values()) and found.keys() >= {"base", "conflict", "event"}
    review = Review(story.store(), story.vault, people_an_hour=1)
    assert review.conflict(review.conflicts()[0].id, show=True).local


def test_a_ring_is_split_later_by_a_rotation(tell: Tell) -> None:
    story = tell(others=None)
    ann_everywhere(story)
    before = opened(story, story.vault)["event"]
    ring = story.folder / "ring.json"
    keyring = Keyring(ring, KEK, "story", OFFICER)
    rotation = Rotation(keyring, story.store(), story.vault, story.clock)
    rotation.rotate(Purpose.DISCLOSE)
    assert story.vault.is_split
    assert opened(story, story.vault)["event"] == before  # these were sealed for everybody
    ann_everywhere(story, 7)
    assert opened(story, story.vault)["event"] == before
    officer = open_vault(
        ring_path=ring,
        kek=KEK,
        subjects_url=f"sqlite:///{story.folder}/keys.db",
        tenant="story",
        clock_now=story.clock.now,
        officer=OFFICER,
    )
    assert opened(story, officer)["event"] > before
    # The key-encrypting key of the ring changes; what is the officer's stays his.
    rotation.rewrap()
    assert opened(story, story.vault)["event"] == before
    officer.refresh()
    assert opened(story, officer)["event"] > before
    officer.close()


def test_nobody_without_the_ring_puts_his_own_key_in_the_officers_place(split: Split) -> None:
    path = split.folder / "ring.json"
    document = json.loads(path.read_text())
    [entry] = [one for one in document["keys"] if one["purpose"] == "disclose"]
    kept = entry["public"]
    entry["public"] = entry["wrapped"]
    path.write_text(json.dumps(document))
    with pytest.raises(SealError):
        load_ring(path, KEK, "story")
    entry["public"] = kept
    path.write_text(json.dumps(document))
    key = load_ring(path, KEK, "story").active(Purpose.DISCLOSE)
    assert isinstance(key, OfficersKey)
    with pytest.raises(SealError, match="not the one that was put there"):
        key.with_private(b"x" * 32)


def test_a_box_opens_for_its_reader_in_its_place_alone() -> None:
    private = bytes(range(32))
    sealed = boxes.box(boxes.public_of(private), 12, b"here", b"invented")
    assert boxes.unbox(private, b"here", sealed) == b"invented"
    assert (boxes.kid_of(sealed), boxes.is_box(sealed)) == (12, True)
    assert boxes.box(boxes.public_of(private), 12, b"here", b"invented") != sealed
    for key, where in ((b"y" * 32, b"here"), (private, b"there")):
        with pytest.raises(SealError):
            boxes.unbox(key, where, sealed)
    for at in range(5, len(sealed)):
        flipped = bytearray(sealed)
        flipped[at] ^= 1
        with pytest.raises(SealError):
            boxes.unbox(private, b"here", bytes(flipped))


def test_the_officers_key_may_not_lie_where_the_rings_does(tmp_path: Path) -> None:
    def table(**officer: Any) -> Any:
        return {
            "tenant": "t",
            "keys": {"profiles": {"privacy-officer": officer}},
            "local": {"url": "sqlite://"},
        }

    with pytest.raises(SettingsError, match="every run has the officer's key"):
        parse(table(kek=KEK), tmp_path)
    with pytest.raises(SettingsError, match=r"profiles\.privacy-officer\.command is missing"):
        parse(table(provider="command"), tmp_path)
    assert parse(table(kek=OFFICER), tmp_path).keys.profiles.officer is not None
