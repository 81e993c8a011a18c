"""The default organisation of the Fxiaoke sandbox, and its administrator's hands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.app import OPERATIONS, SandboxApp
from connector_fxiaoke.sandbox.config import SWITCHES, default_switches
from connector_fxiaoke.sandbox.organisation import load_objects
from connector_fxiaoke.sandbox.query import _NEGATED, _TESTS

from connector.demo.shop import MAPPINGS
from tests.sandbox.client import Ticker
from tests.sandbox.fxiaoke_client import ACCOUNT, CARD, FxiaokeClient

PERSON = (
    "ext_key__c mobile__c home_phone__c other_email__c wechat__c family_name__c given_name__c"
    " preferred_name__c company__c province__c city__c district__c street__c postcode__c country__c"
    " gender__c birth_date__c occupation__c stage__c segment__c value_tier__c rfm_recency__c"
    " rfm_frequency__c rfm_monetary__c churn_risk__c tags__c source__c preferred_channel__c"
    " registered_at__c last_contact_at__c do_not_contact__c marketing_email_opt_out__c"
)
MEMBERSHIP = (
    "name ext_key__c customer__c tier__c plan__c status__c points__c growth__c valid_from__c"
    " valid_to__c auto_renew__c benefits__c"
)
FEEDBACK = (
    "name ext_key__c customer__c channel__c type__c score__c scale__c body__c status__c category__c"
    " assignee__c resolution__c collected_at__c assigned_at__c resolved_at__c answered_at__c"
)


@pytest.mark.parametrize(
    ("object", "names"),
    [
        (ACCOUNT, f"name tel email address province city remark account_source {PERSON}"),
        ("ContactObj", f"name account_id tel mobile email {PERSON}"),
        ("LeadsObj", f"name company tel mobile email leads_pool_id {PERSON}"),
        (CARD, MEMBERSHIP),
        ("MemberObj", f"account_id {MEMBERSHIP}"),
        ("feedback__c", FEEDBACK),
        ("SatisfactionRecordObj", f"account_id {FEEDBACK}"),
    ],
)
def test_the_default_objects_have_the_fields_of_the_mappings(
    fxiaoke: FxiaokeClient, object: str, names: str
) -> None:
    fields = fxiaoke.app.org.tables[object].fields
    assert not set(names.split()) - set(fields)
    assert fields["ext_key__c"].unique


def test_the_tags_hold_the_labels_of_the_demo_s_shop(fxiaoke: FxiaokeClient) -> None:
    assert "labels" in MAPPINGS["customer"]
    options = fxiaoke.app.org.tables[ACCOUNT].fields["tags__c"].options
    assert options is not None
    assert {"VIP", "老客户"} <= set(options)


def test_every_operator_of_the_facts_has_its_test() -> None:
    assert {*_TESTS, *_NEGATED} == facts.OPERATORS


def test_switches_start_with_their_first_form_and_know_no_other(fxiaoke: FxiaokeClient) -> None:
    assert fxiaoke.admin("switch") == default_switches()
    for name, forms in SWITCHES.items():
        assert fxiaoke.admin("switch", **{name: forms[-1]})[name] == forms[-1]
    refused = fxiaoke.post("/admin/switch", {"numbers_as": "roman"})
    assert (refused.status, "string, number" in refused.body["error"]) == (400, True)


def test_calls_are_counted_by_operation(fxiaoke: FxiaokeClient) -> None:
    ref = fxiaoke.made()
    fxiaoke.get(ACCOUNT, ref)
    fxiaoke.query(ACCOUNT)
    fxiaoke.call("/nothing")
    counted = fxiaoke.admin("calls", reset=True)
    assert counted == {"token": 1, "insert": 1, "fetch": 1, "query": 1, "unknown": 1}
    assert set(counted) - {"unknown"} <= OPERATIONS
    assert fxiaoke.admin("calls") == {}
    kept = fxiaoke.admin("requests", operation="insert")
    assert json.loads(kept[0]["body"])["data"]["object_data"]["name"] == "林"


def test_an_administrator_acts_as_a_person_in_the_crm(fxiaoke: FxiaokeClient) -> None:
    ref = fxiaoke.admin("create", object=ACCOUNT, fields={"name": "林", "stage__c": "new"})
    fxiaoke.clock.at += 1
    fxiaoke.admin("edit", object=ACCOUNT, id=ref, fields={"stage__c": None, "tel": "0571-1"})
    [row] = fxiaoke.admin("records", object=ACCOUNT)
    assert (row["_id"], row["version"], row["tel"], "stage__c" in row) == (
        ref,
        "2",
        "0571-1",
        False,
    )
    assert "owner__r" not in row
    fxiaoke.admin("remove", object=ACCOUNT, id=ref)
    assert fxiaoke.admin("records", object=ACCOUNT) == []
    [gone] = fxiaoke.admin("removed", object=ACCOUNT)["invalid"]
    assert (gone["_id"], gone["life_status"]) == (ref, "invalid")
    fxiaoke.admin("recover", object=ACCOUNT, id=ref)
    fxiaoke.admin("pool", object=ACCOUNT, id=ref)
    assert "owner" not in fxiaoke.admin("records", object=ACCOUNT)[0]
    fxiaoke.admin("pool", object=ACCOUNT, id=ref, owner="1001")
    assert fxiaoke.admin("records", object=ACCOUNT)[0]["owner"] == ["1001"]
    fxiaoke.admin("review", object=ACCOUNT, id=ref, start=True)
    assert fxiaoke.admin("records", object=ACCOUNT)[0]["life_status"] == "under_review"
    fxiaoke.admin("review", object=ACCOUNT, id=ref)
    fxiaoke.admin("purge", object=ACCOUNT, id=ref)
    assert fxiaoke.admin("removed", object=ACCOUNT)["deleted"] == [ref]


def test_an_edit_may_bear_a_time_of_its_own(fxiaoke: FxiaokeClient) -> None:
    ref = fxiaoke.made()
    told = {"id": ref, "fields": {}, "last_modified_time": "2026-01-01T00:00:00.250+08:00"}
    fxiaoke.admin("edit", object=ACCOUNT, **told)
    assert fxiaoke.get(ACCOUNT, ref).data["last_modified_time"] == 1767196800250


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("create", {"object": "Nothing", "fields": {}}),
        ("edit", {"object": ACCOUNT, "id": "0" * 24, "fields": {}}),
        ("recover", {"object": ACCOUNT, "id": "LIVE"}),
        ("review", {"object": ACCOUNT, "id": "LIVE"}),
        ("pool", {"object": CARD, "id": "LIVE"}),
        ("create", {"object": ACCOUNT, "fields": {"name": "x"}, "user": "9999"}),
        ("limits", {"nothing": 1}),
        ("seed", {"object": ACCOUNT, "records": [{"_id": "short"}]}),
        ("nothing", {}),
    ],
)
def test_an_administrator_is_told_what_cannot_be(
    fxiaoke: FxiaokeClient, action: str, asked: dict[str, Any]
) -> None:
    ref = fxiaoke.made(asked["object"]) if asked.get("id") == "LIVE" else ""
    told = {**asked, "id": ref} if ref else asked
    answer = fxiaoke.post(f"/admin/{action}", told)
    assert answer.status in (400, 404)
    assert answer.body["error"]


def test_many_records_are_seeded_past_lags(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.admin("limits", index_lag_s=600)
    fixed = "65f0aa11bb22cc33dd44ee00"
    rows = [{"_id": fixed, "name": "a", "last_modified_time": 1000}, {"name": "b", "tel": ""}]
    refs = fxiaoke.admin("seed", object=ACCOUNT, records=rows)
    found = fxiaoke.query(ACCOUNT).rows
    assert [row["_id"] for row in found] == refs
    assert (found[0]["_id"], found[0]["last_modified_time"]) == (fixed, 1000)
    again = fxiaoke.post("/admin/seed", {"object": ACCOUNT, "records": rows})
    assert again.status == 400
    keyed = [{"name": "c", "ext_key__c": "k"}]
    fxiaoke.admin("seed", object=ACCOUNT, records=keyed)
    assert fxiaoke.post("/admin/seed", {"object": ACCOUNT, "records": keyed}).status == 400


def test_fields_come_and_go(fxiaoke: FxiaokeClient) -> None:
    field = {"api_name": "field_7xQ2k__c", "type": "text", "is_unique": True}
    ref = fxiaoke.made()
    fxiaoke.admin("define", objects=[{"api_name": ACCOUNT, "fields": [field]}])
    assert "field_7xQ2k__c" not in fxiaoke.get(ACCOUNT, ref).data
    assert fxiaoke.update(ACCOUNT, ref, field_7xQ2k__c="x").code == 0
    assert fxiaoke.create(ACCOUNT, name="王", field_7xQ2k__c="x").code == 50009
    fxiaoke.admin("drop_field", object=ACCOUNT, field="field_7xQ2k__c")
    assert "field_7xQ2k__c" not in fxiaoke.get(ACCOUNT, ref).data
    fxiaoke.admin("reset")
    fxiaoke.login()
    assert fxiaoke.query(ACCOUNT).rows == []


def test_an_organisation_of_one_s_own_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "objects.json"
    own = {"api_name": "object_Ab3dE__c", "fields": [{"api_name": "name", "type": "text"}]}
    file.write_text(json.dumps({"objects": [own]}), encoding="utf-8")
    app = SandboxApp(now=Ticker().now, definitions=load_objects(file))
    assert list(app.org.tables) == ["object_Ab3dE__c"]
    assert load_objects(None) is None


def test_two_sandboxes_of_one_story_answer_alike() -> None:
    def story() -> list[Any]:
        fxiaoke = FxiaokeClient()
        ref = fxiaoke.made(name="林")
        return [ref, fxiaoke.get(ACCOUNT, ref).body, fxiaoke.query(ACCOUNT).body]

    assert story() == story()
