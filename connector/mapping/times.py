"""The lenses for days and moments."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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

YEARS = range(1900, 2201)
"""Years a side may be given; others are a slip of the pen or a stand-in for "none"."""

_LOOSE_DAY = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?![0-9])(.*)", re.S)
_ZERO = re.compile(r"0{4}-0{2}-0{2}(?:[ T]0{2}:0{2}:0{2}(?:\.0+)?)?")
"""How MariaDB and its hosts write "no day"."""
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of this name, or None if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _parse(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        pass
    loose = _LOOSE_DAY.fullmatch(text)
    if loose is None:
        return None
    year, month, day, rest = loose.groups()
    try:
        return dt.datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}{rest.rstrip()}")
    except ValueError:
        return None


def _no_time(own: Any) -> str | None:
    """What is read of a value that tells no time: its own text."""
    return None if _ZERO.fullmatch(plain(own)) else or_none(as_text(own))


def _in_range(year: int) -> None:
    if year not in YEARS:
        raise Refusal("range", f"the year is not between {YEARS[0]} and {YEARS[-1]}")


def date(options: Options, where: Where) -> Lens:
    """A day. Option `format`: how a text column writes it, such as "%d/%m/%Y"."""
    faults = known_options(options, "format")
    form = options.get("format")
    if form is not None and not (isinstance(form, str) and "%" in form):
        faults.append('`format` of a date lens must be such as "%Y%m%d"')
    if faults:
        raise OptionError(*faults)

    def read(own: Any) -> Value:
        if isinstance(own, dt.datetime):
            return own.date() if own.tzinfo is None else _day_in(own, where.zone)
        if isinstance(own, dt.date):
            return own
        if own is None:
            return None
        if form is None and type(own) is str:
            try:
                return dt.date.fromisoformat(own)
            except ValueError:
                pass  # the rarer forms, below
        text = plain(own)
        if form is not None:
            try:
                return dt.datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
            except (ValueError, re.error):
                pass
        found = _parse(text)
        if found is None:
            return _no_time(own)
        return found.date() if found.tzinfo is None else _day_in(found, where.zone)

    def write(value: Value) -> Any:
        if value is None:
            return None
        day = value if type(value) is dt.date else read(value)
        if type(day) is not dt.date:
            raise Refusal("unparseable", "the value is not a day")
        _in_range(day.year)
        if form is not None:
            return day.strftime(form)
        return day if where.side == "local" else day.isoformat()

    return Lens(read=read, write=write, types=frozenset({"date"}))


def _day_in(moment: dt.datetime, zone: dt.tzinfo) -> dt.date:
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        return moment.date()


# --- moments ------------------------------------------------------------------------------------


def datetime(options: Options, where: Where) -> Lens:
    """A moment, whole seconds, in UTC.

    Options: `zone` of values that have none (the side's own if left out), and `format`: naive (a
    column without zone, the local default), aware, iso (text with an offset, the vendors' default),
    epoch_s, epoch_ms. An hour that a clock shows twice is read as the first, one that it skips as
    if it had not been skipped; a moment in the second of two equal hours has no place in a column
    without zone, and is refused.
    """
    faults = known_options(options, "zone", "format")
    form = options.get("format", "naive" if where.side == "local" else "iso")
    if form not in tuple(_SHAPES):
        faults.append("`format` of a datetime lens must be naive, aware, iso, epoch_s or epoch_ms")
    zone: dt.tzinfo | None = where.zone
    if "zone" in options:
        zone = zone_of(options["zone"]) if isinstance(options["zone"], str) else None
    if zone is None:
        faults.append("`zone` of a datetime lens must be a name such as Asia/Shanghai or UTC")
    if faults or zone is None:
        raise OptionError(*faults)
    home, shape, unit = zone, _SHAPES[form], _UNITS.get(form)

    def read(own: Any) -> Value:
        if own is None:
            return None
        found = _moment(own, unit)
        try:
            return _canonical(found, home) if found is not None else _no_time(own)
        except OverflowError:
            return or_none(as_text(own))

    def write(value: Value) -> Any:
        if value is None:
            return None
        moment = read(value) if isinstance(value, str) and unit is None else value
        if not isinstance(moment, dt.datetime):
            raise Refusal("unparseable", "the value is not a moment")
        _in_range(moment.year)
        return shape(moment, home)

    types = frozenset({"datetime"} if unit is None else {"datetime", "integer"})
    return Lens(read=read, write=write, types=types)


def _moment(own: Any, unit: int | None) -> dt.datetime | None:
    """What an own value says, with or without a zone. `unit`: a number counts so many a second."""
    if isinstance(own, dt.datetime):
        return own
    if isinstance(own, dt.date):
        return dt.datetime(own.year, own.month, own.day)  # noqa: DTZ001 - the zone comes later
    if unit is None:
        return _parse(plain(own)) if isinstance(own, str) else None
    text = plain(own)
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return dt.datetime.fromtimestamp(int(text.partition(".")[0]) // unit, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _canonical(found: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone, fold=0)
    found = found.astimezone(dt.UTC)
    return found.replace(microsecond=0) if found.microsecond else found


def _aware(moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    return moment.astimezone(zone).replace(microsecond=0)


def _naive(moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    bare = _aware(moment, zone).replace(tzinfo=None, fold=0)
    if _canonical(bare, zone) != moment.replace(microsecond=0):
        raise Refusal("ambiguous", "the column cannot say which of the clock's two hours")
    return bare


def _iso(moment: dt.datetime, zone: dt.tzinfo) -> str:
    there = _aware(moment, zone)
    offset = there.utcoffset()
    if offset is None or offset.seconds % 60:  # a zone's old mean time: not an offset to others
        there = there.astimezone(dt.UTC)
    return there.isoformat(timespec="seconds")


_UNITS: Final = {"epoch_s": 1, "epoch_ms": 1000}
"""How many of a number's ones make a second."""
_SHAPES: Final[Mapping[str, Callable[[dt.datetime, dt.tzinfo], Any]]] = {
    "naive": _naive,
    "aware": _aware,
    "iso": _iso,
    "epoch_s": lambda moment, zone: int(moment.timestamp()),
    "epoch_ms": lambda moment, zone: int(moment.timestamp()) * 1000,
}
"""The options of `format`: a moment, at home in a zone, as the side writes it."""
