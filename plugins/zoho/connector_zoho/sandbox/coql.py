"""The query language: text to a checked tree. README: COQL.

The vendor wants three and more conditions grouped in pairs: `((a and b) and c)`. The parser knows
at most one `and` or `or` inside one pair of parentheses, so a flat chain is a syntax error here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from connector_zoho import facts
from connector_zoho.sandbox.refusals import RefusedCall

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<quoted>"[^"]+"|`[^`]+`)
    | (?P<name>[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)
    | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_WORDS: Final = frozenset(
    {"select", "from", "where", "and", "or", "not", "in", "like", "is", "null", "between"}
    | {"order", "by", "asc", "desc", "limit", "offset"}
)
_BOOLEANS: Final = frozenset({"true", "false"})
_JOINS: Final = 2


@dataclass(slots=True, frozen=True)
class Condition:
    """One comparison. `operator` is one of = != < <= > >= in, not in, like, not like, between,
    is null, is not null; `values` are texts, numbers or booleans."""

    field: str
    operator: str
    values: tuple[Any, ...]


@dataclass(slots=True, frozen=True)
class Both:
    """Two conditions and the word between them: `and` or `or`."""

    word: str
    left: Node
    right: Node


Node = Condition | Both


@dataclass(slots=True, frozen=True)
class Query:
    """A query as parsed. `orders` are (field, backwards)."""

    columns: tuple[str, ...]
    module: str
    where: Node
    orders: tuple[tuple[str, bool], ...]
    limit: int
    offset: int


def syntax_error(clause: str, near: str = "") -> RefusedCall:
    """The query is not one; `near` is a keyword or sign of ours, never a value."""
    details = {"clause": clause} | ({"near": near} if near else {})
    return RefusedCall("SYNTAX_ERROR", "error occurred while parsing the query", details)


def limit_exceeded(clause: str, limit: int) -> RefusedCall:
    return RefusedCall(
        "LIMIT_EXCEEDED", f"the limit of {clause} is exceeded", {"clause": clause, "limit": limit}
    )


def parse(text: str, *, most_rows: int, most_offset: int) -> Query:
    """Parse a query. Raises RefusedCall SYNTAX_ERROR or LIMIT_EXCEEDED.

    >>> q = parse("select Email from Contacts where id > '1' limit 5, 10", most_rows=2000,
    ...     most_offset=100000)
    >>> q.columns, q.module, q.where, q.limit, q.offset
    (('Email',), 'Contacts', Condition(field='id', operator='>', values=('1',)), 10, 5)
    """
    return _Parser(text).query(most_rows, most_offset)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(self._split(text))
        self._place = 0
        self._conditions = 0

    @staticmethod
    def _split(text: str) -> Iterator[tuple[str, Any]]:
        place, end = 0, len(text.rstrip())
        while place < end:
            match = _TOKEN.match(text, place)
            if match is None:
                raise syntax_error("select")
            place = match.end()
            kind = match.lastgroup or ""
            token = match.group(kind)
            if kind == "text":
                yield "text", token[1:-1].replace("''", "'")
            elif kind == "number":
                yield "number", float(token) if "." in token else int(token)
            elif kind == "quoted":
                yield "name", token[1:-1]
            elif kind == "name" and token.lower() in _WORDS | _BOOLEANS:
                yield "word", token.lower()
            else:
                yield kind, token

    # --- small steps ---

    def _peek(self) -> tuple[str, Any]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, Any]:
        token = self._peek()
        self._place += 1
        return token

    def _take(self, *words: str) -> bool:
        """Step over these words or signs if they come next."""
        ahead = self._tokens[self._place : self._place + len(words)]
        if [token for kind, token in ahead if kind in ("word", "sign")] == list(words):
            self._place += len(words)
            return True
        return False

    def _name(self, clause: str) -> str:
        kind, token = self._next()
        if kind != "name":
            raise syntax_error(clause)
        if token.count(".") > _JOINS:
            raise limit_exceeded("join", _JOINS)
        return str(token)

    def _whole(self, clause: str) -> int:
        kind, token = self._next()
        if kind != "number" or not isinstance(token, int) or token < 0:
            raise syntax_error(clause)
        return token

    # --- clauses ---

    def query(self, most_rows: int, most_offset: int) -> Query:
        if not self._take("select"):
            raise syntax_error("select")
        columns = [self._name("select")]
        while self._take(","):
            columns.append(self._name("select"))
        if len(columns) > facts.COQL_COLUMNS:
            raise limit_exceeded("select", facts.COQL_COLUMNS)
        if len(set(columns)) != len(columns):
            raise RefusedCall("DUPLICATE_DATA", "a column is selected twice", {"clause": "select"})
        if not self._take("from"):
            raise syntax_error("from")
        module = self._name("from")
        if not self._take("where"):
            raise syntax_error("where")
        where = self._pair()
        if self._conditions > facts.COQL_CRITERIA:
            raise limit_exceeded("where", facts.COQL_CRITERIA)
        orders = self._orders()
        limit, offset = self._limit()
        if self._peek()[0] != "end":
            raise syntax_error("limit" if limit is not None else "where")
        rows = facts.COQL_DEFAULT_ROWS if limit is None else limit
        if not 1 <= rows <= most_rows:
            raise limit_exceeded("limit", most_rows)
        if offset + rows > most_offset:
            raise limit_exceeded("offset", most_offset)
        return Query(tuple(columns), module, where, tuple(orders), rows, offset)

    def _orders(self) -> list[tuple[str, bool]]:
        orders = []
        if self._take("order", "by"):
            while True:
                name = self._name("order by")
                backwards = self._take("desc")
                if not backwards:
                    self._take("asc")
                orders.append((name, backwards))
                if not self._take(","):
                    break
        if len(orders) > facts.COQL_ORDERS:
            raise limit_exceeded("order by", facts.COQL_ORDERS)
        return orders

    def _limit(self) -> tuple[int | None, int]:
        limit, offset = None, 0
        if self._take("limit"):
            limit = self._whole("limit")
            if self._take(","):
                offset, limit = limit, self._whole("limit")
        if self._take("offset"):
            offset = self._whole("offset")
        return limit, offset

    def _pair(self) -> Node:
        left = self._operand()
        kind, word = self._peek()
        if kind == "word" and word in ("and", "or"):
            self._place += 1
            left = Both(word, left, self._operand())
            if self._peek() in (("word", "and"), ("word", "or")):
                raise syntax_error("where", near=str(self._peek()[1]))
        return left

    def _operand(self) -> Node:
        if self._take("("):
            node = self._pair()
            if not self._take(")"):
                raise syntax_error("where", near=")")
            return node
        return self._condition()

    def _condition(self) -> Condition:
        self._conditions += 1
        field = self._name("where")
        if self._take("is", "null"):
            return Condition(field, "is null", ())
        if self._take("is", "not", "null"):
            return Condition(field, "is not null", ())
        negated = self._take("not")
        if self._take("in"):
            return Condition(field, "not in" if negated else "in", self._list())
        if self._take("like"):
            return Condition(field, "not like" if negated else "like", (self._value(),))
        if not negated and self._take("between"):
            low = self._value()
            if not self._take("and"):
                raise syntax_error("where", near="between")
            return Condition(field, "between", (low, self._value()))
        kind, sign = self._next()
        if negated or kind != "sign" or sign in ("(", ")", ","):
            raise syntax_error("where")
        return Condition(field, "!=" if sign == "<>" else sign, (self._value(),))

    def _list(self) -> tuple[Any, ...]:
        if not self._take("("):
            raise syntax_error("where", near="in")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        if not self._take(")"):
            raise syntax_error("where", near="in")
        if len(values) > facts.COQL_IN:
            raise limit_exceeded("in", facts.COQL_IN)
        return tuple(values)

    def _value(self) -> Any:
        kind, token = self._next()
        if kind in ("text", "number"):
            return token
        if kind == "word" and token in _BOOLEANS:
            return bool(token != "false")  # noqa: S105 - a word of the query, no password
        raise syntax_error("where")
