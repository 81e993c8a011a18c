"""`doctor` on how things have gone lately: each check, and what makes it speak."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from random import Random

import pytest

from connector import open_connector
from connector.demo.shop import LOCAL_SETTINGS, person
from connector.doctor import Check, examine
from connector.doctor.standing import LITTLE_ROOM, NO_ROOM
from connector.host import MachineClock
from tests.system.rig import Rig

DAY_US = 86_400_000_000


class Moved(MachineClock):
    """This machine's clock, set wrong."""

    def __init__(self, by: dt.timedelta) -> None:
        self._by = by

    def now(self) -> dt.datetime:
        return super().now() + self._by


@pytest.fixture
def synced(rig: Rig) -> Rig:
    rig.ready()
    assert rig.run("sync").code == 0
    return rig


def told(rig: Rig, name: str, code: int = 0) -> tuple[str, str]:
    """State and words of the worst check of a name."""
    ran = rig.run("doctor", "--json")
    assert ran.code == code, ran.out
    order = ("ok", "warn", "fail")
    found = [one for one in ran.json["checks"] if one["name"] == name]
    worst = max(found, key=lambda one: order.index(one["state"]))
    return worst["state"], f"{worst['sentence']} {worst['fix']}"


def looked(rig: Rig, name: str, *, free: int = 10**12, by: dt.timedelta = dt.timedelta(0)) -> Check:
    """The check of a name, on a disk with so much room and by a clock that is so much off."""
    clock = Moved(by)

    def room(folder: Path) -> int:
        return free

    checks = examine(lambda: open_connector(rig.config, clock=clock), clock, room=room)
    return next(one for one in checks if one.name == name)


def test_after_a_sync_all_of_it_is_well(synced: Rig) -> None:
    ran = synced.run("doctor", "--json")
    checks = {one["name"]: one for one in ran.json["checks"]}
    wanted = {"disk", "state clock", "key provider", "zoho budget api", "letters", "conflicts"}
    wanted |= {
        f"zoho {kind} {what}" for kind in ("customer", "feedback") for what in ("runs", "drift")
    }
    assert wanted <= checks.keys()
    assert {checks[name]["state"] for name in wanted} == {"ok"}
    assert "and took" in checks["zoho customer runs"]["sentence"]
    assert "schema" in checks["state"]["sentence"]


@pytest.mark.parametrize(
    ("free", "state", "code"),
    [(10**12, "ok", 0), (LITTLE_ROOM - 1, "warn", 0), (NO_ROOM - 1, "fail", 6)],
)
def test_a_full_disk_is_told_before_it_is_met(
    synced: Rig, free: int, state: str, code: int
) -> None:
    check = looked(synced, "disk", free=free)
    assert (check.state, check.exit_code) == (state, code)
    assert state == "ok" or "Make room" in check.fix


def test_the_disk_is_told_even_when_the_state_does_not_open(synced: Rig) -> None:
    (synced.folder / "state.db").write_bytes(b"no database at all" * 99)
    assert looked(synced, "disk").state == "ok"


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_machine_whose_clock_is_not_the_states_is_told(synced: Rig, minutes: int) -> None:
    check = looked(synced, "state clock", by=dt.timedelta(minutes=minutes))
    assert (check.state, "NTP" in check.fix) == ("warn", True)


def test_a_key_that_is_due_is_told(synced: Rig) -> None:
    check = looked(synced, "key provider", by=dt.timedelta(days=500))
    assert check.state == "warn"
    assert "keys status" in check.fix


def test_no_success_for_too_long_is_a_warning_with_the_way_out(synced: Rig) -> None:
    synced.in_state(f"UPDATE scope SET success_us = success_us - 2 * {DAY_US}")
    state, words = told(synced, "zoho customer runs")
    assert state == "warn"
    assert "2 d ago; [status] allows 24h" in words
    assert "crm-connector sync" in words
    synced.write(LOCAL_SETTINGS, head='[status]\nstale_after = "3d"\n')
    assert told(synced, "zoho customer runs")[0] == "ok"


def test_a_success_of_the_future_is_no_success(synced: Rig) -> None:
    synced.in_state(f"UPDATE scope SET success_us = success_us + 2 * {DAY_US}")
    assert "a clock was set back" in told(synced, "zoho customer runs")[1]


def test_a_run_that_fails_for_a_vendor_does_not_count_as_a_success(synced: Rig) -> None:
    before = {one["kind"]: one["last_success"] for one in scopes(synced)}
    synced.sandbox.fault("error", operation="coql,list", count=999)
    assert synced.run("sync").code == 6
    assert {one["kind"]: one["last_success"] for one in scopes(synced)} == before


def scopes(rig: Rig) -> list[dict[str, str]]:
    found: list[dict[str, str]] = rig.run("status", "--json").json["scopes"]
    return found


