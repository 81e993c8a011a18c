"""Fxiaoke's lists in the sandbox: operators, orders, pages, projections, what the index shows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import NOON
from tests.sandbox.fxiaoke_client import ACCOUNT, CARD, FxiaokeClient

NOON_MS = int(NOON * 1000)


@pytest.fixture
def people(fxiaoke: FxiaokeClient) -> FxiaokeClient:
    """Three accounts, a second apart."""
    rows: list[dict[str, Any]] = [
        {"name": "a", "remark": "tea house", "rfm_recency__c": "9", "tags__c": ["VIP", "门店"]},
        {"name": "b", "remark": "Tea", "rfm_recency__c": "10", "tags__c": ["VIP"]},
        {"name": "c", "stage__c": "lost", "do_not_contact__c": True},
    ]
    for row in rows:
        fxiaoke.made(**row)
        fxiaoke.clock.at += 1
    return fxiaoke


@pytest.mark.parametrize(
    ("field", "operator", "values", "names"),
    [
        ("name", "EQ", ["b"], "b"),
        ("remark", "N", ["Tea"], "ac"),
        ("rfm_recency__c", "GT", ["9"], "b"),
        ("rfm_recency__c", "GTE", ["9"], "ab"),
        ("rfm_recency__c", "LT", ["10"], "a"),
        ("rfm_recency__c", "LTE", ["10"], "ab"),
        ("rfm_recency__c", "BETWEEN", ["9", "10"], "ab"),
        ("rfm_recency__c", "NBETWEEN", ["10", "11"], "ac"),
        ("remark", "LIKE", ["ea"], "ab"),
        ("remark", "NLIKE", ["ea"], "c"),
        ("remark", "STARTWITH", ["tea"], "a"),
        ("remark", "ENDWITH", ["house"], "a"),
        ("remark", "IS", [], "c"),
        ("remark", "ISN", [], "ab"),
        ("name", "IN", ["a", "c", "x"], "ac"),
        ("name", "NIN", ["a"], "bc"),
        ("tags__c", "HASANYOF", ["门店", "会员日"], "a"),
        ("tags__c", "NHASANYOF", ["门店"], "bc"),
        ("tags__c", "CONTAINS", ["VIP"], "ab"),
        ("tags__c", "CONTAINS", ["VIP", "门店"], "a"),
        ("do_not_contact__c", "EQ", ["true"], "c"),
        ("stage__c", "EQ", ["lost"], "c"),
        ("life_status", "EQ", ["normal"], "abc"),
        ("last_modified_time", "GTE", [str(NOON_MS + 1000)], "bc"),
        ("last_modified_time", "LT", [NOON_MS + 1000], "a"),
        ("last_modified_time", "BETWEEN", [NOON_MS, NOON_MS + 1000], "ab"),
        ("create_time", "GT", [str(NOON_MS)], "bc"),
    ],
)
def test_each_operator_means_what_the_pages_say(
    people: FxiaokeClient, field: str, operator: str, values: list[Any], names: str
) -> None:
    assert "".join(people.query(ACCOUNT, (field, operator, values)).names) == names


def test_filters_are_anded(people: FxiaokeClient) -> None:
    assert people.query(ACCOUNT, ("remark", "ISN", []), ("name", "N", ["a"])).names == ["b"]


@pytest.mark.parametrize("ends", ["inclusive", "exclusive"])
def test_the_ends_of_between_are_a_switch(people: FxiaokeClient, ends: str) -> None:
    people.switch(between_ends=ends)
    found = people.query(ACCOUNT, ("rfm_recency__c", "BETWEEN", ["9", "10"])).names
    assert found == (["a", "b"] if ends == "inclusive" else [])


@pytest.mark.parametrize("operator", ["NEQ", "NE", "GE", "NOT_IN", "eq", None])
def test_an_operator_from_elsewhere_is_ignored_or_refused(
    people: FxiaokeClient, operator: str
) -> None:
    assert people.query(ACCOUNT, ("name", operator, ["a"])).names == ["a", "b", "c"]
    people.switch(unknown_operator="refused")
    assert people.query(ACCOUNT, ("name", operator, ["a"])).code == 50009


@pytest.mark.parametrize(("case", "names"), [("exact", []), ("folded", ["b"])])
def test_texts_compare_by_case_or_not(people: FxiaokeClient, case: str, names: list[str]) -> None:
    people.switch(text_case=case)
    assert people.query(ACCOUNT, ("remark", "EQ", ["TEA"])).names == names
    assert people.query(ACCOUNT, ("remark", "IN", ["Tea"])).names == ["b"]


def test_an_unknown_field_in_a_filter_is_refused_or_ignored(people: FxiaokeClient) -> None:
    assert people.query(ACCOUNT, ("nothing__c", "EQ", ["a"])).code == 50009
    people.switch(unknown_filter_field="ignored")
    assert len(people.query(ACCOUNT, ("nothing__c", "EQ", ["a"])).rows) == 3


def test_orders_sort_and_order_is_ignored(people: FxiaokeClient) -> None:
    by_number = [{"fieldName": "rfm_recency__c", "isAsc": False}]
    assert people.query(ACCOUNT, orders=by_number).names == ["b", "a", "c"]
    newest = [{"fieldName": "last_modified_time", "isAsc": False}]
    assert people.query(ACCOUNT, orders=newest).names == ["c", "b", "a"]
    by_id = [{"fieldName": "_id", "isAsc": False}]
    assert people.query(ACCOUNT, orders=by_id).names == ["c", "b", "a"]
    told = people.query(ACCOUNT, orders=[], order=[{"fieldName": "_id", "isAsc": True}])
    assert told.names == ["c", "b", "a"]  # the newest first, as without any order


@pytest.mark.parametrize(
    ("operator", "values", "names"),
    [
        ("LT", [NOON_MS + 2000], "ba"),
        ("LTE", [NOON_MS + 1000], "ba"),
        ("GT", [NOON_MS], "cb"),
        ("GTE", [NOON_MS + 1000], "cb"),
        ("BETWEEN", [NOON_MS + 1000, NOON_MS + 1000], "b"),
        ("NBETWEEN", [NOON_MS + 1000, NOON_MS + 1000], "ca"),
    ],
)
def test_a_window_of_time_is_read_in_the_order_of_time(
    people: FxiaokeClient, operator: str, values: list[int], names: str
) -> None:
    newest = [{"fieldName": "last_modified_time", "isAsc": False}]
    found = people.query(ACCOUNT, ("last_modified_time", operator, values), orders=newest)
    assert "".join(found.names) == names


@pytest.mark.parametrize(
    ("operator", "names"),
    [("LT", "a"), ("LTE", "ab"), ("GT", "c"), ("GTE", "bc"), ("EQ", "b"), ("N", "ac")],
)
def test_ids_compare(people: FxiaokeClient, operator: str, names: str) -> None:
    middle = people.query(ACCOUNT).rows[1]["_id"]
    assert "".join(people.query(ACCOUNT, ("_id", operator, [middle])).names) == names


def test_pages_by_id_see_each_row_once(people: FxiaokeClient) -> None:
    last, seen = "0" * 24, list[str]()
    while True:
        page = people.query(ACCOUNT, ("_id", "GT", [last]), limit=2).rows
        seen += [row["name"] for row in page]
        if len(page) < 2:
            break
        last = page[-1]["_id"]
    assert seen == ["a", "b", "c"]


def test_pages_by_id_see_short_and_long_ids_in_the_order_of_their_texts(
    fxiaoke: FxiaokeClient,
) -> None:
    made = []
    for digits in ("24", "32", "32", "24", "32"):
        fxiaoke.switch(id_digits=digits)
        made.append(fxiaoke.made(name=digits))
    old = {"_id": "0f" * 16, "name": "32"}
    fxiaoke.admin("seed", object=ACCOUNT, records=[old])
    assert [len(ref) for ref in made] == [24, 32, 32, 24, 32]
    last, seen = "0" * 24, list[str]()
    while page := fxiaoke.query(ACCOUNT, ("_id", "GT", [last]), limit=2).rows:
        seen += [row["_id"] for row in page]
        last = seen[-1]
    assert seen == sorted([*made, old["_id"]])
    assert fxiaoke.get(ACCOUNT, made[1]).data["_id"] == made[1]


def test_a_window_of_time_combines_with_pages_by_id(people: FxiaokeClient) -> None:
    first = people.query(ACCOUNT, limit=1).rows[0]["_id"]
    window = ("last_modified_time", "GTE", [str(NOON_MS)])
    upper = ("last_modified_time", "LT", [str(NOON_MS + 2000)])
    assert people.query(ACCOUNT, window, upper, ("_id", "GT", [first])).names == ["b"]


def test_a_page_holds_a_hundred_rows_and_twenty_by_itself(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.admin("seed", object=ACCOUNT, records=[{"name": f"n{i}"} for i in range(150)])
    assert len(fxiaoke.query(ACCOUNT).rows) == 20
    assert len(fxiaoke.query(ACCOUNT, limit="100").rows) == 100
    assert fxiaoke.query(ACCOUNT, limit=101).code == 50009
    assert fxiaoke.query(ACCOUNT, limit=0).code == 50009
    fxiaoke.switch(over_limit="capped")
    capped = fxiaoke.query(ACCOUNT, limit=150)
    assert (len(capped.rows), capped.data["limit"]) == (100, 100)
    fxiaoke.switch(over_limit="served")
    assert len(fxiaoke.query(ACCOUNT, limit=150).rows) == 150


def test_an_offset_has_its_end(fxiaoke: FxiaokeClient) -> None:
    assert fxiaoke.query(ACCOUNT, limit=100, offset=10_000).code == 0
    far = fxiaoke.query(ACCOUNT, limit=100, offset=10_100)
    assert (far.status, far.code) == (200, 10013)


@pytest.mark.parametrize(
    ("form", "names"), [("floor", ["a", "b"]), ("exact", ["b", "c"]), ("refused", None)]
)
def test_an_offset_within_a_page_is_a_switch(
    people: FxiaokeClient, form: str, names: list[str] | None
) -> None:
    people.switch(odd_offset=form)
    answer = people.query(ACCOUNT, limit=2, offset=1)
    assert (answer.names if answer.code == 0 else None) == names
    assert people.query(ACCOUNT, limit=2, offset=2).names == ["c"]


def test_the_total_is_counted_unless_switched_off_in_the_right_place(
    people: FxiaokeClient,
) -> None:
    def total(info: dict[str, Any], data: dict[str, Any], **top: Any) -> int:
        body = {"search_query_info": {"limit": 1, **info}, **data}
        answer = people.act(ACCOUNT, "query", body, **top)
        assert answer.rows[0]["total_num"] == answer.data["total"]
        return int(answer.data["total"])

    assert total({}, {}) == 3
    assert total({}, {"find_explicit_total_num": False}) == 0
    assert total({"find_explicit_total_num": False}, {}) == 3  # no effect in there
    assert total({}, {}, returnTotalNum=3) == 0
    assert total({}, {}, find_explicit_total_num=False) == 3


def test_a_list_is_told_in_either_shape(people: FxiaokeClient) -> None:
    people.switch(list_shape="bare")
    answer = people.query(ACCOUNT)
    assert [row["name"] for row in answer.data] == ["a", "b", "c"]


def test_rows_carry_companions_with_contact_data_unless_projected_away(
    people: FxiaokeClient,
) -> None:
    row = people.query(ACCOUNT).rows[0]
    assert row["owner__r"]["email"] == "integration@example.test"
    assert row["searchAfterId"][1] == row["_id"]
    assert "remark" not in people.query(ACCOUNT).rows[2]  # nulls are absent
    asked = people.query(ACCOUNT, fieldProjection=["name", "remark"]).rows
    assert [set(one) for one in asked] == [
        {"_id", "name", "remark", "searchAfterId", "total_num"},
        {"_id", "name", "remark", "searchAfterId", "total_num"},
        {"_id", "name", "searchAfterId", "total_num"},
    ]
    assert people.query(ACCOUNT, fieldProjection=[]).rows[0] == row


@pytest.mark.parametrize(("form", "everything"), [("with_companions", False), ("ignored", True)])
def test_a_projection_may_not_hold_the_companions_back(
    people: FxiaokeClient, form: str, everything: bool
) -> None:
    people.switch(projection=form)
    row = people.query(ACCOUNT, fieldProjection=["name"]).rows[0]
    assert row["owner__r"]["phone"] == "13900001000"
    assert ("remark" in row) is everything


def test_the_projection_of_one_call_is_not_that_of_another(people: FxiaokeClient) -> None:
    data = {"search_query_info": {"limit": 1}, "field_projection": ["name"]}
    assert "owner" in people.act(ACCOUNT, "query", data).rows[0]
    path, named = "/cgi/crm/custom/v2/data/findSimple", {"dataObjectApiName": ACCOUNT}
    assert "owner" not in people.call(path, {**named, **data}).rows[0]
    inside = {"search_query_info": {"limit": 1, "fieldProjection": ["name"]}}
    assert "owner" in people.call(path, {**named, **inside}).rows[0]


def test_find_one_tells_the_first_match_or_nothing(people: FxiaokeClient) -> None:
    path = "/cgi/crm/custom/v2/data/findOne"

    def found(value: str) -> Any:
        info = {"filters": [{"field_name": "name", "operator": "EQ", "field_values": [value]}]}
        return people.call(path, {"dataObjectApiName": ACCOUNT, "search_query_info": info}).data

    assert found("b")["objectData"]["name"] == "b"
    assert found("x") == {}


def test_nulls_are_told_on_request(people: FxiaokeClient) -> None:
    info = {"orders": [{"fieldName": "_id"}]}
    row = people.act(ACCOUNT, "query", {"search_query_info": info}, includeNull=True).rows[0]
    assert row["stage__c"] is None
    ref = row["_id"]
    assert "stage__c" not in people.get(ACCOUNT, ref).data
    assert people.get(ACCOUNT, ref, includeNull=True).data["stage__c"] is None


@pytest.mark.parametrize(("form", "value"), [("string", "12.50"), ("number", 12.5)])
def test_numbers_are_told_in_either_form_and_the_version_as_text(
    fxiaoke: FxiaokeClient, form: str, value: Any
) -> None:
    fxiaoke.switch(numbers_as=form)
    row = fxiaoke.get(ACCOUNT, fxiaoke.made(rfm_monetary__c="12.5")).data
    assert (row["rfm_monetary__c"], row["version"]) == (value, "1")


def test_the_index_shows_a_commit_later_and_what_was_before_until_then(
    fxiaoke: FxiaokeClient,
) -> None:
    fxiaoke.admin("limits", index_lag_s=30)
    ref = fxiaoke.made(name="old")
    assert fxiaoke.query(ACCOUNT).rows == []
    assert fxiaoke.get(ACCOUNT, ref).data["name"] == "old"
    fxiaoke.clock.at += 30
    assert fxiaoke.query(ACCOUNT).names == ["old"]
    assert fxiaoke.update(ACCOUNT, ref, name="new").code == 0
    assert fxiaoke.query(ACCOUNT, ("name", "EQ", ["old"])).names == ["old"]
    assert fxiaoke.query(ACCOUNT, ("name", "EQ", ["new"])).names == []
    assert fxiaoke.get(ACCOUNT, ref).data["name"] == "new"
    fxiaoke.clock.at += 29
    assert fxiaoke.query(ACCOUNT).names == ["old"]
    fxiaoke.clock.at += 1
    row = fxiaoke.query(ACCOUNT).rows[0]
    # its time is that of the write, half a minute before it could be seen
    assert (row["name"], row["last_modified_time"]) == ("new", NOON_MS + 30_000)


def test_a_row_deleted_for_good_leaves_the_index_later(fxiaoke: FxiaokeClient) -> None:
    ref = fxiaoke.made()
    fxiaoke.admin("limits", index_lag_s=5)
    fxiaoke.admin("purge", object=ACCOUNT, id=ref)
    assert len(fxiaoke.query(ACCOUNT).rows) == 1
    fxiaoke.clock.at += 5
    assert fxiaoke.query(ACCOUNT).rows == []


@pytest.mark.parametrize("object", [ACCOUNT, CARD])
@pytest.mark.parametrize("shown", ["yes", "no"])
def test_whether_lists_show_invalidated_rows_is_a_switch_for_each_family(
    fxiaoke: FxiaokeClient, object: str, shown: str
) -> None:
    assert fxiaoke.app.switches["custom_shows_invalid"] == "yes"
    assert fxiaoke.app.switches["preset_shows_invalid"] == "no"
    form = "preset_shows_invalid" if object == ACCOUNT else "custom_shows_invalid"
    fxiaoke.switch(**{form: shown})
    ref = fxiaoke.made(object)
    assert fxiaoke.invalid(object, ref).code == 0
    found = [row["life_status"] for row in fxiaoke.query(object).rows]
    assert found == (["invalid"] if shown == "yes" else [])
    assert fxiaoke.get(object, ref).data["life_status"] == "invalid"
