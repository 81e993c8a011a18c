"""What is sent in place of a true value: masks, pseudonyms, coarser values, texts without numbers.

All outputs stay personal data: they point at one person to whoever knows enough beside.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from connector.mapping.names import is_east_asian
from connector.records import Field, Value

PSEUDONYM_CHARS: Final = 26

Change = Callable[[str, Value], Value]
"""Canonical field name and true value to the value that is sent; None stays None."""


class Pseudonyms(Protocol):
    """A keyed hash of its own for one destination; see `Vault.pseudonym`."""

    def __call__(self, value: str, /) -> bytes: ...


def _stars(text: str) -> str:
    return "*" * min(len(text), 8)


def phone_keep3_4(text: str) -> str:
    """Keep the network and the last four digits of a whole number; of a short one, nothing.

    >>> phone_keep3_4("+8613800000007"), phone_keep3_4("123"), phone_keep3_4("+4930123456")
    ('138****0007', '***', '********')
    """
    plain = unicodedata.normalize("NFKC", text)
    digits = re.sub(r"\D", "", plain)
    if plain.startswith("+86") and len(digits) == 13:
        digits = digits[2:]
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 11 else _stars(text)


def name_surname(text: str) -> str:
    """Keep the family name's first sign of an East Asian name, the last word of another.

    >>> name_surname("王伟"), name_surname("Lise Moreau"), name_surname("王"), name_surname("Ada")
    ('王*', '* Moreau', '*', '***')
    """
    plain = text.strip()
    if is_east_asian(plain):
        return plain[0] + "*" * (len(plain) - 1) if len(plain) > 1 else "*"
    first, _, last = plain.rpartition(" ")
    return f"* {last}" if first else _stars(text)


def email_domain(text: str) -> str:
    """Keep where the mailbox is.

    >>> email_domain("lin@example.test"), email_domain("nobody")
    ('***@example.test', '******')
    """
    name, _, domain = text.rpartition("@")
    return f"***@{domain}" if name and domain else _stars(text)


MASKS: Final[Mapping[str, tuple[Callable[[str], str], frozenset[str], str]]] = {
    "phone_keep3_4": (phone_keep3_4, frozenset({"phone", "text"}), "138****0007"),
    "name_surname": (name_surname, frozenset({"text"}), "* Moreau"),
    "email_domain": (email_domain, frozenset({"email", "text"}), "***@example.test"),
}
"""Mask to its function, the types of field it is for, and what it looks like."""

_ADDRESS_KEPT: Final = frozenset({"address.country", "address.province"})
_PARAMETER: Final = {"age_band": r"[1-9]\d?", "postcode": r"[1-6]", "region": "province"}


def is_generalisation(how: str | None) -> bool:
    """Whether `with` names a way to make a value coarser.

    >>> is_generalisation("year"), is_generalisation("age_band:10"), is_generalisation("age_band")
    (True, True, False)
    """
    name, _, parameter = (how or "").partition(":")
    if name == "year":
        return not parameter
    return name in _PARAMETER and re.fullmatch(_PARAMETER[name], parameter) is not None


def generalised_types(how: str) -> frozenset[str]:
    """The types of canonical field that a way to make values coarser is for."""
    name = how.partition(":")[0]
    return frozenset({"date", "datetime"} if name in ("year", "age_band") else {"text"})


def change_of(
    action: str, how: str | None, field: Field, today: dt.date, pseudonym: Pseudonyms
) -> Change:
    """The function of one action on one field. `how` is what stands at `with`."""
    if action == "hash":
        return lambda name, value: None if value is None else _pseudonym(pseudonym, value)
    if action == "mask":
        assert how is not None
        mask = MASKS[how][0]
        return lambda name, value: None if value is None else mask(_as_text(value))
    assert action == "generalise" and how is not None
    kind, _, parameter = how.partition(":")
    if kind == "year":
        return lambda name, value: _year(value)
    if kind == "age_band":
        return lambda name, value: _age_band(value, int(parameter), today)
    if kind == "postcode":
        return lambda name, value: _postcode(value, int(parameter))
    return lambda name, value: value if name in _ADDRESS_KEPT else None


def _pseudonym(make: Pseudonyms, value: Value) -> str:
    return base64.b32encode(make(_as_text(value))).decode()[:PSEUDONYM_CHARS]


def _as_text(value: Value) -> str:
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    return value if isinstance(value, str) else str(value)


def _year(value: Value) -> Value:
    if isinstance(value, dt.datetime):
        return dt.datetime(value.year, 1, 1, tzinfo=dt.UTC)
    return dt.date(value.year, 1, 1) if isinstance(value, dt.date) else None


def _age_band(value: Value, years: int, today: dt.date) -> Value:
    if not isinstance(value, dt.date):
        return None
    low = (today.year - value.year) // years * years
    return f"{low}-{low + years - 1}"


def _postcode(value: Value, keep: int) -> Value:
    text = _as_text(value) if value is not None else ""
    return text[:keep] + "*" * (len(text) - keep) if len(text) > keep else _stars(text) or None


# --- texts ----------------------------------------------------------------------------------------

_SIGN = r"0-9０-９"
SCANS: Final[Mapping[str, re.Pattern[str]]] = {
    "email": re.compile(r"[^\s@<>,;，；、（）()＜＞：:]+[@＠][\w\-]+(?:[.．。][\w\-]+)+"),
    "cnid": re.compile(
        rf"(?<![{_SIGN}])(?:[{_SIGN}][\s\-]?){{17}}[{_SIGN}xXｘＸ]"
        rf"|(?<![{_SIGN}])[{_SIGN}]{{15}}(?![{_SIGN}])"
    ),
    "phone": re.compile(rf"[+＋]?[{_SIGN}](?:[\s.()\-‐-―]?[{_SIGN}]){{6,14}}(?![{_SIGN}])"),
}
"""What is found inside a text. Longer numbers first: a phone is part of an identity number."""


def scanned(value: Value, what: tuple[str, ...]) -> Value:
    """A text without the addresses and numbers in it; stars stand for them.

    >>> scanned("call 138 0013 8000 or me@example.test", ("phone", "email"))
    'call *** or ***'
    """
    if not isinstance(value, str):
        return value
    for name, pattern in SCANS.items():
        if name in what:
            value = pattern.sub("***", value)
    return value
