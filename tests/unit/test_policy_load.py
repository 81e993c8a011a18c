"""A policy is read strictly: everything that is wrong is told at once, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.errors import PolicyFileError
from connector.policy.load import ended, load
from tests.policies import FULL, TODAY, policy, write


def faults(folder: Path, text: str) -> tuple[str, ...]:
    path = write(folder, text)
    with pytest.raises(PolicyFileError) as caught:
        load(path, today=TODAY, tenant="shop-a")
    assert caught.value.exit_code == 3
    assert caught.value.__cause__ is None
    return tuple(fault.removeprefix(f"{path}:") for fault in caught.value.faults)


def spoilt(old: str, new: str) -> tuple[str, int]:
    """The policy with one thing changed, and the line it was changed in."""
    assert FULL.count(old) == 1, old
    return FULL.replace(old, new), FULL[: FULL.index(old)].count("\n") + 1


def test_a_sound_policy_loads(tmp_path: Path) -> None:
    found = policy(tmp_path)
    assert [rule.id for rule in found.document.rules] == [
        "no-id-card",
        "phone-abroad",
        "birth-year",
    ]
    assert ended(found, TODAY) == []


WRONG = {
    "an unknown key": ("tenant: shop-a", "tenant: shop-a\nfoo: 1", "no such key", 1),
    "an unknown key inside": ("basis: contract", "basis: contract, why: x", "no such key", 0),
    "an unknown class of a field": (
        "id_card: id.national",
        "id_card: id.foreign",
        "no such class",
        0,
    ),
    "an unknown class of a rule": (
        "{class: id.national}",
        "{class: id.*x}",
        "there is no class",
        0,
    ),
    "an unknown field": ("customer.custom.id_card", "customer.shoe", "no such field", 0),
    "a personal class in clear": (
        "sensitive: true, store: seal, index",
        "sensitive: true, index",
        "needs `store: seal`",
        0,
    ),
    "a permissive default": (
        "unclassified_outbound: block_record",
        "unclassified_outbound: allow",
        "must be one of",
        0,
    ),
    "a default left out": ("  unclassified_inbound: letter\n", "", "is missing", -2),
    "a permissive country": ("deny_transfer", "allow", "must be one of", 0),
    "an adult without a reason": (
        "{treat_as_adult: only adults may open an account}",
        "treat_as_adult",
        "unknown_age",
        0,
    ),
    "a sensitive class allowed abroad": (
        "{id: no-id-card, when: {class: id.national}, action: drop_field}",
        "{id: ids, when: {class: id.national}, action: allow}",
        "allows a sensitive class to go abroad",
        0,
    ),
    "a transfer without a mechanism": ("    mechanism: standard_contract\n", "", "is missing", -2),
    "a transfer without a reference": ("    ref: SCC-1\n", "", "is missing", -3),
    "a transfer without an end": ("    valid_until: 2027-12-31\n", "", "is missing", -4),
    "a transfer without a recipient": ("    recipient: eu\n", "", "is missing", -7),
    "a wildcard over a sensitive class": (
        "[contact.*, person.name, id.national]",
        "[contact.*, id.*]",
        "covers a sensitive class",
        0,
    ),
    "a transfer to elsewhere": ("    to: EU\n", "    to: US\n", "in another country", 0),
    "marketing without consent": (
        "{basis: consent, consent: marketing, channels",
        "{basis: legitimate_interest, channels",
        "needs their consent",
        0,
    ),
    "a consent without a name": ("consent: marketing, channels", "channels", "which consent", -1),
    "a rule that cannot match": (
        "{class: person.birth}\n    unless: {purpose: service}",
        "{class: person.birth, country: CN, destination: cn, crosses_border: true}",
        "can never match",
        -1,
    ),
    "a rule in another's shadow": (
        "  - {id: no-id-card",
        "  - {id: x, when: {class: id.national, crosses_border: true}, action: hash}\n"
        "  - {id: no-id-card",
        "never decides",
        0,
    ),
    "a mask of another type": (
        "exceptions: []",
        "  - {id: again, when: {field: customer.phones.mobile}, action: mask, with: email_domain}",
        "is not for customer.phones.mobile",
        0,
    ),
    "two masks on one field": (
        "exceptions: []",
        "  - {id: f, when: {class: person.name}, action: mask, with: name_surname}\n"
        "  - {id: g, when: {field: customer.names.full}, action: mask, with: email_domain}",
        "change one field in two ways",
        1,
    ),
    "a mask against a coarser value": (
        "exceptions: []",
        "  - {id: f, when: {class: contact.address}, action: generalise, with: 'postcode:3'}\n"
        "  - {id: g, when: {class: contact.address}, action: mask, with: name_surname}",
        "change one field in two ways",
        1,
    ),
    "an exception to a gate": (
        "exceptions: []",
        "exceptions:\n  - {rule: transfer, destination: eu, ref: R, approver: A,"
        " valid_until: 2026-12-01}",
        "no exceptions",
        1,
    ),
    "an exception without an end": (
        "exceptions: []",
        "exceptions:\n  - {rule: phone-abroad, destination: eu, ref: R, approver: A}",
        "is missing",
        1,
    ),
    "a long exception": (
        "exceptions: []",
        "exceptions:\n  - {rule: phone-abroad, destination: eu, ref: R, approver: A,"
        " valid_until: 2027-06-01}",
        "90 days",
        1,
    ),
    "an exception to a firm rule": (
        "exceptions: []",
        "exceptions:\n  - {rule: no-id-card, destination: eu, ref: R, approver: A,"
        " valid_until: 2026-12-01}",
        "overridable",
        1,
    ),
    "an index on few values": (
        "classes:\n",
        "classes:\n  person.trait: {personal: true, store: seal, index: phone/1}\n",
        "too few",
        1,
    ),
    "an index on a name": (
        "classes:\n",
        "classes:\n  person.name: {personal: true, store: seal, index: name/1}\n",
        "must be one of",
        1,
    ),
    "a shared hash key": (
        "action: drop_field}",
        "action: hash, with: shared}",
        "a key of its own for each destination",
        0,
    ),
    "an unknown mask": ("with: phone_keep3_4", "with: phone_keep", "a mask is one of", 0),
    "a secret in the file": ("env:DPO_CONTACT", "CNRY-3@example.test", "must be a reference", 0),
    "retention without a start": (
        "exceptions: []",
        "retention:\n  - {kind: feedback, after: P24M, action: erase_record}",
        "is missing",
        1,
    ),
    "retention from no time": (
        "exceptions: []",
        "retention:\n  - {kind: feedback, after: P24M, from: title, action: erase_record}",
        "must be a date or time",
        1,
    ),
    "retention for no time": (
        "exceptions: []",
        "retention:\n  - {kind: feedback, after: P0D, from: resolved_at, action: erase_record}",
        "a term of nothing",
        1,
    ),
    "retention of the field it begins with": (
        "exceptions: []",
        "retention:\n  - {kind: feedback, after: P1D, from: resolved_at,"
        " action: erase_fields, classes: [system.*]}",
        "the field that the term begins with",
        1,
    ),
    "retention that ends keys": (
        "exceptions: []",
        "retention:\n  - {kind: feedback, after: P1D, from: resolved_at,"
        " action: erase_fields, classes: [system.id]}",
        "`system.id` is not erased",
        1,
    ),
    "retention of fields without classes": (
        "exceptions: []",
        "retention:\n  - {kind: feedback, after: P1D, from: resolved_at, action: erase_fields}",
        "`erase_fields` needs `classes`",
        1,
    ),
    "retention of a record with classes": (
        "exceptions: []",
        "retention:\n  - {kind: feedback, after: P1D, from: resolved_at,"
        " action: erase_record, classes: [text.body]}",
        "`erase_record` takes no `classes`",
        1,
    ),
    "no destination": (
        "destinations:\n"
        "  eu: {plugin: memory, data_centre: eu, country: EU, role: processor}\n"
        "  cn: {plugin: memory, country: CN, role: processor}\n",
        "destinations: {}\n",
        "one destination at least",
        0,
    ),
    "no purpose": (
        "purposes:\n  service: {basis: contract}\n  marketing:\n"
        "    {basis: consent, consent: marketing, channels: [email, sms],"
        " fields: [customer.segment]}\n",
        "purposes: {}\n",
        "one purpose at least",
        0,
    ),
    "a class called as a pattern": (
        "classes:\n",
        "classes:\n  odd.*: {personal: true, store: seal}\n",
        "cannot be called so",
        1,
    ),
    "a sensitive class of nobody": (
        "classes:\n",
        "classes:\n  odd: {personal: false, sensitive: true, store: seal}\n",
        "is a personal one",
        1,
    ),
    "a scan for what is not known": (
        "scan: [phone, email, cnid]",
        "scan: [iban]",
        "`scan` takes",
        0,
    ),
    "an age from a class without a date": (
        "classes:\n",
        "classes:\n  odd: {personal: true, store: seal, drives_age: true}\n",
        "is a date",
        1,
    ),
    "an index on a digest": (
        "index: cnid/1",
        "index: cnid/1, base: digest",
        "are needed whole",
        0,
    ),
    "a digest of a day": (
        "classes:\n",
        "classes:\n  person.birth: {personal: true, store: seal, base: digest}\n",
        "is for texts",
        1,
    ),
    "a purpose of an unknown field": (
        "[customer.segment]",
        "[customer.sigment]",
        "there is no field",
        0,
    ),
    "a consent to a contract": (
        "{basis: contract}",
        "{basis: contract, consent: news}",
        "stands with `basis: consent`",
        0,
    ),
    "a transfer to nobody": (
        "    recipient: eu\n",
        "    recipient: us\n",
        "no such destination",
        0,
    ),
    "a transfer at home": (
        "  - from: CN\n",
        "  - from: EU\n",
        "crosses no border",
        0,
    ),
    "an id twice": (
        "id: birth-year",
        "id: phone-abroad",
        "this id stands twice",
        0,
    ),
    "an id of a gate": (
        "id: birth-year",
        "id: transfer",
        "a built-in gate is called so",
        0,
    ),
    "an id of another form": (
        "id: birth-year",
        "id: Birth Year",
        "must be written with a-z",
        0,
    ),
    "a coarser value of no known way": (
        "    with: year\n",
        "    with: century\n",
        "is made coarser by",
        0,
    ),
    "a mask on a field that is dropped": (
        "action: drop_field}",
        "action: drop_field, with: name_surname}",
        "takes no `with`",
        0,
    ),
    "an exception to no rule": (
        "exceptions: []",
        "exceptions:\n  - {rule: nobody, destination: eu, ref: R, approver: A,"
        " valid_until: 2026-12-01}",
        "no such rule",
        1,
    ),
    "an exception for nobody": (
        "exceptions: []",
        "exceptions:\n  - {rule: phone-abroad, destination: us, ref: R, approver: A,"
        " valid_until: 2026-12-01}",
        "no such destination",
        1,
    ),
    "a key twice": ("tenant: shop-a", "tenant: shop-a\ntenant: shop-b", "stands twice", 1),
    "an anchor": ("tenant: shop-a", "tenant: &a shop-a", "anchors and aliases", 0),
    "a tag": ("tenant: shop-a", "tenant: !!str shop-a", "tags", 0),
    "a key that is no text": ("rules:\n", "7: x\nrules:\n", "a key must be text", 0),
    "another tenant": ("tenant: shop-a", "tenant: shop-b", "not that of the settings", 0),
    "a class made harmless": (
        "classes:\n",
        "classes:\n  contact.email: {personal: false}\n",
        "only tighten",
        1,
    ),
    "a field made harmless": (
        "  feedback.text: text.feedback",
        "  customer.birth_date: system.time",
        "only tighten",
        0,
    ),
    "a destination in no country": (
        "country: EU, role",
        "country: Europe, role",
        "is a country",
        0,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_the_validator_rejects(tmp_path: Path, case: str) -> None:
    old, new, said, offset = WRONG[case]
    text, line = spoilt(old, new)
    found = faults(tmp_path, text)
    assert any(said in fault for fault in found), found
    told = next(fault for fault in found if said in fault)
    assert told.startswith(f"{line + offset}:"), (line + offset, told)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text, _ = spoilt("env:DPO_CONTACT", "somebody")
    found = faults(tmp_path, text.replace("to: EU", "to: US"))
    assert len(found) == 2
    assert [int(f.split(":")[0]) for f in found] == sorted(int(f.split(":")[0]) for f in found)


def test_no_fault_quotes_what_stands_there(tmp_path: Path) -> None:
    for old, new, *_ in WRONG.values():
        text, _ = spoilt(old, new)
        marked = text.replace("Example Retail", "CNRY-1").replace("SCC-1", "CNRY-2")
        with pytest.raises(PolicyFileError) as caught:
            load(write(tmp_path, marked), today=TODAY, tenant="shop-a")
        assert "CNRY" not in str(caught.value) + repr(caught.value)


def test_a_huge_or_deep_file_is_refused(tmp_path: Path) -> None:
    assert "larger than 256 KiB" in faults(tmp_path, FULL + "# x\n" * 70_000)[0]
    assert any("deeper" in f for f in faults(tmp_path, FULL + "x: " + "[" * 30 + "]" * 30))


def test_an_ended_transfer_is_told_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    text, line = spoilt("2027-12-31", "2026-11-22")
    found = policy(tmp_path, text)
    assert [f.removeprefix(f"{found.path}:") for f in ended(found, TODAY)] == [
        f"{line}: this transfer has ended; renew or remove it."
    ]


def test_an_ended_exception_is_told_too(tmp_path: Path) -> None:
    one = "{rule: phone-abroad, destination: eu, ref: R, approver: A, valid_until: 2026-11-22}"
    text, line = spoilt("exceptions: []", f"exceptions:\n  - {one}")
    found = policy(tmp_path, text)
    assert [f.removeprefix(f"{found.path}:") for f in ended(found, TODAY)] == [
        f"{line + 1}: this exception has ended; remove it."
    ]
