"""`search_query_info`: filters, orders and paging over what the index shows.

Only the operators of the facts act. An unknown one is ignored or refused, by switch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from connector.sandbox.views import State, between, folded
from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.model import Organisation
from connector_fxiaoke.sandbox.objects import Table, row_id, row_number
from connector_fxiaoke.sandbox.refusals import RefusedCall, RefusedRecord, null_pointer
from connector_fxiaoke.sandbox.schema import LISTS, NUMBERS, TIMES, Field

Members = list[Any]
"""What a filter compares with, or what a row holds: nothing, one value, or a list's members."""

_MOST: Final = 1 << 128
"""Above every row's number."""
_INDEXED: Final = frozenset({"EQ", "IN"})
_UNINDEXED_TYPES: Final = LISTS | NUMBERS | TIMES | {"true_or_false"}


@dataclass(slots=True, frozen=True)
class Filter:
    """One condition, its values already in the field's own form."""

    field: Field
    operator: str
    values: Members


@dataclass(slots=True, frozen=True)
class Search:
    """What a list call asks for. `orders`: names, each with True for ascending."""

    filters: list[Filter]
    orders: list[tuple[str, bool]]
    limit: int
    offset: int


class Queries:
    """Reads and answers the searches of one organisation."""

    def __init__(self, org: Organisation) -> None:
        self._org = org

    # --- reading ---

    def read(self, table: Table, told: Any, open_ids: Mapping[str, str]) -> Search:
        """Read a `search_query_info`; `open_ids` turns the caller's persons into ours.

        Raises RefusedCall or RefusedRecord.
        """
        if told is None:
            told = {}
        if not isinstance(told, dict):
            raise null_pointer()
        limit = self._limit(told.get("limit", facts.DEFAULT_PAGE))
        return Search(
            filters=[
                read
                for one in _listed(told.get("filters"))
                if (read := self._filter(table, one, open_ids)) is not None
            ],
            orders=[self._order(table, one) for one in _listed(told.get("orders"))],
            limit=limit,
            offset=self._offset(told.get("offset", 0), limit),
        )

    def _limit(self, told: Any) -> int:
        limit, most = _whole(told), self._org.limits.page
        if limit < 1:
            raise RefusedRecord(f"limit[{told}]不合法")
        if limit > most:
            if self._org.switches["over_limit"] == "refused":
                raise RefusedRecord(f"limit[{told}]超过最大值{most}")
            if self._org.switches["over_limit"] == "capped":
                return most
        return limit

    def _offset(self, told: Any, limit: int) -> int:
        offset, form = _whole(told), self._org.switches["odd_offset"]
        if offset < 0 or (offset % limit and form == "refused"):
            raise RefusedRecord(f"offset[{told}]不合法")
        if offset > self._org.limits.offset:
            raise RefusedCall(
                facts.OFFSET_TOO_FAR, f"offset out of range {self._org.limits.offset}"
            )
        return offset - offset % limit if form == "floor" else offset

    def _order(self, table: Table, told: Any) -> tuple[str, bool]:
        if not isinstance(told, dict) or told.get("fieldName") not in table.fields:
            raise null_pointer()
        return str(told["fieldName"]), bool(told.get("isAsc", True))

    def _filter(self, table: Table, told: Any, open_ids: Mapping[str, str]) -> Filter | None:
        if not isinstance(told, dict) or not isinstance(told.get("field_values", []), list):
            raise null_pointer()
        name, operator = told.get("field_name"), told.get("operator")
        if operator not in facts.OPERATORS:
            if self._org.switches["unknown_operator"] == "ignored":
                return None
            raise RefusedRecord(f"不支持的操作符[{operator}]")
        field = table.fields.get(str(name))
        if field is None:
            if self._org.switches["unknown_filter_field"] == "ignored":
                return None
            raise RefusedRecord(f"字段[{name}]不存在")
        given = told.get("field_values", [])
        if operator not in ("IS", "ISN") and not given:
            raise RefusedRecord("java.lang.IndexOutOfBoundsException")
        if operator in ("BETWEEN", "NBETWEEN") and len(given) != 2:
            raise RefusedRecord("java.lang.IndexOutOfBoundsException")
        if field.type.startswith("employee"):
            given = [open_ids.get(one, one) for one in given]
        return Filter(field, operator, [self._comparable(field, one) for one in given])

    def _comparable(self, field: Field, value: Any) -> Any:
        """A value, of a filter or of a row, in the form in which it compares."""
        if field.type in NUMBERS or field.type in TIMES:
            try:
                return Decimal(str(value))
            except InvalidOperation:
                raise RefusedRecord(f"「{field.label}」的值「{value}」不是有效的数字") from None
        if isinstance(value, bool):
            return str(value).lower()
        text = value if isinstance(value, str) else str(value)
        return folded(text) if self._org.switches["text_case"] == "folded" else text

    # --- answering ---

    def rows(
        self, table: Table, search: Search, *, count: bool, shows_invalid: bool
    ) -> tuple[list[State], int]:
        """The page asked for, and how many rows there are in all (0 if not to be counted)."""
        tests = [self._test(one) for one in search.filters]
        states, hidden = table.feed.states, table.hidden
        unseen_pool = self._org.switches["pool_seen"] == "no"

        def fits(number: int) -> bool:
            state = states[number]
            if number in hidden or (unseen_pool and table.in_pool(state.values)):
                return False
            if not shows_invalid and state.values["life_status"] == "invalid":
                return False
            return all(test(state) for test in tests)

        page: list[State] = []
        seen, end = 0, search.offset + search.limit
        for number in self._candidates(table, search):
            if not fits(number):
                continue
            if search.offset <= seen < end:
                page.append(states[number])
            seen += 1
            if seen >= end and not count:
                break
        return page, seen if count else 0

    def _candidates(self, table: Table, search: Search) -> Iterable[int]:
        """Rows that may fit, in the order asked for."""
        name, ascending = search.orders[0] if search.orders else ("last_modified_time", False)
        simple = len(search.orders) < 2 and name in ("_id", "last_modified_time")
        chosen = self._chosen(table, search.filters)
        if chosen is not None or not simple:
            numbers = chosen if chosen is not None else set(table.feed.states)
            return self._sorted(table, numbers, search.orders or [(name, ascending)])
        low_number, high_number = _numbers(search.filters)
        low_time, high_time = _times(search.filters)
        if name == "_id":
            since = low_time if low_time > 0 else None
            keys = table.feed.since("_id", since)
            return between(keys, (0, low_number), (0, high_number), backwards=not ascending)
        keys = table.feed.keys("last_modified_time")
        return between(keys, (low_time, 0), (high_time, _MOST), backwards=not ascending)

    def _chosen(self, table: Table, filters: Sequence[Filter]) -> set[int] | None:
        """The rows that a filter on equality leaves; None if there is no such filter."""
        for one in filters:
            if one.operator not in _INDEXED:
                continue
            if one.field.name == "_id":
                numbers = {row_number(value) for value in one.values}
                return {n for n in numbers if n is not None and n in table.feed.states}
            if not one.field.system and one.field.type not in _UNINDEXED_TYPES:
                found = table.feed.numbers_with(one.field.name, one.values)
                return {n for n in found if n in table.feed.states}
        return None

    def _sorted(
        self, table: Table, numbers: Iterable[int], orders: Sequence[tuple[str, bool]]
    ) -> Iterator[int]:
        found = sorted(numbers)
        for name, ascending in reversed(orders):
            if name == "_id":
                found.sort(reverse=not ascending)
                continue
            field = table.fields[name]

            def key(number: int, field: Field = field) -> tuple[bool, Any]:
                held = self._held(field, table.feed.states[number])
                return (bool(held), held[0] if held else "")

            found.sort(key=key, reverse=not ascending)
        return iter(found)

    # --- filters ---

    def _held(self, field: Field, state: State) -> Members:
        """What a row holds in a field, in the form in which it compares."""
        match field.name:
            case "_id":
                return [row_id(state.number)]
            case "create_time":
                return [Decimal(state.created)]
            case "last_modified_time":
                return [Decimal(state.modified)]
            case "is_deleted":
                return ["false"]
        value = state.values.get(field.name)
        if value is None:
            return []
        members = value if isinstance(value, list) else [value]
        return [self._comparable(field, one) for one in members]

    def _test(self, one: Filter) -> Callable[[State], bool]:
        compare = _TESTS[
            one.operator.removeprefix("N") if one.operator in _NEGATED else one.operator
        ]
        wanted, negated = one.values, one.operator in _NEGATED
        if one.operator in ("BETWEEN", "NBETWEEN") and (
            self._org.switches["between_ends"] == "exclusive"
        ):
            compare = _inside

        def test(state: State) -> bool:
            return compare(self._held(one.field, state), wanted) is not negated

        return test


