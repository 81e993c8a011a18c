"""What stories play with: the shop's tables, the vendor's objects, the mappings between."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from connector.local.shapes import Condition, KindTable
from connector.mapping.load import load_local, load_vendor
from connector.mapping.schema import LocalMapping, VendorMapping
from connector.plugin import FieldInfo, Kind, Schema
from connector.shop import in_row

SHOP = """
CREATE TABLE clients (
  no INTEGER PRIMARY KEY AUTOINCREMENT, full_name TEXT NOT NULL, mobile TEXT, mail TEXT,
  city TEXT, street TEXT, job TEXT, tags TEXT, no_mail INTEGER NOT NULL DEFAULT 0,
  is_deleted INTEGER NOT NULL DEFAULT 0, password TEXT);
CREATE TABLE cards (
  id INTEGER PRIMARY KEY AUTOINCREMENT, client INTEGER, card TEXT, kind TEXT, points INTEGER,
  ends TEXT);
CREATE TABLE remarks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, client INTEGER, title TEXT, body TEXT, score INTEGER);
"""

LOCAL: Mapping[Kind, str] = {
    Kind.CUSTOMER: """
kind: customer
fields:
  names.full: {column: full_name, lens: text}
  phones.mobile: {column: mobile, lens: phone}
  emails.primary: {column: mail, lens: email}
  address.city: {column: city, lens: text}
  address.street: {column: street, lens: text}
  occupation: {column: job, lens: text}
  tags: {column: tags, lens: tags}
  consent.marketing.email: {column: no_mail, lens: {flag: {true: withdrawn, false: unknown}}}
""",
    Kind.MEMBERSHIP: """
kind: membership
fields:
  customer: {column: client, lens: {reference: {kind: customer, none: 0}}}
  card_no: {column: card, lens: text}
  plan: {column: kind, lens: {choice: {monthly: 月卡, yearly: 年卡, none: 无, else: refuse}}}
  points: {column: points, lens: integer}
  valid_to: {column: ends, lens: date}
""",
    Kind.FEEDBACK: """
kind: feedback
fields:
  customer: {column: client, lens: {reference: {kind: customer, none: 0}}}
  title: {column: title, lens: text}
  text: {column: body, lens: text}
  score: {column: score, lens: integer}
""",
}

REMOTE: Mapping[Kind, str] = {
    Kind.CUSTOMER: """
kind: customer
object: People
external_key: Our_Key
match: [emails.primary, phones.mobile]
reference: none
on_gone: {push: archive, pull: propagate}
fields:
  names.family: {field: Last, lens: text, policy: local, group: name}
  names.given: {field: First, lens: text, policy: local, group: name}
  phones.mobile: {field: Mobile, lens: phone, policy: manual}
  emails.primary: {field: Mail, lens: email, policy: remote}
  address.city: {field: City, lens: text, policy: manual, group: address}
  address.street: {field: Street, lens: text, policy: manual, group: address}
  occupation: {field: Job, lens: text, policy: local}
  tags: {field: Tags, lens: tags, policy: union}
  consent.marketing.email:
    field: Opt_Out
    lens: {flag: {true: withdrawn, false: unknown}}
    policy: most_restrictive
""",
    Kind.MEMBERSHIP: """
kind: membership
object: Cards
external_key: Our_Key
match: [card_no]
reference: required
on_gone: {push: archive, pull: propagate}
fields:
  customer: {field: Person, lens: {reference: {kind: customer}}, policy: local}
  card_no: {field: Name, lens: text, policy: local}
  plan:
    field: Plan
    lens: {choice: {monthly: Month, yearly: Year, none: None, else: refuse}}
    policy: local
  points: {field: Points, lens: integer, policy: max}
  valid_to: {field: Ends, lens: date, policy: local}
""",
    Kind.FEEDBACK: """
kind: feedback
object: Voices
external_key: Our_Key
match: []
reference: optional
on_gone: {push: archive, pull: propagate}
fields:
  customer: {field: Person, lens: {reference: {kind: customer}}, policy: local}
  title: {field: Name, lens: text, policy: local}
  text: {field: Body, lens: text, policy: manual}
  score: {field: Score, lens: integer, policy: remote}
""",
}


def _text(name: str, length: int = 120, *, required: bool = False) -> FieldInfo:
    return FieldInfo(name=name, type="text", max_length=length, required=required)


SCHEMAS: Mapping[Kind, Schema] = {
    Kind.CUSTOMER: Schema(
        object="People",
        fields={
            f.name: f
            for f in (
                _text("Last", 80, required=True),
                _text("First", 40),
                FieldInfo(name="Mobile", type="phone", max_length=30),
                FieldInfo(name="Mail", type="email", max_length=100),
                _text("City"),
                _text("Street"),
                _text("Job", 40),
                FieldInfo(name="Tags", type="tags", options=tuple("abcdefgh")),
                FieldInfo(name="Opt_Out", type="flag"),
                FieldInfo(name="Our_Key", type="text", max_length=40, unique=True, external=True),
            )
        },
    ),
    Kind.MEMBERSHIP: Schema(
        object="Cards",
        fields={
            f.name: f
            for f in (
                _text("Name", required=True),
                FieldInfo(name="Person", type="reference", target="People"),
                FieldInfo(name="Plan", type="choice", options=("Month", "Year", "None")),
                FieldInfo(name="Points", type="integer"),
                FieldInfo(name="Ends", type="date"),
                FieldInfo(name="Our_Key", type="text", max_length=40, unique=True, external=True),
            )
        },
    ),
    Kind.FEEDBACK: Schema(
        object="Voices",
        fields={
            f.name: f
            for f in (
                _text("Name", required=True),
                FieldInfo(name="Person", type="reference", target="People"),
                _text("Body", 2000),
                FieldInfo(name="Score", type="integer"),
                FieldInfo(name="Our_Key", type="text", max_length=40, unique=True, external=True),
            )
        },
    ),
}

TABLES: Mapping[Kind, KindTable] = {
    Kind.CUSTOMER: KindTable("clients", "no", deleted=Condition("is_deleted", "equals", 1)),
    Kind.MEMBERSHIP: KindTable("cards", "id"),
    Kind.FEEDBACK: KindTable("remarks", "id"),
}


@dataclass(frozen=True)
class Shape:
    """A kind that lies in the shop in another way than above."""

    table: KindTable
    mapping: str


def load_mappings(
    changes: Mapping[str, str] | None = None,
    local_changes: Mapping[str, str] | None = None,
    shapes: Mapping[Kind, Shape] | None = None,
) -> tuple[dict[Kind, LocalMapping], dict[Kind, VendorMapping]]:
    """The mappings above, through the real loaders. `changes`: text of the vendors' files to other
    text, `local_changes` of the shop's."""

    def changed(text: str, changes: Mapping[str, str] | None) -> str:
        for old, new in (changes or {}).items():
            text = text.replace(old, new)
        return text

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        local, remote = {}, {}
        for kind in Kind:
            shape = (shapes or {}).get(kind)
            text = shape.mapping if shape is not None else LOCAL[kind]
            near, far = changed(text, local_changes), changed(REMOTE[kind], changes)
            (folder / f"l-{kind}.yaml").write_text(near, encoding="utf-8")
            (folder / f"r-{kind}.yaml").write_text(far, encoding="utf-8")
            local[kind] = load_local(folder / f"l-{kind}.yaml")
            if shape is not None and shape.table.inner is not None:
                local[kind] = in_row(local[kind])
            remote[kind] = load_vendor(folder / f"r-{kind}.yaml")
    return local, remote
