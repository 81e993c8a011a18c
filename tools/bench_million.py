"""A million linked records: a quiet pass, a hundred changes, memory, and the size of the state.

Two thousand people are in step on both sides. The other links are bytes that look like links: a
pass must not touch them, which is what is measured.
"""

from __future__ import annotations

from tools.bench_erasure import pad
from tools.bench_rig import Bench, bench
from tools.figures import show

PEOPLE = 2_000
CHANGED = 100


def _measured(one: Bench) -> tuple[dict[str, float], dict[str, float]]:
    """CPU seconds and peak MB of a quiet pass, and of one that finds a hundred changes: each the
    least of three, because a shared machine's seconds differ by a half from one minute to another.
    """
    one.wait(1000)
    one.child("sync")
    quiet, changed = [], []
    for _ in range(3):
        one.wait(1000)
        quiet.append(one.child("sync"))
        for record in one.box.records("Contacts")[:CHANGED]:
            one.box.edit("Contacts", record["id"], {"Segment": f"at {one.box.now():.0f}"})
        changed.append(one.child("sync"))
        assert changed[-1]["shown"]["updated"] >= CHANGED
        one.wait(1000)
        one.child("sync")  # the echo of what was written
    return _least(quiet), _least(changed)


def _least(passes: list[dict[str, float]]) -> dict[str, float]:
    return min(passes, key=lambda one: one["cpu_s"])


def all_figures(scale: float) -> None:
    links = int(1_000_000 * scale)
    with bench(max(int(PEOPLE * scale), 2 * CHANGED)) as one:
        one.child("sync")
        few = _measured(one)
        state = one.folder / "state.db"
        before = state.stat().st_size
        pad(one.folder, links)
        size = state.stat().st_size - before
        many = _measured(one)
    for name, at_few, at_many in zip(("quiet", f"{CHANGED}_changes"), few, many, strict=True):
        ratio = at_many["cpu_s"] / at_few["cpu_s"]
        show(
            f"{name}_among_{links}_links",
            ratio,
            f"x CPU at {one.contacts} links",
            1.1,
            ratio=round(ratio, 3),
            cpu_s=round(at_many["cpu_s"], 2),
            peak_mb=round(at_many["peak_mb"], 1),
            peak_ratio=round(at_many["peak_mb"] / at_few["peak_mb"], 3),
        )
    show(
        "state_size", size / links, "bytes a link", None, ratio=None, of="made links, their claims"
    )


if __name__ == "__main__":
    all_figures(1.0)
