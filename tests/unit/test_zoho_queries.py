"""What a query says is what was meant, whatever stands in a value: it is parsed back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from connector_zoho import facts, queries
from connector_zoho.sandbox.coql import Both, Condition, parse
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import MappingError, UsageError

NASTY = st.sampled_from(["'", "''", "')", "' or '1'='1", "\\", '"', "`", "(", ",", "--", ";", "%"])
VALUES = st.lists(
    st.lists(NASTY | st.text(max_size=8), max_size=5).map("".join), min_size=1, max_size=50
)
SINCE = datetime(2026, 3, 2, tzinfo=UTC)


def parsed(where: str) -> Any:
    text = queries.query("Contacts", ["id", "Email"], where, "id", 200)
    told = parse(text, most_rows=facts.COQL_ROWS, most_offset=100_000)
    assert (told.module, told.orders, told.limit) == ("Contacts", (("id", False),), 200)
    return told.where


@given(VALUES)
def test_values_are_values_and_nothing_else(values: list[str]) -> None:
    told = parsed(queries.both(queries.after_id("415"), queries.one_of("Email", values)))
    assert told == Both(
        "and", Condition("id", ">", ("415",)), Condition("Email", "in", tuple(values))
    )


@given(st.text(max_size=12).filter(lambda text: not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text)))
def test_what_is_no_name_goes_into_no_query(text: str) -> None:
    with pytest.raises(MappingError) as caught:
        queries.query("Contacts", ["id", text], queries.since(SINCE), "id", 5)
    assert len(text) < 4 or text not in str(caught.value)


@pytest.mark.parametrize("wrong", ["", "a b", "a.b", "1a", "é", "a" * 101, "a\n"])
def test_neither_a_module_nor_a_field_is_named_by_what_is_no_name(wrong: str) -> None:
    with pytest.raises(MappingError):
        queries.query(wrong, ["id"], queries.after_id("0"), "id", 1)
    with pytest.raises(MappingError):
        queries.query("Contacts", ["id"], queries.after_id("0"), wrong, 1)
    with pytest.raises(MappingError):
        queries.one_of(wrong, ["x"])


@pytest.mark.parametrize(
    "wrong",
    ["", "1 or id > 0", "0'", "-1", "../1", "1\n", "415\r\n", "１", "1" * 21, "41" * 30, None, 5],
)
def test_what_is_no_id_goes_into_no_query(wrong: Any) -> None:
    with pytest.raises(UsageError) as caught:
        queries.after_id(wrong)
    assert str(wrong) not in str(caught.value) or not wrong


def test_the_key_set_is_grouped_in_pairs_with_offsets_and_whole_seconds() -> None:
    at = datetime(2026, 1, 31, 2, 0, 0, 999_999, tzinfo=UTC)
    assert queries.behind(at, "41") == (
        "((Modified_Time = '2026-01-31T02:00:00+00:00' and id > '41')"
        " or Modified_Time > '2026-01-31T02:00:00+00:00')"
    )
