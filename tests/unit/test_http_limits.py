"""A shared rate is kept in every window, and an idle budget gives a burst."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import SettingsError
from connector.http.limits import Rate, parse_rate, reserve


@given(
    units=st.integers(1, 40),
    per_s=st.integers(1, 120),
    calls=st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from([0, 0, 0, 10, 3_000_000])), max_size=80
    ),
)
def test_no_window_ever_holds_more_than_the_units(
    units: int, per_s: int, calls: list[tuple[int, int]]
) -> None:
    """Everybody takes as soon as he is let, which is the worst that callers can do."""
    rate = Rate(units, per_s)
    tat_us, now_us, taken = 0, 10**15, list[tuple[int, int]]()
    for cost, gap_us in calls:
        if cost > rate.burst:
            cost = 1
        now_us += gap_us
        tat_us, wait_us = reserve(tat_us, now_us, cost, rate)
        taken.append((now_us + wait_us, cost))
    for start, _ in taken:
        window = sum(cost for at, cost in taken if start <= at < start + per_s * 1_000_000)
        assert window <= units


def test_the_busiest_window_after_idling_holds_nearly_all_units() -> None:
    rate, tat_us, taken = Rate(80, 20), 0, []
    for _ in range(200):
        tat_us, wait_us = reserve(tat_us, 50_000_000, 1, rate)
        taken.append(wait_us)
    assert sum(1 for at in taken if at < 20_000_000) in (79, 80)


def test_an_idle_budget_gives_its_burst_at_once_and_then_makes_wait() -> None:
    rate, tat_us, waits = Rate(80, 20), 0, []
    for _ in range(12):
        tat_us, wait_us = reserve(tat_us, 50_000_000, 1, rate)
        waits.append(wait_us)
    assert waits[:4] == [0] * 4
    assert 0 < waits[4] < waits[5]


def test_a_cost_above_the_burst_waits_and_goes_through() -> None:
    _, wait_us = reserve(0, 50_000_000, 20, Rate(80, 20))
    assert wait_us == 16 * Rate(80, 20).step_us


@pytest.mark.parametrize(
    "text", ["", "80", "80/20", "0/20s", "80/0s", "-1/2s", "80/20m", "80 / 20s", "٨/2s"]
)
def test_a_rate_in_another_form_is_a_settings_error(text: str) -> None:
    with pytest.raises(SettingsError, match="80/20s"):
        parse_rate(text)


def test_a_rate_of_one_is_one_each_window() -> None:
    rate = Rate(1, 10)
    tat_us, first = reserve(0, 50_000_000, 1, rate)
    _, second = reserve(tat_us, 50_000_000, 1, rate)
    assert (first, second) == (0, 10_000_000)
