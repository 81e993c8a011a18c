"""Identifying values, each in the one form of its kind: equal people give equal text.

A kind is named with its version. A rule that changes gets a new version: blind indexes and
suppression tokens are made of the normal form, and nothing else of the value is kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from connector.mapping.lens import as_text
from connector.mapping.names import FAMILY, FULL, GIVEN, join
from connector.mapping.phones import e164
from connector.mapping.texts import email_identity
from connector.records import Canonical, Kind, field_of

Identifier: TypeAlias = tuple[str, str]
"""Identifier kind, such as `email/1`, and the normalised value."""

EMAIL, PHONE, CNID, NAME, TEXT = "email/1", "phone/1", "cnid/1", "name/1", "text/1"
BIRTH = "name+birth/1"
"""A name with a birth date, for those of whom nothing better is known."""


def cnid_identity(text: str) -> str | None:
    """A Chinese resident's number (`cnid/1`): 18 signs, X as a capital; one of 15 gets its century
    and its check sign. None if it is no such number.

    The check sign is ISO 7064 MOD 11-2 (GB 11643-1999).

    >>> cnid_identity("１１０１０５19491231002x"), cnid_identity("110105491231002")
    ('11010519491231002X', '11010519491231002X')
    >>> cnid_identity("110105194912310021") is None
    True
    """
    plain = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()
    if re.fullmatch(r"[0-9]{15}", plain):
        plain = f"{plain[:6]}19{plain[6:]}"
        return plain + _check_sign(plain) if _is_day(plain[6:14]) else None
    if re.fullmatch(r"[0-9]{17}[0-9X]", plain) and plain[17] == _check_sign(plain[:17]):
        return plain if _is_day(plain[6:14]) else None
    return None


def _check_sign(digits: str) -> str:
    total = sum(int(digit) * pow(2, 17 - at, 11) for at, digit in enumerate(digits))
    return "0123456789X"[(12 - total % 11) % 11]


def _is_day(digits: str) -> bool:
    return 1 <= int(digits[4:6]) <= 12 and 1 <= int(digits[6:8]) <= 31


def name_identity(text: str) -> str | None:
    """A name (`name/1`), only as a part of more: NFKC, blanks made one, case folded.

    >>> name_identity(" Ada   LOVELACE"), name_identity("王\u3000伟")
    ('ada lovelace', '王 伟')
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()) or None


NORMALISERS: Final[Mapping[str, Callable[[str, str | None], str | None]]] = {
    EMAIL: lambda text, region: email_identity(text),
    PHONE: e164,
    CNID: lambda text, region: cnid_identity(text),
    NAME: lambda text, region: name_identity(text),
    TEXT: lambda text, region: name_identity(text),
}
"""Identifier kind to its rule: text and the region of numbers without a country code to the normal
form; None where the text is no such value."""

_OF_TYPE: Final[Mapping[str, str]] = {"email": EMAIL, "phone": PHONE}


def identity(type_: str, text: str, region: str | None) -> Identifier | None:
    """The identity of a canonical field's value, by the field's type.

    >>> identity("email", "Ada@Example.TEST", None), identity("phone", "n/a", "CN")
    (('email/1', 'ada@example.test'), None)
    """
    kind = _OF_TYPE.get(type_, TEXT)
    normal = NORMALISERS[kind](text, region)
    return None if normal is None else (kind, normal)


def identifiers(
    kind: Kind, record: Canonical, matched: list[Identifier], region: str | None
) -> list[Identifier]:
    """All that a record identifies its person by: what is matched, each address and number, a
    resident's number in a field of the host's; a name with a birth date if there is nothing else.

    >>> identifiers(Kind.CUSTOMER, {"emails.other": "A@b.test", "custom.id": "110105491231002"},
    ...             [], "CN")
    [('email/1', 'a@b.test'), ('cnid/1', '11010519491231002X')]
    """
    found = list(matched)
    for name, value in record.items():
        known = field_of(kind, name)
        if known is None or not isinstance(value, str) or not value:
            continue
        if known.type in _OF_TYPE:
            one = identity(known.type, value, region)
        elif name.startswith("custom."):
            number = cnid_identity(value)
            one = None if number is None else (CNID, number)
        else:
            continue
        if one is not None and one not in found:
            found.append(one)
    if not found and kind is Kind.CUSTOMER:
        found += _named(record)
    return found


def _named(record: Canonical) -> list[Identifier]:
    born = record.get("birth_date")
    full = record.get(FULL) or join(record.get(FAMILY), record.get(GIVEN))
    name = name_identity(as_text(full)) if full is not None else None
    return [(BIRTH, f"{as_text(born)} {name}")] if born is not None and name else []
