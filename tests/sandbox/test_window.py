"""The limit on calls that all sandboxes share."""

from __future__ import annotations

from random import Random

from connector_zoho.sandbox.app import SandboxApp

from connector.http.limits import Rate
from connector.sandbox.window import Window
from tests.sandbox.client import Client, Ticker


def test_no_window_wherever_it_begins_holds_more_than_the_rate() -> None:
    rng, window, rate = Random(7), Window(), Rate(units=5, per_s=20)
    at, taken, refused = 0.0, list[float](), 0
    for _ in range(2_000):
        at += rng.expovariate(0.5)
        if window.take(at, rate):
            taken.append(at)
        else:
            refused += 1
            # exact: a refused call really would have been the sixth
            assert len([one for one in taken if one > at - 20]) == 5
    assert refused
    assert all(later - first >= 20 for first, later in zip(taken, taken[5:], strict=False))


def test_a_rate_told_at_the_start_holds_and_survives_a_reset() -> None:
    zoho = Client()
    ticker = Ticker()
    zoho.app = SandboxApp(now=ticker.now, sleep=ticker.sleep, rate=Rate(units=2, per_s=10))
    for _ in range(2):
        zoho.token = zoho.refresh()["access_token"]
        assert [zoho.get("org").status for _ in range(3)] == [200, 200, 429]
        zoho.admin("reset")