_NEGATED: Final = frozenset({"NBETWEEN", "NLIKE", "NIN", "NHASANYOF"})
"""Operators that are the opposite of the one without N: they match empty fields too."""


def _within(held: Members, wanted: Members) -> bool:
    return bool(held) and bool(wanted[0] <= held[0] <= wanted[1])


def _inside(held: Members, wanted: Members) -> bool:
    return bool(held) and bool(wanted[0] < held[0] < wanted[1])


def _equal(held: Members, wanted: Members) -> bool:
    return set(held) == set(wanted[:1]) if len(held) < 2 else set(held) == set(wanted)


_TESTS: Final[Mapping[str, Callable[[Members, Members], bool]]] = {
    "EQ": _equal,
    "N": lambda held, wanted: not _equal(held, wanted),
    "GT": lambda held, wanted: bool(held) and bool(held[0] > wanted[0]),
    "GTE": lambda held, wanted: bool(held) and bool(held[0] >= wanted[0]),
    "LT": lambda held, wanted: bool(held) and bool(held[0] < wanted[0]),
    "LTE": lambda held, wanted: bool(held) and bool(held[0] <= wanted[0]),
    "BETWEEN": _within,
    "LIKE": lambda held, wanted: any(str(wanted[0]) in str(one) for one in held),
    "STARTWITH": lambda held, wanted: any(str(one).startswith(str(wanted[0])) for one in held),
    "ENDWITH": lambda held, wanted: any(str(one).endswith(str(wanted[0])) for one in held),
    "IS": lambda held, wanted: not held,
    "ISN": lambda held, wanted: bool(held),
    "IN": lambda held, wanted: any(one in wanted for one in held),
    "HASANYOF": lambda held, wanted: any(one in wanted for one in held),
    "CONTAINS": lambda held, wanted: bool(held) and all(one in held for one in wanted),
}
"""Operator to its test of what a row holds against the filter's values."""


