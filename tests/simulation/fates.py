"""What may go wrong in a story, each by its name: a run of many seeds must have seen them all."""

from __future__ import annotations

from random import Random
from typing import Final

from connector.sandbox.calls import Call
from connector.testing.weather import Trouble
from tests.simulation.network import LATE, REFUSED, Fate

_LINE: Final = ("lost_before", "lost_after", "truncated", "html", "empty", "slow", REFUSED)
_REFUSALS: Final = ("error", "throttled", "expired_token")
_WRITES: Final = (LATE, "error_although_applied", "reordered", "duplicated")
WIRE: Final = {
    "zoho": {
        "login": (*_LINE, "error"),
        "read": (*_LINE, *_REFUSALS, "reordered", "duplicated"),
        "write": (*_LINE, *_REFUSALS, *_WRITES, "half"),
    },
    "fxiaoke": {
        "login": (*_LINE, "error"),
        "read": (*_LINE, *_REFUSALS, "reordered", "duplicated", "quota"),
        "write": (*_LINE, *_REFUSALS, LATE, "error_although_applied", "late_stamp"),
    },
}
"""Vendor and sort of call to the fates that a line or the vendor has for it.

Not among them: an answer that names another record than the one it is about, and one that repeats a
page of an earlier reading. That ids and pages are true is an assumption of the promise.
"""


def sort_of(name: str, call: Call) -> str:
    """Whether a call is a login, a read or a write."""
    if "oauth" in call.path:
        return "login"
    if name == "zoho":
        asks = call.method == "GET" or call.path.endswith("/coql")
        return "read" if asks else "write"
    writes = ("/create", "/update", "/invalid", "/delete", "/recover")
    return "write" if call.path.endswith(writes) else "read"


def draw_fate(name: str, sort: str, life_s: float, rng: Random) -> Fate:
    """What becomes of one call. `life_s`: a request lands within so many seconds."""
    fate = rng.choice(WIRE[name][sort])
    match fate:
        case "error" | "error_although_applied" if name == "zoho":
            return Fate(fate, {"status": rng.choice([500, 503])})
        case "error" | "error_although_applied":
            return Fate(fate, {"code": rng.choice([-1, 50009])})
        case "html":
            return Fate(fate, {"status": rng.choice([200, 502, 503])})
        case "throttled" if name == "zoho" and rng.random() < 0.5:
            return Fate(fate, {"retry_after": rng.choice([1, 30])})
        case "half":
            return Fate(fate, {"drop": rng.random() < 0.5})
        case "late":
            return Fate(fate, {"seconds": rng.uniform(0.1, 0.99) * life_s})
        case "slow":
            return Fate(fate, {"seconds": rng.choice([0.5, 3.0, 60.0])})
        case "late_stamp":
            return Fate(fate, {"seconds": 0.1})
    return Fate(fate)


_EVERY_CAST: Final = (
    "quota",
    "people edit meanwhile",
    "skewed clock",
    "coarse clock",
    "shows late",
    "workflow rewrites",
    "duplicate rule",
    "required field",
    "lost permission",
    "hidden record",
    "field withheld",
    "field gone",
    "vendor normalises",
    "state full",
    "state locked",
    "shop locked",
    "restored copy",
    "two workers",
    "frozen worker",
    "recycle bin",
    "merge",
    "household",
)
"""Faults that are not of one call; each is counted as it strikes."""

FAULTS: Final = frozenset(
    {
        *(f"fault {one}" for one in _EVERY_CAST),
        *(f"fault memory {trouble}" for trouble in Trouble),
        "fault memory cursors expire",
        *(f"fault {name} {one}" for name, all_ in WIRE.items() for s in all_.values() for one in s),
    }
)
"""All faults of the simulation. One that never struck in a long run is a hole in it."""

_COMMITS: Final = (
    "account",
    "begin rows",
    "bind local store",
    "claim",
    "compare",
    "compare begin",
    "count attempt",
    "end rows",
    "fields",
    "fingerprint",
    "forget journal",
    "generation",
    "generation in the keys",
    "nominate",
    "note generation",
    "pause",
    "plan batch",
    "plan refusals",
    "rate",
    "recover changes",
    "recover creates",
    "recover local",
    "reconcile: begin",
    "reconcile: done",
    "reconcile: join by key",
    "reconcile: join by row",
    "reconcile: lost keys",
    "reconcile: rows",
    "schema",
    "secret",
    "sending",
    "settle collision",
    "settle local",
    "settle remote",
    "stage journal",
    "stage page",
    "stage rows",
    "store intents",
    "sweep begin",
    "sweep done",
    "sweep page",
    "take marks",
    "watermark",
    "write customer",
    "write feedback",
    "write membership",
)
_CALLS: Final = (
    "call: find",
    "call: fetch",
    "call: write",
    "call: local write",
    "vendor call: login",
    "vendor call: read",
    "vendor call: write",
)

STOPS: Final = tuple(
    f"{when} {what}"
    for what in (*(f"commit: {one}" for one in _COMMITS), *_CALLS)
    for when in ("before", "after")
)
"""All points where a process may stop: around each commit and each call.

Not among them: `restart window` and `renew staging`, which one story in a thousand comes near;
`set aside`, of records that cannot be read.
"""

_RARE: Final = (
    "write feedback",
    "compare",
    "write membership",
    "sweep page",
    "pause",
    "take marks",
    "sweep done",
)


RECONCILING: Final = tuple(one for one in STOPS if "commit: reconcile" in one)
"""Stop points of a run that reconciles; no other passes them."""


def stops_of(seed: int) -> set[str]:
    """The points that a seed stops at where it passes them: some of all in turn, and some of those
    that few stories come near."""
    own = [STOPS[(8 * seed + n) % len(STOPS)] for n in range(8)]
    # A point is passed whole only where the process does not die before it.
    when = ("before", "after")[seed // 2 % 2]
    own += [f"{when} commit: {_RARE[(seed // 4 + n) % len(_RARE)]}" for n in range(4)]
    own += [f"{one} commit: settle collision" for one in ("before", "after")]
    return {point for one in own for point in points_to(one)}


_BEFORE: Final = {
    "commit: recover local": "after call: local write",
    "commit: recover creates": "after vendor call: write",
    "commit: recover changes": "after vendor call: write",
}


def points_to(point: str) -> tuple[str, ...]:
    """The points to stop at so that a story passes this one: something must have been left open
    before it can be recovered.

    >>> points_to("after commit: recover local")
    ('after commit: recover local', 'after call: local write')
    """
    first = _BEFORE.get(point.partition(" ")[2])
    return (point,) if first is None else (point, first)
