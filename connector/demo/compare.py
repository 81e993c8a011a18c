"""Compare the shop, read by plain SQL, with a sandbox, read past its API. No code of the engine.

A record is recognised by what a person would go by: a customer's e-mail address or else mobile
number, a card's number, a remark's subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.demo.desk import Desk, ref_of
from connector.demo.lines import IDENTITY, LINES, QUERIES, Plain, shop_values
from connector.demo.shop import Shop


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
    carried = desk.carried(kind)
    for row in shop.rows(query):
        values = {name: v for name, v in shop_values(kind, row).items() if name in carried}
        identity = _identity(kind, values)
        if kind == "customer":
            people[str(row[key])] = identity
        owner = people.get(str(row.get("client_no"))) if kind != "customer" else None
        found.setdefault(identity, []).append(_Known(values, owner))
    return found


def _vendor_side(desk: Desk, kind: str, people: dict[str, Plain]) -> dict[Plain, list[_Known]]:
    found: dict[Plain, list[_Known]] = {}
    for record in desk.records(kind):
        values = desk.read(kind, record)
        identity = _identity(kind, values)
        if kind == "customer":
            people[str(ref_of(record))] = identity
        owner = people.get(desk.owner(kind, record)) if kind != "customer" else None
        found.setdefault(identity, []).append(_Known(values, owner))
    return found


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
