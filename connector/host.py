"""What the core lends a plugin: time, chance, a session, shared budgets, shared secrets."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from random import Random, SystemRandom
from threading import Event, Lock, Thread
from typing import TypeVar

from connector.errors import (
    ConnectorError,
    LeaseHeldError,
    LeaseLostError,
    RateLimitedError,
    StopRequest,
    UnreachableError,
)
from connector.http.limits import parse_rate, reserve
from connector.http.session import HttpSession
from connector.lent import LONGEST_WAIT
from connector.plugin import AllowList, Clock, Session
from connector.privacy.vault import Vault
from connector.store import scopes
from connector.store.database import Lease, Store

T = TypeVar("T")
R = TypeVar("R")

HEAD_START_S = 0.015
"""Longer than one short transaction takes, with its sync to a disk."""
_LONGEST_LOCK = dt.timedelta(seconds=30)


class MachineClock:
    """The machine's own clock."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def in_threads(work: Callable[[T], R], items: Iterable[T], width: int) -> Iterator[R]:
    """See `plugin.Host.spread`."""
    waiting = iter(items)
    # leaving this block waits for what has begun: no call of ours outlives its batch
    with ThreadPoolExecutor(max_workers=width) as pool:
        running: set[Future[R]] = set()
        while True:
            for item in waiting:
                try:
                    running.add(pool.submit(work, item))
                except RuntimeError:  # the interpreter is on its way out, and begins no thread
                    raise StopRequest from None
                if len(running) >= width:
                    break
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for one in ended:
                yield one.result()


def one_ahead(pages: Iterator[T]) -> Iterator[T]:
    """Yield what an iterator yields; while one is worked on, the next is fetched in a thread.

    Never more than one is fetched before it is asked for. Raises what the iterator raises, at its
    place.
    """
    # leaving this block waits for what is under way: no call of ours outlives its pass
    with ThreadPoolExecutor(max_workers=1) as pool:

        def fetch() -> Future[list[T]]:
            try:
                return pool.submit(lambda: list(islice(pages, 1)))
            except RuntimeError:  # the interpreter is on its way out, and begins no thread
                raise StopRequest from None

        waiting = fetch()
        while some := waiting.result():
            waiting = fetch()
            # Its call takes units from a budget in the state first. Without a start it would queue
            # behind the long transaction of whoever works on the page, and leave when that ends.
            wait([waiting], timeout=HEAD_START_S)
            yield some[0]


class Beating:
    """Does a thing every so many seconds, from a thread, as long as a block lasts."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @contextmanager
    def __call__(self, work: Callable[[], None]) -> Iterator[None]:
        ended = Event()

        def beat() -> None:
            while not ended.wait(self._seconds):
                try:
                    work()
                except LeaseLostError:
                    return  # whoever is in the block meets it with the next write
                except ConnectorError:
                    continue  # a busy database is asked again

        thread = Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


class StoreHost:
    """A `plugin.Host` on the state store: what must be shared is shared by all its processes."""

    def __init__(
        self,
        connection: str,
        store: Store,
        vault: Vault,
        clock: Clock | None = None,
        rng: Random | None = None,
    ) -> None:
        self._connection = connection
        self._store = store
        self._vault = vault
        self.clock: Clock = clock or MachineClock()
        self.rng: Random = rng or SystemRandom()
        self._counting = Lock()
        self.spent = 0, 0
        """Calls that were paid for, and their cost."""

    def session(self, hosts: AllowList, *, timeout_s: float, pool: int = 4) -> Session:
        return HttpSession(hosts, timeout_s=timeout_s, pool=pool, clock=self.clock, rng=self.rng)

    def spend(self, path: str, cost: int, rate: str) -> None:
        allowed = parse_rate(rate)
        longest_us = LONGEST_WAIT // dt.timedelta(microseconds=1)

        def take(tat_us: int, now_us: int) -> tuple[int, int]:
            return reserve(tat_us, now_us, cost, allowed)

        budget = (self._connection, path, rate, longest_us)
        wait_us = scopes.reserve(self._store, *budget, take)
        if wait_us is None:
            raise RateLimitedError(
                f"The rate budget of {self._connection} is spent for now.",
                hint="Run again later: it goes on where it stopped.",
            )
        with self._counting:
            calls, paid = self.spent
            self.spent = calls + 1, paid + cost
        if wait_us > 0:
            self.clock.sleep(wait_us / 1e6)

    def pause(self, path: str, for_s: float) -> None:
        with self._store.read() as tx:
            now = self._store.now_us(tx)
        scopes.pause(self._store, self._connection, path, now + int(for_s * 1e6))

    def spread(self, work: Callable[[T], R], items: Iterable[T], width: int) -> Iterator[R]:
        return in_threads(work, items, width)

    @contextmanager
    def secret(self, name: str) -> Iterator[_Slot]:
        """One sealed value, locked across processes while open (30 s at most to get it)."""
        kind = f"*/secret/{name}"
        deadline, wait_s = self.clock.now() + _LONGEST_LOCK, 0.05
        while True:
            try:
                lease = self._store.acquire(self._connection, kind)
                break
            except LeaseHeldError:
                if self.clock.now() > deadline:
                    raise UnreachableError(
                        f"Another process keeps the secret {name} of {self._connection} locked."
                    ) from None
                self.clock.sleep(wait_s)
                wait_s = min(2 * wait_s, 1.0)
        try:
            self._vault.follow_ring()
            yield _Slot(self._connection, kind, self._store, self._vault, lease)
        finally:
            self._store.release(lease)


class _Slot:
    """The open slot; see `plugin.SecretSlot`."""

    def __init__(
        self, connection: str, kind: str, store: Store, vault: Vault, lease: Lease
    ) -> None:
        self._connection, self._kind = connection, kind
        self._store, self._vault, self._lease = store, vault, lease
        self._name = f"{connection}/{kind}"

    def get(self) -> bytes | None:
        with self._store.read() as tx:
            row = scopes.get(tx, self._connection, self._kind)
            now = self._store.now_us(tx)
        if row is None or row.resume is None or (row.not_before_us or 0) <= now:
            return None
        return self._vault.open_secret(self._name, row.resume)

    def put(self, value: bytes, life: dt.timedelta) -> None:
        with self._store.write(self._lease, "secret") as tx:
            end = self._store.now_us(tx) + int(life.total_seconds() * 1e6)
            sealed = self._vault.seal_secret(self._name, value)
            scopes.update(tx, self._connection, self._kind, resume=sealed, not_before_us=end)

    def clear(self) -> None:
        with self._store.write(self._lease, "secret") as tx:
            scopes.update(tx, self._connection, self._kind, resume=None, not_before_us=None)
