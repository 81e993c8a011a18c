"""The lenses for whole and decimal numbers."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.mapping.lens import (
    Lens,
    OptionError,
    Options,
    Refusal,
    Where,
    as_text,
    known_options,
    or_none,
    plain,
)
from connector.records import Value

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?"
)
MAX_DIGITS = 28  # what `decimal` keeps exactly without a context of our own


def canonical_decimal(own: Any) -> Decimal | None:
    """Parse a number exactly, without zeros at its end; None if it is none, or too long.

    >>> canonical_decimal("1.50"), canonical_decimal(100), canonical_decimal("nan")
    (Decimal('1.5'), Decimal('100'), None)
    """
    if isinstance(own, Decimal):
        found = own
    else:
        text = repr(own) if isinstance(own, float) else plain(int(own) if own is True else own)
        if not _NUMBER.fullmatch(text):
            return None
        try:
            found = Decimal(text)
        except InvalidOperation:
            return None
    if not found.is_finite():
        return None
    if not found:
        return Decimal(0)
    digits = found.as_tuple().digits
    if len(digits) > MAX_DIGITS or abs(found.adjusted()) >= MAX_DIGITS:
        return None
    found = found.normalize()
    return found.quantize(Decimal(1)) if int(found.as_tuple().exponent) > 0 else found


def integer(options: Options, where: Where) -> Lens:
    """A whole number; a text that is none stays as it is, and is refused by the other side."""
    if faults := known_options(options):
        raise OptionError(*faults)

    def read(own: Any) -> Value:
        if type(own) is int:
            return own
        if own is None:
            return None
        if isinstance(own, bool):
            return int(own)
        if isinstance(own, str) and _WHOLE.fullmatch(own):
            return int(own)
        found = canonical_decimal(own)
        if found is not None and found == found.to_integral_value():
            return int(found)
        return or_none(as_text(own))

    def write(value: Value) -> Any:
        if value is None:
            return None
        number = value if type(value) is int else read(value)
        if type(number) is not int:
            raise Refusal("unparseable", "the value is not a whole number")
        if not -(2**63) <= number < 2**63:
            raise Refusal("range", "the number does not fit into 64 bits")
        return number

    return Lens(read=read, write=write, types=frozenset({"integer", "decimal"}))


def decimal(options: Options, where: Where) -> Lens:
    """A decimal number, exact: a `Decimal` in the shop, for vendors a JSON number that reads back
    as the same."""
    if faults := known_options(options):
        raise OptionError(*faults)

    def read(own: Any) -> Value:
        if own is None:
            return None
        found = canonical_decimal(own)
        return or_none(as_text(own)) if found is None else found

    def write(value: Value) -> Any:
        if value is None:
            return None
        number = canonical_decimal(value)
        if number is None:
            raise Refusal("unparseable", "the value is not a number")
        if where.side == "local":
            return number
        near = float(number)
        if canonical_decimal(near) != number:
            raise Refusal("precision", "the number has more digits than JSON numbers keep")
        return int(number) if number == number.to_integral_value() else near

    return Lens(read=read, write=write, types=frozenset({"decimal", "integer"}))
