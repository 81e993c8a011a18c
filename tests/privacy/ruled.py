"""A story under a privacy policy: a Chinese shop, a vendor in the EU, and whoever is told of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from connector.plugin import FieldInfo, Kind
from connector.policy.load import load
from connector.privacy.subjects import RESTRICTED
from connector.store import tables as t
from connector.testing.memory import MemoryRemote
from connector.testing.weather import Phase, Trouble
from tests.policies import head
from tests.scenery import SCHEMAS, SHOP
from tests.story import C, Story

POLICY = (
    head("story")
    + """\
classes:
  text.feedback: {personal: true, store: seal, scan: [phone, email, cnid]}
destinations:
  crm: {plugin: memory, country: EU, role: processor}
  two: {plugin: memory, country: CN, role: processor}
purposes:
  service: {basis: contract}
  marketing:
    {basis: consent, consent: marketing, channels: [email], fields: [customer.occupation]}
transfers:
  - from: CN
    to: EU
    mechanism: standard_contract
    ref: SCC-1
    valid_until: 2027-12-31
    consent: cross_border
    classes: [contact.*, person.*, business.*, membership, feedback, text.feedback]
    recipient: crm
rules:
  - id: phone-abroad
    when: {class: contact.phone, crosses_border: true}
    action: mask
    with: phone_keep3_4
    on_existing: clear
"""
)
SHOP_WITH_FACTS = SHOP.replace(
    "password TEXT",
    "password TEXT, country TEXT, born TEXT, abroad INTEGER, said TEXT, said_at TEXT, said_by TEXT,"
    " guardian TEXT",
)
LOCAL = {
    "  consent.marketing.email: {column: no_mail, lens: {flag: "
    "{true: withdrawn, false: unknown}}}\n": """\
  address.country: {column: country, lens: text}
  birth_date: {column: born, lens: date}
  consent.cross_border.any: {column: abroad, lens: {flag: {true: granted, false: denied}}}
  consent.guardian.service: {column: guardian, lens: text}
  consent.marketing.email: {column: said, lens: {choice:
    {granted: granted, denied: denied, withdrawn: withdrawn, unknown: unknown}}}
  consent.marketing.email.at: {column: said_at, lens: datetime}
  consent.marketing.email.source: {column: said_by, lens: {choice:
    {subject: subject, staff: staff, vendor: vendor}}}
""".replace("guardian, lens: text", "guardian, lens: {choice: {granted: granted, else: keep}}")
}


class Watched(MemoryRemote):
    """The vendor's remote, with a note of everything that was ever sent to it."""

    sent: list[str]

    def fetch(self, kind: Kind, refs: Any) -> Any:
        self.sent.append(repr(("fetch", kind, list(refs))))
        return super().fetch(kind, refs)

    def find(self, kind: Kind, field: str, values: Any) -> Any:
        self.sent.append(repr(("find", kind, field, list(values))))
        return super().find(kind, field, values)

    def write(self, kind: Kind, writes: Any) -> Any:
        self.note(kind, writes)
        return super().write(kind, writes)

    def note(self, kind: Kind, writes: Any) -> None:
        self.sent += [
            repr(("write", kind, one.op, one.ref, dict(one.fields), one.external_key))
            for one in writes
        ]


class Ruled(Story):
    """A story whose runs obey `policy`; None: there is none."""

    def __init__(
        self,
        folder: Path,
        policy: str | None = POLICY,
        *,
        kinds: tuple[Kind, ...] = (C,),
        phone_type: str = "text",
        shop: str = SHOP_WITH_FACTS,
        local: Mapping[str, str] | None = None,
        **how: Any,
    ) -> None:
        self.sent: dict[str, list[str]] = {}
        super().__init__(folder=folder, kinds=kinds, shop=shop, local=local or LOCAL, **how)
        # A mask is no telephone number: the vendor's field must be one that takes any text.
        people = SCHEMAS[C]
        mobile = FieldInfo(name="Mobile", type=phone_type, max_length=30)
        ruled = replace(people, fields={**people.fields, "Mobile": mobile})
        for vendor in self.vendors.values():
            vendor.schemas = {**SCHEMAS, C: ruled}
        self.rule(policy)

    def rule(self, policy: str | None, today: dt.date | None = None) -> None:
        """Another policy from the next run on."""
        if policy is None:
            self.setup = replace(self.setup, policy=None, people=None)
            return
        path = self.folder / "privacy.yaml"
        path.write_text(policy, encoding="utf-8")
        loaded = load(path, today=today or self.clock.now().date(), tenant="story")
        self.setup = replace(self.setup, policy=loaded, people=self.mappings[0][C])

    def _memory_remote(self, name: str = "crm") -> MemoryRemote:
        remote = Watched(self.vendors[name], self.targets(name))
        remote.sent = self.sent.setdefault(name, [])
        return remote

    def person(self, name: str, **columns: Any) -> int:
        """A customer in China who agreed to the transfer, unless `columns` say otherwise."""
        told = {"country": "中国", "born": "1990-07-30", "abroad": 1, **columns}
        return self.client(name, **told)

    def restrict(self, number: int | None = None, state: str = RESTRICTED) -> None:
        """Give everybody another state, or whoever has the shop's row with this number."""
        links = [r for r in self.rows(t.link) if number is None or r["local_id"] == str(number)]
        self.vault.subjects.set_state(sorted({r["subject"] for r in links if r["subject"]}), state)
        self.vault.refresh()

    def shop_row(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.sql("SELECT * FROM clients WHERE no = :n", n=number)[0]
        return found


def lose(story: Ruled, operation: str) -> None:
    """One run whose calls of an operation are lost on their way; `sent` begins anew after it."""

    def weather(op: str, phase: Phase) -> Trouble | None:
        return Trouble.LOST_BEFORE if (op, phase) == (operation, "before") else None

    story.vendor.weather = weather
    story.later(seconds=300)
    assert story.run().exit == 6
    story.vendor.weather = lambda op, phase: None
    for sent in story.sent.values():
        sent.clear()
