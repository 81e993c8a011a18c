"""The compiled decision against a plain reading of the rules, and rules that are only added."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.policy.compile import Compiled, Verdict
from connector.policy.document import Document
from connector.policy.facts import Facts
from connector.records import PERSONAL_CLASSES, Kind, field_of

TODAY = dt.date(2026, 11, 23)
NAMES = (
    "names.full",
    "emails.primary",
    "phones.mobile",
    "birth_date",
    "segment",
    "created_at",
    "consent.marketing.email",
    "custom.id_card",
    "custom.shoe",
)
CLASSES = ("person.name", "contact.email", "contact.phone", "contact.*", "id.national", "person.*")
ORDER = ["allow", "mask", "generalise", "hash", "drop_field", "block_record"]
EEA = {"DE", "FR", "EU"}


# --- the rules read plainly, one field of one person at a time ------------------------------------


def area(country: str) -> str:
    return "EU" if country in EEA else country


def has(patterns: Any, word: str) -> bool:
    return any(p == word or (p[-2:] == ".*" and word.startswith(p[:-1])) for p in patterns)


def reference(doc: Document, to: str, facts: Facts, name: str) -> tuple[str, str, set[str]]:
    """(why the record stays, the field's action, the ids that decided it)."""
    there = doc.destinations[to]
    known = field_of(Kind.CUSTOMER, name)
    cls = doc.fields.get(f"customer.{name}") or (known.privacy if known else "") or "unclassified"
    spec = doc.classes.get(cls)
    personal = spec.personal if spec else PERSONAL_CLASSES.get(cls, True)
    if facts.suppressed:
        return "suppressed", "", set()
    if facts.restricted:
        return "hold", "", set()
    held = []
    for purpose, p in doc.purposes.items():
        yes = p.basis != "consent" or any(f"{p.consent}.{c}" in facts.granted for c in p.channels)
        if p.channels and facts.objects:
            yes = False
        if facts.minor and f"guardian.{purpose}" not in facts.granted:
            yes = False
        if yes:
            held.append(purpose)
    if facts.minor and not held:
        return "minor_no_guardian", "", set()
    crosses = area(facts.country or doc.controller.country) != area(there.country)
    entries = []
    if crosses and facts.country is None:
        return "unknown_country", "", set()
    if crosses:
        on_way = [
            t
            for t in doc.transfers
            if t.recipient == to and t.valid_until >= TODAY and t.from_ == area(facts.country or "")
        ]
        if not on_way:
            return "no_transfer", "", set()
        agreed = {g.partition(".")[0] for g in facts.granted} | {None}
        entries = [t for t in on_way if t.consent in agreed]
        if not entries:
            return "no_consent_abroad", "", set()
    if cls == "unclassified":
        return "", doc.defaults.unclassified_outbound, {"unclassified"}
    bound = personal and cls != "consent"
    if bound and crosses and not any(has(t.classes, cls) for t in entries):
        return "", "drop_field", {"transfer"}
    named = [n for n, p in doc.purposes.items() if f"customer.{name}" in p.fields]
    serving = [n for n in (named or [n for n, p in doc.purposes.items() if not p.fields])]
    serving = [n for n in serving if n in held]
    if bound and not serving:
        return "", "drop_field", {"purpose"}
    best = "allow"
    ids: set[str] = set()
    for rule in doc.rules:
        truths = []
        for c in (rule.when, rule.unless):
            truths.append(
                c is not None
                and (c.class_ is None or has(c.class_, cls))
                and (c.country is None or area(facts.country or "?") in c.country)
                and (c.destination is None or to in c.destination)
                and (c.destination_country is None or to.upper() in c.destination_country)
                and (c.crosses_border is None or c.crosses_border == crosses)
                and (c.purpose is None or bool(set(c.purpose) & set(serving)))
                and (c.minor is None or c.minor == facts.minor)
            )
        if truths[0] and not truths[1]:
            if ORDER.index(rule.action) > ORDER.index(best):
                best, ids = rule.action, set()
            if rule.action == best:
                ids.add(rule.id)
    return "", best, ids


# --- made-up policies and people ------------------------------------------------------------------

conditions = st.fixed_dictionaries(
    {},
    optional={
        "class": st.lists(st.sampled_from(CLASSES), min_size=1, max_size=2, unique=True),
        "country": st.sampled_from(("CN", "EU", "US")),
        "destination": st.sampled_from(("eu", "cn")),
        "destination_country": st.sampled_from(("CN", "EU")),
        "crosses_border": st.booleans(),
        "purpose": st.sampled_from(("service", "marketing")),
        "minor": st.booleans(),
    },
)


@st.composite
def rules(draw: st.DrawFn, at_least: int = 0, prefix: str = "r") -> list[dict[str, Any]]:
    found = []
    for number in range(draw(st.integers(at_least, 4))):
        action = draw(st.sampled_from(("allow", "drop_field", "mask", "hash", "block_record")))
        one = {"id": f"{prefix}{number}", "when": draw(conditions), "action": action}
        if action == "mask":
            one["with"] = "name_surname"
        if draw(st.booleans()):
            one["unless"] = draw(conditions)
        found.append(one)
    return found


def document(rules: list[dict[str, Any]], **more: Any) -> Document:
    return Document.model_validate(
        {
            "policy": 1,
            "tenant": "t",
            "controller": {"name": "X", "country": "CN", "contact_ref": "env:X"},
            "defaults": {
                "unclassified_outbound": more.get("unclassified", "drop_field"),
                "unclassified_inbound": "letter",
                "unknown_subject_country": "deny_transfer",
                "unknown_age": "treat_as_minor",
            },
            "classes": {"id.national": {"personal": True, "sensitive": True, "store": "seal"}},
            "fields": {"customer.custom.id_card": "id.national"},
            "destinations": {
                "eu": {"plugin": "m", "country": "EU", "role": "processor"},
                "cn": {"plugin": "m", "country": "CN", "role": "processor"},
            },
            "purposes": {
                "service": {"basis": "contract"},
                "marketing": {
                    "basis": "consent",
                    "consent": "marketing",
                    "channels": ["email", "sms"],
                    "fields": ["customer.segment"],
                },
            },
            "transfers": more.get("transfers", []),
            "rules": rules,
        }
    )


transfers = st.lists(
    st.fixed_dictionaries(
        {
            "from": st.sampled_from(("CN", "EU", "US")),
            "to": st.sampled_from(("CN", "EU")),
            "mechanism": st.just("standard_contract"),
            "ref": st.just("R"),
            "valid_until": st.sampled_from(("2026-11-22", "2026-11-23", "2027-01-01")),
            "recipient": st.sampled_from(("eu", "cn")),
            "classes": st.lists(
                st.sampled_from(("contact.*", "person.name", "business.relation", "id.national")),
                min_size=1,
            ),
        },
        optional={"consent": st.just("cross_border")},
    ),
    max_size=3,
)
people = st.builds(
    Facts,
    country=st.sampled_from((None, "CN", "DE", "FR", "US")),
    minor=st.booleans(),
    granted=st.frozensets(
        st.sampled_from(("marketing.email", "marketing.sms", "cross_border.any"))
        | st.sampled_from(("guardian.service", "guardian.marketing"))
    ),
    objects=st.booleans(),
    suppressed=st.sampled_from((False, False, False, True)),
    restricted=st.sampled_from((False, False, False, True)),
)


def outcome(doc: Document, to: str, facts: Facts) -> tuple[str, dict[str, Verdict]]:
    ruling = Compiled(doc, to, Kind.CUSTOMER, NAMES, TODAY).ruling(facts)
    return ("hold" if ruling.hold else ruling.block or ""), dict(ruling.fields)


@settings(max_examples=300, deadline=None)
@given(rules(), transfers, people, st.sampled_from(("eu", "cn")))
def test_13_the_compiled_decision_is_the_reference(
    some: list[dict[str, Any]], ways: list[dict[str, Any]], facts: Facts, to: str
) -> None:
    ways = [way for way in ways if way["recipient"] == way["to"].lower()]
    doc = document(some, transfers=ways)
    compiled = Compiled(doc, to, Kind.CUSTOMER, NAMES, TODAY)
    ruling = compiled.ruling(facts)
    told = {name: reference(doc, to, facts, name) for name in NAMES}
    whole = {why for why, _, _ in told.values()}
    assert len(whole) == 1
    (why,) = whole
    assert ("hold" if ruling.hold else "") == (why if why == "hold" else "")
    if why:
        assert (ruling.block or "hold") == why
        assert not ruling.fields
        return
    for name, (_, action, ids) in told.items():
        verdict = ruling.fields[name]
        stops = action == "block_record"
        assert verdict.action == ("drop_field" if stops else action), name
        assert set(verdict.rules) == ids, name
        if ruling.block is None:
            assert (name in ruling.stops) == stops
    if ruling.block == "no_purpose":
        bound = {"names.full", "emails.primary", "phones.mobile", "birth_date", "segment"}
        bound |= {"custom.id_card"}
        assert all(told[name][2] <= {"purpose", "transfer"} for name in bound)
    elif ruling.block is not None:
        assert ruling.block == "rule"
        assert any(action == "block_record" for _, action, _ in told.values())


def strictness(doc: Document, to: str, facts: Facts) -> tuple[bool, dict[str, int]]:
    compiled = Compiled(doc, to, Kind.CUSTOMER, NAMES, TODAY)
    ruling = compiled.ruling(facts)
    if ruling.block or ruling.hold:
        return True, {}
    ranks = {name: ORDER.index(verdict.action) for name, verdict in ruling.fields.items()}
    return False, ranks | {name: len(ORDER) for name in ruling.stops}


@settings(max_examples=200, deadline=None)
@given(rules(), rules(at_least=1, prefix="n"), transfers, people, st.sampled_from(("eu", "cn")))
def test_13_one_more_rule_never_lets_more_through(
    some: list[dict[str, Any]],
    more: list[dict[str, Any]],
    ways: list[dict[str, Any]],
    facts: Facts,
    to: str,
) -> None:
    was_shut, was = strictness(document(some, transfers=ways), to, facts)
    is_shut, now = strictness(document([*more, *some], transfers=ways), to, facts)
    assert is_shut or not was_shut
    assert is_shut or all(now[name] >= was[name] for name in was)


@settings(max_examples=100, deadline=None)
@given(rules(), transfers, people, st.randoms())
def test_13_the_order_in_the_file_never_matters(
    some: list[dict[str, Any]], ways: list[dict[str, Any]], facts: Facts, chance: Any
) -> None:
    mixed = list(some)
    chance.shuffle(mixed)
    one, other = (document(each, transfers=ways) for each in (some, mixed))
    assert strictness(one, "eu", facts) == strictness(other, "eu", facts)


def test_a_transfer_holds_on_its_last_day_and_not_on_the_next() -> None:
    way = {"from": "CN", "to": "EU", "mechanism": "adequacy", "ref": "R", "recipient": "eu"}
    for until, blocked in (("2026-11-23", None), ("2026-11-22", "no_transfer")):
        doc = document([], transfers=[{**way, "valid_until": until, "classes": ["person.name"]}])
        found = Compiled(doc, "eu", Kind.CUSTOMER, NAMES, TODAY).ruling(Facts("CN", False))
        assert found.block == blocked


def test_what_a_field_is_changed_to_on_the_way_is_never_read_back() -> None:
    doc = document([{"id": "m", "when": {"class": "contact.*", "country": "CN"}, "action": "hash"}])
    compiled = Compiled(doc, "eu", Kind.CUSTOMER, NAMES, TODAY)
    assert compiled.push_only == {"emails.primary", "phones.mobile"}
