"""Terms of keeping: whole days of the shop's calendar, by the start field and by nothing else."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from connector.policy.document import Retention
from connector.policy.retention import (
    AHEAD,
    KEPT,
    NO_START,
    NOTHING_DUE,
    OVER,
    Entry,
    is_over,
    judge,
    last_day,
)

DAYS = st.dates(dt.date(1950, 1, 1), dt.date(2150, 12, 31))
TERMS = st.builds(lambda n, u: f"P{n}{u}", st.integers(1, 300), st.sampled_from("DMY"))
SHOP = ZoneInfo("Asia/Shanghai")


@given(DAYS, TERMS)
def test_a_term_ends_after_it_begins_and_is_over_the_next_day(start: dt.date, after: str) -> None:
    last = last_day(start, after)
    assert last is not None and last > start
    assert not is_over(start, after, last)
    assert is_over(start, after, last + dt.timedelta(days=1))


@given(DAYS, DAYS, TERMS)
def test_who_began_later_is_never_over_sooner(one: dt.date, other: dt.date, after: str) -> None:
    first, second = sorted((one, other))
    ends = last_day(first, after), last_day(second, after)
    assert ends[0] is not None and ends[1] is not None and ends[0] <= ends[1]


@given(DAYS, st.integers(1, 300))
def test_a_term_of_months_ends_in_the_month_that_is_so_many_later(start: dt.date, n: int) -> None:
    last = last_day(start, f"P{n}M")
    assert last is not None
    assert (last.year * 12 + last.month) - (start.year * 12 + start.month) == n
    month_ends = (last + dt.timedelta(days=1)).month != last.month
    assert last.day == start.day or (month_ends and last.day < start.day)


@given(DAYS, st.integers(1, 40))
def test_a_year_is_twelve_months(start: dt.date, years: int) -> None:
    assert last_day(start, f"P{years}Y") == last_day(start, f"P{12 * years}M")


def test_a_term_beyond_the_calendar_never_ends() -> None:
    for after in ("P9999Y", "P99999999999999999999D", "P99999999999999999999M"):
        assert last_day(dt.date(2026, 1, 31), after) is None
        assert not is_over(dt.date(2026, 1, 31), after, dt.date.max)


def entry(after: str, *, number: int = 0, record: bool = False) -> Entry:
    action = "erase_record" if record else "erase_fields"
    spec = Retention.model_validate(
        {"kind": "feedback", "after": after, "from": "resolved_at", "action": action}
    )
    return Entry(number, spec, frozenset() if record else frozenset({"text"}))


def test_a_record_stands_by_its_start_field_alone() -> None:
    both = [entry("P1M"), entry("P2Y", number=1, record=True)]
    today = dt.date(2026, 11, 23)

    def at(value: object) -> tuple[str, str]:
        found = judge(both, {"resolved_at": value}, today, SHOP)  # type: ignore[dict-item]  # any value
        assert bool(found.due) is (OVER in found.stands.values())
        return found.stands[0], found.stands[1]

    assert at(None) == (NO_START, NO_START) == at("2020-01-01")
    assert at(dt.date(2026, 11, 24)) == (AHEAD, AHEAD)
    assert at(dt.date(2026, 11, 23)) == (KEPT, KEPT)
    assert at(dt.date(2026, 10, 22)) == (OVER, KEPT)
    assert at(dt.date(2024, 11, 22)) == (OVER, OVER)
    assert judge([], {}, today, SHOP).due == NOTHING_DUE
    alone = judge([entry("P2Y", record=True)], {"resolved_at": dt.date(2024, 1, 1)}, today, SHOP)
    assert alone.due, "a record is due though no field of its own is"


def test_the_day_is_that_of_the_shops_calendar() -> None:
    evening = dt.datetime(2026, 1, 31, 20, tzinfo=dt.UTC)  # the first of February in Shanghai
    found = judge([entry("P1M")], {"resolved_at": evening}, dt.date(2026, 3, 1), SHOP)
    assert found.stands == {0: KEPT}
    found = judge([entry("P1M")], {"resolved_at": evening}, dt.date(2026, 3, 1), dt.UTC)
    assert found.stands == {0: OVER}
