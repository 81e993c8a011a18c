"""Search and count: loose, late, and bounded. README: Search."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from connector.sandbox.calls import Call
from connector.sandbox.views import State
from connector_zoho import facts
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.reads import Reads, positive
from connector_zoho.sandbox.refusals import Json, RefusedCall
from connector_zoho.sandbox.schema import Field
from connector_zoho.sandbox.shapes import rows
from connector_zoho.sandbox.values import parse_time

Test = Callable[[State], bool]
WAYS: Final = ("criteria", "email", "phone", "word")
_ORDERS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "greater_than": operator.gt,
    "greater_equal": operator.ge,
    "less_than": operator.lt,
    "less_equal": operator.le,
}
_COMPARE: Final = frozenset({"equals", "not_equal", "starts_with", "in", "between", *_ORDERS})


def loose(value: Any) -> str:
    """The form in which the search engine compares: without case, all punctuation alike.

    >>> loose("Sales-Team@X.test") == loose("sales_team@x.test")
    True
    """
    return re.sub(r"[\W_]+", " ", str(value).casefold()).strip()


class Search:
    """Searching calls of one organisation."""

    def __init__(self, org: Organisation, reads: Reads) -> None:
        self._org = org
        self._reads = reads

    def answer(self, module: Module, call: Call) -> tuple[int, Json | None]:
        """Answer a search: HTTP status and body."""
        test = self._test(module, call)
        names = self._reads.fields(module, call, needed=False)
        per_page = positive(call, "per_page", facts.LIST_PAGE, facts.LIST_PAGE)
        page = positive(call, "page", 1)
        limit = self._org.limits.search_total
        if page * per_page > limit:
            raise RefusedCall(
                "LIMIT_REACHED", "the limit of search results is reached", {"limit": str(limit)}
            )
        found = [state for state in module.found.states.values() if test(state)]
        found = [state for state in found if state.number not in module.hidden]
        found.sort(key=lambda state: state.number, reverse=True)
        count = min(per_page, self._org.limits.list_page)
        start = (page - 1) * count
        shown = found[start : start + count]
        if not shown:
            return 204, None
        return 200, {
            "data": rows(self._org, module, shown, names),
            "info": {
                "per_page": per_page,
                "count": len(shown),
                "page": page,
                "sort_by": "id",
                "sort_order": "desc",
                "more_records": start + len(shown) < len(found),
            },
        }

    def count(self, module: Module, call: Call) -> tuple[int, Json | None]:
        """Answer a count; it lags as search does."""
        given = any(call.query.get(way) for way in WAYS)
        test = self._test(module, call) if given else lambda state: True
        states = module.found.states.values()
        return 200, {"count": sum(1 for s in states if s.number not in module.hidden and test(s))}

    def _test(self, module: Module, call: Call) -> Test:
        way = next((way for way in WAYS if call.query.get(way)), None)
        if way is None:
            raise RefusedCall(
                "EXPECTED_PARAM_MISSING",
                "one of the expected parameters is missing",
                {"param_names": list(WAYS)},
            )
        told = call.query[way]
        if way == "criteria":
            return _Criteria(self._org, module, told).test()
        if len(told) < facts.SEARCH_SHORTEST:
            raise RefusedCall("INVALID_DATA", "invalid data", {"param_name": way})
        kinds = {"email": {"email"}, "phone": {"phone"}}.get(way, {"text", "email", "phone"})
        names = [field.name for field in module.fields.values() if field.type in kinds]
        wanted = loose(told)
        return lambda state: any(
            wanted in loose(state.values[name]) for name in names if state.values.get(name)
        )


class _Criteria:
    """A parser of `((A:equals:x)and(B:starts_with:y))`; `( ) , \\` in values follow a backslash."""

    def __init__(self, org: Organisation, module: Module, text: str) -> None:
        self._org, self._module, self._text = org, module, text
        self._place = 0
        self._conditions = 0

    def test(self) -> Test:
        test = self._group()
        if self._place != len(self._text):
            raise _invalid()
        limit = int(self._org.switches["search_criteria"])
        if self._conditions > limit:
            raise RefusedCall(
                "CRITERIA_LIMIT_EXCEEDED", "the limit of criteria is exceeded", {"limit": limit}
            )
        return test

    def _group(self) -> Test:
        if not self._text.startswith("(", self._place):
            raise _invalid()
        self._place += 1
        nested = self._text.startswith("(", self._place)
        test = self._group() if nested else self._condition()
        if not self._text.startswith(")", self._place):
            raise _invalid()
        self._place += 1
        if self._place < len(self._text) and not self._text.startswith(")", self._place):
            return self._chained(test)
        return test

    def _chained(self, left: Test) -> Test:
        for word in ("and", "or"):
            if self._text.startswith(word + "(", self._place):
                self._place += len(word)
                right = self._group()
                if word == "and":
                    return lambda state: left(state) and right(state)
                return lambda state: left(state) or right(state)
        raise _invalid()

    def _condition(self) -> Test:
        self._conditions += 1
        parts: list[str] = [""]
        while self._place < len(self._text) and self._text[self._place] != ")":
            sign = self._text[self._place]
            if sign == "\\" and self._place + 1 < len(self._text):
                self._place += 1
                parts[-1] += self._text[self._place]
            elif sign == "(":
                raise _invalid()
            elif (sign == ":" and len(parts) < 3) or (sign == "," and len(parts) >= 3):
                parts.append("")
            else:
                parts[-1] += sign
            self._place += 1
        if len(parts) < 3 or parts[1] not in _COMPARE or parts[0] not in self._module.fields:
            raise _invalid()
        return self._compare(parts[0], parts[1], parts[2:])

    def _compare(self, name: str, word: str, values: list[str]) -> Test:
        field = self._module.fields[name]
        if any(len(value) < facts.SEARCH_SHORTEST for value in values) and field.type == "text":
            raise RefusedCall("INVALID_DATA", "invalid data", {"param_name": "criteria"})
        if word == "in" and len(values) > 100:
            raise RefusedCall("LIMIT_EXCEEDED", "the limit of values is exceeded", {"limit": 100})
        goals = [_goal(field, value) for value in values]
        if any(goal is None for goal in goals):
            raise _invalid()
        meets = _meeting(word, goals)

        def holds(state: State) -> bool:
            value = state.values.get(name)
            return word == "not_equal" if value is None else meets(_comparable(field, value))

        return holds


def _invalid() -> RefusedCall:
    return RefusedCall("INVALID_QUERY", "invalid query formed", {"param_name": "criteria"})


def _goal(field: Field, value: str) -> Any:
    """What a condition's value is compared as; None if it is no time."""
    if field.type == "datetime":
        return parse_time(value, zulu=True)
    if field.type in ("integer", "double", "currency", "percent"):
        try:
            return float(value)
        except ValueError:
            raise _invalid() from None
    return loose(value)


def _comparable(field: Field, value: Any) -> Any:
    """What a stored value is compared as."""
    if field.type == "datetime":
        return parse_time(value, zulu=True)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return loose(value)


def _meeting(word: str, goals: list[Any]) -> Callable[[Any], bool]:
    """The test of a value that is there."""
    goal = goals[0]
    if word in ("equals", "not_equal", "in"):
        # on texts "equals" behaves like "contains"
        like = operator.contains if isinstance(goal, str) else operator.eq
        wanted = word != "not_equal"
        return lambda value: any(like(value, one) for one in goals) == wanted
    if word == "starts_with":
        return lambda value: str(value).startswith(str(goal))
    if word == "between":
        return lambda value: bool(goal <= value <= goals[-1])
    return lambda value: bool(_ORDERS[word](value, goal))
