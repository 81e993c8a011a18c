"""What the demo compares: each field's column in the shop, and one plain form for all sides.

A vendor's day may be a text or a moment, its number a text: the forms here make them comparable,
and are no code of the engine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connector.demo.shop import ABOUT, CARD_STATES, CARD_TYPES, PROGRESS, STAGES

ZONE = ZoneInfo("Asia/Shanghai")
"""Of the shop, and of the vendors' days."""
Plain = Any
"""A value in the compare's own form, comparable with `==`; None is empty."""


def _text(value: object) -> Plain:
    return (str(value).strip() or None) if value is not None else None


def joined(family: object, given: object) -> Plain:
    """A whole name as people write it: 欧阳娜娜, Lise Moreau.

    >>> joined("欧阳", "娜娜"), joined("Moreau", "Lise"), joined("上官", None)
    ('欧阳娜娜', 'Lise Moreau', '上官')
    """
    last, first = str(family or ""), str(given or "")
    # Only Chinese and Western people live in the demo.
    chinese = all("一" <= sign <= "鿿" for sign in last + first)
    return _text(last + first if chinese else f"{first} {last}")


def _digits(value: object) -> Plain:
    kept = "".join(sign for sign in str(value or "") if sign.isdigit())
    return (kept.removeprefix("86") if len(kept) == 13 else kept) or None


def _mail(value: object) -> Plain:
    return str(value).strip().casefold() if value else None


def _day(value: object) -> Plain:
    if isinstance(value, int):  # the day's midnight, in milliseconds
        return str(dt.datetime.fromtimestamp(value / 1000, ZONE).date())
    return str(dt.date.fromisoformat(str(value)[:10])) if value else None


def _number(value: object) -> Plain:
    return None if value in (None, "") else int(Decimal(str(value)))


def _set(value: object) -> Plain:
    items = value.split(",") if isinstance(value, str) else value
    return frozenset(str(i) for i in items) if isinstance(items, list) and items else None


def _flag(value: object) -> Plain:
    return bool(value)


@dataclass(frozen=True, slots=True)
class Line:
    """One field: the shop's column, its form, and the shop's codes where it has some."""

    column: str
    form: Callable[[object], Plain] = _text
    codes: Mapping[Any, str] = field(default_factory=dict)


FULL = "names.full"
"""The shop has its two parts; a vendor may have the whole."""
CUSTOMER = {
    FULL: Line(""),
    "names.family": Line("surname"),
    "names.given": Line("given_name"),
    "phones.mobile": Line("mobile", _digits),
    "emails.primary": Line("mail", _mail),
    "address.province": Line("province"),
    "address.city": Line("city"),
    "address.street": Line("street"),
    "occupation": Line("job"),
    "birth_date": Line("birthday", _day),
    "lifecycle": Line("stage", codes=STAGES),
    "tags": Line("labels", _set),
    "consent.marketing.email": Line("no_mail", _flag),
}
MEMBERSHIP = {
    "card_no": Line("card_no"),
    "plan": Line("card_type", codes=CARD_TYPES),
    "tier": Line("level"),
    "points": Line("points", _number),
    "status": Line("state", codes=CARD_STATES),
    "valid_from": Line("starts", _day),
    "valid_to": Line("ends", _day),
}
FEEDBACK = {
    "title": Line("subject"),
    "text": Line("body"),
    "type": Line("about", codes=ABOUT),
    "score": Line("stars", _number),
    "scale": Line("out_of", _number),
    "status": Line("progress", codes=PROGRESS),
}
LINES = {"customer": CUSTOMER, "membership": MEMBERSHIP, "feedback": FEEDBACK}
IDENTITY = {
    "customer": ("emails.primary", "phones.mobile"),
    "membership": ("card_no",),
    "feedback": ("title",),
}
QUERIES = {
    "customer": ("SELECT * FROM clients WHERE is_deleted = 0", "client_no"),
    "membership": ("SELECT * FROM cards", "card_id"),
    "feedback": ("SELECT * FROM remarks", "remark_id"),
}


def shop_values(kind: str, row: Mapping[str, Any]) -> dict[str, Plain]:
    """A row of the shop, by canonical name in plain form."""
    values = {
        name: line.codes.get(row[line.column]) if line.codes else line.form(row[line.column])
        for name, line in LINES[kind].items()
        if name != FULL
    }
    if kind == "customer":
        values[FULL] = joined(row["surname"], row["given_name"])
    return values
