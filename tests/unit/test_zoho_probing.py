"""What a look at an organisation tells, and that it writes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from connector_zoho import facts
from connector_zoho.remote import ZohoRemote

from connector.plugin import Finding, Probing
from tests.unit.zoho_rig import TARGETS, C, Rig

READS = {"coql", "deleted", "list", "modules", "fields", "layouts", "fetch"}


def opened(rig: Rig, **settings: Any) -> ZohoRemote:
    return rig.open({C: TARGETS[C]}, **settings)


def found(rig: Rig, remote: ZohoRemote | None = None, **settings: Any) -> dict[str, Finding]:
    """Findings by name; nothing may be written for them."""
    told = {one.name: one for one in (remote or opened(rig, **settings)).probe()}
    assert set(rig.calls()) <= READS
    return told


def without_scope(rig: Rig) -> str:
    """A login that may do all but query."""
    token = "1000.no.coql"
    scopes = [one for one in facts.SCOPES if one != facts.COQL_SCOPE]
    rig.sandbox.admin("grant", refresh_token=token, scopes=scopes)
    return token


def test_an_organisation_as_it_should_be_needs_no_advice(rig: Rig) -> None:
    rig.contacts(2, Email="lin@example.test")
    remote = opened(rig)
    assert isinstance(remote, Probing)
    told = found(rig, remote)
    assert all(one.good and not one.advice for one in told.values()), told
    assert set(told) == {
        "queries",
        "customer removals",
        "customer since",
        "customer key",
        "customer missing",
    }
    assert not any("lin@" in one.text for one in told.values())


def test_every_kind_is_looked_at_and_the_login_once(rig: Rig) -> None:
    told = [one.name for one in rig.open().probe()]
    assert told.count("queries") == 1
    assert {"customer key", "membership key"} <= set(told)


@pytest.mark.parametrize(
    ("scope", "coql", "good", "advice"),
    [
        (True, "auto", True, ""),
        (True, True, True, ""),
        (True, False, True, 'coql = "auto"'),
        (False, "auto", False, ""),
        (False, True, False, 'coql = "auto"'),
        (False, False, True, ""),
    ],
)
def test_whether_the_login_may_query_is_told_with_the_line_to_set(
    rig: Rig, scope: bool, coql: Any, good: bool, advice: str
) -> None:
    more: dict[str, Any] = {} if scope else {"refresh_token": without_scope(rig)}
    finding = found(rig, coql=coql, **more)["queries"]
    assert (finding.good, finding.advice) == (good, advice)
    assert ("may not query" in finding.text) is not scope
    assert (facts.COQL_SCOPE in finding.text) is not good


@pytest.mark.parametrize(
    ("code", "status"), [("INTERNAL_ERROR", 500), ("AUTHENTICATION_FAILURE", 401)]
)
def test_another_refusal_is_not_taken_for_a_missing_scope(rig: Rig, code: str, status: int) -> None:
    rig.sandbox.fault("error", operation="coql", code=code, status=status)
    finding = found(rig)["queries"]
    assert not finding.good and "may not query" not in finding.text


@pytest.mark.parametrize(("form", "limited"), [("unbounded", False), ("2000", True)])
def test_where_the_feed_of_removals_ends_is_told(rig: Rig, form: str, limited: bool) -> None:
    rig.sandbox.switch(deleted_pages=form)
    finding = found(rig)["customer removals"]
    assert finding.good and ("up to 2,000 at once" in finding.text) is limited


def test_a_feed_of_removals_that_is_refused_hides_no_other_finding(rig: Rig) -> None:
    rig.sandbox.fault("error", operation="deleted", code="NO_PERMISSION", status=403)
    told = found(rig)
    assert not told["customer removals"].good and "NO_PERMISSION" in told["customer removals"].text
    assert told["customer missing"].good


# --- lists since a time ---


def with_lists(rig: Rig, moved: timedelta | None) -> ZohoRemote:
    """A remote whose lists go by another time than was asked; by none at all for None."""
    remote = opened(rig, coql=False)
    read = remote._client.read

    def reading(operation: str, *args: Any, **named: Any) -> Any:
        headers = named.get("headers")
        if operation == "list" and headers:
            at = datetime.fromisoformat(headers[facts.IF_MODIFIED_SINCE])
            other = {} if moved is None else {facts.IF_MODIFIED_SINCE: (at + moved).isoformat()}
            named["headers"] = other
        return read(operation, *args, **named)

    remote._client.read = reading  # type: ignore[method-assign]  # the sandbox knows one form
    return remote


@pytest.mark.parametrize(
    ("moved", "good", "said"),
    [
        (timedelta(0), True, "nothing older"),
        (timedelta(seconds=1), False, "leaves that second out"),
        (timedelta(seconds=-1), False, "holds older records"),
        (None, False, "holds older records"),
    ],
    ids=["inclusive", "exclusive", "a second early", "ignored"],
)
def test_what_a_list_since_a_time_holds_is_told(
    rig: Rig, moved: timedelta | None, good: bool, said: str
) -> None:
    rig.contacts(3)
    finding = found(rig, with_lists(rig, moved))["customer since"]
    assert finding.good is good and said in finding.text


def test_a_module_without_records_leaves_the_question_open(rig: Rig) -> None:
    finding = found(rig)["customer since"]
    assert finding.good and "stays open" in finding.text


# --- the key, and who is not there ---


@pytest.mark.parametrize(
    ("field", "coql", "good", "said"),
    [
        ({"unique": {}, "external": None}, "auto", False, "not unique and not external"),
        ({"unique": {"casesensitive": True}, "external": None}, "auto", True, "not external"),
        ({"unique": {"casesensitive": True}, "external": None}, False, False, "not external"),
    ],
)
def test_what_the_key_field_lacks_is_told(
    rig: Rig, field: dict[str, Any], coql: Any, good: bool, said: str
) -> None:
    key = {"api_name": "Connector_Key", "data_type": "text", **field}
    rig.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": [key]}])
    finding = found(rig, coql=coql)["customer key"]
    assert finding.good is good and said in finding.text


def test_a_module_without_a_key_field_is_told_so(rig: Rig) -> None:
    rig.sandbox.admin("drop_field", module="Contacts", field="Connector_Key")
    assert not found(rig)["customer key"].good


@pytest.mark.parametrize("form", ["204", "400"])
def test_both_answers_for_an_unknown_id_mean_gone(rig: Rig, form: str) -> None:
    rig.sandbox.switch(unknown_id=form)
    assert found(rig)["customer missing"].good


def test_a_refusal_for_an_unknown_id_is_a_fault_of_the_users_rights(rig: Rig) -> None:
    rig.sandbox.fault("error", operation="fetch", after=1, code="NO_PERMISSION", status=403)
    finding = found(rig)["customer missing"]
    assert not finding.good and "see all of them" in finding.text
