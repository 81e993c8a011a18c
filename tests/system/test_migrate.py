"""`migrate`: planned, run, proved; with the real command on a shop and a sandbox over HTTP."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from connector.demo.shop import MAPPINGS
from tests.system.rig import CARDS, PEOPLE, REMARKS, Ran, Rig

WAY = ("--from", "local", "--to", "zoho")


def _by_kind(ran: Ran, key: str = "scopes") -> dict[str, Any]:
    told = ran.json
    return {one["kind"]: one for one in told[key]}


@pytest.fixture
def ready(rig: Rig) -> Rig:
    rig.ready()
    return rig


def _sql(rig: Rig, statement: str) -> None:
    with closing(sqlite3.connect(rig.folder / "shop.db")) as connection:
        connection.executescript(statement)


def test_a_shop_is_planned_migrated_and_proved_and_the_next_sync_is_quiet(ready: Rig) -> None:
    planned = ready.run("migrate", "plan", *WAY, "--json")
    assert planned.code == 0, planned.all
    plan = _by_kind(planned)
    assert {k: v["create"] for k, v in plan.items()} == dict(
        zip(MAPPINGS, (PEOPLE, CARDS, REMARKS), strict=True)
    )
    assert ready.sandbox.records("Contacts") == []
    ran = ready.run("migrate", "run", *WAY, "--json")
    assert ran.code == 0, ran.all
    assert {one["kind"]: one["created"] for one in ran.json["passes"]} == {
        k: v["create"] for k, v in plan.items()
    }
    proof = ready.run("migrate", "verify", *WAY, "--json")
    assert (proof.code, proof.json["good"]) == (0, True), proof.all
    seen = _by_kind(proof)["customer"]
    assert (seen["records"], seen["migrated"], seen["target"]) == (PEOPLE, PEOPLE, PEOPLE)
    assert (seen["sampled"], seen["differing"]) == (PEOPLE, 0)
    assert seen["compared"] > PEOPLE
    synced = ready.run("sync", "--json")
    written = [one["created"] + one["updated"] + one["removed"] for one in synced.json["passes"]]
    assert (synced.code, written) == (0, [0, 0, 0]), synced.all


def test_a_run_wants_a_plan_that_still_fits(ready: Rig) -> None:
    none = ready.run("migrate", "run", *WAY)
    assert (none.code, "was planned" in none.err) == (2, True)
    assert ready.run("migrate", "plan", *WAY).code == 0
    ready.mapping("customer", MAPPINGS["customer"].replace("names.family", "names.full", 1))
    other = ready.run("migrate", "run", *WAY)
    assert (other.code, "have changed since" in other.err) == (3, True), other.all
    assert ready.sandbox.records("Contacts") == []
