"""Figures of a shop on PostgreSQL: the first push of all rows, a look at all rows, the journal.

`python -m tools.bench_shops --postgres URL`: of an account that may make databases.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from connector_zoho import plugin

from connector.drivers import server_url
from tools.bench_rig import Bench
from tools.bench_world import FIELDS, contact, lay_out, make_shop
from tools.figures import show

COLUMNS = [column for _, column in FIELDS.values()]


class ShopBench(Bench):
    """An empty sandbox, and a shop on a server with its rows."""

    def __init__(self, folder: Path, rows: int, url: sa.URL, capture: str) -> None:
        self.folder, self.contacts = folder, rows
        self.box = plugin.start_sandbox()
        self.engine = sa.create_engine(url)
        rng = random.Random(7)
        people = ([contact(n, rng)[own] for own, _ in FIELDS.values()] for n in range(rows))
        make_shop(self.engine, ([str(v) for v in one] for one in people))
        self.url = url.render_as_string(hide_password=False)
        lay_out(folder, self.box, self.url, capture)

    def bare_push(self) -> dict[str, Any]:
        fields = ",".join(own for own, _ in FIELDS.values())
        other = plugin.start_sandbox()
        mine, self.box = self.box, other
        token = self._token()
        try:
            return self.child("bare_push", other.url, token, self.url, ",".join(COLUMNS), fields)
        finally:
            self.box = mine
            other.close()


@contextlib.contextmanager
def bench(server: str, rows: int, capture: str = "journal") -> Iterator[ShopBench]:
    name, folder = f"bench_{uuid.uuid4().hex[:12]}", Path(tempfile.mkdtemp(prefix="bench-"))
    url = server_url(server, "--postgres")
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as tx:
        tx.exec_driver_sql(f"CREATE DATABASE {name}")
    one = ShopBench(folder, rows, url.set(database=name), capture)
    try:
        yield one
    finally:
        one.close()
        one.engine.dispose()
        with admin.connect() as tx:
            tx.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        shutil.rmtree(folder, ignore_errors=True)


def first_push(one: ShopBench) -> dict[str, Any]:
    """The first sync of a full shop against the bare loop that reads and inserts."""
    bare, ours = one.bare_push(), one.child("sync")
    ratio = ours["cpu_s"] / bare["cpu_s"]
    show(
        f"first_push_{one.contacts}_cpu",
        ratio,
        "x bare loop",
        3.0,
        ratio=round(ratio, 2),
        ours_cpu_s=round(ours["cpu_s"], 2),
        bare_cpu_s=round(bare["cpu_s"], 2),
        peak_mb=round(ours["peak_mb"], 1),
        created=ours["shown"]["created"],
    )
    return ours


def one_change(one: ShopBench) -> float:
    """CPU seconds of a sync that finds one row changed."""
    one.child("sync")
    one.wait(1000)
    one.child("sync")
    with one.engine.begin() as tx:
        tx.exec_driver_sql("UPDATE people SET city = 'Brno' WHERE id = 7")
    return float(one.child("sync")["cpu_s"])


def look(one: ShopBench, idle_s: float) -> None:
    """A look at all rows, none of which changed, above the plain SELECT of them."""
    for _ in range(2):
        one.child("sync")
        one.wait(1000)
    ours, plain = one.child("sync"), one.child("select", one.url, ",".join(COLUMNS))
    per = (ours["cpu_s"] - idle_s - plain["shown"]) * 1e6 / one.contacts
    show(
        f"scan_{one.contacts}",
        per,
        "us a row above SELECT",
        10.0,
        ratio=None,
        ours_cpu_s=round(ours["cpu_s"], 2),
        select_cpu_s=round(plain["shown"], 2),
        quiet_cpu_s=round(idle_s, 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench_shops")
    parser.add_argument("--postgres", required=True, metavar="URL")
    parser.add_argument("--scale", type=float, default=1.0)
    chosen = parser.parse_args()
    small, middle, large = (int(n * chosen.scale) for n in (2_000, 20_000, 100_000))
    with bench(chosen.postgres, small) as one:
        few = one_change(one)
    with bench(chosen.postgres, middle) as one:
        at_middle = first_push(one)
        many = one_change(one)
    show("journal_cpu", many / few, f"x at {small} rows", 1.1, ratio=round(many / few, 3))
    with bench(chosen.postgres, middle, "scan") as one:
        look(one, few)
    with bench(chosen.postgres, large) as one:
        at_large = first_push(one)
    ratio = at_large["peak_mb"] / at_middle["peak_mb"]
    show("first_push_memory", ratio, f"x at {middle}", 1.1, ratio=round(ratio, 3))


if __name__ == "__main__":
    main()
