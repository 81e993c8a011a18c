"""One measured piece of work in a process of its own, so that CPU and memory are its alone."""

from __future__ import annotations

import cProfile
import json
import pstats
import resource
import sqlite3
import sys
import time
from pathlib import Path

FOLDER, WORK = Path(sys.argv[1]), sys.argv[2]


def bare(url: str, token: str, fields: list[str]) -> int:
    """The bare loop: one Session, 200 a page, executemany, one transaction a page."""
    import requests

    store = sqlite3.connect(FOLDER / "bare.db")
    store.execute("DROP TABLE IF EXISTS contacts")
    store.execute(f"CREATE TABLE contacts (id TEXT PRIMARY KEY, {', '.join(fields)})")
    insert = f"INSERT INTO contacts VALUES (?{', ?' * len(fields)})"
    session = requests.Session()
    session.headers["Authorization"] = f"Zoho-oauthtoken {token}"
    asked: dict[str, str] = {"fields": ",".join(fields), "per_page": "200"}
    rows = 0
    while True:
        page = json.loads(session.get(f"{url}/crm/v8/Contacts", params=asked, timeout=60).content)
        data = page["data"]
        store.executemany(insert, [[one["id"], *(one.get(f) for f in fields)] for one in data])
        store.commit()
        rows += len(data)
        if not page["info"]["more_records"]:
            return rows
        asked["page_token"] = page["info"]["next_page_token"]


def bare_push(url: str, token: str, shop: str, columns: str, fields: str) -> int:
    """The bare loop the other way: read the table in key order, 100 rows an insert."""
    import requests
    import sqlalchemy as sa

    session = requests.Session()
    session.headers["Authorization"] = f"Zoho-oauthtoken {token}"
    names, rows, after = fields.split(","), 0, 0
    numbers = {"RFM_Recency", "RFM_Frequency"}
    query = sa.text(f"SELECT id, {columns} FROM people WHERE id > :after ORDER BY id LIMIT 100")
    with sa.create_engine(shop).connect() as tx:
        while page := tx.execute(query, {"after": after}).all():
            data = [
                {n: int(v) if n in numbers else v for n, v in zip(names, row[1:], strict=True)}
                for row in page
            ]
            said = session.post(f"{url}/crm/v8/Contacts", json={"data": data}, timeout=60)
            said.raise_for_status()
            rows, after = rows + len(said.json()["data"]), page[-1][0]
    return rows


def select(shop: str, columns: str) -> float:
    """CPU seconds of reading every row once, in key order, 500 at a time: what a look at all rows
    cannot do without."""
    import sqlalchemy as sa

    query = sa.text(f"SELECT id, {columns} FROM people WHERE id > :after ORDER BY id LIMIT 500")
    after = 0
    with sa.create_engine(shop).connect() as tx:
        began = time.process_time()
        while page := tx.execute(query, {"after": after}).all():
            after = page[-1][0]
        return time.process_time() - began


def sync() -> dict[str, int]:
    """One run of ours, as a library."""
    from connector.app import open_connector

    with open_connector(FOLDER / "connector.toml") as connector:
        report = connector.sync()
    if report.errors:
        raise SystemExit(str(report.errors[0]))
    return report.passes[0].counts.as_dict()


def peak_mb() -> float:
    """Peak memory of this program alone; `ru_maxrss` would count the parent's before the exec."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    shown: object
    began = time.process_time(), time.perf_counter()
    if WORK == "bare":
        shown = bare(sys.argv[3], sys.argv[4], sys.argv[5].split(","))
    elif WORK == "bare_push":
        shown = bare_push(*sys.argv[3:8])
    elif WORK == "select":
        shown = select(*sys.argv[3:5])
    elif WORK == "sampled":
        from tools.sampled import shares

        shown = shares(sync)
    elif WORK == "profile":
        profile = cProfile.Profile()
        profile.runcall(sync)
        rows = pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]  # not in the stubs
        top = sorted(rows, key=lambda row: -row[1][2])[:5]
        total = sum(row[1][2] for row in rows)
        shown = [
            {"where": f"{Path(file).name}:{line} {name}", "share": round(row[2] / total, 3)}
            for (file, line, name), row in top
        ]
    else:
        shown = sync()
    print(
        json.dumps(
            {
                "cpu_s": time.process_time() - began[0],
                "whole_cpu_s": time.process_time(),
                "wall_s": time.perf_counter() - began[1],
                "peak_mb": peak_mb(),
                "shown": shown,
            }
        )
    )


main()
