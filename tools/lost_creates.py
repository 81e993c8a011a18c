"""`make lost-creates`: many creates at Fxiaoke's sandbox, some of whose answers are lost.

The tenant of this measurement does not refuse a second record with our key, and its index shows a
record seconds after it was made: only looking late enough keeps us from making it twice. The last
line is JSON; exit 1 if a customer is missing or there twice. No code of the engine does the count.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from connector_fxiaoke import plugin

from connector.demo.lines import LINES
from tools.installation import LATER_S, Installation, Ran
from tools.losing import Losses

SHARE: Final = 0.05
INDEX_LAG_S: Final = 3.0
SETTINGS: Final[dict[str, Any]] = {
    "rate": "2000/20s",
    "timeout_s": 1.0,
    "call_life_s": 2.0,
    "feed_lag_s": 4.0,
    "find_lag_s": 3.5,
}
LATE: Final = 1.4
"""A late create lands after so many times `timeout_s`: when its sender has given up, and within
its `call_life_s`."""
MOST_SYNCS: Final = 6
SAY: Final = "%-12s exit %s, created %s, unknown %s, waited %.1f s for lost answers, took %.1f s"


@dataclass(frozen=True, slots=True)
class Counted:
    """What is there, by the shop's own rows and the sandbox's own dump."""

    duplicates: int
    missing: int
    links: int
    letters: int


def count(inst: Installation, letters: int) -> Counted:
    desk = inst.desks["fxiaoke"]
    there = Counter(one["phones.mobile"] for one in desk.read_all("customer"))
    form = LINES["customer"]["phones.mobile"].form
    here = [form(row["mobile"]) for row in inst.shop.rows("SELECT mobile FROM clients")]
    missing = sum(there[one] == 0 for one in here)
    return Counted(there.total() - len(there), missing, inst.links(), letters)


def play(
    folder: Path,
    creates: int,
    seed: int,
    *,
    share: float = SHARE,
    lag_s: float = INDEX_LAG_S,
    **settings: Any,
) -> dict[str, Any]:
    """Sync until no outcome is unknown; what there is after the first sync and in the end."""
    began, how = time.monotonic(), {**SETTINGS, "unique_key": False, **settings}
    with plugin.start_sandbox(rate=how["rate"]) as box:
        box.switch(unique_enforced="yes" if how["unique_key"] else "no")
        box.limits(index_lag_s=lag_s)
        inst = Installation(folder, {"fxiaoke": box}, **how)
        inst.people(creates)
        losses = Losses(box, 2 * creates, share, Random(seed), LATE * how["timeout_s"])
        runs = [_sync(inst, 1)]
        first = count(inst, runs[0].report.letters)
        while runs[-1].report.exit and len(runs) < MOST_SYNCS:
            # A schedule has minutes between two syncs; the index has caught up by then.
            time.sleep(lag_s)
            runs.append(_sync(inst, len(runs) + 1))
        # One more, once the index has shown all: it must find nothing to do.
        inst.wait(LATER_S)
        last = _sync(inst, len(runs) + 1)
        lost, ended = losses.struck(), count(inst, last.report.letters)
        calls = sum(run.all_calls("fxiaoke") for run in runs)
    return {
        "creates": creates,
        "lost": sum(lost.values()),
        **asdict(ended),
        "calls": calls,
        "seconds": round(time.monotonic() - began, 1),
        "syncs": len(runs),
        "waited_s": round(sum(run.waited_s for run in runs), 1),
        "lost_by": lost,
        "after_one_sync": {**asdict(first), "exit": runs[0].report.exit},
        "written_once_more": last.count("created") + last.count("updated"),
    }


def _sync(inst: Installation, number: int) -> Ran:
    began = time.monotonic()
    ran = inst.sync()
    took = time.monotonic() - began
    counts = (ran.report.exit, ran.count("created"), ran.count("unknown"), ran.waited_s, took)
    print(SAY % (f"sync {number}:", *counts), file=sys.stderr)
    return ran


def is_good(told: dict[str, Any]) -> bool:
    spoiled = ("duplicates", "missing", "letters", "written_once_more")
    return told["links"] == told["creates"] and not any(told[name] for name in spoiled)


def main() -> int:
    parser = argparse.ArgumentParser(prog="lost_creates")
    parser.add_argument("--creates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--unique", action="store_true", help="the tenant refuses our key twice")
    parser.add_argument(
        "--lag", type=float, default=INDEX_LAG_S, help="seconds; far beyond find_lag_s: duplicates"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lost-creates-") as folder:
        told = play(
            Path(folder), chosen.creates, chosen.seed, lag_s=chosen.lag, unique_key=chosen.unique
        )
    print(json.dumps(told))
    return 0 if is_good(told) else 1


if __name__ == "__main__":
    sys.exit(main())
