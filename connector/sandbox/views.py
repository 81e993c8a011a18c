"""What lists, queries and searches see: the commits that have become visible, kept in order.

The truth is in the module's `live` records. A view follows it after its lag, so that late
visibility is a matter of one number and not of every reader.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Key = tuple[int, int]
"""What an order sorts by, then the record's number."""


@dataclass(slots=True, frozen=True, eq=False)
class State:
    """A record as one commit left it. `values` is never changed, only replaced.

    `number` orders records as their ids do; the times are in the vendor's own steps since 1970.
    """

    number: int
    created: int
    modified: int
    values: dict[str, Any]


class Order:
    """Records sorted by one time, then by number; made when first asked for, then kept."""

    def __init__(self, time_of: Callable[[State], int]) -> None:
        self.time_of = time_of
        self._keys: list[Key] | None = None

    def keys(self, states: Iterable[State]) -> list[Key]:
        """All keys in order; `states` are all records, used only the first time."""
        if self._keys is None:
            time_of = self.time_of
            self._keys = sorted((time_of(state), state.number) for state in states)
        return self._keys

    def forget(self) -> None:
        """Make it again at the next reading: cheaper than thousands of single steps."""
        self._keys = None

    def add(self, state: State) -> None:
        if self._keys is not None:
            insort(self._keys, (self.time_of(state), state.number))

    def remove(self, state: State) -> None:
        if self._keys is not None:
            place = bisect_left(self._keys, (self.time_of(state), state.number))
            del self._keys[place]


class View:
    """Visible states by number, following the truth after a lag."""

    def __init__(self) -> None:
        self.states: dict[int, State] = {}
        self.version = 0
        self._pending: list[tuple[float, int, int, State | None]] = []
        self._sequence = 0
        self._newest: dict[int, int] = {}

    def put(self, number: int, state: State | None, visible_at: float, now: float) -> None:
        """Show `state` (None: the record is gone) from `visible_at` on. Times in epoch seconds."""
        self._sequence += 1
        if visible_at <= now:
            if self._pending:
                # an older commit of this record may be on its way: it must not come back later
                self._newest[number] = self._sequence
            self._show(number, state)
            return
        heapq.heappush(self._pending, (visible_at, self._sequence, number, state))

    def settle(self, now: float) -> None:
        """Show what has become due."""
        while self._pending and self._pending[0][0] <= now:
            _, sequence, number, state = heapq.heappop(self._pending)
            if sequence > self._newest.get(number, 0):
                self._newest[number] = sequence
                self._show(number, state)
        if not self._pending:
            self._newest.clear()

    def load(self, states: Iterable[State]) -> None:
        """Take many new records at once."""
        self.states.update((state.number, state) for state in states)
        self.version += 1

    def _show(self, number: int, state: State | None) -> None:
        self.version += 1
        if state is None:
            self.states.pop(number, None)
        else:
            self.states[number] = state


def folded(value: Any) -> Any:
    """The form in which texts are compared."""
    return value.casefold() if isinstance(value, str) else value


class Feed(View):
    """The view of lists and queries, with orders by number and by time and an index by value.

    The orders go by the vendor's names of these fields.
    """

    def __init__(self, number: str, created: str, modified: str) -> None:
        super().__init__()
        self._modified = modified
        self._orders = {
            number: Order(lambda state: 0),
            created: Order(lambda state: state.created),
            modified: Order(lambda state: state.modified),
        }
        self._by_value: dict[str, dict[Any, set[int]]] = {}
        self._window: tuple[Any, list[Key]] | None = None

    def keys(self, order: str) -> list[Key]:
        """All keys of an order, ascending; by number the first part of each is 0."""
        return self._orders[order].keys(self.states.values())

    def since(self, order: str, since: int | None) -> list[Key]:
        """Keys of an order for the records modified at or after `since`."""
        if since is None:
            return self.keys(order)
        mark = (order, since, self.version)
        if self._window is None or self._window[0] != mark:
            recent = self.keys(self._modified)
            recent = recent[bisect_left(recent, (since, 0)) :]
            if order != self._modified:
                time_of = self._orders[order].time_of
                recent = sorted((time_of(self.states[number]), number) for _, number in recent)
            self._window = (mark, recent)
        return self._window[1]

    def numbers_with(self, field: str, values: Iterable[Any]) -> set[int]:
        """Numbers of the records whose field equals one of the values, case apart."""
        index = self._by_value.get(field)
        if index is None:
            index = self._by_value[field] = {}
            for state in self.states.values():
                value = state.values.get(field)
                if value is not None:
                    index.setdefault(folded(value), set()).add(state.number)
        found: set[int] = set()
        for value in values:
            found |= index.get(folded(value), set())
        return found

    def load(self, states: Iterable[State]) -> None:
        super().load(states)
        self._by_value.clear()
        for order in self._orders.values():
            order.forget()

    def _show(self, number: int, state: State | None) -> None:
        old = self.states.get(number)
        super()._show(number, state)
        for order in self._orders.values():
            if old is not None:
                order.remove(old)
            if state is not None:
                order.add(state)
        for field, index in self._by_value.items():
            before = old.values.get(field) if old is not None else None
            after = state.values.get(field) if state is not None else None
            if before is not None:
                index.get(folded(before), set()).discard(number)
            if after is not None:
                index.setdefault(folded(after), set()).add(number)


def between(keys: list[Key], low: Key, high: Key, *, backwards: bool = False) -> Iterator[int]:
    """Yield the numbers of the keys from `low` to `high`, both included."""
    start, end = bisect_left(keys, low), bisect_right(keys, high)
    places = range(end - 1, start - 1, -1) if backwards else range(start, end)
    for place in places:
        yield keys[place][1]
