"""Canonical records: their kinds, their fields, and each field's privacy class.

A canonical record is a mapping from the names below to canonical values. A name that is not in
it is *missing* (not delivered); `None` is an *empty* value; `""` never occurs: lenses make it None.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias, TypeVar


@dataclass(frozen=True, slots=True)
class Digest:
    """What a base keeps of a value whose class says not to keep it: keyed hashes, in hexadecimal.

    `own`: of the side's own value; `whole`: of the canonical one; `near`, `far`: of what the shop
    and the vendor would give back for it, as far as that is another. `rule` names the mapping under
    which they were made. Empty hashes are equal to nothing: it is known that the value moved.
    """

    salt: str
    rule: str
    own: str
    whole: str
    near: str = ""
    far: str = ""

    def __str__(self) -> str:
        return "not kept"


Value: TypeAlias = (
    str | int | bool | Decimal | dt.date | dt.datetime | frozenset[str] | Digest | None
)
"""A canonical value. `datetime` is always aware and in UTC; a `frozenset` is a set of tags. A
`Digest` comes out of a base alone, and is never written."""

Canonical: TypeAlias = Mapping[str, Value]
"""One canonical record: canonical field name to value; a missing name was not delivered."""


class Kind(StrEnum):
    """The three kinds of record we keep in step."""

    CUSTOMER = "customer"
    MEMBERSHIP = "membership"
    FEEDBACK = "feedback"


class Missing:
    """The type of `MISSING`: a value not delivered, which is neither empty nor a change."""

    _only: Missing | None = None

    def __new__(cls) -> Missing:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()


T = TypeVar("T")


def discreet(held: type[T]) -> type[T]:
    """Let a dataclass that holds people's values show their names alone: debuggers, error pages
    and failed assertions print whatever they come by.

    >>> from dataclasses import make_dataclass
    >>> Row = discreet(make_dataclass("Row", [("key", str), ("values", dict), ("seen", list)]))
    >>> Row("7", {"mail": "ada@example.test", "city": None}, ["Ada"])
    Row(key='7', values={city, mail}, seen=<1 list>)
    """

    def __repr__(self: Any) -> str:
        told = (f"{one.name}={_shape(getattr(self, one.name, None))}" for one in fields(self))
        return f"{type(self).__name__}({', '.join(told)})"

    held.__repr__ = __repr__  # type: ignore[method-assign]  # of the class that is made
    return held


def _shape(value: object) -> str:
    """A word for a value: itself if it is a name or a number of ours, else what it is made of."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(sorted(map(str, value))) + "}"
    if isinstance(value, list | tuple | set | frozenset | bytes):
        return f"<{len(value)} {type(value).__name__}>"
    shown = (str, int, float, Enum, dt.datetime, dt.timedelta, Missing)
    own = value is None or isinstance(value, shown) or hasattr(value, "__dataclass_fields__")
    return repr(value) if own else f"<{type(value).__name__}>"


@dataclass(frozen=True, slots=True)
class Field:
    """One canonical field: its value's type, its privacy class, the group it moves with.

    `type` is one of text, email, phone, date, datetime, integer, decimal, flag, choice, tags,
    reference, consent. `choices` is set for `choice` only.
    """

    type: str
    privacy: str
    group: str | None = None
    choices: tuple[str, ...] = ()


PERSONAL_CLASSES: Final[Mapping[str, bool]] = {
    "system.id": False,
    "system.time": False,
    "person.name": True,
    "person.trait": True,
    "person.birth": True,
    "contact.email": True,
    "contact.phone": True,
    "contact.address": True,
    "contact.handle": True,
    "business.relation": True,
    "consent": True,
    "membership": True,
    "text.feedback": True,
    "feedback": True,
}
"""Privacy class to whether it is personal. A class not here is unclassified: it never leaves."""


def _fields(privacy: str, type_: str, names: str, group: str | None = None) -> dict[str, Field]:
    return {name: Field(type_, privacy, group) for name in names.split()}


