"""Personal names: put the parts together. They are never taken apart: compound surnames, names of
one word and names in another order make every rule for that wrong for somebody."""

from __future__ import annotations

import unicodedata
from typing import Final

from connector.mapping.lens import as_text, or_none
from connector.records import Value

FULL: Final = "names.full"
FAMILY: Final = "names.family"
GIVEN: Final = "names.given"
NAMES: Final = frozenset({FULL, FAMILY, GIVEN})

_EAST_ASIAN = ("CJK ", "HANGUL ", "HIRAGANA ", "KATAKANA ", "IDEOGRAPHIC ")


def is_east_asian(text: str) -> bool:
    """Whether all letters of a name are Chinese, Japanese or Korean, and there are any."""
    letters = [sign for sign in text if sign.isalpha()]
    return bool(letters) and all(
        unicodedata.name(sign, "").startswith(_EAST_ASIAN) for sign in letters
    )


def join(family: Value, given: Value) -> str | None:
    """The full name of two parts.

    >>> join("欧阳", "娜娜"), join("Moreau", "Lise"), join("Suharto", None)
    ('欧阳娜娜', 'Lise Moreau', 'Suharto')
    """
    last = as_text(family).strip() if family is not None else ""
    first = as_text(given).strip() if given is not None else ""
    if not last or not first:
        return or_none(last or first)
    if is_east_asian(last) and is_east_asian(first):
        return last + first
    return f"{first} {last}"
