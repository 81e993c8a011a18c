"""A person's yes and no: which of two answers stands, wherever they were given.

The rule is a join: it may be applied in any order, any number of times, and ends the same. So it
does not matter which side is read first, or how often.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.records import Value

SKEW: Final = dt.timedelta(minutes=5)
"""Two clocks may differ by so much: inside it the no stands."""
NEGATIVE: Final = frozenset({"denied", "withdrawn"})
SUBJECT, STAFF, VENDOR = "subject", "staff", "vendor"

_EVER = dt.datetime.max.replace(tzinfo=dt.UTC)
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Consent:
    """One answer. `source` is subject, staff or vendor; `at` is None where nobody knows."""

    state: str | None
    at: dt.datetime | None = None
    source: str | None = None
    evidence: str | None = None
    version: str | None = None

    @property
    def permits(self) -> bool:
        """Whether it is a yes that counts: what is missing is a no, and no vendor says yes."""
        return self.state == "granted" and self.source != VENDOR


def join(a: Consent, b: Consent) -> Consent:
    """The answer that stands.

    A no wins unless the person's own yes came later, by more than the clocks may differ. A no
    without a time is the latest of all, a yes without one the earliest. A vendor's yes is none.

    >>> day = lambda n: dt.datetime(2026, 1, n, tzinfo=dt.UTC)
    >>> no = Consent("withdrawn", day(2), STAFF)
    >>> join(Consent("granted", day(1), SUBJECT), no).state
    'withdrawn'
    >>> join(no, Consent("granted", day(3), SUBJECT)).state
    'granted'
    >>> join(no, Consent("granted", day(3), VENDOR)).state
    'withdrawn'
    """
    if a.state in NEGATIVE and b.state in NEGATIVE:
        return max(a, b, key=_no_order)
    if a.state in NEGATIVE or b.state in NEGATIVE:
        no, other = (a, b) if a.state in NEGATIVE else (b, a)
        return other if _undoes(other, no) else no
    return max(a, b, key=_yes_order)


def _undoes(other: Consent, no: Consent) -> bool:
    if other.state != "granted" or other.source != SUBJECT:
        return False
    if other.at is None or no.at is None:
        return False
    return other.at > no.at + SKEW


def _no_order(one: Consent) -> tuple[object, ...]:
    return (one.at or _EVER, one.state or "", *_rest(one))


def _yes_order(one: Consent) -> tuple[object, ...]:
    rank = {SUBJECT: 4, STAFF: 3, VENDOR: 0}.get(one.source or STAFF, 3)
    if one.state != "granted":
        # What nobody said stands above a vendor's yes, and below all others'.
        rank = 2 if one.state is not None else 1
    return (rank, one.at or _NEVER, one.state or "", *_rest(one))


def _rest(one: Consent) -> tuple[str, str, str]:
    return (one.source or "", one.evidence or "", one.version or "")


def is_state(name: str) -> bool:
    """Whether a canonical name is that of a consent itself, not of something beside it.

    >>> is_state("consent.marketing.email"), is_state("consent.marketing.email.at")
    (True, False)
    """
    parts = name.split(".")
    return parts[0] == "consent" and len(parts) == 3


def consent_in(record: Mapping[str, Value], name: str) -> Consent:
    """The answer that a canonical record holds under `consent.PURPOSE.CHANNEL`."""

    def text(key: str) -> str | None:
        found = record.get(key)
        return found if isinstance(found, str) else None

    at = record.get(f"{name}.at")
    return Consent(
        text(name),
        at if isinstance(at, dt.datetime) else None,
        text(f"{name}.source"),
        text(f"{name}.evidence"),
        text(f"{name}.version"),
    )


def as_values(one: Consent, name: str) -> dict[str, Value]:
    """The answer as canonical values."""
    return {
        name: one.state,
        f"{name}.at": one.at,
        f"{name}.source": one.source,
        f"{name}.evidence": one.evidence,
        f"{name}.version": one.version,
    }
