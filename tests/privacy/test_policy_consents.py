"""Consents under a policy: the stricter stands, everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.testing.world import PERFECT
from tests.privacy.ruled import POLICY, Ruled
from tests.story import C

YES = {"said": "granted", "said_by": "subject", "said_at": "2026-01-10 08:00:00"}


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Ruled]:
    made = Ruled(tmp_path, others={"two": PERFECT})
    yield made
    made.close()


def said(story: Ruled, number: int) -> tuple[Any, Any]:
    row = story.shop_row(number)
    return row["said"], row["said_by"]


def boxes(story: Ruled) -> dict[str, Any]:
    return {
        name: [d["fields"].get("Opt_Out") for d in vendor.dump(C)]
        for name, vendor in story.vendors.items()
    }


def test_a_box_ticked_at_one_vendor_reaches_the_shop_and_the_other(story: Ruled) -> None:
    number = story.person("王伟", **YES)
    story.run()
    assert boxes(story) == {"crm": [False], "two": [False]}
    story.vendor.edit(C, story.ref("王伟"), {"Opt_Out": True})
    story.settle()
    assert said(story, number) == ("withdrawn", "vendor")
    assert boxes(story) == {"crm": [True], "two": [True]}


def test_an_import_that_empties_the_box_is_no_yes(story: Ruled) -> None:
    number = story.person("王伟", **YES)
    story.run()
    story.sql(
        "UPDATE clients SET said = 'withdrawn', said_by = 'staff', said_at = '2026-01-20 08:00:00'"
        " WHERE no = :n",
        n=number,
    )
    story.settle()
    assert boxes(story) == {"crm": [True], "two": [True]}
    story.vendor.edit(C, story.ref("王伟"), {"Opt_Out": False})
    for _ in range(3):
        story.settle()
    assert said(story, number) == ("withdrawn", "staff")
    assert boxes(story) == {"crm": [True], "two": [True]}


def test_the_persons_own_later_yes_counts_everywhere(story: Ruled) -> None:
    number = story.person("王伟", said="withdrawn", said_by="staff", said_at="2026-01-20 08:00:00")
    story.run()
    assert boxes(story) == {"crm": [True], "two": [True]}
    story.sql(
        "UPDATE clients SET said = 'granted', said_by = 'subject', said_at = '2026-01-31 09:00:00'"
        " WHERE no = :n",
        n=number,
    )
    story.settle()
    assert said(story, number) == ("granted", "subject")
    assert boxes(story) == {"crm": [False], "two": [False]}
    assert story.settle().passes[0].counts.written == 0


def test_a_yes_by_staff_does_not_undo_a_no(story: Ruled) -> None:
    number = story.person(
        "王伟", said="withdrawn", said_by="subject", said_at="2026-01-20 08:00:00"
    )
    story.run()
    story.sql(
        "UPDATE clients SET said = 'granted', said_by = 'staff', said_at = '2026-01-31 09:00:00'"
        " WHERE no = :n",
        n=number,
    )
    story.settle()
    assert said(story, number) == ("withdrawn", "subject")
    assert boxes(story) == {"crm": [True], "two": [True]}


@pytest.mark.parametrize(("counts_as", "stands"), [("staff", "withdrawn"), ("subject", "granted")])
def test_whose_word_an_answer_without_a_source_is_the_policy_says(
    tmp_path: Path, counts_as: str, stands: str
) -> None:
    policy = POLICY.replace("defaults:\n", f"defaults:\n  local_consent: {counts_as}\n")
    story = Ruled(tmp_path, policy)
    number = story.person("王伟", said="withdrawn", said_at="2026-01-20 08:00:00")
    story.run()
    story.sql(
        "UPDATE clients SET said = 'granted', said_at = '2026-01-31 09:00:00' WHERE no = :n",
        n=number,
    )
    story.settle()
    assert said(story, number)[0] == stands
    assert boxes(story) == {"crm": [stands == "withdrawn"]}
    story.close()


def test_a_vendor_without_a_field_for_the_no_gets_nothing_that_needs_the_yes(
    tmp_path: Path,
) -> None:
    gone = """  consent.marketing.email:
    field: Opt_Out
    lens: {flag: {true: withdrawn, false: unknown}}
    policy: most_restrictive
"""
    story = Ruled(tmp_path, mapping={gone: ""})
    story.person("王伟", job="厨师", **YES)
    story.run()
    assert story.people()["王伟"].get("Job") is None
    story.close()
