"""The report of a migration: well-formed, closed in itself, and without a value of anybody."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree

from connector.migrating.kept import Difference, Kept, Plan, Proof, RunKept, ScopePlan, Way
from connector.migrating.kept import ScopeProof as Seen
from connector.migrating.report import Told, page

SECOND = 1_000_000


def kept(*, good: bool = True) -> Kept:
    way = Way("calls", 12, 30, "credits", 0.01, [("A <call> costs.", "documented")])
    plan = ScopePlan("zoho", "customer", "local", 10, create=9, refuse={"required": 1}, ways=[way])
    seen = Seen("zoho", "customer", "local", 10, 9, 9, 0, 0, 1, 0, 9, 40, 0, 0 if good else 1, 0.3)
    unlike = [] if good else [Difference("zoho", "customer", "3", "415", ["address.city"])]
    return Kept(
        "local",
        "zoho",
        Plan("2026-01-01T00:00:00+00:00", "d", ["customer"], [plan]),
        [
            RunKept("r1", "2026-01-01T00:00:00+00:00"),
            RunKept(
                "r2", "2026-01-01T00:01:00+00:00", "2026-01-01T00:02:00+00:00", 5, {"zoho": (3, 7)}
            ),
        ],
        Proof("2026-01-01T00:03:00+00:00", 1, [seen], unlike),
    )


def told(what: Kept) -> str:
    here = ("zoho", "customer")
    done = {here: {"created": 9, "updated": 0, "joined": 2}}
    refused = {here: Counter({"required": 1})}
    return page(Told(what, done, refused, [(0, 4), (3 * SECOND, 5)], SECOND, "now"))


def test_it_is_well_formed_and_draws_its_charts() -> None:
    text = told(kept())
    root = ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    drawn = root.findall(".//svg")
    assert len(drawn) == 4
    assert all(one.findall(".//rect") for one in drawn)
    assert [one.text for one in root.iter("h1")] == ["Migration 数据迁移: local → zoho"]


def test_it_runs_nothing_and_fetches_nothing() -> None:
    text = told(kept())
    assert re.findall(r"<script|<link|<img|https?:|url\(|@import|on\w+=", text) == []


def test_it_says_whether_both_sides_agree_and_which_fields_do_not() -> None:
    assert "both sides agree" in told(kept())
    other = told(kept(good=False))
    assert "do not agree" in other
    assert "address.city" in other
    assert "415" not in other  # a customer's page names nobody's record
    what = kept()
    what.proof = None
    assert "Not verified yet" in told(what)


def test_what_is_kept_of_a_migration_is_read_back_as_it_was() -> None:
    what = kept(good=False)
    assert Kept.load(what.dump()).dump() == what.dump()
