"""What a policy may not say. Each fault is a place in the file and a sentence for its author."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from connector.policy import retention, together
from connector.policy.actions import MASKS, SCANS, generalised_types, is_generalisation
from connector.policy.document import GATES, Conditions, Document, Fault, RuleSpec
from connector.policy.facts import is_fact
from connector.policy.matching import (
    UNCLASSIFIED,
    Named,
    Place,
    all_fields,
    class_of,
    covers,
    may_hold,
)
from connector.policy.places import EU, KNOWN, region_of
from connector.records import FIELDS, PERSONAL_CLASSES, Kind, field_of

MOST_EXCEPTION: Final = dt.timedelta(days=90)
REFERENCES: Final = ("env:", "file:", "vault:")
INDEXES: Final = frozenset({"email/1", "phone/1", "cnid/1"})
_FEW_VALUES: Final = frozenset({"choice", "flag", "consent", "date", "integer", "tags", "decimal"})


def faults_of(document: Document, today: dt.date, tenant: str | None = None) -> Iterator[Fault]:
    """All that is wrong. `tenant`: that of the settings, where they are known."""
    if tenant is not None and document.tenant != tenant:
        yield ("tenant",), "`tenant` is not that of the settings"
    yield from _controller(document)
    yield from _classes(document)
    yield from _fields(document)
    yield from _destinations(document)
    yield from _purposes(document)
    yield from _transfers(document)
    yield from _retention(document)
    yield from _rules(document)
    yield from _exceptions(document, today)


def ended(document: Document, today: dt.date) -> Iterator[Fault]:
    """What the file allows and the calendar does not any more."""
    for number, transfer in enumerate(document.transfers):
        if transfer.valid_until < today:
            yield (
                ("transfers", number, "valid_until"),
                "this transfer has ended; renew or remove it",
            )
    for number, one in enumerate(document.exceptions):
        if one.valid_until < today:
            yield ("exceptions", number, "valid_until"), "this exception has ended; remove it"


def _country(where: Sequence[str | int], code: str) -> Iterator[Fault]:
    if code != EU and code not in KNOWN:
        yield where, f"`{where[-1]}` is a country such as CN or DE, or EU"


def _controller(document: Document) -> Iterator[Fault]:
    yield from _country(("controller", "country"), document.controller.country)
    if not document.controller.contact_ref.startswith(REFERENCES):
        yield (
            ("controller", "contact_ref"),
            "`contact_ref` must be a reference: env:NAME, file:PATH or vault:PATH",
        )


# --- classes and fields ---------------------------------------------------------------------------


def classes(document: Document) -> frozenset[str]:
    """All classes there are: the built-in ones and the file's own."""
    return frozenset(PERSONAL_CLASSES) | frozenset(document.classes)


def _classes(document: Document) -> Iterator[Fault]:
    for name, spec in document.classes.items():
        at = ("classes", name)
        if name == UNCLASSIFIED or name.endswith("*"):
            yield at, "a class cannot be called so"
        if spec.personal and spec.store != "seal":
            yield at, "a personal class needs `store: seal`"
        if spec.sensitive and not spec.personal:
            yield at, "a sensitive class is a personal one"
        if PERSONAL_CLASSES.get(name) and not spec.personal:
            yield (*at, "personal"), "this class is personal; a policy may only tighten it"
        if spec.base == "digest":
            yield from _digested(document, name)
        for word in spec.scan:
            if word not in SCANS:
                yield (*at, "scan"), f"`scan` takes {', '.join(SCANS)}"
        yield from _index(document, name)
        if spec.drives_age and not _types(document, name) & {"date", "datetime"}:
            yield (*at, "drives_age"), "no field of this class is a date"


def _digested(document: Document, name: str) -> Iterator[Fault]:
    """Only plain texts can be kept as digests: names are put together and taken apart, identifiers
    are found by, the gates read facts, and sets of tags are joined with what they were."""
    at = ("classes", name, "base")
    mine = [(kind, field.name) for kind, field in all_fields(document) if field.class_ == name]
    for kind, field in mine:
        known = field_of(kind, field)
        assert known is not None
        if known.type != "text" or field.startswith("names.") or is_fact(field):
            yield at, f"`base: digest` is for texts, and {kind}.{field} is needed whole"
            return
    if document.classes[name].index is not None:
        yield at, "values that are indexed are needed whole"


