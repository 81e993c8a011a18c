"""A row's key as text: what the journal, the state and every message call the row.

A key of one column is its value. One of several columns joins them with "/"; "%" and "/" inside a
value are written %25 and %2F, as in an address.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

WHOLE, IDENTITY, TEXT = "whole", "uuid", "text"


def form_of(type_: sa.types.TypeEngine[Any], dialect: str) -> str | None:
    """How a key column's values are written; None: the column cannot be a key here."""
    if isinstance(type_, sa.Integer):
        return WHOLE
    if isinstance(type_, sa.Uuid):
        return IDENTITY
    if dialect == "sqlite" or isinstance(type_, sa.String):
        return TEXT  # SQLite finds a number by its text where the column wants numbers
    if isinstance(type_, sa.Numeric) and not type_.scale and type_.precision:
        return WHOLE
    return None


class Keys:
    """The key columns of one table."""

    def __init__(
        self, columns: Sequence[sa.ColumnClause[Any]], forms: Sequence[str], largest: int
    ) -> None:
        """`largest` is the largest whole number that a key can be."""
        self.columns = tuple(columns)
        self._forms = tuple(forms)
        self._largest = largest

    def text(self, values: Sequence[Any]) -> str:
        """The text of a row's key values."""
        return joined(values)

    def values(self, text: str) -> tuple[Any, ...] | None:
        """The key values of a text; None if it is no key of this table (a vendor's id, say)."""
        parts = [text]
        if len(self.columns) > 1:
            parts = [p.replace("%2F", "/").replace("%25", "%") for p in text.split("/")]
        if len(parts) != len(self.columns):
            return None
        found = tuple(self._value(*one) for one in zip(self._forms, parts, strict=True))
        return None if None in found else found

    def _value(self, form: str, text: str) -> Any:
        if form == WHOLE:
            return whole(text, self._largest)
        if form == IDENTITY:
            return text if _is_uuid(text) else None
        return text

    def among(self, texts: Sequence[str]) -> sa.ColumnElement[bool] | None:
        """Whether a row is one of these; None if none of them can be."""
        found = [values for text in texts if (values := self.values(text)) is not None]
        if not found:
            return None
        if len(self.columns) == 1:
            return self.columns[0].in_([one for (one,) in found])
        return sa.tuple_(*self.columns).in_(found)

    def is_(self, text: str) -> sa.ColumnElement[bool]:
        """Whether a row is this one."""
        values = self.values(text)
        if values is None:
            return sa.false()
        return sa.and_(*(c == v for c, v in zip(self.columns, values, strict=True)))

    def behind(self, text: str) -> sa.ColumnElement[bool]:
        """Whether a row comes after this one in the key's order."""
        values = self.values(text)
        assert values is not None, "a place in the table is a key of it"
        tests = []
        for place, column in enumerate(self.columns):
            before = [self.columns[i] == values[i] for i in range(place)]
            tests.append(sa.and_(*before, column > values[place]))
        return sa.or_(*tests)


def joined(values: Sequence[Any]) -> str:
    """A key of one column, or of several.

    >>> joined([7]), joined(["a/b", 7])
    ('7', 'a%2Fb/7')
    """
    if len(values) == 1:
        return str(values[0])
    return "/".join(str(v).replace("%", "%25").replace("/", "%2F") for v in values)


def whole(text: str, largest: int = 2**63 - 1) -> int | None:
    """A number of which a text is the one form, from -2⁶³ to `largest`.

    >>> [whole(key) for key in ("7", "-7", "9" * 18, "07", "65e4", "9" * 19)]
    [7, -7, 999999999999999999, None, None, None]
    """
    if _WHOLE.fullmatch(text) is None:
        return None
    return int(text) if -(2**63) <= int(text) <= largest else None


_WHOLE = re.compile(r"-?[1-9]\d{0,19}|0", re.ASCII)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
