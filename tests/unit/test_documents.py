"""Sealed documents: what goes in comes out the same, and equal documents are equal bytes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sync.documents import Base, Draft, pack, unpack

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**80), max_value=2**80),
    st.text(),
    st.dates(),
    st.datetimes(timezones=st.just(dt.UTC)),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.binary(max_size=20),
    st.frozensets(st.text(max_size=5), max_size=4),
    st.lists(st.text(max_size=5), max_size=3),
)
NAMES = st.text(min_size=1).filter(lambda name: name != "\x00")
RECORDS = st.dictionaries(NAMES, VALUES, max_size=6)


@given(RECORDS)
def test_every_value_comes_back_as_it_was_and_of_its_own_type(record: dict[str, Any]) -> None:
    found = unpack(pack(record))
    assert found == record
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in record.items()}


@given(RECORDS)
def test_equal_documents_are_equal_bytes_whatever_the_order_of_their_fields(
    record: dict[str, Any],
) -> None:
    assert pack(dict(reversed(record.items()))) == pack(record)


@given(RECORDS, RECORDS)
def test_a_base_keeps_its_two_sides_apart(local: dict[str, Any], remote: dict[str, Any]) -> None:
    found = Base.unpack(Base(local, remote).pack())
    assert (found.local, found.remote) == (local, remote)


def test_a_copy_of_a_base_is_changed_alone() -> None:
    base = Base({"a": 1}, {"b": 2})
    copy = base.copy()
    copy.local["a"] = copy.remote["b"] = 9
    assert base == Base({"a": 1}, {"b": 2})


def test_a_draft_comes_back_with_all_that_recovery_needs() -> None:
    draft = Draft(
        "remote",
        "update",
        set={"f": None},
        old={"c": "x"},
        take={"c": Decimal("1.50")},
        joint=("f",),
        parent="p",
    )
    found = Draft.unpack("remote", "update", draft.pack())
    assert found == draft


def test_a_text_that_looks_like_a_mark_of_ours_stays_a_text() -> None:
    for text in ("\x00", "half \ud83d of a pair", '{"\x00": ["date", "2026-01-31"]}', '"\\u0000"'):
        assert unpack(pack({"a": text})) == {"a": text}


def test_a_value_that_has_no_form_is_our_fault_and_is_not_shown() -> None:
    with pytest.raises(TypeError) as told:
        pack({"a": [Fraction(20260, 131)]})
    ours = told.value.__cause__
    assert isinstance(ours, AssertionError)
    assert "20260" not in f"{told.value!r} {ours!r}"
