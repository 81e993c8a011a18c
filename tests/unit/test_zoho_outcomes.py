"""Every code that the vendor is known for has one meaning, and an unknown one has a safe one."""

from __future__ import annotations

from typing import Any

import pytest
from connector_zoho import facts, outcomes
from connector_zoho.envelope import code_of
from connector_zoho.facts import Class

from connector.plugin import Op, Outcome, Ref, Write

CREATE = Write(id="w", op=Op.CREATE, ref=None, fields={"A": "CNRY-1"}, external_key="K")
UPDATE = Write(id="w", op=Op.UPDATE, ref=Ref("41"), fields={}, external_key="")


def told(code: str, **details: Any) -> dict[str, Any]:
    return {"code": code, "status": "error", "message": "CNRY-2", "details": details}


EXPECTED = {
    Class.TOKEN: Outcome.RETRY,
    Class.PERMANENT: Outcome.REFUSED,
    Class.ITEM: Outcome.REFUSED,
    Class.LATER: Outcome.RETRY,
    Class.CURSOR: Outcome.REFUSED,
}
SPECIAL = {
    "ALREADY_MODIFIED": Outcome.STALE,
    "DUPLICATE_DATA": Outcome.REFUSED,
    "DUPLICATE_LINKING_DATA": Outcome.REFUSED,
    "TOO_MANY_REQUESTS": Outcome.RETRY,
    "RATE_LIMIT_EXCEEDED": Outcome.RETRY,
    "INTERNAL_ERROR": Outcome.UNKNOWN,
    "BAD_GATEWAY": Outcome.UNKNOWN,
    "SERVICE_UNAVAILABLE": Outcome.UNKNOWN,
}


@pytest.mark.parametrize("code", facts.CODES)
def test_each_known_code_of_a_record_has_its_outcome(code: str) -> None:
    result = outcomes.of_result(CREATE, told(code), 207)
    assert result.outcome is SPECIAL.get(code, EXPECTED.get(facts.CODES[code]))
    assert result.reason is not None and result.reason.code and result.reason.text
    assert "CNRY" not in repr(result)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(207, Outcome.REFUSED), (400, Outcome.REFUSED), (500, Outcome.UNKNOWN), (429, Outcome.RETRY)],
)
def test_an_unknown_code_is_judged_by_where_it_stands(status: int, outcome: Outcome) -> None:
    assert outcomes.of_result(CREATE, told("NEVER_SEEN"), status).outcome is outcome


@pytest.mark.parametrize("code", ["INVALID_DATA", "DUPLICATE_DATA", "NO_PERMISSION", "NEVER_SEEN"])
def test_no_refusal_is_believed_from_a_vendor_that_failed(code: str) -> None:
    assert outcomes.of_result(CREATE, told(code), 500).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "odd", [None, 5, "x", [], {}, {"code": "SUCCESS"}, {"code": 5, "status": "x"}, told("no code")]
)
def test_a_result_that_is_none_leaves_the_outcome_open(odd: Any) -> None:
    assert outcomes.of_result(CREATE, odd, 200).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("details", "outcome"),
    [
        ({"id": "41", "Modified_Time": "2026-01-31T10:00:00+08:00"}, Outcome.APPLIED),
        ({"id": 41}, Outcome.APPLIED),
        ({"id": "42"}, Outcome.UNKNOWN),
        ({"id": "x"}, Outcome.UNKNOWN),
        ({"id": True}, Outcome.UNKNOWN),
        ({}, Outcome.UNKNOWN),
    ],
)
def test_a_success_counts_only_for_the_record_it_names(
    details: dict[str, Any], outcome: Outcome
) -> None:
    assert outcomes.of_result(UPDATE, told("SUCCESS", **details), 200).outcome is outcome


@pytest.mark.parametrize(
    ("details", "code"),
    [
        ({"maximum_length": 80}, "too_long"),
        ({"supported_values": ["a"]}, "not_an_option"),
        ({"expected_data_type": "date"}, "wrong_type"),
        ({"api_name": "id"}, "not_found"),
        ({}, "invalid"),
    ],
)
def test_invalid_data_says_which_of_its_meanings_it_has(details: dict[str, Any], code: str) -> None:
    result = outcomes.of_result(CREATE, told("INVALID_DATA", **details), 207)
    assert result.reason is not None and result.reason.code == code


def test_among_several_errors_the_collision_is_the_one_that_helps() -> None:
    errors = [
        told("INVALID_DATA", api_name="A"),
        told("DUPLICATE_DATA", api_name="B", duplicate_record={"id": "77"}),
    ]
    result = outcomes.of_result(CREATE, told("MULTIPLE_OR_MULTI_ERRORS", errors=errors), 207)
    assert (result.outcome, result.existing) == (Outcome.REFUSED, "77")
    assert result.reason is not None
    assert (result.reason.code, result.reason.field) == ("duplicate", "B")


@pytest.mark.parametrize("name", ["CNRY 1", "", 5, None, "a" * 200])
def test_a_field_name_of_another_form_is_left_out(name: object) -> None:
    result = outcomes.of_result(CREATE, told("INVALID_DATA", api_name=name), 207)
    assert result.reason is not None and result.reason.field is None


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        ("INTERNAL_ERROR", 500, Outcome.UNKNOWN),
        ("NEVER_SEEN", 502, Outcome.UNKNOWN),
        ("NEVER_SEEN", 400, Outcome.REFUSED),
        ("INVALID_REQUEST", 400, Outcome.REFUSED),
        ("TOO_MANY_REQUESTS", 429, Outcome.RETRY),
        ("INVALID_TOKEN", 401, Outcome.RETRY),
        ("DEPENDENT_SERVICE_ERROR", 400, Outcome.RETRY),
        ("ALREADY_MODIFIED", 412, Outcome.STALE),
    ],
)
def test_a_refused_batch_means_the_same_for_each_of_its_writes(
    code: str, status: int, outcome: Outcome
) -> None:
    assert outcomes.of_call(CREATE, code, status).outcome is outcome


def test_a_record_with_a_field_called_code_is_no_error() -> None:
    assert code_of({"code": "RED"}) is None
    assert code_of(told("INVALID_DATA")) == "INVALID_DATA"
    assert code_of({"code": "<b>", "status": "error"}) == "UNREADABLE"
