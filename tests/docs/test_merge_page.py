"""Every row of the merge rule's tables is what the engine's own rule says."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import pytest

from connector.mapping.choices import STRICTNESS
from connector.mapping.schema import ON_GONE, POLICIES
from connector.records import MISSING, Missing, Value
from connector.settings.local import LocalKindSettings
from connector.sync.merge import Cause, Move, Rule, Sides, Values, merge

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "merge-rule.md").read_text(encoding="utf-8")
WAYS = {"both": (True, True), "push": (True, False), "pull": (False, True)}
EARLY, LATE = (dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (1, 2))
TIMES: Mapping[str, tuple[dt.datetime | None, dt.datetime | None]] = {
    "the shop's is later": (LATE, EARLY),
    "the vendor's is later": (EARLY, LATE),
    "at one moment": (LATE, LATE),
    "a time is missing": (LATE, None),
}
Row = Mapping[str, str]


def rows(text: str) -> Iterator[Row]:
    """The rows of all tables that have a column `cause`, by their headers."""
    head: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            head = []
        elif not head:
            head = cells
        elif "cause" in head and not cells[0].startswith("---"):
            yield dict(zip(head, cells, strict=True))


ROWS = list(rows(TEXT))


def value(cell: str) -> Value:
    if cell.startswith("{"):
        return frozenset(cell.strip("{}").split(", "))
    return None if cell == "empty" else int(cell) if cell.isdigit() else cell


def one(cell: str) -> Values | Missing:
    return MISSING if cell == "unseen" else {"f": value(cell)}


def decided(row: Row) -> Move:
    """What the engine makes of a row."""
    push, pull = WAYS[row.get("way open", "both")]
    policy, _, when = row.get("policy", "manual").partition(", ")
    rule = Rule(
        policy,
        push,
        pull,
        row.get("first_contact", "manual"),
        chosen=row.get("chosen"),
        times=TIMES.get(when, (None, None)),
        strictness=lambda field, told: STRICTNESS[told],  # type: ignore[index] # a state or None
    )
    base = one(row.get("agreed", "unseen"))
    sides = Sides(base, base, one(row["shop now"]), one(row["vendor now"]))
    return merge(rule, lambda field, a, b: a == b, sides)


def told(row: Row) -> tuple[str, Values | None, Values | None, str | None]:
    to = [None if not row[side] else {"f": value(row[side])} for side in SIDES]
    lost = {"vendor's": "remote", "shop's": "local", "": None}[row["kept in the log"]]
    return row["cause"].strip("`"), to[0], to[1], lost


SIDES = ("to the vendor", "to the shop")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row.values()))
def test_the_row_is_what_the_engine_says(row: Row) -> None:
    move = decided(row)
    assert (str(move.cause), move.to_remote, move.to_local, move.lost) == told(row)


def test_a_row_that_says_otherwise_is_noticed() -> None:
    edit = next(row for row in ROWS if row["cause"] == "`conflict`")
    move = decided({**edit, "policy": "local", "first_contact": "local"})
    assert str(move.cause) != told(edit)[0]


def test_every_policy_cause_and_rule_of_first_contact_has_a_row() -> None:
    assert {row["policy"].partition(",")[0] for row in ROWS if "policy" in row} == set(POLICIES)
    # What is over its term never comes to the rule; the page says so in words.
    assert {row["cause"].strip("`") for row in ROWS} == set(Cause) - {Cause.RETENTION}
    assert f"`{Cause.RETENTION}`" in TEXT
    rules = get_args(LocalKindSettings.model_fields["first_contact"].annotation)
    assert {row["first_contact"] for row in ROWS if "first_contact" in row} == set(rules)
    assert {row["policy"].partition(", ")[2] for row in ROWS if "policy" in row} == {"", *TIMES}


def test_every_rule_for_what_is_gone_has_a_row() -> None:
    assert re.findall(r"(?m)^\| `(\w+)` \| it ", TEXT) == list(ON_GONE)
