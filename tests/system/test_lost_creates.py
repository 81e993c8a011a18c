"""A smaller `make lost-creates`: many answers lost, an index that lags, and nobody there twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.lost_creates import is_good, play

CREATES = 60
QUICK = {"timeout_s": 0.3, "call_life_s": 0.6, "find_lag_s": 1.2}


@pytest.mark.slow
def test_creates_with_lost_answers_and_a_lagging_index_leave_each_customer_once(
    tmp_path: Path,
) -> None:
    told = play(tmp_path, CREATES, seed=3, share=0.1, lag_s=1.0, **QUICK)
    assert all(told["lost_by"].values()), "answers were lost in each way"
    assert told["waited_s"] > 0, "the index was given its time"
    assert is_good(told), told
