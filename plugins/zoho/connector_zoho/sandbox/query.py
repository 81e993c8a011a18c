"""Queries answered from the orders and the index by value, at the cost of the rows they return."""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson

from connector.sandbox.calls import Call
from connector.sandbox.views import State, between, folded
from connector_zoho import facts
from connector_zoho.sandbox.coql import Both, Condition, Node, Query, parse, syntax_error
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.refusals import Json, RefusedCall
from connector_zoho.sandbox.schema import Field
from connector_zoho.sandbox.values import parse_id, parse_time

Test = Callable[[State], bool]

TEXTS: Final = frozenset({"text", "email", "phone", "website", "picklist", "autonumber"})
NUMBERS: Final = frozenset({"integer", "double", "currency", "percent"})
TIMES: Final = frozenset({"date", "datetime"})
LINKS: Final = frozenset({"lookup", "ownerlookup", "userlookup"})
_ORDERED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LEAST: Final = -(1 << 63)
_MOST: Final = 1 << 63


def invalid_query(field: str, reason: str) -> RefusedCall:
    """The query is well formed, but the field does not allow it."""
    return RefusedCall(
        "INVALID_QUERY", "invalid query formed", {"column_name": field, "reason": reason}
    )


@dataclass(slots=True, frozen=True)
class Bounds:
    """What a condition says at least about a record's time and number; all bounds are included.

    `first` is the least (time, number) in the order by time: the key-set's edge.
    """

    low: int
    high: int
    number_low: int
    number_high: int
    first: tuple[int, int]


_ANY: Final = Bounds(_LEAST, _MOST, _LEAST, _MOST, (_LEAST, _LEAST))


def _span(sign: str, values: tuple[Any, ...]) -> tuple[int, int]:
    value = values[0]
    return {
        "=": (value, value),
        "<": (_LEAST, value - 1),
        "<=": (_LEAST, value),
        ">": (value + 1, _MOST),
        ">=": (value, _MOST),
        "in": (min(values), max(values)),
        "between": (value, values[-1]),
    }.get(sign, (_LEAST, _MOST))


