"""Values of fields, between the vendor's JSON and what lenses read, by describe's `type`.

Days and moments are numbers there and ISO texts here, persons are lists of one there and one text
here, numbers are texts there. Everything that is empty there, in whatever way, is None here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

TYPES: Final[Mapping[str, str]] = {
    "auto_number": "text",
    "city": "text",
    "country": "text",
    "currency": "decimal",
    "date": "date",
    "date_time": "datetime",
    "department": "text",
    "department_many": "tags",
    "district": "text",
    "email": "email",
    "employee": "text",
    "employee_many": "tags",
    "html_rich_text": "text",
    "long_text": "text",
    "master_detail": "reference",
    "number": "decimal",
    "object_reference": "reference",
    "percentile": "decimal",
    "phone_number": "phone",
    "province": "text",
    "select_many": "tags",
    "select_one": "choice",
    "text": "text",
    "true_or_false": "flag",
    "url": "text",
}
"""describe's `type` to the lens's word; anything else is "other"."""
ONE_OF_A_LIST: Final = frozenset({"employee", "department"})
"""Types whose single value travels in a list."""
LISTS: Final = frozenset({"select_many", "employee_many", "department_many"}) | ONE_OF_A_LIST
NUMBERS: Final = frozenset({"number", "currency", "percentile"})
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})
_MS: Final = re.compile(r"-?[0-9]{1,15}")
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class UnfitError(Exception):
    """A value that its field cannot hold. The text is for a person and carries no value."""

    def __init__(self, code: str, text: str, field: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.field = field


def millis(told: object) -> int | None:
    """Milliseconds since 1970, told as a number or its digits; None if they are none.

    >>> millis(1767225600000), millis("1767225600000"), millis("soon"), millis(True)
    (1767225600000, 1767225600000, None, None)
    """
    if isinstance(told, str) and _MS.fullmatch(told):
        return int(told)
    return told if isinstance(told, int) and not isinstance(told, bool) else None


def moment(ms: int, zone: ZoneInfo | None = None) -> datetime:
    """The time of so many milliseconds, in UTC or in a zone. Raises: OverflowError."""
    at = _EPOCH + timedelta(milliseconds=ms)
    return at if zone is None else at.astimezone(zone)


def read(told: Any, type_: str, zone: ZoneInfo) -> Any:
    """A value as lenses read it. What does not have its type's form stays as it is.

    >>> shanghai = ZoneInfo("Asia/Shanghai")
    >>> read(1790784000000, "date", shanghai), read("", "text", shanghai)
    ('2026-10-01', None)
    >>> read(1790784000000, "date_time", shanghai), read(["1000"], "employee", shanghai)
    ('2026-10-01T00:00:00+08:00', '1000')
    """
    if told in _EMPTY:
        return None
    if type_ in ("date", "date_time"):
        return _read_time(told, type_, zone)
    if type_ in ONE_OF_A_LIST and isinstance(told, list):
        return told[0]
    if type_ in LISTS and not isinstance(told, list):
        return [told]
    if type_ == "true_or_false" and told in ("true", "false"):
        return told == "true"
    return told


def _read_time(told: Any, type_: str, zone: ZoneInfo) -> Any:
    ms = millis(told)
    if ms is None:
        return told
    try:
        at = moment(ms, zone)
    except OverflowError:
        return told
    if type_ == "date":
        return at.date().isoformat()
    return at.isoformat(timespec="milliseconds" if at.microsecond else "seconds")


def write(
    value: Any, type_: str, zone: ZoneInfo, *, decimals: int | None = None, empty: bool = False
) -> Any:
    """A value as the vendor takes it; None clears, as null or, with `empty`, as nothing at all.

    Raises: UnfitError.

    >>> shanghai = ZoneInfo("Asia/Shanghai")
    >>> write("2026-10-01", "date", shanghai), write(5, "currency", shanghai, decimals=2)
    (1790784000000, '5.00')
    >>> write("1000", "employee", shanghai), write(None, "text", shanghai, empty=True)
    (['1000'], '')
    """
    if value is None:
        return None if not empty else ([] if type_ in LISTS else "")
    if type_ == "date":
        return _midnight(value, zone)
    if type_ == "date_time":
        return _instant(value)
    if type_ in NUMBERS:
        return _number(value, decimals)
    if type_ in LISTS:
        return list(value) if isinstance(value, list | tuple) else [value]
    if type_ == "true_or_false" and not isinstance(value, bool):
        raise UnfitError("wrong_type", "The value is not true or false.")
    return value


def same(one: Any, two: Any, type_: str, zone: ZoneInfo) -> bool:
    """Whether two of the vendor's values mean the same.

    >>> same("5.00", 5, "currency", ZoneInfo("UTC")), same(None, "", "text", ZoneInfo("UTC"))
    (True, True)
    """
    one, two = read(one, type_, zone), read(two, type_, zone)
    if type_ in NUMBERS and one is not None and two is not None:
        try:
            return Decimal(str(one)) == Decimal(str(two))
        except InvalidOperation:
            return False
    return bool(one == two)


def _midnight(value: Any, zone: ZoneInfo) -> int:
    try:
        day = date.fromisoformat(value)
    except (TypeError, ValueError):
        raise UnfitError("wrong_type", "The value is not a day.") from None
    # The first instant of the day: where a clock skips midnight the day begins later.
    return _ms(datetime(day.year, day.month, day.day, tzinfo=zone))


def _instant(value: Any) -> int:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        raise UnfitError("wrong_type", "The value is not a moment with its offset.")
    return _ms(at)


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _number(value: Any, decimals: int | None) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("nan")
    if isinstance(value, bool) or not number.is_finite():
        raise UnfitError("wrong_type", "The value is not a number.")
    if decimals is None:
        return format(number, "f")
    if -int(number.normalize().as_tuple().exponent) > decimals:
        raise UnfitError("precision", "The number has more decimals than its field.")
    return f"{number:.{decimals}f}"
