"""`make bench`: one JSON line for each figure; ratios of two measurements side by side in one run.

`--scale 0.1` makes everything smaller, to try the bench itself.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connector_zoho.sandbox import start_sandbox
from connector_zoho.sandbox.handle import ZohoSandbox

from tools import bench_fxiaoke, bench_privacy
from tools.bench_world import FIELDS, contact, lay_out
from tools.figures import show

SPACING_S = 0.5
"""Seeded records were modified one after another, long before the bench."""


class Bench:
    """One sandbox with its contacts, and one installation on it."""

    def __init__(self, folder: Path, contacts: int) -> None:
        self.folder, self.contacts = folder, contacts
        self.box: ZohoSandbox = start_sandbox()
        rng = random.Random(7)
        began = self.box.now() - contacts * SPACING_S - 7200
        self.box.seed(
            "Contacts",
            [
                {**contact(n, rng), "Modified_Time": _stamp(began + n * SPACING_S)}
                for n in range(contacts)
            ],
        )
        lay_out(folder, self.box)

    def child(self, work: str, *more: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "tools.bench_child", str(self.folder), work, *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def bare(self) -> dict[str, Any]:
        fields = [own for own, _ in FIELDS.values()]
        token = self._token()
        return self.child("bare", self.box.url, token, ",".join(fields))

    def _token(self) -> str:
        import requests

        own = self.box.settings
        asked = {
            "grant_type": "refresh_token",
            **{key: own[key] for key in ("client_id", "client_secret", "refresh_token")},
        }
        answer = requests.post(f"{self.box.url}/oauth/v2/token", data=asked, timeout=30)
        return str(answer.json()["access_token"])

    def counted(self, work: str = "sync") -> tuple[dict[str, int], dict[str, Any]]:
        before = dict(self.box.calls())
        found = self.child(work)
        after = self.box.calls()
        return {k: n - before.get(k, 0) for k, n in after.items() if n > before.get(k, 0)}, found

    def shop(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "shop.db")

    def wait(self, seconds: float) -> None:
        """Let the vendor's clock go on, so that what was is out of the overlap."""
        self.box.now(advance=seconds)

    def close(self) -> None:
        self.box.close()


def _stamp(epoch_s: float) -> str:
    import datetime as dt

    zone = dt.timezone(dt.timedelta(hours=8))
    return dt.datetime.fromtimestamp(int(epoch_s), zone).isoformat()


@contextlib.contextmanager
def bench(contacts: int) -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    one = Bench(folder, contacts)
    try:
        yield one
    finally:
        one.close()
        shutil.rmtree(folder, ignore_errors=True)


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
    one.wait(1000)
    calls, found = one.counted()
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
    return found


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args().scale
    small, middle, large = (int(n * scale) for n in (2_000, 20_000, 100_000))
    start_up()
    with bench(small) as one:
        one.child("sync")
        quiet_small = quiet(one)
    with bench(middle) as one:
        pulled_middle = first_pull(one)
        quiet(one)
        calls(one, int(2_500 * scale))
    # The shares are those of any size, and under the profiler everything takes three times as long.
    with bench(3 * small) as one:
        for rank, row in enumerate(one.child("profile")["shown"], start=1):
            show(
                f"profile_{rank}", row["share"], "of own time", None, ratio=None, where=row["where"]
            )
    with bench(large) as one:
        pulled_large = first_pull(one)
        quiet_large = quiet(one)
    show(
        "first_pull_memory",
        pulled_large["peak_mb"] / pulled_middle["peak_mb"],
        f"x at {middle}",
        1.1,
        ratio=round(pulled_large["peak_mb"] / pulled_middle["peak_mb"], 3),
    )
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
    bench_fxiaoke.all_figures(scale)
    bench_privacy.all_figures(scale)


if __name__ == "__main__":
    main()
