"""A network inside the process: requests go to the vendors' stand-ins, in the story's own time.

Everything of ours above the socket is real: sessions, tokens, plugins. Below it a request takes
some virtual milliseconds, and may meet any fate that a line between two machines knows.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from connector.sandbox.app import App
from connector.sandbox.calls import Call, Reply
from connector.testing.clock import ManualClock

REFUSED = "refused"
"""The fate of a request that finds nobody listening: not a byte leaves."""
LATE = "late"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one request: `REFUSED`, or a fault that the stand-in can be armed with."""

    name: str
    how: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """The way to one vendor. `draw` says what becomes of a call (None: it is answered).

    `hook` is called before a request leaves and after its answer came: a process may die there.
    """

    app: App
    draw: Callable[[Call], Fate | None]
    hook: Callable[[str, Call], None]


class Network(BaseAdapter):
    """The transport of all sessions of a story. Lines are by host name."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.rng = Random(0)
        """The chance of the step that is being played."""
        self._clock = clock
        self._lines: dict[str, Line] = {}
        self._late: list[tuple[float, Callable[[], Reply]]] = []
        self._landing: float | None = None

    def connect(self, host: str, line: Line) -> None:
        self._lines[host] = line

    def now(self) -> float:
        """Epoch seconds; while a late request lands, the moment at which it does."""
        return self._clock.now().timestamp() if self._landing is None else self._landing

    def land(self) -> None:
        """Let the late requests land whose time has come, each in its own time."""
        if not self._late:
            return
        now = self._clock.now().timestamp()
        due = sorted((one for one in self._late if one[0] <= now), key=lambda one: one[0])
        self._late = [one for one in self._late if one[0] > now]
        for at, act in due:
            self._landing = at
            act()
        self._landing = None

    def close(self) -> None:
        """Nothing is held open; the next process of the story uses the same network."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Hand one request to its vendor. Raises what `requests` would raise."""
        line = self._lines[urlsplit(request.url or "").hostname or ""]
        call = call_of(request)
        line.hook("before", call)
        self._clock.sleep(self.rng.uniform(0.02, 0.2))
        self.land()
        fate = line.draw(call)
        if fate is not None and fate.name == REFUSED:
            raise requests.ConnectTimeout("nobody listens")
        if fate is not None:
            line.app.faults.arm(fate.name, fate.how)
        reply = line.app.respond(call)
        line.app.faults.clear()
        patience = float(timeout[1])
        if reply.late is not None:
            self._late.append((self.now() + reply.delay_s, reply.late))
            self._give_up(patience)
        if reply.delay_s > patience:
            self._give_up(patience)
        self._clock.sleep(reply.delay_s)
        line.hook("after", call)
        if reply.drop:
            if self.rng.random() < 0.5:
                raise requests.ConnectionError(ProtocolError("the line broke"))
            self._give_up(patience)
        return answer_of(request, reply)

    def _give_up(self, patience: float) -> None:
        self._clock.sleep(patience)
        raise requests.ReadTimeout("no answer came")


def call_of(request: requests.PreparedRequest) -> Call:
    """A request as a server of the stand-in reads it."""
    parts = urlsplit(request.url or "")
    body = request.body or b""
    return Call(
        method=request.method or "",
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): str(value) for name, value in request.headers.items()},
        body=body if isinstance(body, bytes) else str(body).encode(),
    )


def answer_of(request: requests.PreparedRequest, reply: Reply) -> requests.Response:
    """An answer as the library reads it; one that was cut off says how long it should have been."""
    whole = len(reply.body)
    headers = {**reply.headers, "content-length": str(whole)}
    answer = requests.Response()
    answer.status_code = reply.status
    answer.headers = CaseInsensitiveDict(headers)
    answer.raw = HTTPResponse(
        body=io.BytesIO(reply.body[: reply.cut]),
        headers=headers,
        status=reply.status,
        preload_content=False,
        request_method=request.method,
    )
    return answer
