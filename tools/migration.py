"""A migration of very many invented customers into Zoho's sandbox, with a `kill -9` in the middle.

    python -m tools.migration 200000 --folder shown

Plan, run, kill while a job of the vendor's is under way, run again, verify, report, and a sync that
must be quiet. Prints one JSON line: how long each took, and what the sandbox holds at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from connector_zoho import plugin
from connector_zoho.sandbox.handle import ZohoSandbox

from connector.demo.scene import references, toml_table

WAY = ("--from", "local", "--to", "zoho")
MAPPING = """kind: customer
fields:
  names.family: {column: surname, lens: text}
  names.given: {column: given, lens: text}
  phones.mobile: {column: mobile, lens: phone}
  emails.primary: {column: mail, lens: email}
  address.city: {column: city, lens: text}
"""
SETTINGS = """tenant = "shown"
[state]
url = "sqlite:///state.db"
[keys]
subjects = "sqlite:///keys.db"
[local]
url = "sqlite:///shop.db"
phone_region = "CN"
[local.customer]
table = "buyers"
mapping = "customer.yaml"
"""


class Shown:
    """A shop of so many rows beside a sandbox, and the command in processes of its own."""

    def __init__(self, folder: Path, box: ZohoSandbox, rows: int) -> None:
        self.folder, self.box, self.rows = folder, box, rows
        with closing(sqlite3.connect(folder / "shop.db")) as shop, shop:
            shop.execute(
                "CREATE TABLE buyers (id INTEGER PRIMARY KEY, surname TEXT NOT NULL, given TEXT,"
                " mobile TEXT, mail TEXT, city TEXT)"
            )
            shop.executemany(
                "INSERT INTO buyers VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (n, f"王{n}", "安", f"138{n:08d}", f"p{n}@example.test", "杭州")
                    for n in range(1, rows + 1)
                ),
            )
        (folder / "customer.yaml").write_text(MAPPING, encoding="utf-8")

        def keep(key: str, value: str) -> str:
            (folder / key).write_text(value, encoding="utf-8")
            return f"file:{key}"

        table = {**references(plugin.settings, box.settings, keep), "kinds": ["customer"]}
        own = {"rate": "100000/60s", "timeout_s": 20.0, "call_life_s": 30.0}
        text = SETTINGS + toml_table("connections.zoho", {**table, **own})
        (folder / "connector.toml").write_text(text, encoding="utf-8")

    def start(self, *words: str) -> subprocess.Popen[str]:
        config = str(self.folder / "connector.toml")
        return subprocess.Popen(
            [sys.executable, "-m", "connector", "--config", config, *words],
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )

    def run(self, *words: str) -> Any:
        """Run a command to its end; what it printed as JSON."""
        process = self.start(*words)
        out = process.communicate()[0]
        assert process.returncode in (0, 5), (words, process.returncode, out)
        return json.loads(out) if "--json" in words else out

    def killed(self, moment: Callable[[Mapping[str, int]], bool]) -> None:
        """Start the migration and kill it when the sandbox has seen so much."""
        process = self.start("migrate", "run", *WAY)
        while not moment(self.box.calls()):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()


def show(folder: Path, rows: int, job_s: float) -> dict[str, Any]:
    """All of it; the figures."""
    took: dict[str, float] = {}
    with ZohoSandbox() as box:
        box.limits(bulk_job_s=job_s)
        shown = Shown(folder, box, rows)

        def timed(name: str, *words: str) -> Any:
            began = time.monotonic()
            told = shown.run(*words)
            took[name] = round(time.monotonic() - began, 1)
            return told

        shown.run("keys", "init")
        shown.run("local", "install")
        plan = timed("plan_s", "migrate", "plan", *WAY, "--json")
        began = time.monotonic()
        jobs = max(1, -(-rows // 25_000) // 2)
        shown.killed(lambda calls: calls.get("bulk_write", 0) >= jobs)
        took["killed_after_s"] = round(time.monotonic() - began, 1)
        timed("run_s", "migrate", "run", *WAY, "--json")
        proof = timed("verify_s", "migrate", "verify", *WAY, "--json")
        shown.run("migrate", "report", *WAY, str(folder / "report.html"))
        sync = timed("sync_s", "sync", "--json")
        held = Counter(one["Email"] for one in box.records("Contacts"))
        return {
            "rows": rows,
            "planned": plan["scopes"][0]["create"],
            "at_vendor": sum(held.values()),
            "lost": rows - len(held),
            "duplicated": sum(number - 1 for number in held.values()),
            "proved": proof["good"],
            "written_by_sync": sum(
                one["created"] + one["updated"] + one["removed"] for one in sync["passes"]
            ),
            **took,
            "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
            "calls": {name: n for name, n in box.calls().items() if "bulk" in name or n > 9},
        }


def main() -> int:
    """The command line; exit 1 if anything was lost, doubled or not proved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder of its own")
    parser.add_argument("--job-s", type=float, default=5.0, help="how long a job takes")
    asked = parser.parse_args()
    shutil.rmtree(asked.folder, ignore_errors=True)
    asked.folder.mkdir(parents=True)
    found = show(asked.folder, asked.rows, asked.job_s)
    print(json.dumps(found))
    good = found["proved"] and not (
        found["lost"] or found["duplicated"] or found["written_by_sync"]
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
