"""An invented shop: its database, its people, and the settings and mappings that describe it."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

CUSTOMERS = 300
CARDS = 180
REMARKS = 120

SCHEMA = """
CREATE TABLE clients (
  client_no INTEGER PRIMARY KEY AUTOINCREMENT, surname TEXT NOT NULL, given_name TEXT,
  mobile TEXT, mail TEXT, province TEXT, city TEXT, street TEXT, job TEXT, birthday TEXT,
  stage INTEGER NOT NULL DEFAULT 0, labels TEXT, no_mail INTEGER NOT NULL DEFAULT 0,
  is_deleted INTEGER NOT NULL DEFAULT 0, password_hash TEXT NOT NULL DEFAULT '');
CREATE TABLE cards (
  card_id INTEGER PRIMARY KEY AUTOINCREMENT, client_no INTEGER NOT NULL, card_no TEXT NOT NULL,
  card_type TEXT, level TEXT, points INTEGER NOT NULL DEFAULT 0, state TEXT, starts TEXT,
  ends TEXT);
CREATE TABLE remarks (
  remark_id INTEGER PRIMARY KEY AUTOINCREMENT, client_no INTEGER, subject TEXT NOT NULL,
  body TEXT, about INTEGER, stars INTEGER, out_of INTEGER, progress TEXT);
"""

STAGES = {0: "prospect", 1: "new", 2: "loyal", 3: "lost"}
CARD_TYPES = {"月卡": "monthly", "季卡": "quarterly", "年卡": "yearly"}
CARD_STATES = {"有效": "active", "过期": "expired"}
ABOUT = {1: "complaint", 2: "suggestion", 3: "review", 4: "question"}
PROGRESS = {"open": "collected", "with_staff": "assigned", "closed": "resolved"}

MAPPINGS = {
    "customer": """\
kind: customer
fields:
  names.family: {column: surname, lens: text}
  names.given: {column: given_name, lens: text}
  phones.mobile: {column: mobile, lens: phone}
  emails.primary: {column: mail, lens: email}
  address.province: {column: province, lens: text}
  address.city: {column: city, lens: text}
  address.street: {column: street, lens: text}
  occupation: {column: job, lens: text}
  birth_date: {column: birthday, lens: date}
  lifecycle: {column: stage, lens: {choice: {prospect: 0, new: 1, loyal: 2, lost: 3, else: refuse}}}
  tags: {column: labels, lens: tags}
  consent.marketing.email: {column: no_mail, lens: {flag: {true: withdrawn, false: unknown}}}
""",
    "membership": """\
kind: membership
fields:
  customer: {column: client_no, lens: {reference: {kind: customer}}}
  card_no: {column: card_no, lens: text}
  plan:
    column: card_type
    lens: {choice: {monthly: 月卡, quarterly: 季卡, yearly: 年卡, else: refuse}}
  tier: {column: level, lens: text}
  points: {column: points, lens: integer, direction: push}
  status: {column: state, lens: {choice: {active: 有效, expired: 过期, else: refuse}}}
  valid_from: {column: starts, lens: date}
  valid_to: {column: ends, lens: date}
""",
    "feedback": """\
kind: feedback
fields:
  customer: {column: client_no, lens: {reference: {kind: customer}}}
  title: {column: subject, lens: text}
  text: {column: body, lens: text}
  type:
    column: about
    lens: {choice: {complaint: 1, suggestion: 2, review: 3, question: 4, else: refuse}}
  score: {column: stars, lens: integer}
  scale: {column: out_of, lens: integer}
  status:
    column: progress
    lens: {choice: {collected: open, assigned: with_staff, resolved: closed, else: refuse}}
""",
}
"""The shop's side of the mappings."""

LOCAL_SETTINGS = """\
[local]
url = "sqlite:///shop.db"
zone = "Asia/Shanghai"
phone_region = "CN"
[local.customer]
table = "clients"
key = "client_no"
deleted = { column = "is_deleted", equals = 1 }
mapping = "mappings/local/customer.yaml"
first_contact = "local"
[local.membership]
table = "cards"
key = "card_id"
mapping = "mappings/local/membership.yaml"
[local.feedback]
table = "remarks"
key = "remark_id"
mapping = "mappings/local/feedback.yaml"
"""

