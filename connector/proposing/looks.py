"""What the values of a column look like. They are described and counted, and never repeated."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connector.mapping.choices import truth
from connector.mapping.texts import email_identity

SAMPLE = 200
FEW = 12
"""So many different values at most are codes rather than anybody's data."""


@dataclass(frozen=True, slots=True)
class Look:
    """How many of the sampled values that are not empty are of which shape."""

    filled: int
    sampled: int
    different: int
    best: str
    """email, cn_mobile, phone, date, datetime, integer, decimal, flag, text, or nothing."""
    share: float
    longest: int

    @property
    def sentence(self) -> str:
        """Words for a comment.

        >>> look_at(["13800000001"] * 3 + ["n/a"]).sentence
        'looks like mainland mobile numbers, 75 % of 4'
        """
        if not self.filled:
            return f"empty in all {self.sampled} rows looked at"
        if self.best == "text":
            return (
                f"text of up to {self.longest} signs, {self.different} different in {self.filled}"
            )
        return f"looks like {_PLURAL[self.best]}, {self.share:.0%} of {self.filled}".replace(
            "%", " %"
        )


_PLURAL = {
    "email": "e-mail addresses",
    "cn_mobile": "mainland mobile numbers",
    "phone": "telephone numbers",
    "date": "days",
    "datetime": "moments",
    "flag": "yes or no",
    "integer": "whole numbers",
    "decimal": "numbers",
}


def _cn_mobile(text: str) -> bool:
    return re.fullmatch(r"(?:\+?86)?1[3-9]\d{9}", re.sub(r"[\s-]", "", text)) is not None


def _phone(text: str) -> bool:
    bare = re.sub(r"[\s().-]", "", text)
    if re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}", text):
        return False  # an IP address
    return re.fullmatch(r"\+?\d{7,15}", bare) is not None and not _date(text)


def _email(text: str) -> bool:
    return "@" in text and email_identity(text) is not None


def _date(text: str) -> bool:
    return re.fullmatch(r"(?:19|20)\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}日?", text) is not None


def _datetime(text: str) -> bool:
    if len(text) < 16:
        return False
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_SHAPES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("email", _email),
    ("cn_mobile", _cn_mobile),
    ("datetime", _datetime),
    ("date", _date),
    ("flag", lambda text: truth(text) is not None),
    ("integer", lambda text: re.fullmatch(r"-?\d{1,12}", text) is not None),
    ("decimal", lambda text: re.fullmatch(r"-?\d{1,12}(?:\.\d+)?", text) is not None),
    ("phone", _phone),
)
"""The narrower shape first: of two equally frequent ones it is the answer."""


def look_at(values: Sequence[object]) -> Look:
    """Describe sampled values.

    >>> look_at([1, 0, 1]).best, look_at([3, 1, 2]).best, look_at([None, ""]).best
    ('flag', 'integer', 'nothing')
    """
    texts = [str(value).strip() for value in values if value is not None]
    texts = [text for text in texts if text]
    if not texts:
        return Look(0, len(values), 0, "nothing", 0.0, 0)
    shares = [(sum(map(test, texts)) / len(texts), name) for name, test in _SHAPES]
    share, best = max(shares, key=lambda pair: pair[0])
    if share < 0.6:
        share, best = 1.0, "text"
    longest = max(map(len, texts))
    return Look(len(texts), len(values), len(set(texts)), best, share, longest)