CUSTOMER: Final[Mapping[str, Field]] = {
    **_fields("person.name", "text", "names.full names.family names.given", "name"),
    **_fields("person.name", "text", "names.preferred company"),
    "type": Field("choice", "business.relation", choices=("person", "company")),
    "gender": Field("choice", "person.trait", choices=("male", "female", "unknown")),
    "birth_date": Field("date", "person.birth"),
    "occupation": Field("text", "person.trait"),
    **_fields("contact.phone", "phone", "phones.mobile phones.home phones.work"),
    **_fields("contact.email", "email", "emails.primary emails.other"),
    **_fields(
        "contact.address",
        "text",
        "address.country address.province address.city address.district address.street"
        " address.postcode",
        "address",
    ),
    **_fields("contact.handle", "text", "handles.wechat handles.other"),
    **_fields("business.relation", "text", "source owner segment value_tier preferred_channel"),
    "tags": Field("tags", "business.relation"),
    "lifecycle": Field("choice", "business.relation", choices=("prospect", "new", "loyal", "lost")),
    **_fields("business.relation", "integer", "rfm.recency rfm.frequency"),
    **_fields("business.relation", "decimal", "rfm.monetary churn_risk"),
    "do_not_contact": Field("flag", "consent"),
    **_fields("system.time", "datetime", "created_at last_contact_at"),
}
"""Fields of a customer. `consent.PURPOSE.CHANNEL` and `custom.NAME` come on top; see `field_of`."""

MEMBERSHIP: Final[Mapping[str, Field]] = {
    "customer": Field("reference", "system.id"),
    **_fields("membership", "text", "card_no tier"),
    "plan": Field(
        "choice", "membership", choices=("monthly", "quarterly", "yearly", "lifetime", "none")
    ),
    **_fields("membership", "integer", "points growth"),
    "status": Field(
        "choice", "membership", choices=("active", "expired", "suspended", "cancelled")
    ),
    **_fields("membership", "date", "valid_from valid_to"),
    "auto_renew": Field("flag", "membership"),
    "benefits": Field("tags", "membership"),
}
"""Fields of a membership."""

FEEDBACK: Final[Mapping[str, Field]] = {
    "customer": Field("reference", "system.id"),
    **_fields("feedback", "text", "channel category assignee"),
    "type": Field(
        "choice",
        "feedback",
        choices=("survey", "nps", "complaint", "suggestion", "review", "question"),
    ),
    **_fields("feedback", "integer", "score scale"),
    **_fields("text.feedback", "text", "title text resolution"),
    "status": Field(
        "choice",
        "feedback",
        choices=("collected", "classified", "assigned", "resolved", "answered"),
    ),
    **_fields("system.time", "datetime", "collected_at assigned_at resolved_at answered_at"),
}
"""Fields of a feedback. NPS scores run 0–10, CSAT 1–5; `scale` says which."""

FIELDS: Final[Mapping[Kind, Mapping[str, Field]]] = {
    Kind.CUSTOMER: CUSTOMER,
    Kind.MEMBERSHIP: MEMBERSHIP,
    Kind.FEEDBACK: FEEDBACK,
}

CONSENT_STATES: Final = ("granted", "denied", "withdrawn", "unknown")

_CONSENT = Field("consent", "consent", choices=CONSENT_STATES)
_BESIDE_CONSENT: Final[Mapping[str, Field]] = {
    "at": Field("datetime", "consent"),
    "source": Field("choice", "consent", choices=("subject", "staff", "vendor")),
    "evidence": Field("text", "consent"),
    "version": Field("text", "consent"),
}
"""What may stand beside `consent.PURPOSE.CHANNEL`, and moves with it: when it was said, by whom,
the proof, and which text was agreed to."""
_CUSTOM = Field("text", "")
_CONSTANT = Field("text", "system.id")


def field_of(kind: Kind, name: str) -> Field | None:
    """Look up a canonical field; `None` if no such field exists for the kind.

    `custom.*` fields are the host's: they have no privacy class until a policy gives them one,
    so they do not leave. `constant.*` fills a vendor's mandatory field and holds no one's data.

    >>> field_of(Kind.CUSTOMER, "emails.primary").privacy
    'contact.email'
    >>> field_of(Kind.CUSTOMER, "consent.marketing.email").type
    'consent'
    >>> field_of(Kind.CUSTOMER, "consent.marketing.email.at").group
    'consent.marketing.email'
    >>> field_of(Kind.CUSTOMER, "shoe_size") is None
    True
    """
    parts = name.split(".")
    if kind is Kind.CUSTOMER and parts[0] == "consent" and len(parts) == 3:
        return _CONSENT
    if kind is Kind.CUSTOMER and parts[0] == "consent" and len(parts) == 4:
        beside = _BESIDE_CONSENT.get(parts[3])
        return replace(beside, group=".".join(parts[:3])) if beside is not None else None
    if parts[0] == "custom" and len(parts) >= 2:
        return _CUSTOM
    if parts[0] == "constant" and len(parts) == 2:
        return _CONSTANT
    return FIELDS[kind].get(name)


def may_leave(kind: Kind, name: str) -> bool:
    """Say whether a field has a privacy class and so may go to a vendor (deny by default)."""
    field = field_of(kind, name)
    return field is not None and field.privacy in PERSONAL_CLASSES