def _index(document: Document, name: str) -> Iterator[Fault]:
    index, at = document.classes[name].index, ("classes", name, "index")
    if index is None:
        return
    if index not in INDEXES:
        known = ", ".join(sorted(INDEXES))
        yield at, f"`index` must be one of {known}: other values are too few, or no identifier"
    elif _types(document, name) & _FEW_VALUES or covers(("person.*", "text.*"), name):
        yield at, "values of this class are too few to be indexed: they could be counted out"


def _types(document: Document, class_: str) -> set[str]:
    return {
        known.type
        for kind, names in FIELDS.items()
        for name, known in names.items()
        if class_of(document, kind, name) == class_
    } | {
        "text" for full, given in document.fields.items() if given == class_ and ".custom." in full
    }


def _fields(document: Document) -> Iterator[Fault]:
    known = classes(document)
    for full, class_ in document.fields.items():
        at = ("fields", full)
        kind, _, name = full.partition(".")
        if kind not in set(Kind) or field_of(Kind(kind), name) is None:
            yield at, "there is no such field; write KIND.FIELD, such as customer.custom.shoe_size"
            continue
        if class_ not in known:
            yield at, "there is no such class; add it under `classes`"
            continue
        built_in = field_of(Kind(kind), name)
        was = built_in.privacy if built_in is not None else ""
        if PERSONAL_CLASSES.get(was) and not _is_personal(document, class_):
            yield at, "this field is personal; a policy may only tighten its class"


def _is_personal(document: Document, class_: str) -> bool:
    spec = document.classes.get(class_)
    return spec.personal if spec is not None else PERSONAL_CLASSES.get(class_, True)


def _patterns(
    document: Document, patterns: Iterable[str], at: Sequence[str | int]
) -> Iterator[Fault]:
    for pattern in patterns:
        if not any(covers((pattern,), name) for name in classes(document)):
            yield at, f"there is no class `{pattern}`"


def _field_patterns(
    document: Document, patterns: Iterable[str], at: Sequence[str | int]
) -> Iterator[Fault]:
    for pattern in patterns:
        kind, _, name = pattern.partition(".")
        if kind not in set(Kind) or not ("*" in name or field_of(Kind(kind), name)):
            yield at, f"there is no field `{pattern}`; write KIND.FIELD"


# --- places, purposes, transfers ------------------------------------------------------------------


def _destinations(document: Document) -> Iterator[Fault]:
    if not document.destinations:
        yield ("destinations",), "a policy needs one destination at least"
    for name, there in document.destinations.items():
        yield from _country(("destinations", name, "country"), there.country)


def _purposes(document: Document) -> Iterator[Fault]:
    if not document.purposes:
        yield ("purposes",), "a policy needs one purpose at least"
    for name, one in document.purposes.items():
        at = ("purposes", name)
        if (name == "marketing" or one.channels) and one.basis != "consent":
            yield (
                (*at, "basis"),
                "to write to people for this needs their consent: `basis: consent`",
            )
        if one.basis == "consent" and one.consent is None:
            yield at, "`consent` is missing: which consent is it"
        if one.basis != "consent" and one.consent is not None:
            yield (*at, "consent"), "`consent` stands with `basis: consent`"
        yield from _patterns(document, one.classes, (*at, "classes"))
        yield from _field_patterns(document, one.fields, (*at, "fields"))


def _transfers(document: Document) -> Iterator[Fault]:
    for number, one in enumerate(document.transfers):
        at = ("transfers", number)
        yield from _country((*at, "from"), one.from_)
        yield from _country((*at, "to"), one.to)
        there = document.destinations.get(one.recipient)
        if there is None:
            yield (*at, "recipient"), "there is no such destination"
        elif region_of(there.country) != region_of(one.to):
            yield (*at, "to"), "the recipient is in another country"
        if region_of(one.from_) == region_of(one.to):
            yield at, "this crosses no border"
        yield from _patterns(document, one.classes, (*at, "classes"))
        for pattern in one.classes:
            if pattern.endswith("*") and any(
                spec.sensitive and covers((pattern,), name)
                for name, spec in document.classes.items()
            ):
                yield (*at, "classes"), f"`{pattern}` covers a sensitive class: name each class"


