"""What a vendor's schema says about one value, decided before it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any, TypeAlias

from connector.mapping.lens import Refusal, as_text
from connector.plugin import FieldInfo

Check: TypeAlias = Callable[[Any], None]
"""Raises `Refusal` for an own value that the field will not take. None is never asked."""

_EMAIL = re.compile(
    r"[\w+\-][^\s@<>()\[\]\\,;:\"]*@(?:[\w\-]+\.)+(?:[^\W\d_]{2,22}|xn--[a-z0-9\-]+)", re.I
)
_PHONE = re.compile(r"\+?\(?[0-9A-Za-z]+(?:[ .()\-]{1,2}[0-9A-Za-z]+)*\)?(?:[,;#] ?[0-9A-Za-z]+)?")


def utf16_length(text: str) -> int:
    """Length as the strictest vendors count: a sign outside the basic plane is two.

    >>> utf16_length("好😀")
    3
    """
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_of(info: FieldInfo) -> Check | None:
    """Compile the checks of one field; None if there is nothing to check."""
    checks: list[Check] = []
    if info.type in ("integer", "decimal"):
        checks.append(_number(info.max_length, info.decimals))
    elif info.options is not None and info.type in ("choice", "tags"):
        checks.append(_options(frozenset(info.options)))
    elif info.max_length is not None:
        checks.append(_length(info.max_length))
    if info.type == "email":
        checks.append(_shape(_EMAIL, "an e-mail address"))
    elif info.type == "phone":
        checks.append(_shape(_PHONE, "a telephone number"))
    if len(checks) < 2:
        return checks[0] if checks else None

    def check(own: Any) -> None:
        for each in checks:
            each(own)

    return check


def is_among(values: Collection[Any]) -> Check:
    """A name must stand for exactly one row: these do."""

    def check(own: Any) -> None:
        if own not in values:
            raise Refusal("lookup", "the shop has no one entry of this name")

    return check


def _length(most: int) -> Check:
    def check(own: Any) -> None:
        text = own if isinstance(own, str) else as_text(own)
        # Only text that might be too long is measured exactly.
        if len(text) * 2 > most and utf16_length(text) > most:
            raise Refusal("too_long", f"the text is longer than the {most} this field takes")

    return check


def _options(options: frozenset[str]) -> Check:
    def check(own: Any) -> None:
        for item in own if isinstance(own, list) else (own,):
            if as_text(item) not in options:
                raise Refusal("not_an_option", "the value is not among the field's options")

    return check


def _number(digits: int | None, decimals: int | None) -> Check:
    def check(own: Any) -> None:
        number = Decimal(as_text(own))
        whole = 0 if abs(number) < 1 else number.adjusted() + 1
        if digits is not None and whole > digits:
            raise Refusal("range", f"the number has more than {digits} digits")
        if decimals is not None and number != round(number, decimals):
            raise Refusal("precision", f"the number has more than {decimals} decimals")

    return check


def _shape(pattern: re.Pattern[str], what: str) -> Check:
    def check(own: Any) -> None:
        if pattern.fullmatch(as_text(own)) is None:
            raise Refusal("shape", f"the vendor does not take this as {what}")

    return check
