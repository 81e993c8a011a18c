"""How near a run comes to what latency alone allows: pushes in parallel, lists page after page.

Every call to the sandbox is answered so much later. The ideal is the calls that carry records, one
after the other or so many at a time, each as long as the latency: nobody can be quicker.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connector_fxiaoke import plugin as fxiaoke
from connector_zoho import plugin as zoho

from connector.sandbox.handle import SandboxProcess
from tools.figures import show
from tools.installation import Installation, Ran

PARALLEL = 10
QUICK: dict[str, Any] = {
    **{"rate": "5000/20s", "concurrency": PARALLEL, "coql": False},
    **{"timeout_s": 5.0, "call_life_s": 8.0, "find_lag_s": 0.5},
}


@contextmanager
def beside(name: str, box: SandboxProcess) -> Iterator[Installation]:
    """An installation at one vendor's sandbox, which ends with it."""
    with box, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield Installation(Path(folder), {name: box}, **QUICK)


def _timed(made: Installation, box: SandboxProcess, latency_s: float) -> tuple[Ran, float, float]:
    """A sync, its wall time and its CPU time; only its calls are late."""
    box.fault("slow", seconds=latency_s, count=1_000_000)
    wall, cpu = time.perf_counter(), time.process_time()
    ran = made.sync()
    spent = time.perf_counter() - wall, time.process_time() - cpu
    assert not ran.report.errors, ran.report.errors
    return ran, *spent


def _told(
    name: str, ideal_s: float, wall_s: float, cpu_s: float, bound: float, latency_s: float
) -> None:
    spent = {"ideal_s": ideal_s, "wall_s": wall_s, "cpu_s": cpu_s}
    value, unit = wall_s / max(ideal_s, cpu_s), "x max(ideal, own CPU)"
    if latency_s >= 0.2:
        value, unit = ideal_s / wall_s, "of the ideal throughput"
    else:
        bound = 1.25
    more = {name: round(seconds, 2) for name, seconds in spent.items()}
    show(name, value, unit, bound, ratio=round(value, 3), **more)


def pushes(latency_s: float, count: int) -> None:
    """One record a call, ten calls at a time."""
    box = fxiaoke.start_sandbox(rate="5000/20s")
    box.switch(unique_enforced="no")
    with beside("fxiaoke", box) as made:
        made.people(count)
        ran, wall_s, cpu_s = _timed(made, box, latency_s)
        assert ran.count("created") == count
    ideal_s = math.ceil(count / PARALLEL) * latency_s
    _told(f"push_{int(latency_s * 1000)}ms", ideal_s, wall_s, cpu_s, 0.85, latency_s)


def pulls(latency_s: float, count: int) -> None:
    """Lists of 200, each asked for with a token of the one before."""
    box = zoho.start_sandbox()
    with beside("zoho", box) as made:
        box.seed(
            "Contacts",
            [{"Last_Name": f"N{n}", "Email": f"p{n}@example.test"} for n in range(count)],
        )
        ran, wall_s, cpu_s = _timed(made, box, latency_s)
        assert ran.count("created") == count
    ideal_s = math.ceil(count / 200) * latency_s
    _told(f"list_pull_{int(latency_s * 1000)}ms", ideal_s, wall_s, cpu_s, 0.9, latency_s)


def all_figures(scale: float) -> None:
    for latency_s, count in ((0.2, int(1_000 * scale)), (0.05, int(2_000 * scale))):
        pushes(latency_s, max(count, 20))
    for latency_s, count in ((0.2, int(30_000 * scale)), (0.05, int(30_000 * scale))):
        pulls(latency_s, max(count, 400))


if __name__ == "__main__":
    all_figures(1.0)
