"""`migrate`: planned, run, proved; with the real command on a shop and a sandbox over HTTP."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox

from connector.demo.shop import LOCAL_SETTINGS, MAPPINGS, person
from tests.killing import kill_when
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
    file = ready.folder / "report.html"
    assert ready.run("migrate", "report", *WAY, str(file)).code == 0
    text = file.read_text(encoding="utf-8")
    ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    assert "both sides agree" in text
    people = [one for row in ready.shop.rows("SELECT * FROM clients") for one in row.values()]
    values = [one for one in people if isinstance(one, str) and len(one) > 3]
    assert [one for one in values if one in text] == []
    synced = ready.run("sync", "--json")
    written = [one["created"] + one["updated"] + one["removed"] for one in synced.json["passes"]]
    assert (synced.code, written) == (0, [0, 0, 0]), synced.all


def test_a_run_wants_a_plan_that_still_fits(ready: Rig) -> None:
    no_kind = ready.run("migrate", "plan", *WAY, "--kinds", "customers")
    assert (no_kind.code, "--kinds takes" in no_kind.err) == (2, True)
    no_side = ready.run("migrate", "plan", "--from", "zoho", "--to", "zoho")
    assert (no_side.code, "another one" in no_side.err) == (2, True)
    none = ready.run("migrate", "run", *WAY)
    assert (none.code, "was planned" in none.err) == (2, True)
    assert ready.run("migrate", "plan", *WAY).code == 0
    ready.mapping("customer", MAPPINGS["customer"].replace("names.family", "names.full", 1))
    other = ready.run("migrate", "run", *WAY)
    assert (other.code, "have changed since" in other.err) == (3, True), other.all
    assert ready.sandbox.records("Contacts") == []


@pytest.mark.slow
def test_a_migration_killed_while_its_job_is_under_way_goes_on_with_that_job(ready: Rig) -> None:
    ready.write(bulk_above=3)
    assert ready.run("migrate", "plan", *WAY, "--kinds", "customer").code == 0
    ready.sandbox.limits(bulk_job_s=1.5)
    process = ready.start("migrate", "run", *WAY)
    kill_when(lambda: ready.sandbox.calls().get("bulk_write_state", 0) >= 1, process)
    assert ready.sandbox.records("Contacts") == []
    ran = ready.run("migrate", "run", *WAY, "--json")
    assert ran.code == 0, ran.all
    assert len(ready.sandbox.records("Contacts")) == PEOPLE
    assert ready.sandbox.calls()["bulk_write"] == 1
    assert ready.sandbox.calls().get("insert", 0) == 0
    proof = ready.run("migrate", "verify", *WAY, "--json")
    assert (proof.code, proof.json["good"]) == (0, True), proof.all
    status = ready.run("migrate", "status", *WAY, "--json").json
    assert [one["ended"] is None for one in status["runs"]] == [True, False]
    assert [one["created"] for one in status["done"]] == [PEOPLE]
    quiet = ready.run("sync", "--json", "--kind", "customer")
    assert [one["created"] + one["updated"] for one in quiet.json["passes"]] == [0], quiet.all


def test_what_a_person_changes_after_a_migration_is_named_by_the_proof_without_values(
    ready: Rig,
) -> None:
    assert ready.run("migrate", "plan", *WAY).code == 0
    assert ready.run("migrate", "run", *WAY).code == 0
    there = ready.sandbox.records("Contacts")
    ready.sandbox.edit("Contacts", there[0]["id"], {"Mailing_City": "Canary-Town"})
    ready.sandbox.remove("Contacts", there[1]["id"])
    proof = ready.run("migrate", "verify", *WAY, "--json")
    assert (proof.code, proof.json["good"]) == (5, False)
    told = {one["remote_id"]: one["fields"] for one in proof.json["differences"]}
    assert told[there[0]["id"]] == ["address.city"]
    assert told.pop(there[1]["id"]) == ["*"]  # and what is its child names nobody there any more
    assert set(map(tuple, told.values())) == {("address.city",), ("customer",)}
    seen = _by_kind(proof)["customer"]
    assert (seen["missing"], seen["differing"]) == (1, 2)
    assert "Canary" not in proof.all


def _knows_its_job(rig: Rig) -> bool:
    """Whether the state holds where the reading has come to; before, a kill begins it anew."""
    with closing(sqlite3.connect(rig.folder / "state.db")) as state:
        told = "SELECT count(*) FROM scope WHERE kind = 'customer' AND resume IS NOT NULL"
        return bool(state.execute(told).fetchone()[0])


@pytest.mark.slow
def test_very_many_records_are_read_by_a_job_and_a_killed_run_goes_on_with_it(ready: Rig) -> None:
    _sql(ready, "DELETE FROM clients; DELETE FROM cards; DELETE FROM remarks;")
    ready.write(query_page=1)  # so small a page makes a job cheaper from some 70 records on
    stage = {"Customer_Stage": "新客户"}  # else the shop's table would fill it in by itself
    for first in (0, 50):
        people = [{"Last_Name": f"Novak{n}", **stage} for n in range(first, first + 50)]
        ready.sandbox.seed("Contacts", people)
    way = ("--from", "zoho", "--to", "local")
    planned = ready.run("migrate", "plan", *way, "--kinds", "customer", "--json")
    assert _by_kind(planned)["customer"]["create"] == 100, planned.all
    ready.sandbox.limits(bulk_job_s=1.5)
    process = ready.start("migrate", "run", *way)
    kill_when(lambda: _knows_its_job(ready), process)
    assert ready.shop.rows("SELECT * FROM clients") == []
    queries = ready.sandbox.calls()["coql"]
    ran = ready.run("migrate", "run", *way, "--json")
    assert ran.code == 0, ran.all
    assert len(ready.shop.rows("SELECT * FROM clients")) == 100
    assert ready.sandbox.calls()["bulk_read"] == 1
    assert ready.sandbox.calls()["coql"] - queries < 100, "the rest came by queries"
    proof = ready.run("migrate", "verify", *way, "--json")
    assert (proof.code, proof.json["good"]) == (0, True), proof.all


def test_from_zoho_to_fxiaoke_through_the_shop(rig: Rig, tenant: FxiaokeSandbox) -> None:
    more = {"feed_lag_s": 0.0, "find_lag_s": 0.0, "timeout_s": 2.0, "call_life_s": 3.0}
    rig.append(rig.other(tenant, **more))
    rig.ready()
    _sql(rig, "DELETE FROM clients; DELETE FROM cards; DELETE FROM remarks;")
    names = [f"Novak{n}" for n in range(4)]
    stage = {"Customer_Stage": "新客户"}  # else the shop's table would fill it in by itself
    rig.sandbox.seed(
        "Contacts", [{"Last_Name": n, "Email": f"{n}@example.test", **stage} for n in names]
    )
    way = ("--from", "zoho", "--to", "fxiaoke", "--kinds", "customer")
    planned = rig.run("migrate", "plan", *way, "--json")
    assert planned.code == 0, planned.all
    told = {one["connection"]: one["create"] for one in planned.json["scopes"]}
    assert told == {"zoho": 4, "fxiaoke": 4}
    ran = rig.run("migrate", "run", *way[:4], "--json")
    assert ran.code == 0, ran.all
    assert len(tenant.records("AccountObj")) == 4
    assert rig.sandbox.calls().get("update", 0) == rig.sandbox.calls().get("insert", 0) == 0
    proof = rig.run("migrate", "verify", *way[:4], "--json")
    assert (proof.code, proof.json["good"]) == (0, True), proof.all
    counted = [(one["records"], one["migrated"], one["target"]) for one in proof.json["scopes"]]
    assert counted == [(4, 4, 4), (4, 4, 4)]
    quiet = rig.run("sync", "--json", "--kind", "customer")
    assert [one["created"] + one["updated"] for one in quiet.json["passes"]] == [0, 0], quiet.all


def test_who_has_no_shop_migrates_through_a_hub_that_the_command_makes(
    rig: Rig, tenant: FxiaokeSandbox
) -> None:
    own, other = rig.connection(kinds=["customer"]), rig.other(tenant, kinds=["customer"])
    head = 'tenant = "test"\n'
    rig.config.write_text(head + LOCAL_SETTINGS + own + other, encoding="utf-8")
    made = rig.run("migrate", "hub", str(rig.folder / "hub"))
    assert made.code == 0, made.all
    rig.config.write_text(head + made.out + own + other, encoding="utf-8")
    rig.ready()
    rig.sandbox.seed("Contacts", [{"Last_Name": "Novak", "Customer_Stage": "新客户"}])
    way = ("--from", "zoho", "--to", "fxiaoke")
    assert rig.run("migrate", "plan", *way).code == 0
    ran = rig.run("migrate", "run", *way, "--json")
    assert ran.code == 0, ran.all
    assert len(tenant.records("AccountObj")) == 1
    proof = rig.run("migrate", "verify", *way, "--json")
    assert (proof.code, proof.json["good"]) == (0, True), proof.all
    again = rig.run("migrate", "hub", str(rig.folder / "hub"))
    assert (again.code, "not empty" in again.err) == (2, True)


def test_a_row_that_no_run_has_seen_is_unexplained_to_the_proof(ready: Rig) -> None:
    assert ready.run("migrate", "plan", *WAY).code == 0
    assert ready.run("migrate", "run", *WAY).code == 0
    ready.shop.insert("clients", person(Random(1), PEOPLE + 1))
    proof = ready.run("migrate", "verify", *WAY, "--json")
    seen = _by_kind(proof)["customer"]
    assert (proof.code, seen["records"], seen["unexplained"]) == (5, PEOPLE + 1, 1)
    assert ready.run("migrate", "run", *WAY).code == 0
    assert ready.run("migrate", "verify", *WAY).code == 0
