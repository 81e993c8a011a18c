"""What Fxiaoke's gateway says to other shapes, paths, hosts and too many calls, in the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.fxiaoke_client import ACCOUNT, CARD, FxiaokeClient

P = "/cgi/crm/v2/data"
NULL_POINTER = "java.lang.NullPointerException"


def test_business_errors_are_http_200_in_an_envelope(fxiaoke: FxiaokeClient) -> None:
    good, bad = fxiaoke.create(ACCOUNT, name="林"), fxiaoke.create(ACCOUNT)
    assert (good.status, bad.status) == (200, 200)
    keys = {"errorCode", "errorMessage", "errorDescription", "traceId"}
    assert set(good.body) == keys | {"dataId"}
    assert set(bad.body) == keys
    assert (good.text, good.body["errorDescription"]) == ("OK", "success")
    assert good.body["traceId"] != bad.body["traceId"]
    assert good.headers["date"] == "Sat, 31 Jan 2026 04:00:00 GMT"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("update", {"data": {"_id": "x", "dataObjectApiName": ACCOUNT}}),
        ("update", {"objectData": {"_id": "x", "dataObjectApiName": ACCOUNT}}),
        ("update", {"dataObjectApiName": ACCOUNT, "objectDataId": "x"}),
        ("update", {"object_data": {"dataObjectApiName": ACCOUNT, "name": "x"}}),
        ("update", {"dataObjectApiName": ACCOUNT, "object_data": {"_id": "x", "name": "y"}}),
        ("create", {"dataObjectApiName": ACCOUNT, "name": "x"}),
        ("create", {"dataObjectApiName": ACCOUNT, "object_data": {"name": "x"}}),
        ("query", {"object_data": {"dataObjectApiName": ACCOUNT}}),
        ("query", {"dataObjectApiName": ACCOUNT, "search_query_info": []}),
        ("query", {"dataObjectApiName": ACCOUNT, "search_query_info": {"filters": {}}}),
        ("get", {"dataObjectApiName": ACCOUNT, "object_data_id": "x"}),
        ("get", {"dataObjectApiName": ACCOUNT, "idList": ["x"]}),
        ("invalid", {"dataObjectApiName": ACCOUNT, "idList": ["x"]}),
        ("invalid", {"dataObjectApiName": ACCOUNT, "objectDataId": "x"}),
        ("recover", {"dataObjectApiName": ACCOUNT, "object_data_id": "x"}),
        ("delete", {"dataObjectApiName": ACCOUNT, "idList": "x"}),
        ("changeOwner", {"dataObjectApiName": ACCOUNT, "idList": ["x"], "ownerId": ["1000"]}),
        ("changeOwner", {"dataObjectApiName": ACCOUNT, "data": []}),
        ("choose", {"dataObjectApiName": ACCOUNT, "objectIds": ["x"]}),
        ("choose", {"apiName": ACCOUNT, "idList": ["x"]}),
    ],
)
@pytest.mark.parametrize("code", ["50009", "32000"])
def test_another_call_s_shape_is_a_null_pointer(
    fxiaoke: FxiaokeClient, action: str, data: dict[str, Any], code: str
) -> None:
    fxiaoke.switch(business_code=code)
    answer = fxiaoke.call(f"{P}/{action}", data)
    assert (answer.status, answer.code, answer.text) == (200, int(code), NULL_POINTER)


def test_a_body_without_data_or_that_is_none(fxiaoke: FxiaokeClient) -> None:
    assert fxiaoke.call(f"{P}/query").text == NULL_POINTER
    assert fxiaoke.post(f"{P}/query", b"", fxiaoke.headers).code == 12004
    assert fxiaoke.post(f"{P}/query", b"[1", fxiaoke.headers).code == 15002
    assert fxiaoke.post(f"{P}/query", [1], fxiaoke.headers).code == 15002


@pytest.mark.parametrize("code", ["10006", "32000", "50009"])
def test_the_wrong_family_does_not_serve_the_object(fxiaoke: FxiaokeClient, code: str) -> None:
    fxiaoke.switch(wrong_family=code)
    custom = "/cgi/crm/custom/v2/data/query"
    assert fxiaoke.call(custom, {"dataObjectApiName": ACCOUNT}).code == int(code)
    assert fxiaoke.call(f"{P}/query", {"dataObjectApiName": CARD}).code == int(code)
    assert fxiaoke.call(f"{P}/query", {"dataObjectApiName": "LeadObj"}).code == int(code)
    assert fxiaoke.call(custom, {"dataObjectApiName": CARD}).code == 0


@pytest.mark.parametrize("path", ["/cgi/crm/v2/data/add", "/cgi/crm/v2/data/batchCreate", "/"])
def test_an_unknown_path_is_a_page(fxiaoke: FxiaokeClient, path: str) -> None:
    assert fxiaoke.call(path, {}).status == 404
    fxiaoke.switch(unknown_path="302")
    assert fxiaoke.call(path, {}).headers["location"] == "http://sandbox.invalid/login"


def test_a_host_that_is_no_gateway_redirects_to_a_page(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.switch(host="redirect")
    answer = fxiaoke.create(ACCOUNT, name="林")
    assert answer.status == 302
    assert answer.headers["content-type"].startswith("text/html")
    assert fxiaoke.token().status == 302
    fxiaoke.switch(host="gateway")
    assert fxiaoke.query(ACCOUNT).rows == []


def test_only_posts_are_answered(fxiaoke: FxiaokeClient) -> None:
    assert fxiaoke.app.handle("GET", "/cgi/crm/v2/object/list")[0] == 405


@pytest.mark.parametrize("code", ["30004", "14001"])
def test_each_path_has_a_hundred_calls_in_twenty_seconds(fxiaoke: FxiaokeClient, code: str) -> None:
    fxiaoke.switch(throttle_code=code)
    fxiaoke.admin("limits", rate_calls=100)
    for second in range(10):
        fxiaoke.clock.at += 1
        assert {fxiaoke.query(ACCOUNT).code for _ in range(10)} == {0}, second
    refused = fxiaoke.query(ACCOUNT)
    assert (refused.status, refused.code) == (200, int(code))
    assert fxiaoke.create(ACCOUNT, name="林").code == 0  # another path
    fxiaoke.clock.at += 11
    assert [fxiaoke.query(ACCOUNT).code for _ in range(11)] == [0] * 10 + [int(code)]


def test_the_quota_of_the_day_ends_at_midnight_in_china(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.admin("limits", quota=3)
    assert [fxiaoke.query(ACCOUNT).code for _ in range(4)] == [0, 0, 0, 30002]
    assert fxiaoke.admin("quota") == 3
    fxiaoke.clock.at += 12 * 3600 - 1  # it was noon
    fxiaoke.login()
    assert fxiaoke.query(ACCOUNT).code == 30002
    fxiaoke.clock.at += 1
    assert fxiaoke.query(ACCOUNT).code == 0
    fxiaoke.admin("limits", quota=0)
    assert fxiaoke.query(ACCOUNT).code == 30003


# --- metadata ---


def _describe(fxiaoke: FxiaokeClient, object: str) -> Any:
    path = "/cgi/crm/v2/object/describe"
    return fxiaoke.call(path, {"apiName": object}, apiName=object).data["describe"]


@pytest.mark.parametrize(
    ("place", "data", "top"), [("either", 0, 0), ("data", 0, 50009), ("top", 50009, 0)]
)
def test_where_describe_is_told_its_object_is_a_switch(
    fxiaoke: FxiaokeClient, place: str, data: int, top: int
) -> None:
    fxiaoke.switch(describe_param=place)
    path = "/cgi/crm/v2/object/describe"
    assert fxiaoke.call(path, {"apiName": CARD, "includeDetail": False}).code == data
    assert fxiaoke.call(path, apiName=CARD, includeDetail=True).code == top
    both = fxiaoke.call(path, {"apiName": CARD}, apiName=CARD)
    assert both.data["describe"]["api_name"] == CARD
    assert fxiaoke.call(path, {"apiName": "LeadObj"}, apiName="LeadObj").code == 50009


def test_describe_tells_what_a_mapping_needs(fxiaoke: FxiaokeClient) -> None:
    fields = _describe(fxiaoke, CARD)["fields"]
    assert (fields["name"]["is_required"], fields["name"]["define_type"]) == (True, "package")
    key = fields["ext_key__c"]
    assert (key["is_unique"], key["type"], key["define_type"]) == (True, "text", "custom")
    assert key["max_length"] == 100
    assert fields["customer__c"]["target_api_name"] == ACCOUNT
    assert {one["value"]: one["label"] for one in fields["plan__c"]["options"]} == {
        "monthly": "月卡",
        "quarterly": "季卡",
        "yearly": "年卡",
        "lifetime": "终身",
        "none": "无",
    }
    assert fields["valid_from__c"]["time_zone"] == "GMT+8"
    assert fields["points__c"]["decimal_places"] == 0
    assert fields["life_status"]["define_type"] == "system"
    money = _describe(fxiaoke, ACCOUNT)["fields"]["rfm_monetary__c"]
    assert (money["type"], money["decimal_places"]) == ("currency", 2)
    fxiaoke.switch(describe_max_length="no")
    assert "max_length" not in _describe(fxiaoke, CARD)["fields"]["ext_key__c"]


def test_objects_are_listed_with_their_families(fxiaoke: FxiaokeClient) -> None:
    listed = fxiaoke.call("/cgi/crm/v2/object/list").data["objects"]
    kinds = {one["describeApiName"]: one["defineType"] for one in listed}
    assert (kinds[ACCOUNT], kinds[CARD]) == ("package", "custom")


def test_areas_are_texts_or_codes(fxiaoke: FxiaokeClient) -> None:
    told = fxiaoke.call("/cgi/crm/countryAreaOptions/get").body["countryAreaOptions"]
    provinces = {one["value"]: one["label"] for one in told["province"]["options"]}
    assert _describe(fxiaoke, ACCOUNT)["fields"]["province"]["type"] == "text"
    assert fxiaoke.create(ACCOUNT, name="林", province="浙江").code == 0
    fxiaoke.switch(areas="codes")
    assert _describe(fxiaoke, ACCOUNT)["fields"]["province"]["type"] == "province"
    assert fxiaoke.create(ACCOUNT, name="林", province="浙江").code == 50009
    code = next(code for code, label in provinces.items() if label == "浙江")
    row = fxiaoke.get(ACCOUNT, fxiaoke.made(province=code)).data
    assert (row["province"], row["province__r"]) == (code, "浙江")
