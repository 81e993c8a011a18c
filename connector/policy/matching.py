"""How a policy's patterns and conditions meet a canonical field, a person and a destination."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from connector.policy.document import Conditions, Document, RuleSpec
from connector.policy.places import region_of
from connector.records import FIELDS, PERSONAL_CLASSES, Kind, field_of

CONSENT: Final = "consent"
"""Its own class: a person's no must arrive wherever the person's data is."""

UNCLASSIFIED: Final = "unclassified"


@dataclass(frozen=True, slots=True)
class Named:
    """One canonical field as rules see it."""

    name: str
    class_: str
    personal: bool
    sensitive: bool
    scan: tuple[str, ...] = ()


def class_of(document: Document, kind: Kind, name: str) -> str:
    """The class of a canonical field under a policy; `unclassified` if it has none.

    What stands beside a consent is of its class; `constant.*` holds nobody's data.
    """
    given = document.fields.get(f"{kind}.{name}")
    if given is not None:
        return given
    known = field_of(kind, name)
    return known.privacy if known is not None and known.privacy else UNCLASSIFIED


def named(document: Document, kind: Kind, name: str) -> Named:
    """A canonical field with all that its class says."""
    class_ = class_of(document, kind, name)
    spec = document.classes.get(class_)
    if spec is not None:
        return Named(name, class_, spec.personal, spec.sensitive, spec.scan)
    return Named(name, class_, PERSONAL_CLASSES.get(class_, True), False)


def all_fields(document: Document) -> Iterator[tuple[Kind, Named]]:
    """Every field that the policy may be about; one consent stands for all."""
    for kind, names in FIELDS.items():
        for name in names:
            yield kind, named(document, kind, name)
    for full in document.fields:
        kind_, _, name = full.partition(".")
        if kind_ in set(Kind) and field_of(Kind(kind_), name) and name not in FIELDS[Kind(kind_)]:
            yield Kind(kind_), named(document, Kind(kind_), name)
    yield Kind.CUSTOMER, named(document, Kind.CUSTOMER, "consent.marketing.email")


def covers(patterns: Iterable[str], class_: str) -> bool:
    """Whether a list of classes has this one; `contact.*` has all that begin so.

    >>> covers(("contact.*",), "contact.email"), covers(("contact",), "contact.email")
    (True, False)
    """
    return any(p == class_ or (p.endswith(".*") and class_.startswith(p[:-1])) for p in patterns)


@dataclass(frozen=True, slots=True)
class Place:
    """A person and a destination, as the rules see them."""

    destination: str
    destination_country: str
    country: str | None
    crosses: bool
    minor: bool
    kind: Kind


def matches(rule: RuleSpec, place: Place, one: Named, purposes: Collection[str]) -> bool:
    """Whether a rule speaks of this field of this person on this way."""
    if not _holds(rule.when, place, one, purposes):
        return False
    return rule.unless is None or not _holds(rule.unless, place, one, purposes)


def _holds(c: Conditions, place: Place, one: Named, purposes: Collection[str]) -> bool:
    full = f"{place.kind}.{one.name}"
    return (
        (c.class_ is None or covers(c.class_, one.class_))
        and (c.field is None or any(fnmatchcase(full, pattern) for pattern in c.field))
        and (c.kind is None or place.kind in c.kind)
        and (c.destination is None or place.destination in c.destination)
        and (c.country is None or _is_in(place.country, c.country))
        and (
            c.destination_country is None
            or _is_in(place.destination_country, c.destination_country)
        )
        and (c.crosses_border is None or c.crosses_border is place.crosses)
        and (c.purpose is None or any(name in purposes for name in c.purpose))
        and (c.minor is None or c.minor is place.minor)
        and (c.sensitive is None or c.sensitive is one.sensitive)
    )


def may_hold(c: Conditions, place: Place, one: Named) -> bool:
    """Whether conditions may hold here, whoever's record it is."""
    return _holds(c.model_copy(update=dict.fromkeys(_OF_THE_PERSON)), place, one, ())


_OF_THE_PERSON: Final = ("country", "crosses_border", "purpose", "minor")


def _is_in(country: str | None, among: Iterable[str]) -> bool:
    return country is not None and any(country == c or region_of(country) == c for c in among)
