"""How a person is named: by an id, or by identifying values that never stand on a command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.errors import UsageError
from connector.mapping.identifiers import (
    CNID,
    EMAIL,
    NORMALISERS,
    PHONE,
    Identifier,
    identifiers,
)
from connector.records import Kind, Value, field_of


@dataclass(frozen=True, slots=True)
class Who:
    """One of: keys of customers' rows in the shop, a subject's id, identifying values."""

    rows: Sequence[str] = ()
    subject: str | None = None
    values: str | None = field(default=None, repr=False)
    """JSON of canonical customer fields, or lines with an e-mail address, a number or a resident's
    number each."""


def identifiers_in(text: str, region: str | None) -> list[Identifier]:
    """The identifiers that a file names. Raises: UsageError, without a value.

    >>> identifiers_in('{"emails.primary": "Ada@b.test"}', "CN")
    [('email/1', 'ada@b.test')]
    >>> identifiers_in("13800000001\\nada@b.test", "CN")
    [('phone/1', '+8613800000001'), ('email/1', 'ada@b.test')]
    """
    if text.lstrip().startswith("{"):
        return identifiers(Kind.CUSTOMER, record_in(text), [], region)
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            one = _one(line.strip(), region)
            if one is None:
                raise UsageError(
                    f"Line {number} is no e-mail address, telephone number or resident's number."
                )
            found.append(one)
    if not found:
        raise UsageError("There is nothing in it that a person could be found by.")
    return found


def _one(text: str, region: str | None) -> Identifier | None:
    for kind in (EMAIL, CNID, PHONE):
        normal = NORMALISERS[kind](text, region)
        if normal is not None:
            return kind, normal
    return None


def record_in(text: str) -> dict[str, Value]:
    """A canonical customer's fields from JSON text. Raises: UsageError, which names fields only."""
    try:
        document: Any = json.loads(text)
    except ValueError:
        raise UsageError("It is not readable as JSON.") from None
    if not isinstance(document, Mapping) or not document:
        raise UsageError("It is no JSON object of canonical fields, such as names.full.")
    unknown = [str(name) for name in document if field_of(Kind.CUSTOMER, str(name)) is None]
    if unknown:
        raise UsageError(f"A customer has no such field: {', '.join(sorted(unknown))}.")
    odd = [name for name, value in document.items() if isinstance(value, dict | list)]
    if odd:
        raise UsageError(f"A field takes one value: {', '.join(sorted(odd))}.")
    return dict(document)


def looks_personal(text: str) -> bool:
    """Whether an argument may be somebody's address or number: these stay in shells' histories and
    lists of processes.

    >>> [looks_personal(x) for x in ("ada@b.test", "13800000001", "+44 20 7946 0000", "1042")]
    [True, True, True, False]
    """
    digits = sum(sign.isdigit() for sign in text)
    return "@" in text or (digits >= 9 and not any(sign.isalpha() for sign in text))
