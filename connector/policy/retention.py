"""How long data is kept: which entries of the policy are over for one record, and what they take.

A term is counted in whole days of the shop's calendar. It ends with the day that has the number of
the first one, or with the month's last day where there is none such; the day after, it is over.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from connector.policy.document import Document, Fault, Retention
from connector.policy.matching import class_of, covers
from connector.records import Kind, Value, field_of

KEPT: Final = "kept"
OVER: Final = "over"
NO_START: Final = "no_start"
"""The field that the term begins with is empty: the record is kept, and counted."""
AHEAD: Final = "ahead"
"""It is in the future: the term has not begun, and the record is kept."""


def last_day(start: dt.date, after: str) -> dt.date | None:
    """The last day of a term such as P24M that began on a day; None: beyond the calendar.

    >>> last_day(dt.date(2026, 1, 31), "P1M")
    datetime.date(2026, 2, 28)
    >>> last_day(dt.date(2024, 2, 29), "P1Y"), last_day(dt.date(2026, 1, 31), "P30D")
    (datetime.date(2025, 2, 28), datetime.date(2026, 3, 2))
    """
    count, unit = int(after[1:-1]), after[-1]
    try:
        if unit == "D":
            return start + dt.timedelta(days=count)
        months = start.year * 12 + start.month - 1 + count * (12 if unit == "Y" else 1)
        year, month = months // 12, months % 12 + 1
        most = calendar.monthrange(year, month)[1]
        return dt.date(year, month, min(start.day, most))
    except (ValueError, OverflowError, IndexError):
        return None


def is_over(start: dt.date, after: str, today: dt.date) -> bool:
    """Whether a term has ended before today.

    >>> is_over(dt.date(2024, 2, 29), "P1Y", dt.date(2025, 2, 28))
    False
    >>> is_over(dt.date(2024, 2, 29), "P1Y", dt.date(2025, 3, 1))
    True
    """
    last = last_day(start, after)
    return last is not None and today > last


def day_of(value: Value, zone: dt.tzinfo) -> dt.date | None:
    """The day on which a term begins, by the shop's calendar; None: not known.

    >>> from zoneinfo import ZoneInfo
    >>> day_of(dt.datetime(2026, 1, 31, 20, tzinfo=dt.UTC), ZoneInfo("Asia/Shanghai"))
    datetime.date(2026, 2, 1)
    """
    if isinstance(value, dt.datetime):
        try:
            return value.astimezone(zone).date()
        except OverflowError:
            return value.date()
    return value if isinstance(value, dt.date) else None


@dataclass(frozen=True, slots=True)
class Due:
    """What is to go of one record: canonical fields, or all of it. Empty: nothing."""

    fields: frozenset[str] = frozenset()
    record: bool = False

    def __bool__(self) -> bool:
        return self.record or bool(self.fields)


NOTHING_DUE: Final = Due()


@dataclass(frozen=True, slots=True)
class Judged:
    """One record: how each entry stands (by its number in the file), and what is to go."""

    stands: Mapping[int, str]
    due: Due


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of `retention`, with the fields that its classes have in a kind."""

    number: int
    spec: Retention
    fields: frozenset[str]


def entries_of(document: Document, kind: Kind, names: Collection[str]) -> list[Entry]:
    """The entries of a kind. `names`: the canonical fields that are mapped.

    Keys, times and answers to a question of consent are no data that a term takes.
    """
    found = []
    for number, spec in enumerate(document.retention):
        if spec.kind == kind:
            mine = frozenset(
                name for name in names if covers(spec.classes, class_of(document, kind, name))
            )
            found.append(Entry(number, spec, mine if spec.action == "erase_fields" else NO_FIELDS))
    return found


NO_FIELDS: Final[frozenset[str]] = frozenset()


def judge(
    entries: Collection[Entry], started: Mapping[str, Value], today: dt.date, zone: dt.tzinfo
) -> Judged:
    """Judge one record by the values of the fields that its terms begin with. Nothing else of it
    counts: neither an edit of today nor what the fields hold."""
    stands: dict[int, str] = {}
    fields: set[str] = set()
    record = False
    for entry in entries:
        start = day_of(started.get(entry.spec.from_), zone)
        if start is None:
            stands[entry.number] = NO_START
        elif start > today:
            stands[entry.number] = AHEAD
        elif is_over(start, entry.spec.after, today):
            stands[entry.number] = OVER
            fields |= entry.fields
            record = record or entry.spec.action == "erase_record"
        else:
            stands[entry.number] = KEPT
    return Judged(stands, Due(frozenset(fields), record))


# --- what an entry may not say --------------------------------------------------------------------

_TIMES: Final = frozenset({"date", "datetime"})
_STAYS: Final = ("system.id", "system.time", "consent")


def faults_of(document: Document) -> Iterator[Fault]:
    """What is wrong with the entries by themselves."""
    for number, one in enumerate(document.retention):
        at = ("retention", number)
        known = field_of(Kind(one.kind), one.from_)
        if known is None or known.type not in _TIMES:
            yield (*at, "from"), "`from` must be a date or time of this kind"
        elif covers(one.classes, class_of(document, Kind(one.kind), one.from_)):
            said = "`classes` takes the field that the term begins with; give it another class"
            yield (*at, "classes"), said
        if int(one.after[1:-1]) == 0:
            yield (*at, "after"), "a term of nothing keeps nothing; write P1D at least"
        if one.action == "erase_fields" and not one.classes:
            yield at, "`erase_fields` needs `classes`"
        if one.action == "erase_record" and one.classes:
            yield (*at, "classes"), "`erase_record` takes no `classes`: the whole record goes"
        for class_ in _STAYS:
            if covers(one.classes, class_):
                yield (*at, "classes"), f"`{class_}` is not erased: keys, times and answers stay"
