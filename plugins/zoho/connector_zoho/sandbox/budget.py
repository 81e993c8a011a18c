"""Credits, rates and calls in flight. README: Limits and credits."""

from __future__ import annotations

from collections import deque

from connector.http.limits import Rate
from connector.sandbox.calls import Call
from connector.sandbox.window import Window
from connector_zoho import facts
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.refusals import RefusedCall


class Budget:
    """What has been spent, and the refusal when it is too much."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._spent: deque[tuple[float, int]] = deque()
        self._recent = Window()
        self.used = 0

    def refusal(self) -> RefusedCall:
        """The answer to a call too many; both of the vendor's codes are known."""
        return RefusedCall(self._org.switches["throttle_code"], "too many requests", {}, status=429)

    def spend(
        self, call: Call, operation: str, records: int, *, in_flight: int, heavy_in_flight: int
    ) -> None:
        """Take what this call costs. Raises RefusedCall 429; then nothing was taken or done.

        `heavy_in_flight`: 0 for a call that is not heavy.
        """
        limits, now = self._org.limits, self._org.time.now()
        if limits.concurrency is not None and in_flight > limits.concurrency:
            raise self.refusal()
        most = limits.heavy_concurrency
        if most is not None and heavy_in_flight > most:
            raise self.refusal()
        if limits.rate_calls is not None:
            rate = Rate(limits.rate_calls, limits.rate_window_s)
            if not self._recent.take(now, rate):
                raise self.refusal()
        cost = facts.CREDITS.get(operation, 1)
        if operation == "list" and "cvid" in call.query:
            cost = facts.CREDITS["list_by_view"]
        if operation in ("insert", "update", "upsert"):
            cost = facts.write_credits(records)
        if operation != "coql":  # a query costs by its limit, known once it is parsed
            self.charge(cost)

    def charge(self, cost: int) -> None:
        """Take credits from the rolling day. Raises RefusedCall 429 if they do not suffice."""
        now, limit = self._org.time.now(), self._org.limits.credits
        while self._spent and self._spent[0][0] <= now - facts.CREDIT_WINDOW.total_seconds():
            self.used -= self._spent.popleft()[1]
        if limit is not None and self.used + cost > limit:
            raise self.refusal()
        minute = now - now % 60
        if self._spent and self._spent[-1][0] == minute:
            self._spent[-1] = (minute, self._spent[-1][1] + cost)
        else:
            self._spent.append((minute, cost))
        self.used += cost

    def remaining(self) -> int | None:
        """Credits left, once half of them are used; None before."""
        limit = self._org.limits.credits
        if limit is None or self.used * 2 < limit:
            return None
        return limit - self.used