def _listed(told: Any) -> list[Any]:
    if told is None:
        return []
    if not isinstance(told, list):
        raise null_pointer()
    return told


def _whole(told: Any) -> int:
    """A whole number, as a number or as digits: typed languages send both."""
    try:
        return int(told)
    except (TypeError, ValueError):
        raise RefusedRecord(f"[{told}]不是整数") from None


def _numbers(filters: Sequence[Filter]) -> tuple[int, int]:
    """Bounds that filters on `_id` put on row numbers; the filters themselves are exact."""
    low, high = 0, _MOST
    for one in filters:
        number = row_number(one.values[0]) if one.field.name == "_id" and one.values else None
        if number is None:
            continue
        if one.operator in ("GT", "GTE"):
            low = max(low, number)
        elif one.operator in ("LT", "LTE"):
            high = min(high, number)
    return low, high


def _times(filters: Sequence[Filter]) -> tuple[int, int]:
    """Bounds that filters put on `last_modified_time`; the filters themselves are exact."""
    low, high = 0, _MOST
    for one in filters:
        if one.field.name != "last_modified_time" or not one.values:
            continue
        if one.operator in ("GT", "GTE", "BETWEEN"):
            low = max(low, int(one.values[0]))
        if one.operator in ("LT", "LTE", "BETWEEN"):
            high = min(high, int(one.values[-1]) + 1)
    return low, high
