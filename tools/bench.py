"""`make bench`: one JSON line for each figure; ratios of two measurements side by side in one run.

`--scale 0.1` makes everything smaller, to try the bench itself.
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys
from typing import Any

from tools import (
    bench_erasure,
    bench_fxiaoke,
    bench_latency,
    bench_million,
    bench_privacy,
    bench_privacy_path,
)
from tools.bench_rig import Bench, bench
from tools.figures import show

PARTS = (
    bench_latency,
    bench_fxiaoke,
    bench_privacy,
    bench_privacy_path,
    bench_erasure,
    bench_million,
)


def first_pull(one: Bench) -> dict[str, Any]:
    """A first pull against the bare loop that only stores; ours writes the shop's rows too."""
    bare = one.bare()
    ours = one.child("sync")
    per = 1e6 / one.contacts
    show(
        f"first_pull_{one.contacts}_cpu",
        ours["cpu_s"] / bare["cpu_s"],
        "x bare loop",
        4.0,
        ratio=round(ours["cpu_s"] / bare["cpu_s"], 2),
        ours_cpu_s=round(ours["cpu_s"], 2),
        bare_cpu_s=round(bare["cpu_s"], 2),
        ours_us_per_record=round(ours["cpu_s"] * per, 1),
        bare_us_per_record=round(bare["cpu_s"] * per, 1),
        wall_s=round(ours["wall_s"], 2),
        peak_mb=round(ours["peak_mb"], 1),
        host_rows_written_in_the_timed_part=True,
        created=ours["shown"]["created"],
    )
    return ours


def quiet(one: Bench) -> dict[str, Any]:
    """A pass with nothing to do, after the overlap has passed and the journal was read."""
    one.wait(1000)
    one.child("sync")
    passes = []
    for _ in range(3):  # one alone may take half as long again on a shared machine
        one.wait(1000)
        calls, found = one.counted()
        passes.append(found)
    calls.pop("token", None)
    show(
        f"quiet_calls_{one.contacts}",
        sum(calls.values()),
        "calls",
        2 + 1,
        ratio=None,
        calls=calls,
        note="2 a kind and one account check a run",
    )
    return min(passes, key=lambda found: float(found["cpu_s"]))


def calls(one: Bench, changed: int) -> None:
    """Calls for n changed records read and m written."""
    records = one.box.records("Contacts")[:changed]
    for record in records:
        one.box.edit("Contacts", record["id"], {"Segment": "Z"})
    counted, found = one.counted()
    reads = counted.get("coql", 0) + counted.get("list", 0)
    read = found["shown"]["read"]
    show(
        f"calls_read_{changed}",
        reads,
        "calls",
        math.ceil(read / 2000) + 4,
        ratio=round(reads / math.ceil(read / 2000), 2),
        rows_in_window=read,
        read_again=read - changed,
        calls=counted,
    )
    one.wait(1000)
    one.child("sync")
    one.wait(1000)
    shop = one.shop()
    shop.execute("UPDATE people SET occupation = 'baker' WHERE id <= ?", (changed,))
    shop.commit()
    counted, _ = one.counted()
    show(
        f"calls_write_{changed}",
        counted.get("update", 0),
        "calls",
        math.ceil(changed / 100),
        ratio=round(counted.get("update", 0) / math.ceil(changed / 100), 2),
        all_calls=sum(n for name, n in counted.items() if name != "token"),
        calls=counted,
    )


def start_up() -> None:
    """What `--version` and `--help` cost beside an empty Python."""

    def cpu(*arguments: str) -> float:
        best = math.inf
        for _ in range(9):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            best = min(best, spent)
        return best

    empty = cpu("-c", "pass")
    main = "from connector.commands import main; main()"
    for option, bound in (("--version", 5.0), ("--help", 8.0)):
        ours = cpu("-c", main, option)
        show(
            f"start_{option.strip('-')}",
            ours / empty,
            "x python -c pass",
            bound,
            ratio=round(ours / empty, 2),
            ours_ms=round(ours * 1000, 1),
            empty_ms=round(empty * 1000, 1),
        )


def profile(contacts: int) -> None:
    """Where a first pull's time goes. The shares are those of any size, and under the profiler
    everything takes three times as long."""
    with bench(contacts) as one:
        for rank, row in enumerate(one.child("profile")["shown"], start=1):
            show(
                f"profile_{rank}", row["share"], "of own time", None, ratio=None, where=row["where"]
            )


def growth(small: int, middle: int, large: int) -> None:
    """What a first pull and a quiet pass take at each size, and how that grows."""
    with bench(small) as one:
        one.child("sync")
        quiet_small = quiet(one)
    with bench(middle) as one:
        pulled_middle = first_pull(one)
        quiet(one)
        calls(one, middle // 8)
    with bench(large) as one:
        pulled_large = first_pull(one)
        quiet_large = quiet(one)
    memory = pulled_large["peak_mb"] / pulled_middle["peak_mb"]
    show("first_pull_memory", memory, f"x at {middle}", 1.1, ratio=round(memory, 3))
    ratio = quiet_large["cpu_s"] / quiet_small["cpu_s"]
    show(
        "quiet_cpu",
        ratio,
        f"x at {small} links",
        1.1,
        ratio=round(ratio, 3),
        at_large_s=round(quiet_large["cpu_s"], 3),
        at_small_s=round(quiet_small["cpu_s"], 3),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args().scale
    small, middle, large = (int(n * scale) for n in (2_000, 20_000, 100_000))
    start_up()
    growth(small, middle, large)
    profile(3 * small)
    for part in PARTS:
        part.all_figures(scale)


if __name__ == "__main__":
    main()
