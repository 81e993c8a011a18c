"""Spans of time as settings and options take them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
SPAN: Final = "7d, 12h or 30m"
"""How a span is written, for messages."""


def span(text: str) -> dt.timedelta | None:
    """Read a span; None if it is none.

    >>> span("7d"), span("90m"), span("soon")
    (datetime.timedelta(days=7), datetime.timedelta(seconds=5400), None)
    """
    match = re.fullmatch(r"(\d{1,5})([mhd])", text, re.ASCII)
    return dt.timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None


def spoken(seconds: float) -> str:
    """A span for a person, in its two largest units.

    >>> spoken(59), spoken(5400), spoken(183_600)
    ('59 s', '1 h 30 min', '2 d 3 h')
    """
    left = int(max(0.0, seconds))
    parts: list[str] = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        number, left = divmod(left, size)
        if number or parts:
            parts.append(f"{number} {unit}" if number else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts)) or "0 s"
