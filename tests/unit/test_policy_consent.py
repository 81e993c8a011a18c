"""Whose answer stands: the same in any order, and no yes over a no without the person."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import reduce
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from connector.policy.consent import NEGATIVE, SKEW, SUBJECT, Consent, join

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
answers = st.builds(
    Consent,
    state=st.sampled_from(("granted", "denied", "withdrawn", "unknown", None)),
    at=st.none()
    | st.integers(0, 12).map(lambda steps: START + steps * dt.timedelta(minutes=2, seconds=30)),
    source=st.sampled_from(("subject", "staff", "vendor", None)),
    evidence=st.sampled_from((None, "form-1", "call-2")),
    version=st.sampled_from((None, "v1")),
)


@given(answers, answers)
def test_15_either_order_gives_the_same(a: Consent, b: Consent) -> None:
    assert join(a, b) == join(b, a)


@given(answers, answers, answers)
def test_15_any_grouping_gives_the_same(a: Consent, b: Consent, c: Consent) -> None:
    assert join(join(a, b), c) == join(a, join(b, c))


@given(answers)
def test_15_hearing_it_twice_changes_nothing(a: Consent) -> None:
    assert join(a, a) == a


@given(st.lists(answers, min_size=1, max_size=6))
def test_15_nothing_stands_over_a_no_but_the_persons_later_yes(told: list[Consent]) -> None:
    stands = reduce(join, told)
    nos = [one for one in told if one.state in NEGATIVE]
    if nos and stands.state not in NEGATIVE:
        assert (stands.state, stands.source) == ("granted", SUBJECT)
        assert stands.at is not None
        assert all(no.at is not None and stands.at > no.at + SKEW for no in nos)


def test_15_every_no_beside_every_other_answer() -> None:
    """Chance seldom meets the person's own silence after a no; here it cannot be missed."""
    states, sources = ("denied", "granted", "unknown", None), ("subject", "staff", "vendor", None)
    times = (None, START, START + SKEW, START + SKEW + dt.timedelta(seconds=1))
    for state, source, at, said in product(states, sources, times, times):
        no, other = Consent("withdrawn", said, "staff"), Consent(state, at, source)
        if other.state in NEGATIVE:
            assert join(no, other) in (no, other)
            continue
        later = said is not None and at is not None and at > said + SKEW
        undone = state == "granted" and source == SUBJECT and later
        assert join(no, other) == (other if undone else no)


@given(st.lists(answers, min_size=1, max_size=6))
def test_15_what_only_a_vendor_says_permits_nothing(told: list[Consent]) -> None:
    assert not reduce(join, [replace(one, source="vendor") for one in told]).permits


@given(answers)
def test_15_a_vendors_yes_never_takes_the_place_of_anything_said(a: Consent) -> None:
    yes = Consent("granted", START, "vendor", "form-1", "v1")
    if a.source != "vendor" or a.state not in ("granted", None):
        assert join(a, yes) == a


def test_the_worked_example_of_a_conflict() -> None:
    """Granted by form in January, no by telephone in March, an import at the vendor in June."""

    def day(month: int, day: int) -> dt.datetime:
        return dt.datetime(2026, month, day, tzinfo=dt.UTC)

    form = Consent("granted", day(1, 10), "subject", "form")
    call = Consent("withdrawn", day(3, 2), "staff", "call")
    imported = Consent("unknown", day(6, 1), "vendor")
    assert reduce(join, (form, call, imported)) == call
    ticked = Consent("granted", day(7, 5), "subject", "page")
    assert reduce(join, (imported, ticked, call, form)) == ticked
