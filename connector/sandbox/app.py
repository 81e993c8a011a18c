"""A sandbox without a server: a request in, an answer out; what every vendor's has."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from random import Random
from typing import Any, ClassVar, Protocol

from connector.http.limits import Rate
from connector.sandbox.admin import Action
from connector.sandbox.admin import answer as answer_administrator
from connector.sandbox.calls import Call, Dropped, Reply
from connector.sandbox.clock import Time
from connector.sandbox.faults import Faults
from connector.sandbox.limits import Limits
from connector.sandbox.watch import Watch
from connector.sandbox.workflows import Workflow


class Organised(Protocol):
    """What every vendor's organisation has."""

    @property
    def limits(self) -> Limits: ...

    switches: dict[str, str]
    workflows: list[Workflow]


class App(ABC):
    """One stand-in of a vendor. `now` gives epoch seconds, `sleep` waits for the slow faults.

    `definitions` replace the default organisation's objects, `rate` the vendor's limit on calls.
    """

    noun: ClassVar[str]
    """The vendor's word for an object; the administrator's calls name one by it."""
    actions: ClassVar[Mapping[str, Action]]
    """What the administrator can do: a name under /admin/ to a function of app and body."""
    forms: ClassVar[Mapping[str, tuple[str, ...]]]
    """Switch to the forms it knows; the first is in force."""
    known_faults: ClassVar[frozenset[str]]

    clock: Time
    faults: Faults
    org: Organised
    watch: Watch

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        rng: Random | None = None,
        definitions: Iterable[Mapping[str, Any]] | None = None,
        rate: Rate | None = None,
    ) -> None:
        self._now, self._sleep = now, sleep
        self._rng = rng or Random(0)  # noqa: S311 - ids and tokens of a sandbox, repeatable
        self.base_url = "http://sandbox.invalid"
        self.in_flight = 0
        self.heavy_in_flight = 0
        self._definitions = list(definitions) if definitions is not None else None
        self._rate = rate
        self.reset()

    def reset(self) -> None:
        """Start anew with an empty organisation; the address stays."""
        self.clock = Time(self._now)
        self.faults = Faults(self.known_faults, self.noun)
        self.begin()
        if self._rate is not None:
            self.limits.change({"rate_calls": self._rate.units, "rate_window_s": self._rate.per_s})

    @abstractmethod
    def begin(self) -> None:
        """Make an empty organisation, what watches its calls and what answers them."""

    @abstractmethod
    def answer(self, call: Call) -> Reply:
        """Answer a caller of the vendor's API; delays and drops are left to the server."""

    @property
    def limits(self) -> Limits:
        return self.org.limits

    @property
    def switches(self) -> dict[str, str]:
        return self.org.switches

    def set_base_url(self, url: str) -> None:
        """Say under which address this sandbox is reached."""
        self.base_url = url

    def handle(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one request without any network. Raises Dropped where a server would hang up."""
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        reply = self.respond(Call(method, path, dict(query or {}), lower, body))
        while reply.late is not None:
            self._sleep(reply.delay_s)
            reply = reply.late()
        if reply.delay_s:
            self._sleep(reply.delay_s)
        if reply.drop or reply.cut is not None:
            raise Dropped(reply)
        return reply.status, reply.headers, reply.body

    def respond(self, call: Call) -> Reply:
        """Answer one request; delays and drops are left to the caller."""
        if call.path.startswith("/admin/"):
            return self.stamp(answer_administrator(self, call))
        return self.answer(call)

    def note(self, call: Call, operation: str, status: int) -> None:
        """Count and keep the call."""
        self.watch.note(call, operation, status, self.clock.now())

    def stamp(self, reply: Reply) -> Reply:
        reply.headers["date"] = formatdate(self.clock.now(), usegmt=True)
        return reply

    def unserved(self, call: Call, operation: str, status: int, body: Any = None) -> Reply:
        """An answer without effect, noted as such."""
        self.note(call, operation, status)
        return Reply.of(status, body)
