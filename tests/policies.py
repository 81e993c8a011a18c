"""Policies for tests: one that loads, and ways to spoil it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from connector.policy.load import Policy, load

TODAY = dt.date(2026, 11, 23)


def head(tenant: str) -> str:
    """How a policy begins, strict in all it may be strict in."""
    return f"""\
policy: 1
tenant: {tenant}
controller: {{name: Example Retail, country: CN, contact_ref: env:DPO_CONTACT}}
defaults:
  unclassified_outbound: block_record
  unclassified_inbound: letter
  unknown_subject_country: deny_transfer
  unknown_age: {{treat_as_adult: only adults may open an account}}
"""


FULL = (
    head("shop-a")
    + """\
classes:
  id.national: {personal: true, sensitive: true, store: seal, index: cnid/1}
  text.feedback: {personal: true, store: seal, scan: [phone, email, cnid]}
fields:
  customer.custom.id_card: id.national
  feedback.text: text.feedback
destinations:
  eu: {plugin: memory, data_centre: eu, country: EU, role: processor}
  cn: {plugin: memory, country: CN, role: processor}
purposes:
  service: {basis: contract}
  marketing:
    {basis: consent, consent: marketing, channels: [email, sms], fields: [customer.segment]}
transfers:
  - from: CN
    to: EU
    mechanism: standard_contract
    ref: SCC-1
    valid_until: 2027-12-31
    consent: cross_border
    classes: [contact.*, person.name, id.national]
    recipient: eu
rules:
  - {id: no-id-card, when: {class: id.national}, action: drop_field}
  - id: phone-abroad
    when: {class: contact.phone, crosses_border: true}
    action: mask
    with: phone_keep3_4
    on_existing: clear
    overridable: true
  - id: birth-year
    when: {class: person.birth}
    unless: {purpose: service}
    action: generalise
    with: year
exceptions: []
"""
)


def write(folder: Path, text: str) -> Path:
    path = folder / "privacy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def policy(folder: Path, text: str = FULL, today: dt.date = TODAY) -> Policy:
    return load(write(folder, text), today=today)
