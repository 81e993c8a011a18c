"""What the core lends a plugin: time, chance, the way out to the network, budgets and secrets.

A plugin takes these names from `connector.plugin`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, BinaryIO, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")

LONGEST_WAIT = timedelta(seconds=5)
"""A budget holds a call back no longer than this; where it would have to, the run ends as partial
and goes on when called again."""


class Clock(Protocol):
    """Time, so that nobody asks the machine for it behind our back."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class AllowList:
    """Origins (`https://host` or `https://host:port`) that a session may speak to.

    Plain http and loopback addresses are refused unless `allow_loopback`.
    """

    origins: tuple[str, ...]
    allow_loopback: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """A vendor's answer, whole. `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Session(Protocol):
    """The one way out to the network."""

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        max_bytes: int | None = None,
        into: BinaryIO | None = None,
    ) -> Response:
        """Send one request and read the whole answer, whatever its status.

        The content of a 200 is written to `into`, if that is given, and `body` is empty then.

        `repeatable` requests (reads) are sent again after a lost connection. Raises
        `UnreachableError` when surely nothing reached the vendor (or a read failed for good), and
        `UnknownOutcomeError` when a request that is not repeatable may have landed.
        """
        ...

    def close(self) -> None: ...


class SecretSlot(Protocol):
    """One sealed value shared by all processes on this state; locked while it is open."""

    def get(self) -> bytes | None:
        """The value, or None if none was put or its life is over."""
        ...

    def put(self, value: bytes, life: timedelta) -> None: ...

    def clear(self) -> None: ...


class Host(Protocol):
    """What the core lends a plugin."""

    @property
    def clock(self) -> Clock: ...

    @property
    def rng(self) -> Random: ...

    def session(self, hosts: AllowList, *, timeout_s: float, pool: int = 4) -> Session: ...

    def spend(self, path: str, cost: int, rate: str) -> None:
        """Take `cost` units from a budget shared by all processes, waiting up to a few seconds.

        `path` names the budget, `rate` is "N/SECONDSs" ("80/20s"). Raises `RateLimitedError`.
        """
        ...

    def pause(self, path: str, for_s: float) -> None:
        """Tell all processes that the vendor wants this budget left alone for so long."""
        ...

    def spread(self, work: Callable[[T], R], items: Iterable[T], width: int) -> Iterator[R]:
        """Yield `work(item)` of each item as it ends, at most `width` at a time, in any order.

        An error of one item is raised when its turn comes, after what had begun has ended; items
        not yet begun then never begin. Tests run it inline, one item after the other.
        """
        ...

    def secret(self, name: str) -> AbstractContextManager[SecretSlot]: ...
