"""The lenses for days and moments."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
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
        if _ZERO.fullmatch(text):
            return None  # how MariaDB and its hosts write "no day"
        found = _parse(text)
        if found is None:
            return or_none(as_text(own))
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
    if form not in ("naive", "aware", "iso", "epoch_s", "epoch_ms"):
        faults.append("`format` of a datetime lens must be naive, aware, iso, epoch_s or epoch_ms")
    zone: dt.tzinfo | None = where.zone
    if "zone" in options:
        zone = zone_of(options["zone"]) if isinstance(options["zone"], str) else None
    if zone is None:
        faults.append("`zone` of a datetime lens must be a name such as Asia/Shanghai or UTC")
    if faults:
        raise OptionError(*faults)
    home = zone
    unit = {"epoch_s": 1, "epoch_ms": 1000}.get(form)

    def canonical(found: dt.datetime) -> dt.datetime:
        if found.tzinfo is None:
            found = found.replace(tzinfo=home, fold=0)
        found = found.astimezone(dt.UTC)
        return found.replace(microsecond=0) if found.microsecond else found

    def read(own: Any) -> Value:
        if own is None:
            return None
        found: dt.datetime | None
        if isinstance(own, dt.datetime):
            found = own
        elif isinstance(own, dt.date):
            found = dt.datetime(own.year, own.month, own.day)  # noqa: DTZ001 - zone comes below
        elif unit is not None:
            text = plain(own)
            if not _NUMBER.fullmatch(text):
                return or_none(as_text(own))
            seconds = int(text.partition(".")[0]) // unit
            try:
                return dt.datetime.fromtimestamp(seconds, dt.UTC)
            except (ValueError, OverflowError, OSError):
                return or_none(as_text(own))
        elif isinstance(own, str):
            try:
                found = dt.datetime.fromisoformat(own)
            except ValueError:
                text = plain(own)
                if _ZERO.fullmatch(text):
                    return None
                found = _parse(text)
        else:
            found = None
        if found is None:
            return or_none(as_text(own))
        try:
            return canonical(found)
        except OverflowError:
            return or_none(as_text(own))

    def moment_of(value: Value) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        if isinstance(value, str) and unit is None:
            found = read(value)
            if isinstance(found, dt.datetime):
                return found
        raise Refusal("unparseable", "the value is not a moment")

    def write(value: Value) -> Any:
        if value is None:
            return None
        moment = moment_of(value)
        _in_range(moment.year)
        if unit is not None:
            return int(moment.timestamp()) * unit
        there = moment.astimezone(home).replace(microsecond=0)
        if form == "naive":
            bare = there.replace(tzinfo=None, fold=0)
            if canonical(bare) != moment.replace(microsecond=0):
                raise Refusal("ambiguous", "the column cannot say which of the clock's two hours")
            return bare
        if form == "aware":
            return there
        offset = there.utcoffset()
        if offset is None or offset.seconds % 60:  # a zone's old mean time: not an offset to others
            there = there.astimezone(dt.UTC)
        return there.isoformat(timespec="seconds")

    types = frozenset({"datetime"} if unit is None else {"datetime", "integer"})
    return Lens(read=read, write=write, types=types)
