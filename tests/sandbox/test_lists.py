"""README: List, Paging, Incremental reads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.sandbox.client import NOON, Client


def test_fields_are_mandatory_in_a_list(zoho: Client) -> None:
    answer = zoho.get("Contacts")
    assert (answer.status, answer.code) == (400, "REQUIRED_PARAM_MISSING")
    assert answer.details == {"param_name": "fields"}


def test_fifty_one_fields_are_too_many(zoho: Client) -> None:
    zoho.contact()
    assert zoho.get("Contacts", fields=",".join(["Email"] * 50)).status == 200
    answer = zoho.get("Contacts", fields=",".join(["Email"] * 51))
    assert (answer.code, answer.details["limit"]) == ("LIMIT_EXCEEDED", 50)


def test_the_id_alone_is_refused_and_comes_with_any_other_field(zoho: Client) -> None:
    ref = zoho.contact()
    assert zoho.get("Contacts", fields="id").code == "INVALID_DATA"
    assert zoho.get("Contacts", fields="Last_Name").rows == [{"id": ref, "Last_Name": "Lin"}]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"per_page": "201"}, "PATTERN_NOT_MATCHED"),
        ({"per_page": "0"}, "PATTERN_NOT_MATCHED"),
        ({"per_page": "ten"}, "PATTERN_NOT_MATCHED"),
        ({"page": "0"}, "PATTERN_NOT_MATCHED"),
        ({"page": "11"}, "DISCRETE_PAGINATION_LIMIT_EXCEEDED"),
        ({"sort_by": "Email"}, "INVALID_DATA"),
        ({"sort_order": "up"}, "PATTERN_NOT_MATCHED"),
        ({"page": "1", "page_token": "x"}, "AMBIGUITY_DURING_PROCESSING"),
        ({"page_token": "x"}, "INVALID_DATA"),
        ({"ids": "1,x"}, "PATTERN_NOT_MATCHED"),
        ({"ids": ",".join("1" * 101)}, "LIMIT_EXCEEDED"),
    ],
)
def test_a_wrong_parameter_is_refused(zoho: Client, query: dict[str, str], code: str) -> None:
    answer = zoho.get("Contacts", fields="Email", **query)
    assert (answer.status, answer.code) == (400, code)


def test_an_unknown_module_is_refused(zoho: Client) -> None:
    assert zoho.get("contacts", fields="Email").code == "INVALID_MODULE"


def test_a_wrong_path_is_404(zoho: Client) -> None:
    answer = zoho.get("Contacts/1/2/3")
    assert (answer.status, answer.code) == (404, "INVALID_URL_PATTERN")


def test_a_wrong_method_is_refused(zoho: Client) -> None:
    assert zoho.call("PATCH", "Contacts").code == "INVALID_REQUEST_METHOD"
    assert zoho.get("coql").code == "INVALID_REQUEST_METHOD"


def test_no_rows_are_204_without_a_body(zoho: Client) -> None:
    answer = zoho.get("Contacts", fields="Email")
    assert (answer.status, answer.body) == (204, None)


def test_the_order_is_id_descending_unless_told(zoho: Client) -> None:
    refs = [zoho.contact() for _ in range(3)]
    assert [row["id"] for row in zoho.get("Contacts", fields="Email").rows] == refs[::-1]
    upward = zoho.get("Contacts", fields="Email", sort_order="asc")
    assert [row["id"] for row in upward.rows] == refs
    assert upward.body["info"]["sort_by"] == "id"


def test_ids_grow_and_are_strings_of_nineteen_digits(zoho: Client) -> None:
    refs = [zoho.contact() for _ in range(5)]
    assert refs == sorted(refs)
    assert {len(ref) for ref in refs} == {19}


def test_page_tokens_lead_through_all_records(zoho: Client) -> None:
    refs = [zoho.contact() for _ in range(7)]
    seen, query = [], {"fields": "Email", "per_page": "3", "sort_order": "asc"}
    page = zoho.get("Contacts", **query)
    while True:
        seen += [row["id"] for row in page.rows]
        after = page.body["info"]["next_page_token"]
        assert page.body["info"]["more_records"] is (after is not None)
        if after is None:
            break
        page = zoho.get("Contacts", page_token=after, **query)
    assert seen == refs


def _token(zoho: Client, **query: str) -> str:
    for _ in range(3):
        zoho.contact()
    told = zoho.get("Contacts", fields="Email", per_page="1", **query).body["info"]
    return str(told["next_page_token"])


@pytest.mark.parametrize(
    "changed", [{"per_page": "2"}, {"fields": "Email,Phone"}, {"sort_by": "Modified_Time"}]
)
def test_a_page_token_is_bound_to_all_parameters(zoho: Client, changed: dict[str, str]) -> None:
    query = {"fields": "Email", "per_page": "1", "page_token": _token(zoho)}
    assert zoho.get("Contacts", **query).status == 200
    assert zoho.get("Contacts", **{**query, **changed}).code == "TOKEN_BOUND_DATA_MISMATCH"


def test_a_page_token_is_bound_to_the_time_asked_for(zoho: Client) -> None:
    query = {"fields": "Email", "per_page": "1", "page_token": _token(zoho)}
    since = {"If-Modified-Since": "2020-01-01T00:00:00+08:00"}
    assert zoho.get("Contacts", since, **query).code == "TOKEN_BOUND_DATA_MISMATCH"


def test_a_page_token_ends_after_a_day(zoho: Client) -> None:
    query = {"fields": "Email", "per_page": "1", "page_token": _token(zoho)}
    zoho.clock.at += 24 * 3600
    zoho.token = zoho.refresh()["access_token"]
    assert zoho.get("Contacts", **query).code == "EXPIRED_VALUE"


def test_page_tokens_end_at_the_limit(zoho: Client) -> None:
    zoho.admin("limits", list_by_token=1)
    query = {"fields": "Email", "per_page": "1", "page_token": _token(zoho)}
    assert zoho.get("Contacts", **query).code == "PAGINATION_LIMIT_EXCEEDED"


@pytest.mark.parametrize(("form", "expected"), [("position", ["3"]), ("key", ["2", "3"])])
def test_a_record_that_moves_shifts_a_token_that_is_a_position(
    zoho: Client, form: str, expected: list[str]
) -> None:
    zoho.admin("switch", page_token=form)
    refs = []
    for name in "123":
        refs.append(zoho.contact(First_Name=name))
        zoho.clock.at += 1
    query = {"fields": "First_Name", "per_page": "2", "sort_by": "Modified_Time"}
    query |= {"sort_order": "asc"}
    zoho.admin("limits", list_page=1)
    after = zoho.get("Contacts", **query).body["info"]["next_page_token"]
    zoho.update("Contacts", refs[0], {"Phone": "1"})
    zoho.admin("limits", list_page=200)
    page = zoho.get("Contacts", page_token=after, **query)
    assert [row["First_Name"] for row in page.rows][: len(expected)] == expected


def test_modified_since_is_inclusive(zoho: Client) -> None:
    zoho.contact()
    for second, status in ((0, 200), (1, 304)):
        at = datetime.fromtimestamp(NOON + second, UTC).isoformat()
        answer = zoho.get("Contacts", {"If-Modified-Since": at}, fields="Email")
        assert answer.status == status


@pytest.mark.parametrize("sort_by", ["id", "Created_Time", "Modified_Time"])
def test_modified_since_filters_in_every_order(zoho: Client, sort_by: str) -> None:
    old = zoho.contact()
    zoho.clock.at += 60
    zoho.contact()
    zoho.clock.at += 60
    zoho.update("Contacts", old, {"Phone": "1"})
    since = {"If-Modified-Since": datetime.fromtimestamp(NOON + 120, UTC).isoformat()}
    answer = zoho.get("Contacts", since, fields="Email", sort_by=sort_by)
    assert [row["id"] for row in answer.rows] == [old]


def test_nothing_modified_may_be_204(zoho: Client) -> None:
    zoho.admin("switch", not_modified="204")
    since = {"If-Modified-Since": "2030-01-01T00:00:00+08:00"}
    assert zoho.get("Contacts", since, fields="Email").status == 204


@pytest.mark.parametrize(
    "told",
    [
        "Sat, 31 Jan 2026 04:00:00 GMT",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00.5+08:00",
        "2026-01-31T12:00:00Z",
        "2026-02-31T12:00:00+08:00",
    ],
)
def test_modified_since_takes_iso_8601_with_offset_only(zoho: Client, told: str) -> None:
    answer = zoho.get("Contacts", {"If-Modified-Since": told}, fields="Email")
    assert (answer.status, answer.code) == (400, "INVALID_DATA")


def test_a_time_with_z_may_be_taken(zoho: Client) -> None:
    zoho.admin("switch", zulu_times="accepted")
    since = {"If-Modified-Since": "2030-01-31T12:00:00Z"}
    assert zoho.get("Contacts", since, fields="Email").status == 304


def test_an_unknown_id_is_204_or_400(zoho: Client) -> None:
    assert zoho.get("Contacts/4150000000009999999").status == 204
    zoho.admin("switch", unknown_id="400")
    answer = zoho.get("Contacts/4150000000009999999")
    assert (answer.status, answer.code) == (400, "INVALID_DATA")


def test_a_malformed_id_is_400(zoho: Client) -> None:
    assert zoho.get("Contacts/lin").code == "INVALID_DATA"


def test_a_hidden_record_is_refused_by_id_and_missing_elsewhere(zoho: Client) -> None:
    ref = zoho.contact(Email="lin@example.test")
    zoho.admin("hide", module="Contacts", id=ref)
    answer = zoho.get(f"Contacts/{ref}")
    assert (answer.status, answer.code) == (403, "NO_PERMISSION")
    assert zoho.get("Contacts", fields="Email").status == 204
    assert zoho.coql(f"select Email from Contacts where id = '{ref}'").status == 204
    assert zoho.get("Contacts/search", email="lin@example.test").status == 204
    assert zoho.update("Contacts", ref, {"Phone": "1"}).code == "NO_PERMISSION"
    zoho.admin("switch", hidden_record="absent")
    assert zoho.get(f"Contacts/{ref}").status == 204


def test_a_lookup_shows_the_present_name_and_nothing_once_the_record_is_gone(zoho: Client) -> None:
    ref = zoho.contact()
    zoho.insert("Memberships", {"Name": "会员", "Customer": {"id": ref}})
    zoho.update("Contacts", ref, {"Last_Name": "Wang"})
    row = zoho.get("Memberships", fields="Customer").rows[0]
    assert row["Customer"] == {"name": "Wang", "id": ref}
    zoho.call("DELETE", f"Contacts/{ref}")
    assert zoho.get("Memberships", fields="Customer").rows[0]["Customer"] is None


def test_a_commit_may_show_late_with_its_earlier_time(zoho: Client) -> None:
    """README: Incremental reads, late visibility."""
    zoho.admin("limits", feed_lag_s=30)
    late = zoho.contact()
    assert zoho.get("Contacts", fields="Email").status == 204
    assert zoho.coql("select Email from Contacts where id is not null").status == 204
    assert zoho.get(f"Contacts/{late}").status == 200
    zoho.clock.at += 29
    zoho.admin("limits", feed_lag_s=0)
    soon = zoho.contact()
    listed = zoho.get("Contacts", fields="Modified_Time", sort_order="asc").rows
    assert [row["id"] for row in listed] == [soon]
    zoho.clock.at += 1
    listed = zoho.get("Contacts", fields="Modified_Time", sort_order="asc").rows
    assert [row["id"] for row in listed] == [late, soon]
    assert listed[0]["Modified_Time"] < listed[1]["Modified_Time"]


def test_a_late_commit_never_covers_a_newer_one(zoho: Client) -> None:
    ref = zoho.contact()
    zoho.admin("limits", feed_lag_s=30)
    zoho.update("Contacts", ref, {"Phone": "1"})
    zoho.admin("limits", feed_lag_s=0)
    zoho.update("Contacts", ref, {"Phone": "2"})
    zoho.clock.at += 60
    assert zoho.get("Contacts", fields="Phone").rows == [{"id": ref, "Phone": "2"}]