def _retention(document: Document) -> Iterator[Fault]:
    for number, one in enumerate(document.retention):
        yield from _patterns(document, one.classes, ("retention", number, "classes"))
    yield from retention.faults_of(document)


# --- rules ----------------------------------------------------------------------------------------


def _rules(document: Document) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    sound = True
    for number, rule in enumerate(document.rules):
        at = ("rules", number)
        if rule.id in seen:
            yield (*at, "id"), "this id stands twice"
        if rule.id in GATES or rule.id == "scan":
            yield (*at, "id"), "a built-in gate is called so; choose another id"
        seen[rule.id] = number
        for key, conditions in (("when", rule.when), ("unless", rule.unless)):
            found = list(_conditions(document, conditions, (*at, key))) if conditions else []
            sound = sound and not found
            yield from found
        yield from _with(document, rule, at)
    if sound:
        yield from together.faults_of(document)


def _conditions(document: Document, c: Conditions, at: Sequence[str | int]) -> Iterator[Fault]:
    yield from _patterns(document, c.class_ or (), (*at, "class"))
    yield from _field_patterns(document, c.field or (), (*at, "field"))
    words: Mapping[str, tuple[tuple[str, ...] | None, Iterable[str]]] = {
        "kind": (c.kind, tuple(Kind)),
        "destination": (c.destination, tuple(document.destinations)),
        "purpose": (c.purpose, tuple(document.purposes)),
    }
    for key, (given, known) in words.items():
        for word in given or ():
            if word not in known:
                yield (*at, key), f"there is no {key} `{word}`"
    for key in ("country", "destination_country"):
        for code in getattr(c, key) or ():
            yield from _country((*at, key), code)


def _with(document: Document, rule: RuleSpec, at: Sequence[str | int]) -> Iterator[Fault]:
    if rule.action == "mask":
        if rule.with_ is None or rule.with_ not in MASKS:
            yield (*at, "with"), f"a mask is one of {', '.join(MASKS)}: `with: NAME`"
            return
        types = MASKS[rule.with_][1]
    elif rule.action == "generalise":
        if not is_generalisation(rule.with_):
            ways = "year, age_band:10, postcode:3 or region:province"
            yield (*at, "with"), f"a value is made coarser by {ways}"
            return
        assert rule.with_ is not None
        types = generalised_types(rule.with_)
    else:
        if rule.action == "hash" and rule.with_ not in (None, "per_destination"):
            yield (*at, "with"), "a hash has a key of its own for each destination, and no other"
        elif rule.action != "hash" and rule.with_ is not None:
            yield (*at, "with"), f"`{rule.action}` takes no `with`"
        return
    for kind, one in all_fields(document):
        known = field_of(kind, one.name)
        assert known is not None
        if known.type not in types and _speaks_of(rule, kind, one):
            yield (*at, "with"), f"`{rule.with_}` is not for {kind}.{one.name}, a {known.type}"
            return


def _speaks_of(rule: RuleSpec, kind: Kind, one: Named) -> bool:
    """Whether a rule may be about a field, whoever's it is and wherever it goes."""
    anywhere = rule.when.model_copy(update={"destination": None, "destination_country": None})
    return may_hold(anywhere, Place("", "", None, False, False, kind), one)


def _exceptions(document: Document, today: dt.date) -> Iterator[Fault]:
    rules = {rule.id: rule for rule in document.rules}
    for number, one in enumerate(document.exceptions):
        at = ("exceptions", number)
        if one.rule in GATES:
            yield (*at, "rule"), "a built-in gate has no exceptions"
        elif one.rule not in rules:
            yield (*at, "rule"), "there is no such rule"
        elif not rules[one.rule].overridable:
            yield (*at, "rule"), "this rule is not `overridable: true`"
        if one.destination not in document.destinations:
            yield (*at, "destination"), "there is no such destination"
        if one.valid_until > today + MOST_EXCEPTION:
            yield (*at, "valid_until"), "an exception lasts 90 days at most"
