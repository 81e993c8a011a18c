"""README: COQL."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest
from connector_zoho import facts
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.client import NOON, Client

T = "2026-01-31T12:00:00+08:00"


def _names(zoho: Client, where: str, tail: str = "") -> list[str]:
    answer = zoho.coql(f"select Last_Name from Contacts where {where} {tail}")
    if answer.status == 204:
        return []
    assert answer.status == 200, answer.body
    return [row["Last_Name"] for row in answer.rows]


def _contacts(zoho: Client, *names: str, **fields: Any) -> list[str]:
    return [zoho.contact(Last_Name=name, **fields) for name in names]


@pytest.mark.parametrize(
    "query",
    [
        "select Email from Contacts",
        "select Email from Contacts order by id",
        "select from Contacts where id is not null",
        "select Email Contacts where id is not null",
        "Email from Contacts where id is not null",
        "select Email from Contacts where Email = 'a' and Phone = 'b' and Fax = 'c'",
        "select Email from Contacts where Email = 'a' or Phone = 'b' and Fax = 'c'",
        "select Email from Contacts where (Email = 'a' and Phone = 'b' and Fax = 'c')",
        "select Email from Contacts where Email = 'it's'",
        "select Email from Contacts where Email = a@b",
        "select Email from Contacts where (Email = 'a'",
        "select Email from Contacts where Email in 'a'",
        "select Email from Contacts where Email between 'a'",
        "select Email from Contacts where id is not null limit",
        "select Email from Contacts where id is not null limit -1",
        "select Email from Contacts where id is not null limit 5 limit 6",
        "select Email as Mail from Contacts where id is not null",
        "select count(id) from Contacts where id is not null",
        "select Email from Contacts where Email like '%'",
        "select Email from Contacts where id is not null; drop",
    ],
)
def test_what_is_no_query_is_a_syntax_error(zoho: Client, query: str) -> None:
    answer = zoho.coql(query)
    assert (answer.status, answer.code) == (400, "SYNTAX_ERROR")


def test_a_third_condition_outside_a_pair_is_pointed_at(zoho: Client) -> None:
    answer = zoho.coql("select Fax from Contacts where Fax is null and Fax = 'a' or Fax = 'b'")
    assert answer.details == {"clause": "where", "near": "or"}


def test_a_missing_where_is_named(zoho: Client) -> None:
    assert zoho.coql("select Email from Contacts").details == {"clause": "where"}


@pytest.mark.parametrize(
    "where",
    [
        "((Last_Name = 'a' and Phone is null) and Fax is null)",
        "(Last_Name = 'a' and (Phone is null and Fax is null))",
        "((Last_Name = 'a' and Phone is null) and (Fax is null or Email is null))",
    ],
)
def test_conditions_in_pairs_are_accepted(zoho: Client, where: str) -> None:
    _contacts(zoho, "a", "b")
    assert _names(zoho, where) == ["a"]


@pytest.mark.parametrize(
    "tail", ["limit 2001", "limit 0", "limit 100000, 1", "limit 200 offset 99801"]
)
def test_too_many_rows_are_refused(zoho: Client, tail: str) -> None:
    answer = zoho.coql(f"select Email from Contacts where id is not null {tail}")
    assert (answer.status, answer.code) == (400, "LIMIT_EXCEEDED")


def _pairs(count: int) -> str:
    where = "id is not null"
    for _ in range(count - 1):
        where = f"({where} and id is not null)"
    return where


@pytest.mark.parametrize(
    ("most", "over"),
    [
        (
            f"select Email from Contacts where {_pairs(facts.COQL_CRITERIA)}",
            f"select Email from Contacts where {_pairs(facts.COQL_CRITERIA + 1)}",
        ),
        (
            "select Email from Contacts where Email in (" + ",".join(["'a'"] * 50) + ")",
            "select Email from Contacts where Email in (" + ",".join(["'a'"] * 51) + ")",
        ),
        (
            "select Email from Contacts where id is not null order by " + ",".join(["id"] * 10),
            "select Email from Contacts where id is not null order by " + ",".join(["id"] * 11),
        ),
    ],
)
def test_each_clause_has_its_most(zoho: Client, most: str, over: str) -> None:
    assert zoho.coql(most).status == 204
    assert zoho.coql(over).code == "LIMIT_EXCEEDED"


def test_fifty_one_columns_are_refused(zoho: Client) -> None:
    columns = ", ".join(f"F{n}" for n in range(51))
    assert zoho.coql(f"select {columns} from Contacts where id = '1'").code == "LIMIT_EXCEEDED"


def test_a_column_selected_twice_is_refused(zoho: Client) -> None:
    assert zoho.coql("select Fax, Fax from Contacts where id = '1'").code == "DUPLICATE_DATA"


@pytest.mark.parametrize(
    "where",
    [
        "Nowhere = 'a'",
        "Description = 'a'",
        "Last_Name > 'a'",
        "Last_Name between 'a' and 'b'",
        "Email_Opt_Out != 'true'",
        "Email_Opt_Out = 'perhaps'",
        "RFM_Recency = 'many'",
        "RFM_Recency like '1%'",
        "Modified_Time > '2026-01-31'",
        "Modified_Time > '2026-01-31T12:00:00Z'",
        "Modified_Time > '2026-01-31T12:00:00.123+08:00'",
        "Account_Name > '1'",
        "Last_Name.Other = '1'",
    ],
)
def test_what_a_field_does_not_allow_is_an_invalid_query(zoho: Client, where: str) -> None:
    zoho.contact()
    answer = zoho.coql(f"select Email from Contacts where {where}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")


def test_an_unknown_column_or_module_is_refused(zoho: Client) -> None:
    assert zoho.coql("select Nowhere from Contacts where id = '1'").code == "INVALID_QUERY"
    assert zoho.coql("select Email from Nowhere where id = '1'").code == "INVALID_MODULE"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "INVALID_REQUEST"),
        ({}, "MANDATORY_NOT_FOUND"),
        ({"select_query": 7}, "INVALID_DATA"),
    ],
)
def test_a_body_without_a_query_is_refused(zoho: Client, body: Any, code: str) -> None:
    assert zoho.call("POST", "coql", body).code == code


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("Last_Name = 'WANG'", ["Wang"]),
        ("Last_Name != 'Wang'", ["Lin", "O'Neil"]),
        ("Last_Name = 'O''Neil'", ["O'Neil"]),
        ("Last_Name in ('Lin', 'Wang')", ["Lin", "Wang"]),
        ("Last_Name not in ('Lin', 'Wang')", ["O'Neil"]),
        ("Last_Name like 'W%'", ["Wang"]),
        ("Last_Name like '%in'", ["Lin"]),
        ("Last_Name like '%n%'", ["Lin", "Wang", "O'Neil"]),
        ("Last_Name not like '%n%'", []),
        ("Phone is null", ["Lin", "Wang", "O'Neil"]),
        ("Phone is not null", []),
        ("Email_Opt_Out = 'false'", ["Lin", "Wang", "O'Neil"]),
        ("RFM_Recency >= 2", ["Wang", "O'Neil"]),
        ("RFM_Recency between 1 and 2", ["Lin", "Wang"]),
        ("RFM_Recency < 2", ["Lin"]),
        ("Customer_Tags = 'VIP;newsletter'", ["Wang"]),
        ("Date_of_Birth <= '1990-01-01'", ["Lin"]),
        ("(Last_Name = 'Lin' or RFM_Recency > 2)", ["Lin", "O'Neil"]),
        ("(RFM_Recency > 2 or Last_Name = 'Lin')", ["Lin", "O'Neil"]),
        ("(Last_Name = 'Lin' or Last_Name = 'Wang')", ["Lin", "Wang"]),
        ("(Last_Name = 'Lin' and RFM_Recency > 2)", []),
        (f"Modified_Time = '{T}'", ["Lin", "Wang", "O'Neil"]),
        ("Modified_Time > '2026-01-31T04:00:00+00:00'", []),
        ("Owner = '4150000000000225013'", ["Lin", "Wang", "O'Neil"]),
    ],
)
def test_conditions_hold_where_they_should(zoho: Client, where: str, names: list[str]) -> None:
    zoho.contact(Last_Name="Lin", RFM_Recency=1, Date_of_Birth="1990-01-01")
    zoho.contact(Last_Name="Wang", RFM_Recency=2, Customer_Tags=["VIP", "newsletter"])
    zoho.contact(Last_Name="O'Neil", RFM_Recency=3, Date_of_Birth="1990-01-02")
    assert _names(zoho, where) == names


def test_the_limit_has_two_spellings_and_a_default(zoho: Client) -> None:
    _contacts(zoho, *"abcde")
    assert _names(zoho, "id is not null", "limit 1, 2") == ["b", "c"]
    assert _names(zoho, "id is not null", "limit 2 offset 1") == ["b", "c"]
    for _ in range(3):
        zoho.insert("Contacts", *[{"Last_Name": "x"}] * 100)
    assert len(_names(zoho, "id is not null")) == facts.COQL_DEFAULT_ROWS


def test_more_records_says_whether_there_are(zoho: Client) -> None:
    _contacts(zoho, *"abc")
    for limit, more in ((2, True), (3, False)):
        answer = zoho.coql(f"select Fax from Contacts where id is not null limit {limit}")
        assert answer.body["info"] == {"count": limit, "more_records": more}


def test_rows_come_in_the_order_asked_for(zoho: Client) -> None:
    _contacts(zoho, "b", "c", "a")
    assert _names(zoho, "id is not null", "order by Last_Name") == ["a", "b", "c"]
    assert _names(zoho, "id is not null", "order by Last_Name desc") == ["c", "b", "a"]
    assert _names(zoho, "id is not null", "order by id desc") == ["a", "c", "b"]
    assert _names(zoho, "id is not null", "order by Modified_Time, Last_Name desc") == [*"cba"]


def test_lookups_come_as_ids_alone_and_a_dotted_name_reads_through(zoho: Client) -> None:
    ref = zoho.contact()
    zoho.insert("Memberships", {"Name": "会员", "Customer": {"id": ref}})
    answer = zoho.coql(
        "select Customer, Customer.Last_Name, Modified_By from Memberships "
        f"where Customer = '{ref}'"
    )
    row = answer.rows[0]
    assert row["Customer"] == {"id": ref}
    assert row["Customer.Last_Name"] == "Lin"
    assert set(row["Modified_By"]) == {"id"}
    through = "select Name from Memberships where Customer.Last_Name = 'Lin'"
    assert zoho.coql(through).status == 200


def test_a_query_sees_a_write_at_once_while_search_lags(zoho: Client) -> None:
    zoho.admin("limits", search_lag_s=60)
    zoho.contact(Email="lin@example.test")
    assert zoho.get("Contacts/search", email="lin@example.test").status == 204
    assert _names(zoho, "Email = 'lin@example.test'") == ["Lin"]
    zoho.clock.at += 60
    assert zoho.get("Contacts/search", email="lin@example.test").status == 200


def test_an_index_follows_edits_and_deletions(zoho: Client) -> None:
    ref, other = _contacts(zoho, "a", "b", Email="x@example.test")
    assert _names(zoho, "Email = 'x@example.test'") == ["a", "b"]
    zoho.update("Contacts", ref, {"Email": "y@example.test"})
    zoho.call("DELETE", f"Contacts/{other}")
    assert _names(zoho, "Email = 'x@example.test'") == []
    assert _names(zoho, "Email = 'Y@example.test'") == ["a"]


def _seeded(zoho: Client, count: int, spread: int) -> list[str]:
    rows = [
        {"Last_Name": f"n{n}", "Modified_Time": zoho.app.org.render(int(NOON) + n % spread)}
        for n in range(count)
    ]
    refs: list[str] = zoho.admin("seed", module="Contacts", records=rows)
    return refs


@settings(max_examples=15, deadline=None)
@given(
    spread=st.integers(1, 12),
    step=st.integers(1, 40),
    low=st.integers(0, 12),
    high=st.integers(0, 12),
)
def test_key_sets_by_time_and_id_read_each_record_once(
    spread: int, step: int, low: int, high: int
) -> None:
    zoho = Client()
    refs = _seeded(zoho, 60, spread)
    at = zoho.app.org.render
    expected = sorted((n % spread, ref) for n, ref in enumerate(refs) if low <= n % spread <= high)
    told, last, seen = at(int(NOON) + low), "0", []
    while True:
        answer = zoho.coql(
            "select Modified_Time from Contacts where "
            f"((Modified_Time > '{told}' or (Modified_Time = '{told}' and id > '{last}')) "
            f"and Modified_Time <= '{at(int(NOON) + high)}') "
            f"order by Modified_Time asc, id asc limit {step}"
        )
        if answer.status == 204:
            break
        seen += [row["id"] for row in answer.rows]
        told, last = answer.rows[-1]["Modified_Time"], answer.rows[-1]["id"]
    assert seen == [ref for _, ref in expected]


def test_key_sets_over_many_records_cost_what_they_return() -> None:
    """A window of 200 among 30,000 of one second: the last costs no more than the first."""
    zoho = Client()
    refs = _seeded(zoho, 30_000, 1)
    zoho.coql(f"select Fax from Contacts where Modified_Time = '{T}' order by Modified_Time, id")

    def cost(last: str) -> int:
        """How often a function of Python's is called for it."""
        calls = Counter[str]()
        sys.setprofile(lambda _frame, event, _of: calls.update([event]))
        try:
            answer = zoho.coql(
                f"select Fax from Contacts where ((Modified_Time > '{T}' or "
                f"(Modified_Time = '{T}' and id > '{last}')) and Modified_Time <= '{T}') "
                "order by Modified_Time, id limit 200"
            )
        finally:
            sys.setprofile(None)
        assert len(answer.rows) == 200
        return calls["call"]

    assert cost(refs[-201]) < 2 * cost("0")
