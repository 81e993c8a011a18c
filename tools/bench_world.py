"""What the bench measures on: a seeded sandbox, an empty shop, and the settings between them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.app import open_connector

FIELDS = {
    "names.family": ("Last_Name", "family"),
    "names.given": ("First_Name", "given"),
    "emails.primary": ("Email", "email"),
    "phones.mobile": ("Mobile", "mobile"),
    "address.country": ("Mailing_Country", "country"),
    "address.province": ("Mailing_State", "province"),
    "address.city": ("Mailing_City", "city"),
    "address.district": ("District", "district"),
    "address.street": ("Mailing_Street", "street"),
    "address.postcode": ("Mailing_Zip", "postcode"),
    "occupation": ("Occupation", "occupation"),
    "handles.wechat": ("WeChat", "wechat"),
    "source": ("Lead_Source", "source"),
    "segment": ("Segment", "segment"),
    "value_tier": ("Value_Tier", "tier"),
    "preferred_channel": ("Preferred_Channel", "channel"),
    "names.preferred": ("Preferred_Name", "preferred"),
    "rfm.recency": ("RFM_Recency", "recency"),
    "rfm.frequency": ("RFM_Frequency", "frequency"),
    "birth_date": ("Date_of_Birth", "birthday"),
}
"""Canonical field to the vendor's field and the shop's column: twenty of them."""

_LENS = {"phones.mobile": "phone", "emails.primary": "email", "birth_date": "date"}
_LENS |= {"rfm.recency": "integer", "rfm.frequency": "integer"}

CITIES = ("上海市", "北京市", "广州市", "Brno", "成都市", "Lyon")


def contact(n: int, rng: random.Random) -> dict[str, Any]:
    """One invented contact of twenty fields; its number makes it unique."""
    city = rng.choice(CITIES)
    return {
        "Last_Name": rng.choice("王李张刘陈杨赵黄周吴"),
        "First_Name": f"{rng.choice('伟芳娜敏静丽强磊')}{n}",
        "Email": f"person{n}@example.test",
        "Mobile": f"+8613{n % 1_000_000_000:09d}",
        "Mailing_Country": "中国",
        "Mailing_State": rng.choice(("上海", "广东", "四川")),
        "Mailing_City": city,
        "District": f"District {n % 40}",
        "Mailing_Street": f"{rng.randrange(900)} Long Street",
        "Mailing_Zip": f"{rng.randrange(100000, 999999)}",
        "Occupation": rng.choice(("teacher", "nurse", "driver")),
        "WeChat": f"wx{n}",
        "Lead_Source": rng.choice(("Web", "Partner")),
        "Segment": rng.choice(("A", "B", "C")),
        "Value_Tier": rng.choice(("gold", "silver")),
        "Preferred_Channel": rng.choice(("email", "sms")),
        "Preferred_Name": f"Name {n}",
        "RFM_Recency": rng.randrange(400),
        "RFM_Frequency": rng.randrange(60),
        "Date_of_Birth": f"19{60 + n % 40}-0{1 + n % 9}-1{n % 9}",
    }


SQLITE = "sqlite:///shop.db"
_KEY = {"sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT", "postgresql": "BIGSERIAL PRIMARY KEY"}


def make_shop(engine: sa.Engine, rows: Iterable[Sequence[Any]] = ()) -> None:
    """The shop's one table, with these rows: a value for each column of `FIELDS`."""
    columns = [column for _, column in FIELDS.values()]
    own = ", ".join(f"{column} TEXT" for column in columns)
    with engine.begin() as tx:
        tx.exec_driver_sql(f"CREATE TABLE people (id {_KEY[engine.dialect.name]}, {own})")
        places = ", ".join(f":{column}" for column in columns)
        insert = sa.text(f"INSERT INTO people ({', '.join(columns)}) VALUES ({places})")
        for batch in batched(rows, 1000):
            tx.execute(insert, [dict(zip(columns, row, strict=True)) for row in batch])


