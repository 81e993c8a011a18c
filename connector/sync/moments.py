"""Instants as the state keeps them, in microseconds since 1970, and as everybody else does."""

from __future__ import annotations

import datetime as dt

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
NEVER = _EPOCH
"""The time of an observation whose moment by the vendor's clock is not known: never late enough
to trust a version alone."""


def as_us(moment: dt.datetime) -> int:
    """Microseconds since 1970.

    >>> as_us(dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC))
    1000000
    """
    return us_in(moment - _EPOCH)


def from_us(us: int) -> dt.datetime:
    """The inverse of `as_us`, in UTC."""
    return _EPOCH + dt.timedelta(microseconds=us)


def us_in(span: dt.timedelta) -> int:
    """Microseconds in a span."""
    return span // dt.timedelta(microseconds=1)


def moment(us: int | None) -> str | None:
    """An instant as people and programs are shown it; None stays None."""
    return None if us is None else from_us(us).isoformat(timespec="seconds")