_CHINESE = ("王", "李", "张", "刘", "陈", "欧阳", "林", "司马", "周", "吴", "郑", "孙")
_GIVEN = ("伟", "芳", "静怡", "敏", "丽华", "强", "子涵", "浩然", "雨桐", "建国", "晓", "梦琪")
_WESTERN = ("Moreau", "O'Neill", "García", "Svensson", "Rossi", "Novák", "Brown", "van Dijk")
_FIRST = ("Anna", "Zoë", "Luis", "Mia", "Jean-Luc", "Tom", "Ewa", "Noor")
_PLACES = (("浙江", "杭州"), ("广东", "深圳"), ("四川", "成都"), ("江苏", "南京"), ("福建", "厦门"))
_JOBS = ("教师", "设计师", "Nurse", "厨师", "Engineer", None)
_LABELS = (None, "VIP", "老客户", "VIP,老客户")
_BODIES = (
    "送货比说好的晚了两天。",
    "The tea was excellent; please bring back the small tins.",
    "店员很耐心，下次还会来。",
    "月卡可以中途换成年卡吗？",
)


class Shop:
    """The shop's own program: plain SQL on its own database, as its staff would cause it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._file, timeout=30)
        connection.row_factory = sqlite3.Row
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Rows of a query, by column name."""
        with self._open() as connection:
            return [dict(row) for row in connection.execute(query, values)]

    def change(self, statement: str, *values: object) -> int:
        """Carry out one statement; the id of a row it inserted."""
        with self._open() as connection:
            return connection.execute(statement, values).lastrowid or 0

    def insert(self, table: str, row: dict[str, object]) -> int:
        """Insert one row; its key. `table` and the names come from this package alone."""
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        return self.change(f"INSERT INTO {table} ({names}) VALUES ({marks})", *row.values())

    def open_for_business(self, rng: Random) -> None:
        """Make the tables and fill them."""
        with self._open() as connection:
            connection.executescript(SCHEMA)
            for table, rows in (
                ("clients", [person(rng, n) for n in range(1, CUSTOMERS + 1)]),
                (
                    "cards",
                    [card(rng, n, 1 + (n * 3) % (CUSTOMERS - 20)) for n in range(1, CARDS + 1)],
                ),
                ("remarks", [remark(rng, n) for n in range(1, REMARKS + 1)]),
            ):
                names = ", ".join(rows[0])
                marks = ", ".join("?" for _ in rows[0])
                connection.executemany(
                    f"INSERT INTO {table} ({names}) VALUES ({marks})",
                    [tuple(row.values()) for row in rows],
                )


def person(rng: Random, number: int) -> dict[str, object]:
    """An invented customer; no two share a number or an address. Some have no e-mail."""
    western = number % 4 == 0
    province, city = rng.choice(_PLACES)
    return {
        "surname": rng.choice(_WESTERN if western else _CHINESE),
        "given_name": rng.choice(_FIRST if western else _GIVEN),
        "mobile": f"1380000{number:04d}",
        "mail": None if number % 9 == 0 else f"client{number:04d}@example.test",
        "province": province,
        "city": city,
        "street": f"示范路{number}号",
        "job": rng.choice(_JOBS),
        "birthday": str(dt.date(1950, 1, 1) + dt.timedelta(days=rng.randrange(20_000))),
        "stage": rng.choice(tuple(STAGES)),
        "labels": rng.choice(_LABELS),
        "no_mail": int(number % 17 == 0),
        "password_hash": f"not-to-be-read-{number}",
    }


def card(rng: Random, number: int, client: int) -> dict[str, object]:
    """A membership card, a 月卡 more often than not."""
    starts = dt.date(2026, 1, 1) + dt.timedelta(days=rng.randrange(300))
    kind = rng.choice(("月卡", "月卡", "月卡", "季卡", "年卡"))
    days = {"月卡": 30, "季卡": 91, "年卡": 365}[kind]
    return {
        "client_no": client,
        "card_no": f"K{number:06d}",
        "card_type": kind,
        "level": rng.choice(("银卡", "金卡", None)),
        "points": rng.randrange(5000),
        "state": rng.choice(tuple(CARD_STATES)),
        "starts": str(starts),
        "ends": str(starts + dt.timedelta(days=days)),
    }


def remark(rng: Random, number: int) -> dict[str, object]:
    """A customer's feedback; every seventh is anonymous."""
    return {
        "client_no": None if number % 7 == 0 else 1 + number % (CUSTOMERS - 20),
        "subject": f"留言 {number:04d}",
        "body": rng.choice(_BODIES),
        "about": rng.choice(tuple(ABOUT)),
        "stars": rng.randrange(1, 6),
        "out_of": 5,
        "progress": rng.choice(tuple(PROGRESS)),
    }
