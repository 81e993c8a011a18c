"""`setup`: fields made by the API or listed for a person, asked for, stopped, repeated."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox

from tests.system.rig import Rig

GONE = ("Connector_Key", "Mobile", "Customer_Stage")


@pytest.fixture
def bare(rig: Rig) -> Rig:
    """An installation whose account lacks three fields of Contacts, and one lookup."""
    rig.ready()
    for name in GONE:
        rig.sandbox.admin("drop_field", module="Contacts", field=name)
    rig.sandbox.admin("drop_field", module="Feedbacks", field="Customer")
    return rig


def done(rig: Rig, *words: str, code: int = 0) -> dict[str, Any]:
    ran = rig.run("setup", "zoho", *words, "--json")
    assert ran.code == ran.json["exit"] == code, ran.all
    told: dict[str, Any] = ran.json
    return told


def test_a_dry_run_makes_nothing_and_says_all(bare: Rig) -> None:
    bare.sandbox.admin("calls", reset=True)
    told = done(bare, "--dry-run")
    names = [f"{one['object']}.{one['name']}" for one in told["steps"]]
    assert names == [*(f"Contacts.{name}" for name in GONE), "Feedbacks.Customer"]
    assert (told["dry_run"], told["done"]) == (True, [])
    assert "make_field" not in bare.sandbox.calls()
    assert "setup zoho --apply" in bare.run("setup", "zoho", "--dry-run").err


def test_after_apply_the_doctor_is_content_and_a_sync_works(bare: Rig) -> None:
    told = done(bare, "--apply", "--yes")
    assert {one["state"] for one in told["done"]} == {"made"}
    assert bare.run("doctor", "--json").json["missing_fields"] == []
    assert bare.run("sync").code == 0
    assert done(bare, "--apply", "--yes")["steps"] == []
    assert "has all that is mapped" in bare.run("setup", "zoho", "--dry-run").out


def test_without_yes_it_asks_and_where_nobody_can_be_asked_it_does_nothing(bare: Rig) -> None:
    ran = bare.run("setup", "zoho", "--apply")
    assert ran.code == 2
    assert "make_field" not in bare.sandbox.calls()


def test_one_of_the_two_options_has_to_be_said(bare: Rig) -> None:
    assert bare.run("setup", "zoho").code == 2
    assert bare.run("setup", "zoho", "--apply", "--dry-run").code == 2


def test_what_the_vendor_will_not_make_is_left_to_a_person_and_the_rest_is_made(bare: Rig) -> None:
    bare.sandbox.fault("error", operation="make_field", code="INVALID_DATA", status=400, after=1)
    told = done(bare, "--apply", "--yes", code=5)
    assert [one["state"] for one in told["done"]] == ["made", "by_hand", "made", "made"]


def test_a_lost_answer_ends_it_as_temporary_and_the_next_goes_on(bare: Rig) -> None:
    bare.sandbox.fault("lost_before", operation="make_field", after=1)
    ran = bare.run("setup", "zoho", "--apply", "--yes")
    assert ran.code == 6
    assert "Contacts.Connector_Key: It was made." in ran.out
    assert len(done(bare, "--apply", "--yes")["done"]) == 3


def test_a_stop_between_two_fields_is_clean_and_the_next_goes_on(bare: Rig) -> None:
    bare.sandbox.fault("slow", operation="make_field", after=1, seconds=3)
    child = bare.start("setup", "zoho", "--apply", "--yes")
    assert child.stdout is not None
    for line in child.stdout:
        if "It was made" in line:
            break
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)
    assert child.returncode == 143
    bare.sandbox.admin("faults", clear=True)
    assert done(bare, "--apply", "--yes")["exit"] == 0
    assert bare.run("doctor", "--json").json["missing_fields"] == []


def test_a_weak_key_and_a_missing_option_are_told_with_what_to_do(bare: Rig) -> None:
    weak = {"api_name": "Connector_Key", "data_type": "text"}
    bare.sandbox.admin("define", modules=[{"api_name": "Memberships", "fields": [weak]}])
    plan = {"api_name": "Plan", "data_type": "picklist", "pick_list_values": ["月卡"]}
    bare.sandbox.admin("define", modules=[{"api_name": "Memberships", "fields": [plan]}])
    notes = "\n".join(done(bare, "--dry-run")["notes"])
    assert "Memberships.Connector_Key: " in notes
    assert "勾选不允许重复值" in notes
    assert "Memberships.Plan has no option '年卡'" in notes
    done(bare, "--apply", "--yes", code=5)


def test_fields_of_an_object_that_is_not_there_are_for_a_person(bare: Rig) -> None:
    (bare.folder / "mappings" / "crm").mkdir()
    text = "kind: customer\nobject: Persons\nfields:\n  phones.mobile: {field: M, lens: phone}\n"
    (bare.folder / "mappings" / "crm" / "customer.yaml").write_text(text, encoding="utf-8")
    bare.write(mappings="mappings/crm", kinds=["customer"])
    told = done(bare, "--dry-run")
    assert [one["by_hand"] for one in told["steps"]] == [
        "the account shows no object Persons: make it first"
    ]
    assert told["notes"] == ["Make the object Persons, or let this login see it."]


def test_at_a_vendor_without_such_an_api_the_list_is_for_the_administrator(
    rig: Rig, tenant: FxiaokeSandbox
) -> None:
    tenant.admin("drop_field", object="AccountObj", field="stage__c")
    rig.append(rig.other(tenant, kinds=["customer"]))
    rig.ready()
    ran = rig.run("setup", "fxiaoke", "--dry-run")
    assert ran.code == 0
    assert "the vendor's API makes no fields" in ran.out
    assert "客户阶段 / " in ran.out
    assert "潜在客户/Prospect=prospect" in ran.out
    assert rig.run("setup", "fxiaoke", "--apply", "--yes").code == 5
