"""Records of Zoho: wide ones, by id, by value, and what a read that fails says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from connector_zoho.remote import ZohoRemote

from connector.errors import (
    CursorExpiredError,
    InvalidError,
    LoginRefusedError,
    RateLimitedError,
    RetryableError,
    SchemaDriftError,
    UnreachableError,
    UsageError,
    VendorError,
)
from connector.plugin import Gone, Ref, Target
from tests.unit.rig import all_seen, refs
from tests.unit.zoho_reading import BOTH, OLD, changed, seed, small
from tests.unit.zoho_rig import C, Rig

# --- wide modules ---


def wide(rig: Rig, coql: bool) -> tuple[ZohoRemote, list[str]]:
    """A module mapped wider than one read may be."""
    remote = rig.open(coql=coql)
    schema = remote.describe(C)
    names = [n for n in schema.fields if n not in ("id", "Modified_Time", "Connector_Key")]
    assert len(names) > 47
    target = Target(object="Contacts", fields=names, key_field="Connector_Key")
    return rig.open({C: target}, coql=coql), names


@BOTH
def test_more_fields_than_a_read_takes_are_joined_by_id(rig: Rig, coql: bool) -> None:
    remote, names = wide(rig, coql)
    rig.contacts(5, Churn_Risk=0.5, WeChat="w", Description="d")
    seen = all_seen(remote.changes(C, OLD, None))
    assert len(seen) == 5
    assert all(set(one.fields) == set(names) for one in seen)
    assert {one.fields["Churn_Risk"] for one in seen} == {0.5}
    assert rig.calls("fetch") == {"fetch": 1}
    for call in rig.sandbox.requests():
        assert len(call["query"].get("fields", "").split(",")) <= 50


def test_a_record_that_moves_between_its_parts_is_read_again_whole(rig: Rig) -> None:
    remote, names = wide(rig, True)
    made = seed(rig, [1, 2, 3])
    read, count = remote._client.read, 0

    def meddling(operation: str, *args: Any, **named: Any) -> Any:
        nonlocal count
        if operation == "fetch":
            count += 1
            if count == 1:
                rig.sandbox.edit("Contacts", made[1], {"Last_Name": "new"})
                rig.sandbox.remove("Contacts", made[2])
        return read(operation, *args, **named)

    remote._client.read = meddling  # type: ignore[method-assign]  # stands in for people at work
    [page, *_] = remote.changes(C, OLD, None)
    assert refs(page.seen) == made[:2]
    assert page.seen[1].fields["Last_Name"] == "new"
    assert page.seen[1].version > page.seen[0].version
    assert set(page.seen[1].fields) == set(names)


# --- fields that are not there, or not for us ---


@BOTH
def test_a_mapped_field_that_the_account_lacks_is_left_out(rig: Rig, coql: bool) -> None:
    rig.contacts(1)
    target = Target(object="Contacts", fields=("Last_Name", "No_Such"), key_field="Connector_Key")
    remote = rig.open({C: target}, coql=coql)
    for _ in range(2):
        [seen] = all_seen(remote.changes(C, OLD, None))
        assert set(seen.fields) == {"Last_Name"}
    if coql:
        assert rig.calls("fields", "coql") == {"fields": 1, "coql": 3}


def test_a_module_that_does_not_exist_is_drift(rig: Rig) -> None:
    remote = rig.open({C: Target(object="Nobody", fields=("Name",), key_field=None)})
    with pytest.raises(SchemaDriftError, match="INVALID_MODULE"):
        changed(remote)
    with pytest.raises(SchemaDriftError, match="INVALID_MODULE"):
        remote.describe(C)


# --- by id ---


@pytest.mark.parametrize("unknown", ["204", "400"])
@pytest.mark.parametrize("hidden", ["refused", "absent"])
def test_fetch_says_of_each_how_it_is_missing(rig: Rig, unknown: str, hidden: str) -> None:
    rig.sandbox.switch(unknown_id=unknown, hidden_record=hidden)
    live, removed, unseen = rig.contacts(3)
    rig.sandbox.remove("Contacts", removed)
    rig.sandbox.hide("Contacts", unseen)
    never = Ref("4150000000009999999")
    seen = {one.ref: one for one in rig.open().fetch(C, [live, removed, unseen, never])}
    assert len(seen) == 4
    assert seen[live].gone is None and seen[live].fields["Last_Name"] == "N0"
    assert seen[removed].gone is Gone.NOT_FOUND
    assert seen[never].gone is Gone.NOT_FOUND
    assert seen[unseen].gone is (Gone.HIDDEN if hidden == "refused" else Gone.NOT_FOUND)


def test_two_hundred_and_thirty_records_are_three_calls(rig: Rig) -> None:
    made = rig.contacts(230)
    seen = rig.open().fetch(C, [*made, made[0]])
    assert refs(seen) == made
    assert rig.calls("fetch") == {"fetch": 3}


def test_an_answer_about_another_record_makes_nobody_look_gone(rig: Rig) -> None:
    [ref] = rig.contacts(1)
    rig.sandbox.fault("wrong_record", operation="fetch")
    with pytest.raises(RetryableError, match="another record"):
        rig.open().fetch(C, [ref])


@pytest.mark.parametrize("ref", ["", "abc", "1,2", "1/../2", "1 ", "１２", "9" * 21])
def test_an_id_of_another_form_never_reaches_an_address(rig: Rig, ref: str) -> None:
    with pytest.raises(UsageError):
        rig.open().fetch(C, [Ref(ref)])
    with pytest.raises(UsageError):
        list(rig.open().listing(C, Ref(ref)))
    assert rig.calls() == {}


# --- by value ---


@BOTH
def test_the_external_key_is_found_at_once_and_exactly(rig: Rig, coql: bool) -> None:
    rig.sandbox.limits(search_lag_s=600)
    ref = rig.sandbox.create("Contacts", {"Last_Name": "Lin", "Connector_Key": "KEY-1"})
    rig.sandbox.create("Contacts", {"Last_Name": "Lin", "Connector_Key": "KEY-10"})
    remote = rig.open(coql=coql)
    assert refs(remote.find(C, "Connector_Key", ["KEY-1", "KEY-2", ""])) == [ref]
    assert rig.calls("search") == {}


@BOTH
def test_values_with_quotes_and_signs_find_themselves_and_nothing_else(
    rig: Rig, coql: bool
) -> None:
    odd = ["O'Neill", "x' or id > '0", "a(b),c", "back\\slash", "张伟", 'say "hi"', "%", "100%_"]
    made = {value: rig.sandbox.create("Contacts", {"Last_Name": value}) for value in odd}
    rig.contacts(3)
    remote = rig.open(coql=coql)
    for value, ref in made.items():
        found = refs(remote.find(C, "Last_Name", [value]))
        assert found == [ref], value
    addresses = str([[one["path"], one.get("query")] for one in rig.sandbox.requests()])
    assert "Neill" not in addresses and "%E5%BC%A0" not in addresses


def test_hits_that_are_only_alike_are_dropped(rig: Rig) -> None:
    """The search index contains, folds case and is loose about signs."""
    rig.sandbox.create("Contacts", {"Last_Name": "a", "Email": "sales-team@example.test"})
    ref = rig.sandbox.create("Contacts", {"Last_Name": "b", "Email": "sales_team@example.test"})
    for coql in (True, False):
        assert refs(rig.open(coql=coql).find(C, "Email", ["sales_team@example.test"])) == [ref]


def test_a_hundred_and_twenty_keys_are_three_queries(rig: Rig) -> None:
    rows = [{"Last_Name": "N", "Connector_Key": f"K{n}"} for n in range(120)]
    rig.sandbox.seed("Contacts", rows)
    found = rig.open().find(C, "Connector_Key", [f"K{n}" for n in range(120)])
    assert len(found) == 120
    assert rig.calls("coql") == {"coql": 3}


@BOTH
def test_more_hits_than_a_page_are_all_found(rig: Rig, coql: bool) -> None:
    made = rig.contacts(8, First_Name="Same")
    remote = small(rig, coql)
    rig.sandbox.limits(list_page=3)
    assert sorted(refs(remote.find(C, "First_Name", ["Same"]))) == made


def test_a_field_outside_the_mapping_is_never_searched(rig: Rig) -> None:
    with pytest.raises(UsageError, match="not in this kind's mapping"):
        rig.open().find(C, "Description", ["x"])


# --- faults ---


@BOTH
@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "truncated"])
def test_a_read_whose_answer_is_lost_is_read_again(rig: Rig, coql: bool, fault: str) -> None:
    made = seed(rig, [0])
    operation = "coql" if coql else "list"
    rig.sandbox.fault(fault, operation=operation, count=2)
    assert changed(rig.open(coql=coql)) == made
    rig.sandbox.fault(fault, operation=operation, count=3)
    with pytest.raises(UnreachableError):
        changed(rig.open(coql=coql))


@BOTH
@pytest.mark.parametrize(
    ("fault", "how", "error"),
    [
        ("html", {}, RetryableError),
        ("html", {"status": 503}, RetryableError),
        ("empty", {}, RetryableError),
        ("error", {}, RetryableError),
        ("error", {"code": "RECORD_LOCKED", "status": 400}, RetryableError),
        ("error", {"code": "NEVER_SEEN", "status": 400}, InvalidError),
        ("error", {"code": "LIMIT_EXCEEDED", "status": 400}, InvalidError),
        ("error", {"code": "EXPIRED_VALUE", "status": 400}, CursorExpiredError),
        ("error", {"code": "NO_PERMISSION", "status": 403}, LoginRefusedError),
        ("error", {"code": "NEVER_SEEN", "status": 403}, LoginRefusedError),
        ("error", {"code": "INVALID_URL_PATTERN", "status": 404}, SchemaDriftError),
        ("throttled", {}, RateLimitedError),
    ],
)
def test_a_read_that_fails_says_what_to_do_and_is_never_an_empty_answer(
    rig: Rig, coql: bool, fault: str, how: dict[str, Any], error: type[Exception]
) -> None:
    seed(rig, [0])
    rig.sandbox.fault(fault, operation="coql" if coql else "list", **how)
    with pytest.raises(error) as caught:
        changed(rig.open(coql=coql))
    if isinstance(caught.value, VendorError):
        assert caught.value.plugin == "zoho" and caught.value.operation


def test_a_throttled_read_pauses_everybody(rig: Rig) -> None:
    rig.sandbox.fault("throttled", operation="coql")
    with pytest.raises(RateLimitedError) as caught:
        changed(rig.open())
    assert rig.host.pauses == [2.0] and caught.value.after_s == 2.0


def test_no_value_of_a_record_is_in_an_error_or_a_log_line(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    remote = rig.open(coql=False)
    rig.sandbox.fault("error", operation="list")
    with pytest.raises(RetryableError) as caught:
        remote.find(C, "Email", ["cnry.1@example.test"])
    said = repr(caught.value) + str(caught.value)
    ours = [repr(vars(r)) for r in caplog.records if r.name.startswith("connector")]
    assert ours and "cnry" not in said + "".join(ours)


@pytest.mark.parametrize(
    "read",
    [
        changed,
        lambda remote: list(remote.listing(C, None)),
        lambda remote: remote.find(C, "Email", ["a@example.test"]),
    ],
    ids=["changes", "listing", "find"],
)
def test_a_page_that_claims_more_and_shows_nothing_is_not_believed(
    rig: Rig, read: Callable[[ZohoRemote], object]
) -> None:
    """Or a listing would never end, and whom a search looks for would count as not there."""
    remote = rig.open(coql=True)
    query, asked = remote._client.query, iter(range(9))

    def emptied(text: str, rows: int) -> Any:
        next(asked)
        answer = query(text, rows)
        told = {"data": [], "info": {"more_records": True}}
        return type(answer)(answer.status, answer.read_at, told)

    remote._client.query = emptied  # type: ignore[method-assign]  # a vendor that contradicts itself
    with pytest.raises(RetryableError, match="shows nothing"):
        read(remote)


def test_the_account_is_the_organisations_own_number(rig: Rig) -> None:
    remote = rig.open()
    assert remote.account.isdigit()
    assert remote.account == remote.account
    assert rig.calls("org") == {"org": 1}
