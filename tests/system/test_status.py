"""`status`: staleness with its exit code, lag, budgets, and the file for Prometheus."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from connector.demo.shop import person
from tests.system.rig import Rig
from tests.system.test_doctor_standing import DAY_US
from tests.unit.test_metrics import parsed


@pytest.fixture
def synced(rig: Rig) -> Rig:
    rig.ready()
    assert rig.run("sync").code == 0
    return rig


def test_what_never_ran_is_stale_only_where_that_was_asked(rig: Rig) -> None:
    rig.ready()
    assert rig.run("status").code == 0
    ran = rig.run("status", "--fail-if-stale")
    assert ran.code == 6
    assert "zoho/customer: stale, no success yet (allowed: 1 d)" in ran.out


def test_a_success_grows_stale_with_its_age(synced: Rig) -> None:
    told = synced.run("status", "--fail-if-stale", "--json")
    assert told.code == told.json["exit"] == 0
    assert [one["stale"] for one in told.json["standing"]] == [False] * 3
    assert all(0 <= one["took_s"] < 60 for one in told.json["scopes"])
    synced.in_state(f"UPDATE scope SET success_us = success_us - {DAY_US} / 2")
    assert synced.run("status", "--fail-if-stale").code == 0
    ran = synced.run("status", "--stale-after", "6h")
    assert ran.code == 6
    assert "zoho/customer: stale, no success for 12 h (allowed: 6 h)" in ran.out
    assert synced.run("status", "--stale-after", "13h").code == 0
    assert synced.run("status", "--stale-after", "soon").code == 2


def test_a_pause_is_not_stale_and_a_sync_ends_staleness(synced: Rig) -> None:
    synced.in_state(f"UPDATE scope SET success_us = success_us - 2 * {DAY_US}")
    assert "stale, no success for 2 d" in synced.run("status").out
    assert synced.run("pause", "zoho", "customer").code == 0
    assert "zoho/customer: stale" not in synced.run("status").out
    assert synced.run("resume", "zoho").code == 0
    assert synced.run("sync").code == 0
    assert synced.run("status", "--fail-if-stale").code == 0


def test_a_run_whose_writes_fail_is_no_success(synced: Rig) -> None:
    before = synced.run("status", "--json").json["scopes"]
    synced.shop.insert("clients", person(Random(99), 50))
    synced.sandbox.fault("throttled", operation="insert,upsert", count=99)
    assert synced.run("sync").code == 6
    after = synced.run("status", "--json").json["scopes"]
    told = [{one["kind"]: one["last_success"] for one in many} for many in (before, after)]
    assert told[0]["customer"] == told[1]["customer"]


def test_how_long_the_oldest_record_waits_is_told(synced: Rig) -> None:
    synced.in_state(
        "INSERT INTO staged (connection, kind, side, record, version, counter, attempts, starts,"
        " observed_us) SELECT 'zoho', 'customer', 'remote', '9', '1', 1, 0, 0, success_us - 7200e6"
        " FROM scope WHERE connection = 'zoho' AND kind = 'customer'",
    )
    assert "zoho/customer: the oldest record waits for 2 h" in synced.run("status").out


def test_budgets_are_told_in_json_and_to_people_when_they_are_spent(synced: Rig) -> None:
    (budget,) = synced.run("status", "--json").json["budgets"]
    assert (budget["connection"], budget["name"], budget["rate"]) == ("zoho", "api", "80000/86400s")
    assert 0 < budget["left"] < budget["at_once"] == 4000
    assert "budget" not in synced.run("status").out
    synced.sandbox.fault("throttled", operation="coql,list", retry_after=300)
    assert synced.run("sync").code == 6
    assert "left alone for 4 min" in synced.run("status").out


def test_the_file_for_prometheus_says_the_same_and_nothing_of_a_person(
    synced: Rig, tmp_path: Path
) -> None:
    file = tmp_path / "crm.prom"
    assert synced.run("status", "--prometheus", str(file)).code == 0
    text = file.read_text(encoding="utf-8")
    found = parsed(text)
    assert found["crm_connector_links", '{connection="zoho",kind="customer"}'] == 6
    assert found["crm_connector_stale", '{connection="zoho",kind="feedback"}'] == 0
    assert "@" not in text
    assert synced.run("status", "--prometheus", str(tmp_path / "no" / "x")).code == 2
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    names = {name.removeprefix("crm_connector_") for name, _ in found}
    assert {name for name in names if f"`{name}`" not in page} == set()
