"""The calls we allow ourselves are used, and the vendor's limit is never met.

The sandbox runs in process here and time is simulated: each worker has its own, and the one that
is furthest behind goes next, so that what one sleeps away the others work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
from connector_fxiaoke import plugin
from connector_fxiaoke.sandbox.app import SandboxApp
from connector_fxiaoke.sandbox.auth import APP_ID, APP_SECRET, PERMANENT_CODE
from connector_fxiaoke.settings import FxiaokeSettings

from connector.errors import RateLimitedError
from connector.host import StoreHost
from connector.plugin import AllowList, Outcome, Response, SecretSlot, Session
from connector.privacy.vault import Vault
from connector.store.database import Store, open_engine
from connector.testing.host import Slot
from tests.unit.fxiaoke_rig import TARGETS, C, create

START = 1_767_225_600.0
LATENCY_S = 0.12


class WorkerClock:
    """The time of one worker; sleeping moves it."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Line:
    """A `Session` straight into the sandbox, at its worker's time."""

    def __init__(self, app: SandboxApp, times: Times, clock: WorkerClock) -> None:
        self._app, self._times, self._clock = app, times, clock

    def request(self, method: str, url: str, **how: Any) -> Response:
        self._times.now = self._clock.at
        body = orjson.dumps(how["json"])
        path, query, headers = urlsplit(url).path, how["params"], how.get("headers")
        status, heads, told = self._app.handle(method, path, query, headers, body)
        self._clock.sleep(LATENCY_S)
        return Response(status, heads, told)

    def close(self) -> None:
        """Nothing is held open."""


class Times:
    """The time that the sandbox and the state's database see: that of whoever speaks to them."""

    now = START


class Worker(StoreHost):
    """A process of its own, on the state that all share."""

    def __init__(self, store: Store, app: SandboxApp, times: Times, slots: dict[str, Slot]) -> None:
        self.at = WorkerClock()
        super().__init__("crm", store, cast(Vault, None), self.at, Random(7))
        self._app, self._times, self._slots = app, times, slots
        self.outcomes: Counter[Outcome] = Counter()

    def session(self, hosts: AllowList, *, timeout_s: float, pool: int = 4) -> Session:
        return Line(self._app, self._times, self.at)

    def spend(self, path: str, cost: int, rate: str) -> None:
        self._times.now = self.at.at
        super().spend(path, cost, rate)

    @contextmanager
    def secret(self, name: str) -> Iterator[SecretSlot]:  # type: ignore[override] # in memory
        yield self._slots.setdefault(name, Slot(self.at))


def simulate(
    workers: int, minutes: float, **settings: Any
) -> tuple[list[Worker], Mapping[str, int]]:
    """Let so many workers create records as fast as they may; their outcomes and all calls."""
    times = Times()
    store = Store(open_engine("sqlite://"), now_us=lambda: int(times.now * 1e6), rng=Random(1))
    app = SandboxApp(now=lambda: times.now)
    slots: dict[str, Slot] = {}
    hosts = [Worker(store, app, times, slots) for _ in range(workers)]
    secrets = {"app_id": APP_ID, "app_secret": APP_SECRET, "permanent_code": PERMANENT_CODE}
    table = FxiaokeSettings.model_validate({**secrets, "owner": "1000", **settings})
    remotes = [plugin.open(table, TARGETS, host) for host in hosts]
    number = 0
    while (host := min(hosts, key=lambda one: one.at.at)).at.at < START + 60 * minutes:
        number += 1
        try:
            [result] = remotes[hosts.index(host)].write(C, [create(str(number))])
            host.outcomes[result.outcome] += 1
        except RateLimitedError as error:
            host.outcomes[Outcome.RETRY] += 1
            host.at.sleep(error.after_s or 5.0)
    store.close()
    return hosts, app.watch.counts


def test_what_we_may_call_is_used_shared_fairly_and_never_throttled() -> None:
    [one, two], calls = simulate(2, minutes=5)
    allowed = 80 * 5 * 60 // 20
    assert one.outcomes.keys() == two.outcomes.keys() == {Outcome.APPLIED}, "none was throttled"
    assert 0.95 * allowed <= calls["insert"] <= allowed
    assert abs(one.outcomes[Outcome.APPLIED] - two.outcomes[Outcome.APPLIED]) <= 12
    assert calls["token"] == 1, "one token for both"


def test_a_budget_above_the_vendors_limit_is_throttled() -> None:
    """The other way round, so that the test above can fail."""
    hosts, _ = simulate(2, minutes=0.5, rate="200/20s")
    assert sum(host.outcomes[Outcome.RETRY] for host in hosts) > 0
