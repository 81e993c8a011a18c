"""A sandbox with its records, and an installation on it; work is done in its own processes."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from connector_zoho import plugin
from connector_zoho.sandbox.handle import ZohoSandbox

from tools.bench_world import FIELDS, contact, lay_out

SPACING_S = 0.5
"""Seeded records were modified one after another, long before the bench."""


B = TypeVar("B", bound="Bench")


class Bench:
    """One sandbox with its contacts, and one installation on it."""

    def __init__(self, folder: Path, contacts: int) -> None:
        self.folder, self.contacts = folder, contacts
        self.box: ZohoSandbox = plugin.start_sandbox()
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
    zone = dt.timezone(dt.timedelta(hours=8))
    return dt.datetime.fromtimestamp(int(epoch_s), zone).isoformat()


class Pushing(Bench):
    """An empty sandbox, and a shop in a file with its rows: the fields of these contacts."""

    def __init__(self, folder: Path, rows: int, policy: str | None = None) -> None:
        self.folder, self.contacts = folder, rows
        self.box = plugin.start_sandbox()
        rng = random.Random(7)
        self.people = [contact(n, rng) for n in range(rows)]
        shop = ([str(one[own]) for own, _ in FIELDS.values()] for one in self.people)
        lay_out(folder, self.box, rows=shop, policy=policy)


@contextlib.contextmanager
def laid_out(make: Callable[[Path], B]) -> Iterator[B]:
    """A bench in a folder of its own, which goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    one = make(folder)
    try:
        yield one
    finally:
        one.close()
        shutil.rmtree(folder, ignore_errors=True)


def bench(contacts: int) -> contextlib.AbstractContextManager[Bench]:
    return laid_out(lambda folder: Bench(folder, contacts))