def test_a_pause_is_a_warning_with_its_age(synced: Rig) -> None:
    assert synced.run("pause", "zoho", "customer").code == 0
    paused = "WHERE kind LIKE '*/paused/%'"
    synced.in_state(f"UPDATE scope SET since_us = since_us - 3 * {DAY_US} {paused}")
    synced.in_state(f"UPDATE scope SET success_us = success_us - 9 * {DAY_US}")
    state, words = told(synced, "zoho customer pause")
    assert (state, "for 3 d" in words, "resume zoho customer" in words) == ("warn", True, True)
    assert told(synced, "zoho customer runs")[0] == "ok"  # it is meant not to run


def test_a_vendor_that_asked_for_a_pause_is_told(synced: Rig) -> None:
    synced.sandbox.fault("throttled", operation="coql,list", retry_after=300)
    assert synced.run("sync").code == 6
    ran = synced.run("doctor", "--json")
    found = {one["name"]: one for one in ran.json["checks"]}
    assert found["zoho budget api"]["state"] == "warn"
    assert "to be left alone for" in found["zoho budget api"]["sentence"]


def test_a_budget_that_is_spent_is_told(synced: Rig) -> None:
    synced.write(rate="40/3600s")
    ran = synced.run("doctor", "--json")
    found = {one["name"]: one for one in ran.json["checks"]}
    assert found["zoho budget api"]["state"] == "warn"
    assert "The budget of 40/3600s is spent" in found["zoho budget api"]["sentence"]
    assert "whole again in" in found["zoho budget api"]["fix"]


def test_letters_and_conflicts_that_wait_for_long_are_told(synced: Rig) -> None:
    synced.shop.insert("clients", person(Random(7), 1))  # a twin of the first
    assert synced.run("sync").code == 5
    assert told(synced, "letters")[0] == "ok"
    synced.in_state(f"UPDATE event SET at_us = at_us - 8 * {DAY_US}")
    synced.in_state(f"UPDATE staged SET observed_us = observed_us - 8 * {DAY_US}")
    state, words = told(synced, "letters")
    assert state == "warn"
    assert "longer than 7d" in words
    assert "crm-connector letters list" in words


def test_old_conflicts_are_told(synced: Rig) -> None:
    statement = (
        "INSERT INTO conflict (id, connection, kind, link, field, open, rule, state, at_us)"
        " SELECT 'c1', connection, kind, id, 'names.family', 1, 'manual', 'open', 1"
        " FROM link LIMIT 1"
    )
    synced.in_state(statement)
    state, words = told(synced, "conflicts")
    assert (state, "1 of 1 wait" in words) == ("warn", True)


def test_a_mapped_field_that_changed_since_a_sync_is_told_and_others_are_not(synced: Rig) -> None:
    synced.sandbox.admin("drop_field", module="Contacts", field="Salutation")
    assert told(synced, "zoho customer drift")[0] == "ok"
    field = {"api_name": "Last_Name", "data_type": "text", "length": 20, "system_mandatory": True}
    synced.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": [field]}])
    state, words = told(synced, "zoho customer drift")
    assert state == "warn"
    assert "Last_Name: its room was 80 and is 20" in words
    assert "describe zoho customer" in words


def test_a_right_that_was_taken_away_is_told_twice(synced: Rig) -> None:
    synced.sandbox.admin("define", modules=[{"api_name": "Contacts", "creatable": False}])
    assert "not create its records" in told(synced, "zoho customer")[1]
    assert "may no longer create" in told(synced, "zoho customer drift")[1]


def test_a_field_that_a_sync_switched_off_is_told(synced: Rig) -> None:
    synced.sandbox.admin("drop_field", module="Contacts", field="Customer_Stage")
    synced.in_state("UPDATE scope SET schema_us = 1 WHERE kind = 'customer'")
    synced.run("sync")
    assert "switched off" in told(synced, "zoho customer switched off")[1]


def test_a_state_in_doubt_is_a_failure(synced: Rig) -> None:
    synced.in_state(
        "UPDATE scope SET doubt = 'shop' WHERE kind = 'customer' AND connection = 'zoho'"
    )
    state, words = told(synced, "zoho customer runs", 8)
    assert (state, "reconcile" in words) == ("fail", True)


def test_a_write_without_an_answer_is_told(synced: Rig) -> None:
    statement = (
        "INSERT INTO intent (id, connection, kind, link, side, open, op, state, fence, attempt)"
        " SELECT 'i1', connection, kind, id, 'remote', 1, 'update', 'unknown', 1, 1 FROM link"
        " WHERE kind = 'customer' LIMIT 1"
    )
    synced.in_state(statement)
    assert "1 writes have no answer" in told(synced, "zoho customer runs")[1]


def test_a_span_that_is_none_is_a_wrong_setting(rig: Rig) -> None:
    rig.write(LOCAL_SETTINGS, head='[status]\nstale_after = "soon"\n')
    ran = rig.run("status")
    assert ran.code == 3
    assert "status.stale_after must be a span such as 7d, 12h or 30m" in ran.err
