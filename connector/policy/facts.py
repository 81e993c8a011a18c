"""What a decision needs to know of a person, read from the canonical customer once a record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.policy.consent import consent_in, is_state
from connector.policy.places import adult_from, country_of
from connector.records import Value

COUNTRY: Final = "address.country"
BIRTH: Final = "birth_date"
TYPE: Final = "type"
OBJECTS: Final = "do_not_contact"


@dataclass(frozen=True, slots=True)
class Facts:
    """A person as the gates see them. Holds no name, number, address or day of birth."""

    country: str | None = None
    minor: bool = True
    granted: frozenset[str] = frozenset()
    """The consents that permit, each as PURPOSE.CHANNEL."""
    objects: bool = False
    """They want no contact, whatever they allowed in one channel."""
    suppressed: bool = False
    restricted: bool = False


def is_fact(name: str) -> bool:
    """Whether a customer's field is one that the gates look at."""
    return name in (COUNTRY, BIRTH, TYPE, OBJECTS) or name.startswith("consent.")


def facts_of(
    record: Mapping[str, Value],
    today: dt.date,
    *,
    unknown_is_minor: bool = True,
    suppressed: bool = False,
    restricted: bool = False,
) -> Facts:
    """The facts of a canonical customer. What a record does not hold is not known.

    >>> facts_of({"address.country": "中国", "birth_date": dt.date(2013, 5, 1)},
    ...          dt.date(2026, 11, 23)).minor
    True
    """
    country = country_of(record.get(COUNTRY))
    granted = frozenset(
        name.removeprefix("consent.")
        for name in record
        if is_state(name) and consent_in(record, name).permits
    )
    return Facts(
        country,
        _is_minor(record, country, today, unknown_is_minor),
        granted,
        record.get(OBJECTS) is True,
        suppressed,
        restricted,
    )


def _is_minor(
    record: Mapping[str, Value], country: str | None, today: dt.date, unknown: bool
) -> bool:
    if record.get(TYPE) == "company":
        return False
    born = record.get(BIRTH)
    if isinstance(born, dt.datetime) or not isinstance(born, dt.date) or born > today:
        return unknown
    return age_at(born, today) < adult_from(country)


def age_at(born: dt.date, today: dt.date) -> int:
    """Whole years. Who was born on 29 February has the birthday on 1 March in other years.

    >>> age_at(dt.date(2012, 11, 23), dt.date(2026, 11, 22))
    13
    >>> age_at(dt.date(2012, 2, 29), dt.date(2026, 2, 28))
    13
    """
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
