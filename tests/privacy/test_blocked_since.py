"""Somebody is blocked after a write of theirs was sent and before its answer was known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.privacy.keys_database import SUBJECT
from connector.privacy.subjects import LIVE
from connector.store import tables as t
from connector.testing.weather import Phase, Trouble
from connector.testing.world import PERFECT
from tests.privacy.ruled import Ruled, lose
from tests.story import C, Slow, die_at

PLAIN = replace(PERFECT, external_key="plain", find_lag=timedelta(seconds=60))
"""Two records may carry one key, and a create that was lost is not to be found at once."""

MAIL, MOBILE = "wang@example.test", "13800000007"


@pytest.fixture
def free(tmp_path: Path) -> Iterator[Ruled]:
    """Without a policy, where a create that is not there is sent once more."""
    story = Ruled(tmp_path, None, capabilities=PLAIN)
    yield story
    story.close()


@pytest.fixture
def ruled(tmp_path: Path) -> Iterator[Ruled]:
    story = Ruled(tmp_path, capabilities=PLAIN)
    yield story
    story.close()


def said(story: Ruled) -> list[str]:
    """What was sent to the vendor since."""
    return story.sent["crm"]


def no_value_in(sent: list[str]) -> bool:
    return not any(value in one for one in sent for value in (MAIL, MOBILE, "Harbour", "王伟"))


def test_a_create_of_somebody_restricted_since_is_looked_for_and_not_sent_again(
    free: Ruled,
) -> None:
    free.person("王伟", mail=MAIL, mobile=MOBILE)
    lose(free, "create")
    free.restrict()
    free.later(seconds=300)
    free.run()
    assert free.vendor.dump(C) == []
    assert any(one.startswith("('find'") for one in said(free))
    assert not any(one.startswith("('write'") for one in said(free))
    assert no_value_in(said(free))
    free.restrict(state=LIVE)
    free.settle()
    assert [d["fields"]["Mail"] for d in free.vendor.dump(C)] == [MAIL]


def test_a_create_that_landed_is_known_though_its_person_is_restricted_since(free: Ruled) -> None:
    free.person("王伟", mail=MAIL)
    die_at(free, "after call: write")
    free.sent["crm"].clear()
    free.restrict()
    free.later(seconds=300)
    free.run()
    [record] = free.vendor.dump(C)
    [link] = links_of(free)
    assert (link.remote_id, link.state) == (record["ref"], "active")
    assert no_value_in(said(free))


def test_under_a_policy_too_a_create_that_lands_late_is_ours(tmp_path: Path) -> None:
    """It is planned anew when it surely is not there; before, a twin would meet it as a stranger's
    record, and fill what was emptied meanwhile."""
    story = Ruled(tmp_path, capabilities=replace(PERFECT, call_life=timedelta(seconds=120)))
    story.vendor.rng = Slow()  # type: ignore[assignment]  # it lands as late as it may
    number = story.person("王伟", mail=MAIL, city="Harbour")
    fates = iter([Trouble.LATE, Trouble.THROTTLED])

    def weather(op: str, phase: Phase) -> Trouble | None:
        return next(fates, None) if (op, phase) == ("create", "before") else None

    story.vendor.weather = weather
    for _ in range(2):
        story.run()
    story.sql("UPDATE clients SET city = NULL WHERE no = :n", n=number)
    for _ in range(3):
        story.later(seconds=300)
        story.run()
    [row] = story.sql("SELECT city FROM clients")
    [record] = story.vendor.dump(C)
    assert (row["city"], record["fields"].get("City")) == (None, None)
    story.close()


def test_a_removal_of_somebody_restricted_since_is_not_sent_again(free: Ruled) -> None:
    number = free.person("王伟", mail=MAIL)
    free.settle()
    free.settle()
    free.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)
    lose(free, "remove")
    free.restrict()
    free.later(seconds=300)
    free.run()
    assert len(free.vendor.dump(C)) == 1
    assert not any(one.startswith("('write'") for one in said(free))
    free.restrict(state=LIVE)
    free.settle()
    free.settle()
    assert free.vendor.dump(C) == []


def test_an_update_of_somebody_whom_the_policy_stops_since_is_looked_at_by_id_alone(
    ruled: Ruled,
) -> None:
    number = ruled.person("王伟", mail=MAIL, mobile=MOBILE)
    ruled.settle()
    ruled.settle()
    ruled.sql("UPDATE clients SET city = 'Harbour' WHERE no = :n", n=number)
    lose(ruled, "update")
    ruled.sql("UPDATE clients SET abroad = 0 WHERE no = :n", n=number)
    ruled.later(seconds=300)
    ruled.run()
    [looked] = said(ruled)
    assert looked.startswith("('fetch'")
    assert no_value_in(said(ruled))


def test_a_record_with_the_key_of_somebody_whom_the_policy_stops_reads_nothing_of_theirs(
    ruled: Ruled,
) -> None:
    number = ruled.person("王伟", mail=MAIL)
    ruled.settle()
    ruled.settle()
    [record] = ruled.vendor.dump(C)
    ruled.sql("UPDATE clients SET abroad = 0 WHERE no = :n", n=number)
    ruled.settle()
    ruled.sent["crm"].clear()
    fields = {"Last": "Copy", "Mail": "copy@example.test"}
    copy = ruled.vendor.create(C, fields, key=record["key"])
    ruled.settle()
    assert any(str(copy) in one for one in said(ruled))
    assert not any(str(record["ref"]) in one for one in said(ruled))
    ruled.sql("UPDATE clients SET abroad = 1 WHERE no = :n", n=number)
    ruled.settle()
    assert len(ruled.sql("SELECT no FROM clients")) == 1


def test_a_write_whose_persons_key_is_missing_stands_still_and_the_others_are_settled(
    free: Ruled,
) -> None:
    free.person("王伟", mail=MAIL)
    free.person("李娜", mail="li@example.test")
    die_at(free, "after call: write")
    with free.vault.subjects.engine.begin() as tx:
        kept = dict(tx.execute(SUBJECT.select()).mappings().first() or {})
        tx.execute(SUBJECT.delete().where(SUBJECT.c.subject_id == kept["subject_id"]))
    free.vault.refresh()
    free.later(seconds=400)
    report = free.run()
    assert report.errors == []
    assert [row.state for row in links_of(free)].count("active") == 1
    with free.vault.subjects.engine.begin() as tx:
        tx.execute(SUBJECT.insert().values(kept))
    for _ in range(2):
        free.later(seconds=400)
        free.run()
    assert [row.state for row in links_of(free)] == ["active", "active"]
    assert len(free.vendor.dump(C)) == len(free.sql("SELECT no FROM clients")) == 2


def links_of(story: Ruled) -> list[Any]:
    return list(story.rows(t.link))
