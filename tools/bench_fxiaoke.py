"""What the Fxiaoke plugin costs in calls, through the engine and over HTTP; its budget in use.

One write is one call there, and the calls of a day are bought: what a sync costs is a price.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from connector_fxiaoke import plugin as fxiaoke
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox
from connector_zoho import plugin as zoho

from connector.demo.shop import MAPPINGS, card, remark
from connector.plugin import Outcome
from tests.unit.test_fxiaoke_budget import simulate
from tools.figures import show, show_calls
from tools.installation import LATER_S, Installation, Ran
from tools.losing import OPERATION, Losses

VENDOR = "fxiaoke"
RATE = "2000/20s"
"""What the sandboxes take and the connections may use where time is not the subject."""
SHARE = 0.05
"""Of the answers are lost, where some are."""
QUICK: dict[str, Any] = {"rate": RATE, "timeout_s": 2.0, "call_life_s": 3.0, "find_lag_s": 0.5}
"""So that a lost answer's fate is known soon; the sandboxes' indexes do not lag here."""
ALLOWED, PER_S, MINUTES = 80, 20, 5
"""What the plugin allows itself, 80 % of the vendor's limit, and for how long it is watched."""


@contextmanager
def alone(kinds: tuple[str, ...] = ("customer",)) -> Iterator[tuple[Installation, FxiaokeSandbox]]:
    """A shop with this vendor alone, which does not refuse a second record with our key."""
    with (
        fxiaoke.start_sandbox(rate=RATE) as box,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
    ):
        box.switch(unique_enforced="no")
        yield Installation(Path(folder), {VENDOR: box}, kinds, **QUICK), box


def creates_and_updates(count: int) -> None:
    with alone() as (inst, _):
        inst.people(count)
        done = _good(inst.sync())
        show_calls(f"fxiaoke_creates_{count}", done.all_calls(VENDOR), count + 4, **_told(done))
        inst.wait(LATER_S)
        _good(inst.sync())
        inst.wait(LATER_S)
        inst.shop.change("UPDATE clients SET job = 'baker'")
        done = _good(inst.sync())
        assert done.count("updated") == count, "every customer was changed"
        # An update's answer tells no version: the next window shows each record once more.
        after = _good(inst.sync())
        show_calls(
            f"fxiaoke_updates_{count}",
            done.all_calls(VENDOR) + after.all_calls(VENDOR),
            count + math.ceil(count / 100) + 4,
            **_told(done),
            next_sync=dict(after.calls[VENDOR]),
            note="the sync that writes, and the next one, which reads the records back",
        )


def lost_creates(count: int) -> None:
    """As many creates, of which some lose their answers; synced until none is unknown."""
    with alone() as (inst, box):
        inst.people(count)
        losses = Losses(box, 2 * count, SHARE, Random(5), None)
        runs = [inst.sync()]
        while runs[-1].report.exit == 6 and len(runs) < 5:
            runs.append(inst.sync())
        _good(runs[-1])
        struck = sum(losses.struck().values())
        records = len(box.records(inst.desks[VENDOR].object_of("customer")))
        assert records == inst.links() == count, "each customer is there once"
        show_calls(
            f"fxiaoke_creates_{count}_some_lost",
            sum(run.all_calls(VENDOR) for run in runs),
            count + struck + 4,
            lost=struck,
            syncs=len(runs),
            waited_s=round(sum(run.waited_s for run in runs), 1),
            **_told(runs[0]),
        )


def quiet(count: int) -> None:
    """A sync of all three kinds with nothing to do, after the overlaps have passed."""
    with alone(tuple(MAPPINGS)) as (inst, _):
        inst.people(count)
        rng = Random(7)
        for number in range(1, count + 1):
            inst.shop.insert("cards", card(rng, number, number))
            inst.shop.insert("remarks", {**remark(rng, number), "client_no": number})
        for _ in range(2):
            _good(inst.sync())
            inst.wait(LATER_S)
        done = _good(inst.sync())
        show_calls(
            "fxiaoke_quiet_calls",
            done.all_calls(VENDOR),
            2 * len(MAPPINGS),
            **_told(done),
            kinds=len(MAPPINGS),
            note="at most 2 a kind; no account check apart, because the login's token names the"
            " account and is kept for two hours",
        )


def budget() -> None:
    """Two processes on one state, as fast as they may, in simulated time."""
    hosts, calls = simulate(2, minutes=MINUTES)
    allowed = ALLOWED * 60 * MINUTES / PER_S
    made = [host.outcomes[Outcome.APPLIED] for host in hosts]
    throttled = sum(host.outcomes[Outcome.RETRY] for host in hosts)
    shares = {"shares": [round(one / sum(made), 3) for one in made]}
    used = calls[OPERATION] / allowed
    show(
        "fxiaoke_budget_used",
        used,
        "of 80/20s",
        0.95,
        ratio=round(used / 0.95, 3),
        calls=calls[OPERATION],
        simulated_s=60 * MINUTES,
        note="at least",
        **shares,
    )
    show("fxiaoke_throttled", throttled, "answers", 0, ratio=None, simulated_s=60 * MINUTES)


def hub(count: int) -> None:
    """An edit at one vendor of two, and what one sync costs at each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        boxes = {
            "zoho": stack.enter_context(zoho.start_sandbox(rate=RATE)),
            VENDOR: stack.enter_context(fxiaoke.start_sandbox(rate=RATE)),
        }
        inst = Installation(folder, boxes, **QUICK)
        inst.people(count)
        for _ in range(2):
            _good(inst.sync())
            inst.wait(LATER_S)
        [one] = inst.shop.rows("SELECT mobile FROM clients LIMIT 1")
        somebody = ("customer", "phones.mobile", one["mobile"])
        for origin, desk in inst.desks.items():
            desk.edit("customer", desk.where(*somebody), {"occupation": f"at {origin}"})
            done = _good(inst.sync())
            for name, other in inst.desks.items():
                shown = other.read("customer", other.where(*somebody))["occupation"]
                assert shown == f"at {origin}", f"{name} has the edit after one sync"
                show_calls(
                    f"hub_edit_at_{origin}_calls_at_{name}",
                    done.all_calls(name),
                    4,
                    calls=dict(done.calls[name]),
                )
            inst.wait(LATER_S)
            _good(inst.sync())
            inst.wait(LATER_S)


def _good(ran: Ran) -> Ran:
    """A figure of a sync that failed would be none."""
    if ran.report.exit:
        raise SystemExit(f"a measured sync ended with {ran.report.exit}: {ran.report.errors}")
    return ran


def _told(ran: Ran) -> dict[str, Any]:
    return {"calls": dict(ran.calls[VENDOR])}


def all_figures(scale: float) -> None:
    many, few = int(500 * scale), int(40 * scale)
    parts: list[Callable[[], None]] = [
        lambda: creates_and_updates(many),
        lambda: lost_creates(many),
        lambda: quiet(few),
        budget,
        lambda: hub(few),
    ]
    for part in parts:
        part()
