"""The rate of each path, and the day's quota."""

from __future__ import annotations

from datetime import datetime

from connector.http.limits import Rate
from connector.sandbox.window import Window
from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.model import Organisation
from connector_fxiaoke.sandbox.refusals import RefusedCall


class Budget:
    """What has been spent, and the refusal when it is too much."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._windows: dict[str, Window] = {}
        self._day = ""
        self.used = 0

    def throttled(self, code: int | None = None) -> RefusedCall:
        """The answer to a call too many; both of the vendor's codes are known."""
        told = int(self._org.switches["throttle_code"]) if code is None else code
        return RefusedCall(told, "interface call limit exceeded")

    def spend(self, path: str) -> None:
        """Count a call. Raises RefusedCall; then nothing was counted or done."""
        limits, now = self._org.limits, self._org.time.now()
        if limits.quota == 0:
            raise RefusedCall(facts.NO_QUOTA, "no quota was bought")
        day = datetime.fromtimestamp(now, self._org.zone).date().isoformat()
        if day != self._day:
            self._day, self.used = day, 0
        if limits.quota is not None and self.used >= limits.quota:
            raise RefusedCall(facts.QUOTA_USED_UP, "the quota of the day is used up")
        if limits.rate_calls is not None:
            window = self._windows.setdefault(path, Window())
            if not window.take(now, Rate(limits.rate_calls, limits.rate_window_s)):
                raise self.throttled()
        self.used += 1
