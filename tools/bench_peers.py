"""`make bench-peers`: the vendor's SDK, dlt's REST source and a bare loop beside us at one sandbox.

They live in an environment of their own (`.peers/`), which is made from PyPI when it is not there.
Ours does all its bookkeeping: it writes the shop's rows, links, sealed bases and events.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from connector_zoho import plugin
from connector_zoho.sandbox.handle import ZohoSandbox

from tools.bench_rig import Bench, Pushing, bench, laid_out
from tools.bench_world import FIELDS
from tools.figures import show

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".peers"
NEEDED = ("zohocrmsdk8-0", "dlt", "requests")
PEERS = {"sdk": ("read", "upsert"), "dlt_rest": ("read",), "bare": ("read", "upsert")}
SDK_TYPES = {"choices": ["Lead_Source"], "dates": ["Date_of_Birth"]}
"""Fields whose values the SDK wants in classes of its own."""
OWN_NAMES = [own for own, _ in FIELDS.values()]


def environment() -> Path:
    """The interpreter that has the peers; made on first use, a half-made one is made again."""
    python, stamp = HOME / "bin" / "python", HOME / ".complete"
    if not stamp.exists():
        shutil.rmtree(HOME, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, *NEEDED], check=True)
        stamp.touch()
    return python


def peer(name: str, work: str, box: ZohoSandbox, **more: Any) -> dict[str, Any]:
    """Let one do the work; what it measured, with its calls."""
    before = dict(box.calls())
    with tempfile.TemporaryDirectory() as folder:
        task = {**box.settings, "url": box.url, "folder": folder, "work": work}
        task |= {"fields": OWN_NAMES, **more}
        program = Path(__file__).parent / "peers" / f"{name}.py"
        done = subprocess.run(
            [str(environment()), str(program)],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "HOME": folder},
        )
    if done.returncode:
        raise SystemExit(f"{name} at {work}:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found["calls"] = sum(n - before.get(k, 0) for k, n in box.calls().items())
    return found


def whole(ours: dict[str, Any], calls: dict[str, int]) -> dict[str, Any]:
    """Ours, as the others are measured: the CPU time of the whole process, with its imports."""
    return {**ours, "cpu_s": ours["whole_cpu_s"], "calls": sum(calls.values())}


def told(task: str, rows: int, ours: dict[str, Any], theirs: dict[str, dict[str, Any]]) -> None:
    """One line for each, and ours as ratios to each of them."""
    for name, found in {"ours": ours, **theirs}.items():
        ratio = ours["cpu_s"] / found["cpu_s"]
        show(
            f"peers_{task}_{name}",
            found["cpu_s"] / rows * 1e6,
            "us CPU a record",
            None,
            ratio=round(ratio, 2),
            ratio_is="ours to this one, CPU",
            calls=found["calls"],
            peak_mb=round(found["peak_mb"], 1),
            wall_s=round(found["wall_s"], 2),
        )
    if "sdk" in theirs:
        ratio = ours["cpu_s"] / theirs["sdk"]["cpu_s"]
        show(f"peers_{task}_cpu", ratio, "x the SDK's", 0.5, ratio=round(ratio, 2))
    fewest = min(found["calls"] for found in theirs.values())
    ratio = ours["calls"] / fewest
    show(f"peers_{task}_calls", ratio, "x the fewest of the others'", 0.1, ratio=round(ratio, 3))


def reading(one: Bench) -> None:
    """All records, then the hundred that were changed since."""
    rows = one.contacts
    calls, ours = one.counted()
    theirs = {name: peer(name, "read", one.box) for name in PEERS}
    assert {found["rows"] for found in theirs.values()} == {rows}
    told(f"read_{rows}", rows, whole(ours, calls), theirs)
    one.wait(1000)
    one.child("sync")
    one.wait(1000)
    began = datetime.fromtimestamp(int(one.box.now())).astimezone().isoformat()
    changed = min(100, rows)
    for record in one.box.records("Contacts")[:changed]:
        one.box.edit("Contacts", record["id"], {"Segment": "Z"})
    calls, ours = one.counted()
    theirs = {name: peer(name, "read", one.box, since=began) for name in PEERS}
    assert {found["rows"] for found in theirs.values()} == {changed}
    name = f"{changed}_changes_among_{rows}"
    told(name, changed, whole(ours, calls), theirs)


def writing(rows: int) -> None:
    """All rows of a shop into an empty account."""
    with laid_out(lambda folder: Pushing(folder, rows)) as one:
        calls, ours = one.counted()
    theirs = {}
    for name, works in PEERS.items():
        if "upsert" in works:
            box = plugin.start_sandbox()
            theirs[name] = peer(name, "upsert", box, records=one.people, **SDK_TYPES)
            assert theirs[name]["rows"] == rows
            box.close()
    told(f"write_{rows}", rows, whole(ours, calls), theirs)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench_peers")
    parser.add_argument("--scale", type=float, default=1.0)
    rows = int(20_000 * parser.parse_args().scale)
    environment()
    with bench(rows) as one:
        reading(one)
    writing(rows)


if __name__ == "__main__":
    main()