class Queries:
    """The query call of one organisation."""

    def __init__(self, org: Organisation) -> None:
        self._org = org

    def read(self, call: Call) -> Query:
        """Read the body. Raises RefusedCall."""
        try:
            body = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            raise RefusedCall("INVALID_REQUEST", "unable to parse the request body") from None
        text = body.get("select_query") if isinstance(body, dict) else None
        if text is None:
            raise RefusedCall(
                "MANDATORY_NOT_FOUND",
                "required field not found",
                {"api_name": "select_query", "json_path": "$.select_query"},
            )
        if not isinstance(text, str):
            raise RefusedCall(
                "INVALID_DATA",
                "invalid data",
                {"api_name": "select_query", "expected_data_type": "text"},
            )
        limits = self._org.limits
        # the page size limit shortens answers; what may be asked for stays the vendor's
        return parse(text, most_rows=facts.COQL_ROWS, most_offset=limits.coql_offset)

    def answer(self, query: Query, module: Module) -> tuple[int, Json | None]:
        """Run a query: HTTP status and body."""
        for name in query.columns:
            self._column(module, name)
        test = self._test(module, query.where)
        bounds = self._bounds(module, query.where)
        states, hidden = module.feed.states, module.hidden
        count = min(query.limit, self._org.limits.coql_rows)
        hits = (
            state
            for state in map(states.__getitem__, self._candidates(module, query, bounds))
            if test(state) and state.number not in hidden
        )
        chosen = list(islice(hits, query.offset, query.offset + count + 1))
        more, chosen = len(chosen) > count, chosen[:count]
        if not chosen:
            return 204, None
        return 200, {
            "data": self._rows(module, chosen, query.columns),
            "info": {"count": len(chosen), "more_records": more},
        }

    # --- columns ---

    def _column(self, module: Module, name: str, clause: str = "select") -> Field:
        first, _, rest = name.partition(".")
        field = module.fields.get(first)
        if field is None:
            raise invalid_query(first, f"column given seems to be invalid in {clause}")
        if rest:
            target = self._org.modules.get(field.target or "")
            if field.type != "lookup" or target is None:
                raise invalid_query(first, "column is no lookup")
            return self._column(target, rest, clause)
        return field

    def _value(self, module: Module, state: State, name: str) -> Any:
        first, _, rest = name.partition(".")
        value = state.values.get(first)
        field = module.fields[first]
        if field.type == "lookup" and value is not None:
            target = self._org.modules[field.target or ""]
            other = target.live.get(int(value))
            if other is None:
                return None
            return self._value(target, other, rest) if rest else {"id": value}
        if field.type in LINKS and value is not None:
            return {"id": value["id"]}
        return value

    def _rows(self, module: Module, states: list[State], columns: tuple[str, ...]) -> list[Json]:
        plain = [name for name in columns if name in module.fields]
        plain = [name for name in plain if module.fields[name].type not in LINKS]
        links = [name for name in columns if name not in plain]
        shown = []
        for state in states:
            values = state.values
            row = {name: values.get(name) for name in plain}
            for name in links:
                row[name] = self._value(module, state, name)
            row["id"] = values["id"]
            shown.append(row)
        return shown

    # --- which records to look at ---

    def _candidates(self, module: Module, query: Query, bounds: Bounds) -> Iterable[int]:
        feed = module.feed
        orders = query.orders or (("id", False),)
        chosen = self._by_value(module, query.where)
        names = [name for name, _ in orders]
        backwards = orders[0][1]
        one_way = all(way == backwards for _, way in orders)
        if chosen is None and names in (["Modified_Time"], ["Modified_Time", "id"]) and one_way:
            keys = feed.keys("Modified_Time")
            return between(keys, bounds.first, (bounds.high, _MOST), backwards=backwards)
        if chosen is None and (bounds.low > _LEAST or bounds.high < _MOST):
            keys = feed.keys("Modified_Time")
            by_time = between(keys, (bounds.low, _LEAST), (bounds.high, _MOST))
            if names[0] != "id" or self._narrower(module, bounds):
                chosen = set(by_time)
        if chosen is None and names == ["id"]:
            low, high = (0, bounds.number_low), (0, bounds.number_high)
            return between(feed.keys("id"), low, high, backwards=backwards)
        found = chosen if chosen is not None else set(feed.states)
        return self._sorted(module, [n for n in found if n in feed.states], orders)

    def _narrower(self, module: Module, bounds: Bounds) -> bool:
        """Whether the window of time holds far fewer records than the range of numbers."""
        times, ids = module.feed.keys("Modified_Time"), module.feed.keys("id")
        in_time = bisect_right(times, (bounds.high, _MOST)) - bisect_left(
            times, (bounds.low, _LEAST)
        )
        in_ids = bisect_right(ids, (0, bounds.number_high)) - bisect_left(
            ids, (0, bounds.number_low)
        )
        return in_time * 4 < in_ids

    def _sorted(
        self, module: Module, numbers: list[int], orders: tuple[tuple[str, bool], ...]
    ) -> list[int]:
        states = module.feed.states
        numbers.sort()
        for name, backwards in reversed(orders):
            self._column(module, name, "order by")
            if name == "id":
                numbers.sort(reverse=backwards)
                continue

            def key(number: int, name: str = name) -> tuple[bool, Any]:
                value = self._comparable(module, states[number], name)
                return (value is not None, value if value is not None else 0)

            numbers.sort(key=key, reverse=backwards)
        return numbers

    def _by_value(self, module: Module, node: Node) -> set[int] | None:
        """Numbers that an equality leaves over, if there is one in every case."""
        if isinstance(node, Both):
            left, right = self._by_value(module, node.left), self._by_value(module, node.right)
            if node.word == "and":
                return left if right is None else right if left is None else left & right
            return None if left is None or right is None else left | right
        if node.operator not in ("=", "in"):
            return None
        field = module.fields.get(node.field)
        if node.field == "id":
            return {number for number in map(parse_id, map(str, node.values)) if number is not None}
        if field is None or (field.type not in TEXTS and field.type != "lookup"):
            return None
        return module.feed.numbers_with(node.field, map(str, node.values))

    def _bounds(self, module: Module, node: Node) -> Bounds:
        if isinstance(node, Both):
            a, b = self._bounds(module, node.left), self._bounds(module, node.right)
            if node.word == "or":
                return Bounds(
                    min(a.low, b.low),
                    max(a.high, b.high),
                    min(a.number_low, b.number_low),
                    max(a.number_high, b.number_high),
                    min(a.first, b.first),
                )
            low, number_low = max(a.low, b.low), max(a.number_low, b.number_low)
            return Bounds(
                low,
                min(a.high, b.high),
                number_low,
                min(a.number_high, b.number_high),
                max(a.first, b.first, (low, number_low)),
            )
        if node.operator in ("is null", "is not null"):
            return _ANY
        if node.field == "Modified_Time":
            low, high = _span(node.operator, tuple(map(self._time, node.values)))
            return Bounds(low, high, _LEAST, _MOST, (low, _LEAST))
        if node.field == "id":
            numbers = tuple(parse_id(str(value)) or 0 for value in node.values)
            low, high = _span(node.operator, numbers)
            return Bounds(_LEAST, _MOST, low, high, (_LEAST, low))
        return _ANY

    # --- what a condition says ---

    def _time(self, value: Any) -> int:
        at = parse_time(value, zulu=self._org.switches["zulu_times"] == "accepted")
        if at is None:
            raise invalid_query("Modified_Time", "invalid datetime value")
        return at

    def _test(self, module: Module, node: Node) -> Test:
        if isinstance(node, Both):
            left, right = self._test(module, node.left), self._test(module, node.right)
            if node.word == "and":
                return lambda state: left(state) and right(state)
            return lambda state: left(state) or right(state)
        return self._condition(module, node)

    def _comparable(self, module: Module, state: State, name: str) -> Any:
        """A record's value in the form that conditions compare: folded, in seconds, or a number."""
        if name == "Modified_Time":
            return state.modified
        if name == "id":
            return state.number
        field = self._column(module, name, "where")
        value = self._value(module, state, name)
        if value is None:
            return None
        if field.type == "datetime":
            return parse_time(value, zulu=True)
        if field.type in LINKS:
            return value["id"]
        if field.type == "multiselectpicklist":
            return folded(";".join(value))
        return int(value) if field.type == "bigint" else folded(value)

    def _wanted(self, field: Field, value: Any) -> Any:
        kind = field.type
        if kind == "datetime":
            at = parse_time(value, zulu=self._org.switches["zulu_times"] == "accepted")
            if at is None:
                raise invalid_query(field.name, "invalid datetime value")
            return at
        if kind == "bigint":
            number = parse_id(str(value))
            if number is None:
                raise invalid_query(field.name, "invalid bigint value")
            return number
        if kind in NUMBERS:
            try:
                return float(value)
            except (TypeError, ValueError):
                raise invalid_query(field.name, "invalid number") from None
        if kind == "boolean":
            if str(value).lower() not in ("true", "false"):
                raise invalid_query(field.name, "invalid boolean value")
            return str(value).lower() == "true"
        return folded(str(value))

    def _condition(self, module: Module, node: Condition) -> Test:
        field = self._column(module, node.field, "where")
        sign, name = node.operator, node.field
        self._allow(field, sign)

        def of(state: State) -> Any:
            return self._comparable(module, state, name)

        if sign == "is null":
            return lambda state: of(state) is None
        if sign == "is not null":
            return lambda state: of(state) is not None
        if sign in ("like", "not like"):
            return self._like(of, str(node.values[0]), negated=sign == "not like")
        values = [self._wanted(field, value) for value in node.values]
        first = values[0]
        if sign == "=":
            return lambda state: of(state) == first
        if sign == "!=":
            return lambda state: of(state) != first
        if sign in ("in", "not in"):
            wanted, found = frozenset(values), sign == "in"
            return lambda state: (of(state) in wanted) is found
        if sign == "between":
            last = values[1]
            return lambda state: (v := of(state)) is not None and first <= v <= last
        compare = _ORDERED[sign]
        return lambda state: (v := of(state)) is not None and compare(v, first)

    @staticmethod
    def _allow(field: Field, sign: str) -> None:
        kind = field.type
        if kind == "textarea":
            raise invalid_query(field.name, "textarea is not supported in criteria")
        if sign in _ORDERED or sign == "between":
            allowed = kind in NUMBERS | TIMES or kind == "bigint"
        elif sign in ("like", "not like"):
            allowed = kind in TEXTS
        elif kind == "boolean":
            allowed = sign == "="
        else:
            allowed = True
        if not allowed:
            raise invalid_query(field.name, "operator is not supported for this field")

    @staticmethod
    def _like(of: Callable[[State], Any], pattern: str, *, negated: bool) -> Test:
        text = folded(pattern.strip("%"))
        if not text or "%" in text:
            raise syntax_error("where", near="like")
        starts, ends = pattern.endswith("%"), pattern.startswith("%")

        def holds(state: State) -> bool:
            value = of(state)
            if value is None:
                return negated
            if starts and ends:
                hit = text in value
            elif starts:
                hit = value.startswith(text)
            else:
                hit = value.endswith(text) if ends else value == text
            return bool(hit) is not negated

        return holds
