"""Times and spans as options take them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import click

from connector.spans import SPAN, span

__all__ = ["SPAN", "Span", "moment", "span"]


def moment(text: str, now: dt.datetime, zone: str) -> dt.datetime | None:
    """Read a time, or a span back from now; without an offset it is of `zone`. None if neither.

    >>> noon = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    >>> moment("12h", noon, "UTC").isoformat(), moment("2026-11-01", noon, "UTC").isoformat()
    ('2026-11-22T00:00:00+00:00', '2026-11-01T00:00:00+00:00')
    """
    back = span(text)
    if back is not None:
        return now - back
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(zone))


class Span(click.ParamType[dt.timedelta]):
    """An option's span."""

    name = "span"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.timedelta:
        found = value if isinstance(value, dt.timedelta) else span(str(value))
        return found if found is not None else self.fail("no span", param, ctx)
