"""Compare the shop, read by plain SQL, with a sandbox, read past its API. No code of the engine.

A record is recognised by what a person would go by: a customer's e-mail address or else mobile
number, a card's number, a remark's subject.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.demo.desk import Desk, ref_of
from connector.demo.shop import ABOUT, CARD_STATES, CARD_TYPES, PROGRESS, STAGES, Shop

Plain = Any
"""A value in the compare's own form, comparable with `==`; None is empty."""


def _text(value: object) -> Plain:
    return (str(value).strip() or None) if value is not None else None


def _digits(value: object) -> Plain:
    kept = "".join(sign for sign in str(value or "") if sign.isdigit())
    return (kept.removeprefix("86") if len(kept) == 13 else kept) or None


def _mail(value: object) -> Plain:
    return str(value).strip().casefold() if value else None


def _day(value: object) -> Plain:
    return str(dt.date.fromisoformat(str(value)[:10])) if value else None


def _number(value: object) -> Plain:
    return None if value is None else int(str(value))


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


CUSTOMER = {
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


@dataclass(slots=True)
class Compared:
    """What differs. `notes` name kind, field and side, never a value."""

    records: int = 0
    lost: int = 0
    duplicated: int = 0
    diverged: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """One record of one side in the compare's own form; `owner` is whose it is, by identity."""

    values: Mapping[str, Plain]
    owner: Plain


def compare(shop: Shop, desk: Desk) -> Compared:
    """Compare all three kinds."""
    found = Compared()
    near_people, far_people = dict[str, Plain](), dict[str, Plain]()
    for kind in LINES:
        near = _shop_side(shop, desk, kind, near_people)
        far = _vendor_side(desk, kind, far_people)
        _meet(desk.name, kind, near, far, found)
    return found


def _shop_side(
    shop: Shop, desk: Desk, kind: str, people: dict[str, Plain]
) -> dict[Plain, list[_Known]]:
    query, key = QUERIES[kind]
    found: dict[Plain, list[_Known]] = {}
    for row in shop.rows(query):
        values = {
            name: line.codes.get(row[line.column]) if line.codes else line.form(row[line.column])
            for name, line in LINES[kind].items()
            if desk.field(kind, name) is not None
        }
        identity = _identity(kind, values)
        if kind == "customer":
            people[str(row[key])] = identity
        owner = people.get(str(row.get("client_no"))) if kind != "customer" else None
        found.setdefault(identity, []).append(_Known(values, owner))
    return found


def _vendor_side(desk: Desk, kind: str, people: dict[str, Plain]) -> dict[Plain, list[_Known]]:
    found: dict[Plain, list[_Known]] = {}
    for record in desk.records(kind):
        values = {
            name: _from_vendor(desk, kind, name, line, record) for name, line in LINES[kind].items()
        }
        values = {name: v for name, v in values.items() if desk.field(kind, name) is not None}
        identity = _identity(kind, values)
        if kind == "customer":
            people[str(ref_of(record))] = identity
        link = record.get(desk.field(kind, "customer") or "")
        link = link.get("id") if isinstance(link, dict) else link
        owner = people.get(str(link)) if kind != "customer" else None
        found.setdefault(identity, []).append(_Known(values, owner))
    return found


def _from_vendor(desk: Desk, kind: str, name: str, line: Line, record: Mapping[str, Any]) -> Plain:
    value = record.get(desk.field(kind, name) or "")
    if not line.codes:
        return line.form(value)
    back = {word: canonical for canonical, word in desk.choices(kind, name).items()}
    return back.get(value, value)


def _identity(kind: str, values: Mapping[str, Plain]) -> Plain:
    return next((values[name] for name in IDENTITY[kind] if values.get(name)), None)


def _meet(
    vendor: str,
    kind: str,
    near: Mapping[Plain, list[_Known]],
    far: Mapping[Plain, list[_Known]],
    found: Compared,
) -> None:
    for identity in [*near, *(i for i in far if i not in near)]:
        here, there = near.get(identity, []), far.get(identity, [])
        found.records += 1
        if not here or not there:
            found.lost += 1
            found.notes.append(f"{vendor}: a {kind} is only {'there' if there else 'in the shop'}")
            continue
        extra = len(here) + len(there) - 2
        if extra:
            found.duplicated += extra
            found.notes.append(f"{vendor}: a {kind} is there {1 + extra} times")
        differing = [
            name for name, value in here[0].values.items() if value != there[0].values[name]
        ]
        if here[0].owner != there[0].owner:
            differing.append("customer")
        if differing:
            found.diverged += 1
            found.notes.append(f"{vendor}: a {kind} differs in {', '.join(differing)}")
