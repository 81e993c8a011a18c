"""Times and spans as options take them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import click

from connector.errors import UsageError
from connector.spans import SPAN, span

__all__ = ["SPAN", "Span", "moment", "span"]


def moment(option: str, text: str, now: dt.datetime, zone: str) -> dt.datetime:
    """Read a time, or a span back from now; without an offset it is of `zone`.

    Raises: UsageError, which names the option.

    >>> noon = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    >>> moment("--since", "12h", noon, "UTC").isoformat()
    '2026-11-22T00:00:00+00:00'
    >>> moment("--since", "2026-11-01", noon, "UTC").isoformat()
    '2026-11-01T00:00:00+00:00'
    """
    back = span(text)
    if back is not None:
        return now - back
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} takes a date, a time or a span.",
            hint=f"For example 2026-11-01, 2026-11-01T08:00+08:00, or {SPAN}.",
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(zone))


class Span(click.ParamType[dt.timedelta]):
    """An option's span."""

    name = "span"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.timedelta:
        found = value if isinstance(value, dt.timedelta) else span(str(value))
        return found if found is not None else self.fail("no span", param, ctx)