def batched(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of so many."""
    waiting = iter(rows)
    while batch := list(islice(waiting, size)):
        yield batch


POLICY = """\
policy: 1
tenant: bench
controller: {name: Example Retail, country: CN, contact_ref: env:DPO_CONTACT}
defaults:
  unclassified_outbound: block_record
  unclassified_inbound: letter
  unknown_subject_country: deny_transfer
  unknown_age: {treat_as_adult: only adults may open an account}
classes: {}
destinations:
  crm: {plugin: zoho, country: EU, role: processor}
purposes:
  service: {basis: contract}
  marketing: {basis: consent, consent: marketing, channels: [email], fields: [customer.occupation]}
transfers:
  - {from: CN, to: EU, mechanism: standard_contract, ref: SCC-1, valid_until: 2099-12-31,
     classes: [contact.*, person.*, business.*], recipient: crm}
rules:
  - {id: hashed-abroad, when: {field: customer.handles.wechat, crosses_border: true}, action: hash}
  - {id: no-street, when: {field: customer.address.street}, action: drop_field}
"""
"""Something of each kind: a border, a purpose without a consent, a mask, a field that stays."""


SETTINGS = """\
tenant = "bench"
{ruled}[local]
url = "{url}"
zone = "Asia/Shanghai"
phone_region = "CN"
[local.customer]
table = "people"
capture = "{capture}"
mapping = "local/customer.yaml"
first_contact = "fill_blank"
[connections.crm]
plugin = "zoho"
accounts_url = "{box}"
api_url = "{box}"
upload_url = "{box}"
client_id = "env:BENCH_CLIENT_ID"
client_secret = "env:BENCH_CLIENT_SECRET"
refresh_token = "env:BENCH_REFRESH_TOKEN"
kinds = ["customer"]
mappings = "remote"
rate = "100000/1s"
allow_loopback = true
"""


def lay_out(
    folder: Path,
    box: Any,
    url: str = SQLITE,
    capture: str = "journal",
    *,
    rows: Iterable[Sequence[Any]] = (),
    policy: str | None = None,
) -> Path:
    """Write mappings and settings into a folder, and the shop with these rows if it is a file;
    returns the settings file's path."""
    if url == SQLITE:
        engine = sa.create_engine(f"sqlite:///{folder}/shop.db")
        make_shop(engine, rows)
        engine.dispose()
    _write_mappings(folder)
    for key in ("client_id", "client_secret", "refresh_token"):
        os.environ[f"BENCH_{key.upper()}"] = box.settings[key]
    file = folder / "connector.toml"
    text = SETTINGS.format(ruled=_ruled(folder, policy), url=url, capture=capture, box=box.url)
    file.write_text(text, encoding="utf-8")
    with open_connector(file) as connector:
        connector.make_keys()
        connector.install_local()
    return file


def _write_mappings(folder: Path) -> None:
    local, remote = "kind: customer\nfields:\n", "kind: customer\nobject: Contacts\n"
    remote += "external_key: Connector_Key\nmatch: [emails.primary, phones.mobile]\nfields:\n"
    for canonical, (field, column) in FIELDS.items():
        lens = _LENS.get(canonical, "text")
        local += f"  {canonical}: {{column: {column}, lens: {lens}}}\n"
        remote += f"  {canonical}: {{field: {field}, lens: {lens}, policy: local}}\n"
    for side, text in (("local", local), ("remote", remote)):
        (folder / side).mkdir()
        (folder / side / "customer.yaml").write_text(text, encoding="utf-8")


def _ruled(folder: Path, policy: str | None) -> str:
    """The settings' table for a policy; its file is written."""
    if policy is None:
        return ""
    (folder / "privacy.yaml").write_text(policy, encoding="utf-8")
    return '[privacy]\npolicy = "privacy.yaml"\nlocal_erasure = "delete"\n'
