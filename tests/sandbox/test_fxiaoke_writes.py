"""Fxiaoke's writes in the sandbox: flags, life, locks, pools, owners."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.fxiaoke_client import ACCOUNT, CARD, Answer, FxiaokeClient

QUIET = {"triggerApprovalFlow": False, "triggerWorkFlow": False}


def _row(fxiaoke: FxiaokeClient, object: str, ref: str) -> Any:
    return fxiaoke.get(object, ref).data


def _ids(fxiaoke: FxiaokeClient, object: str, action: str, *refs: str) -> Answer:
    return fxiaoke.act(object, action, {"idList": list(refs)})


# --- create and update ---


@pytest.mark.parametrize(
    ("form", "preset", "custom"),
    [("top", "top", "top"), ("data", "data", "data"), ("none_for_custom", "top", "nowhere")],
)
def test_where_a_create_answers_its_id_is_a_switch(
    fxiaoke: FxiaokeClient, form: str, preset: str, custom: str
) -> None:
    fxiaoke.switch(create_answer=form)

    def place(object: str) -> str:
        body = fxiaoke.create(object, name="林").body
        assert body["errorCode"] == 0
        return "top" if "dataId" in body else "data" if "data" in body else "nowhere"

    assert (place(ACCOUNT), place(CARD)) == (preset, custom)


def test_an_update_changes_the_fields_named_and_counts(fxiaoke: FxiaokeClient) -> None:
    ref = fxiaoke.made(name="林", tel="0571-5555")
    before = _row(fxiaoke, ACCOUNT, ref)
    fxiaoke.clock.at += 0.004
    assert fxiaoke.update(ACCOUNT, ref, name="王").body["dataId"] == ref
    after = _row(fxiaoke, ACCOUNT, ref)
    assert (after["name"], after["tel"]) == ("王", "0571-5555")
    assert (before["version"], after["version"]) == ("1", "2")
    assert after["last_modified_time"] - before["last_modified_time"] == 4
    assert after["create_time"] == before["create_time"]
    assert fxiaoke.update(CARD, fxiaoke.made(CARD), name="x").body.keys() == {
        "errorCode",
        "errorMessage",
        "errorDescription",
        "traceId",
    }


def test_an_update_that_is_not_partial_empties_the_rest(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.switch(update_partial="no")
    ref = fxiaoke.made(name="林", tel="0571-5555")
    assert fxiaoke.update(ACCOUNT, ref, name="王").code == 0
    row = _row(fxiaoke, ACCOUNT, ref)
    assert (row["name"], row["owner"], "tel" in row) == ("王", ["1000"], False)


@pytest.mark.parametrize(("form", "version"), [("counts", "2"), ("nothing", "1")])
def test_an_update_that_changes_nothing_may_count(
    fxiaoke: FxiaokeClient, form: str, version: str
) -> None:
    fxiaoke.switch(update_unchanged=form)
    ref = fxiaoke.made(name="林")
    assert fxiaoke.update(ACCOUNT, ref, name="林").code == 0
    assert _row(fxiaoke, ACCOUNT, ref)["version"] == version


@pytest.mark.parametrize(("step", "at"), [("1", 1769832001234), ("1000", 1769832001000)])
def test_times_have_their_step(fxiaoke: FxiaokeClient, step: str, at: int) -> None:
    fxiaoke.switch(time_step=step)
    fxiaoke.clock.at += 1.2345
    assert _row(fxiaoke, ACCOUNT, fxiaoke.made())["last_modified_time"] == at


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("accepts", ["both", "null", "empty"])
def test_what_clears_a_field_is_a_switch(
    fxiaoke: FxiaokeClient, value: str | None, accepts: str
) -> None:
    fxiaoke.switch(clear_accepts=accepts)
    ref = fxiaoke.made(tel="0571-5555")
    assert fxiaoke.update(ACCOUNT, ref, tel=value).code == 0
    cleared = accepts == "both" or (accepts == "null") is (value is None)
    assert ("tel" not in _row(fxiaoke, ACCOUNT, ref)) is cleared


def test_a_required_field_is_neither_left_out_nor_cleared(fxiaoke: FxiaokeClient) -> None:
    assert fxiaoke.create(ACCOUNT, tel="0571-5555").code == 50009
    assert fxiaoke.update(ACCOUNT, fxiaoke.made(), name="").code == 50009


def test_an_owner_is_required_but_in_a_pool(fxiaoke: FxiaokeClient) -> None:
    assert fxiaoke.create(ACCOUNT, name="林", owner=None).code == 50009
    lead = fxiaoke.create("LeadsObj", name="林", owner=None, leads_pool_id="pool-1")
    assert "owner" not in _row(fxiaoke, "LeadsObj", lead.id)
    fxiaoke.switch(owner_required="no")
    ref = fxiaoke.create(ACCOUNT, name="林", owner=None).id
    assert _row(fxiaoke, ACCOUNT, ref)["owner"] == ["1000"]


@pytest.mark.parametrize("top", [True, False])
def test_flags_count_at_the_top_level_only(fxiaoke: FxiaokeClient, top: bool) -> None:
    """Inside `data` they are without effect, and the defaults run: workflows and approvals."""
    fxiaoke.switch(approval="on")
    rule = {"object": ACCOUNT, "on": ["create"], "set": {"remark": "from a workflow"}}
    fxiaoke.admin("workflows", rules=[rule])
    record = {"dataObjectApiName": ACCOUNT, "name": "林", "owner": ["1000"]}
    inside = {} if top else QUIET
    outside = QUIET if top else {}
    path = "/cgi/crm/v2/data/create"
    ref = fxiaoke.call(path, {"object_data": record, **inside}, **outside).id
    row = _row(fxiaoke, ACCOUNT, ref)
    assert (row["life_status"], row.get("remark")) == (
        ("normal", None) if top else ("under_review", "from a workflow")
    )


def test_a_workflow_rewrites_a_field_at_an_update(fxiaoke: FxiaokeClient) -> None:
    rule = {"object": ACCOUNT, "on": ["edit"], "set": {"remark": "seen"}, "when": {"name": "王"}}
    fxiaoke.admin("workflows", rules=[rule])
    ref = fxiaoke.made(name="王")  # a rule for edits
    assert "remark" not in _row(fxiaoke, ACCOUNT, ref)
    fxiaoke.update(ACCOUNT, ref, name="李")
    assert "remark" not in _row(fxiaoke, ACCOUNT, ref)
    fxiaoke.update(ACCOUNT, ref, QUIET, name="王")
    assert "remark" not in _row(fxiaoke, ACCOUNT, ref)
    fxiaoke.update(ACCOUNT, ref, name="王")
    assert _row(fxiaoke, ACCOUNT, ref)["remark"] == "seen"


def test_the_time_and_maker_of_a_record_are_taken_on_request(fxiaoke: FxiaokeClient) -> None:
    given: dict[str, Any] = {"name": "林", "create_time": 5000, "created_by": ["1001"]}
    plain = _row(fxiaoke, ACCOUNT, fxiaoke.create(ACCOUNT, **given).id)
    assert (plain["create_time"], plain["created_by"]) == (1769832000000, ["1000"])
    flags = {"hasSpecifyTime": True, "hasSpecifyCreatedBy": True}
    told = _row(fxiaoke, ACCOUNT, fxiaoke.create(ACCOUNT, flags, **given).id)
    assert (told["create_time"], told["created_by"]) == (5000, ["1001"])
    assert told["last_modified_time"] == 1769832000000


@pytest.mark.parametrize("code", ["50009", "32000"])
def test_unique_values_are_kept_by_a_switch(fxiaoke: FxiaokeClient, code: str) -> None:
    fxiaoke.switch(business_code=code)
    ref = fxiaoke.made(ext_key__c="k1")
    twice = fxiaoke.create(ACCOUNT, name="王", ext_key__c="k1")
    assert (twice.status, twice.code) == (200, int(code))
    assert "k1" in twice.text  # echoes the value
    assert fxiaoke.update(ACCOUNT, ref, ext_key__c="k1").code == 0
    fxiaoke.switch(unique_enforced="no")
    assert fxiaoke.create(ACCOUNT, name="王", ext_key__c="k1").code == 0
    assert len(fxiaoke.query(ACCOUNT, ("ext_key__c", "EQ", ["k1"])).rows) == 2


@pytest.mark.parametrize("holds", ["yes", "no"])
def test_an_invalidated_row_may_hold_its_unique_value(fxiaoke: FxiaokeClient, holds: str) -> None:
    fxiaoke.switch(invalid_holds_unique=holds)
    ref = fxiaoke.made(ext_key__c="k1")
    fxiaoke.invalid(ACCOUNT, ref)
    second = fxiaoke.create(ACCOUNT, name="王", ext_key__c="k1")
    assert second.code == (50009 if holds == "yes" else 0)
    if holds == "no":
        assert _ids(fxiaoke, ACCOUNT, "recover", ref).code == 50009


def test_same_names_are_accepted(fxiaoke: FxiaokeClient) -> None:
    assert fxiaoke.made(name="林") != fxiaoke.made(name="林")


# --- life ---


def test_a_record_is_invalidated_recovered_and_deleted(fxiaoke: FxiaokeClient) -> None:
    ref = fxiaoke.made()
    assert _ids(fxiaoke, ACCOUNT, "delete", ref).code == 50009  # not invalidated
    assert _ids(fxiaoke, ACCOUNT, "recover", ref).code == 50009
    assert fxiaoke.invalid(ACCOUNT, ref).code == 0
    row = _row(fxiaoke, ACCOUNT, ref)
    assert (row["life_status"], row["life_status_before_invalid"]) == ("invalid", "normal")
    assert row["is_deleted"] is False
    assert fxiaoke.update(ACCOUNT, ref, name="王").code == 50009
    assert fxiaoke.invalid(ACCOUNT, ref).code == 50009
    assert _ids(fxiaoke, ACCOUNT, "recover", ref).code == 0
    assert _row(fxiaoke, ACCOUNT, ref)["life_status"] == "normal"
    fxiaoke.invalid(ACCOUNT, ref)
    assert _ids(fxiaoke, ACCOUNT, "delete", ref).code == 0
    assert fxiaoke.get(ACCOUNT, ref).data == {}
    assert fxiaoke.update(ACCOUNT, ref, name="王").code == 50009
    assert fxiaoke.admin("removed", object=ACCOUNT) == {"invalid": [], "deleted": [ref]}


def test_a_record_invalidated_again_and_marked_as_deleted_are_switches(
    fxiaoke: FxiaokeClient,
) -> None:
    fxiaoke.switch(invalid_again="accepted", invalid_is_deleted="yes")
    ref = fxiaoke.made()
    assert [fxiaoke.invalid(ACCOUNT, ref).code for _ in range(2)] == [0, 0]
    row = _row(fxiaoke, ACCOUNT, ref)
    assert (row["is_deleted"], row["version"]) == (True, "2")


@pytest.mark.parametrize("moves", ["yes", "no"])
def test_whether_invalidating_moves_time_and_version_is_a_switch(
    fxiaoke: FxiaokeClient, moves: str
) -> None:
    fxiaoke.switch(invalid_moves=moves)
    ref = fxiaoke.made()
    before = _row(fxiaoke, ACCOUNT, ref)
    fxiaoke.clock.at += 60
    fxiaoke.invalid(ACCOUNT, ref)
    gone = _row(fxiaoke, ACCOUNT, ref)
    _ids(fxiaoke, ACCOUNT, "recover", ref)
    back = _row(fxiaoke, ACCOUNT, ref)
    times = [row["last_modified_time"] - before["last_modified_time"] for row in (gone, back)]
    assert times == ([60_000, 60_000] if moves == "yes" else [0, 0])
    assert (gone["version"], back["version"]) == (("2", "3") if moves == "yes" else ("1", "1"))


@pytest.mark.parametrize(("form", "left"), [("ignored", True), ("deleted", False)])
def test_deleting_a_live_record_is_a_switch(fxiaoke: FxiaokeClient, form: str, left: bool) -> None:
    fxiaoke.switch(delete_live=form)
    ref = fxiaoke.made()
    assert _ids(fxiaoke, ACCOUNT, "delete", ref).code == 0
    assert bool(fxiaoke.get(ACCOUNT, ref).data) is left


@pytest.mark.parametrize("form", ["empty_data", "no_data", "50009", "32000"])
def test_what_get_says_of_a_deleted_id_is_a_switch(fxiaoke: FxiaokeClient, form: str) -> None:
    fxiaoke.switch(deleted_get=form)
    ref = fxiaoke.made()
    fxiaoke.admin("purge", object=ACCOUNT, id=ref)
    for told in (ref, "0" * 24, "nonsense"):
        answer = fxiaoke.get(ACCOUNT, told)
        if form.isdigit():
            assert answer.code == int(form)
        else:
            assert answer.code == 0
            assert answer.body.get("data") == ({} if form == "empty_data" else None)


def test_custom_rows_are_invalidated_together_or_not_at_all(fxiaoke: FxiaokeClient) -> None:
    one, two = fxiaoke.made(CARD), fxiaoke.made(CARD)
    fxiaoke.admin("lock", object=CARD, id=two)
    path = "/cgi/crm/custom/data/invalid"
    data = {"dataObjectApiName": CARD, "idList": [one, two]}
    assert fxiaoke.call(path, data).code == 50009
    assert _row(fxiaoke, CARD, one)["life_status"] == "normal"
    fxiaoke.admin("lock", object=CARD, id=two, on=False)
    assert fxiaoke.call(path, data).code == 0
    assert _row(fxiaoke, CARD, one)["life_status"] == "invalid"
    assert fxiaoke.call(path, {**data, "dataObjectApiName": ACCOUNT}).code == 10006


def test_a_record_under_review_is_not_editable_until_it_is_approved(
    fxiaoke: FxiaokeClient,
) -> None:
    fxiaoke.switch(approval="on")
    ref = fxiaoke.made(name="林")
    assert _row(fxiaoke, ACCOUNT, ref)["life_status"] == "under_review"
    assert fxiaoke.update(ACCOUNT, ref, QUIET, name="王").code == 50009
    assert fxiaoke.invalid(ACCOUNT, ref).code == 50009
    fxiaoke.admin("review", object=ACCOUNT, id=ref)
    assert fxiaoke.update(ACCOUNT, ref, QUIET, name="王").code == 0
    assert fxiaoke.update(ACCOUNT, ref, name="李").code == 0  # asks for a change
    row = _row(fxiaoke, ACCOUNT, ref)
    assert (row["name"], row["life_status"]) == ("王", "in_change")
    assert fxiaoke.update(ACCOUNT, ref, QUIET, name="周").code == 50009
    fxiaoke.admin("review", object=ACCOUNT, id=ref, approved=False)
    assert _row(fxiaoke, ACCOUNT, ref)["name"] == "王"
    fxiaoke.update(ACCOUNT, ref, name="李")
    fxiaoke.admin("review", object=ACCOUNT, id=ref)
    row = _row(fxiaoke, ACCOUNT, ref)
    assert (row["name"], row["life_status"]) == ("李", "normal")


def test_a_record_turned_down_at_its_creation_is_not_effective(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.switch(approval="on")
    ref = fxiaoke.made()
    fxiaoke.admin("review", object=ACCOUNT, id=ref, approved=False)
    assert _row(fxiaoke, ACCOUNT, ref)["life_status"] == "ineffective"
    assert fxiaoke.update(ACCOUNT, ref, QUIET, name="王").code == 0
    assert fxiaoke.invalid(ACCOUNT, ref).code == 0
    assert _ids(fxiaoke, ACCOUNT, "recover", ref).code == 0
    assert _row(fxiaoke, ACCOUNT, ref)["life_status"] == "ineffective"


def test_a_change_that_cannot_be_is_refused_before_its_review(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.made(ext_key__c="k1")
    ref = fxiaoke.made(ext_key__c="k2")
    fxiaoke.switch(approval="on")
    assert fxiaoke.update(ACCOUNT, ref, ext_key__c="k1").code == 50009
    assert _row(fxiaoke, ACCOUNT, ref)["life_status"] == "normal"


# --- locks, owners, pools, sight ---


@pytest.mark.parametrize("business", ["50009", "32000"])
def test_a_locked_record_refuses_with_50009_whatever_else_does(
    fxiaoke: FxiaokeClient, business: str
) -> None:
    fxiaoke.switch(business_code=business)
    ref = fxiaoke.made(CARD, name="林的卡")
    lock = {"dataObjectApiName": CARD, "dataIds": [ref], "detailObjStrategy": 0}
    assert fxiaoke.call("/cgi/crm/v2/object/lock", lock).code == 0
    row = _row(fxiaoke, CARD, ref)
    assert (row["lock_status"], row["version"], row["lock_user"]) == ("1", "1", ["1000"])
    refused = fxiaoke.update(CARD, ref, name="x")
    assert refused.code == 50009
    assert "林的卡" in refused.text
    assert fxiaoke.invalid(CARD, ref).code == 50009
    record = {"_id": ref, "dataObjectApiName": CARD, "name": "x"}
    data = {"object_data": record, "skipDataStatusValidate": True}
    assert fxiaoke.call("/cgi/crm/custom/v2/data/update", data).code == 0
    assert fxiaoke.call("/cgi/crm/v2/object/unlock", lock).code == 0
    assert fxiaoke.update(CARD, ref, name="y").code == 0


def test_only_custom_objects_skip_the_check_of_status(fxiaoke: FxiaokeClient) -> None:
    ref = fxiaoke.made()
    fxiaoke.admin("lock", object=ACCOUNT, id=ref)
    record = {"_id": ref, "dataObjectApiName": ACCOUNT, "name": "x"}
    data = {"object_data": record, "skipDataStatusValidate": True}
    assert fxiaoke.call("/cgi/crm/v2/data/update", data).code == 50009


def _owned(fxiaoke: FxiaokeClient, ref: str, owner: Any) -> Answer:
    return fxiaoke.act(ACCOUNT, "changeOwner", {"Data": [{"objectDataId": ref, "ownerId": owner}]})


def test_the_owner_changes_by_its_own_call_only(fxiaoke: FxiaokeClient) -> None:
    ref = fxiaoke.made()
    assert fxiaoke.update(ACCOUNT, ref, owner=["1001"]).code == 0
    assert _row(fxiaoke, ACCOUNT, ref)["owner"] == ["1000"]
    assert _owned(fxiaoke, ref, ["1001"]).code == 0
    row = _row(fxiaoke, ACCOUNT, ref)
    assert (row["owner"], row["version"]) == (["1001"], "3")
    assert _owned(fxiaoke, ref, ["9999"]).code == 50009
    fxiaoke.switch(owner_update="refused", owner_counts="no")
    assert fxiaoke.update(ACCOUNT, ref, owner=["1001"]).code == 50009
    assert _owned(fxiaoke, ref, ["1000"]).code == 0
    assert _row(fxiaoke, ACCOUNT, ref)["version"] == "3"


@pytest.mark.parametrize(
    ("form", "by_list", "by_text"),
    [("list", 0, 50009), ("string", 50009, 0), ("either", 0, 0)],
)
def test_how_the_new_owner_is_written_is_a_switch(
    fxiaoke: FxiaokeClient, form: str, by_list: int, by_text: int
) -> None:
    fxiaoke.switch(owner_form=form)
    ref = fxiaoke.made()
    assert (_owned(fxiaoke, ref, ["1001"]).code, _owned(fxiaoke, ref, "[1000]").code) == (
        by_list,
        by_text,
    )


@pytest.mark.parametrize("seen", ["yes", "no"])
def test_a_record_in_a_pool_is_nobody_s_until_it_is_chosen(
    fxiaoke: FxiaokeClient, seen: str
) -> None:
    fxiaoke.switch(pool_seen=seen)
    ref = fxiaoke.made()
    given = {"apiName": ACCOUNT, "objectIds": [ref], "objectPoolId": "p1", "backReason": "1"}
    assert fxiaoke.call("/cgi/crm/v2/data/return", given).code == 0
    assert len(fxiaoke.query(ACCOUNT).rows) == (1 if seen == "yes" else 0)
    if seen == "yes":
        row = _row(fxiaoke, ACCOUNT, ref)
        assert ("owner" in row, row["high_seas_id"], row["life_status"]) == (False, "p1", "normal")
    else:
        assert fxiaoke.get(ACCOUNT, ref).code == 50009
    refused = fxiaoke.update(ACCOUNT, ref, name="王")
    assert (refused.code, "数据权限" in refused.text) == (50009, True)
    assert _owned(fxiaoke, ref, ["1001"]).code == 50009
    assert fxiaoke.invalid(ACCOUNT, ref).code == 50009
    chosen = {"apiName": ACCOUNT, "objectIds": [ref]}
    assert fxiaoke.call("/cgi/crm/v2/data/choose", chosen).code == 0
    assert fxiaoke.update(ACCOUNT, ref, name="王").code == 0
    assert fxiaoke.call("/cgi/crm/v2/data/choose", chosen).code == 50009


@pytest.mark.parametrize("form", ["50009", "32000", "empty_data", "no_data", "served"])
def test_a_hidden_record_leaves_the_lists_and_is_not_gone(
    fxiaoke: FxiaokeClient, form: str
) -> None:
    fxiaoke.switch(hidden_get=form)
    ref = fxiaoke.made(name="林")
    fxiaoke.admin("hide", object=ACCOUNT, id=ref)
    assert fxiaoke.query(ACCOUNT).rows == []
    answer = fxiaoke.get(ACCOUNT, ref)
    assert answer.code == (int(form) if form.isdigit() else 0)
    data = answer.body.get("data")
    assert (data or {}).get("name") == ("林" if form == "served" else None)
    assert (data == {}) is (form == "empty_data")
    assert fxiaoke.update(ACCOUNT, ref, name="王").code == 50009
    assert [row["_id"] for row in fxiaoke.admin("records", object=ACCOUNT)] == [ref]
    fxiaoke.admin("hide", object=ACCOUNT, id=ref, on=False)
    assert fxiaoke.query(ACCOUNT).names == ["林"]
