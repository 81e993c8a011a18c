"""Erasing one person among few links and among a million: CPU time, step by step."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tools.bench_rig import Pushing, laid_out
from tools.bench_world import POLICY
from tools.figures import show

PEOPLE = 20
"""People who are in step on both sides; the other links are bytes that look like links."""

LINKS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :links)
INSERT INTO link (id, connection, kind, local_id, remote_id, live, state, epoch, subject,
  external_key, local_digest, remote_digest, base)
SELECT lower(hex(randomblob(16))), 'crm', 'customer', 'l' || i, 'r' || i, 1, 'active', 1,
  lower(hex(randomblob(16))), lower(hex(randomblob(10))), randomblob(16), randomblob(16),
  randomblob(500) FROM n
"""
CLAIMS = """
INSERT INTO claim (connection, kind, digest, link, contested)
SELECT 'crm', 'customer', randomblob(16), id, 0 FROM link WHERE local_id LIKE 'l%'
"""


def pad(folder: Path, links: int) -> None:
    """Add so many links, each with a base of 500 bytes and a claim, to the state in a folder."""
    with closing(sqlite3.connect(folder / "state.db", isolation_level=None)) as state:
        state.execute("BEGIN")
        state.execute(LINKS, {"links": links})
        state.execute(CLAIMS)
        state.execute("COMMIT")
        state.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _erased(links: int) -> dict[str, float]:
    """CPU milliseconds of each step of one erasure among so many links."""
    from connector.app import open_connector
    from connector.rights.who import Who

    spent: dict[str, float] = {}
    began: dict[str, float] = {}

    def hook(point: str) -> None:
        when, _, step = point.partition(" step: ")
        if when == "before":
            began[step] = time.process_time()
        elif when == "after":
            spent[step] = (time.process_time() - began[step]) * 1000

    with laid_out(lambda folder: Pushing(folder, PEOPLE, POLICY)) as one:
        one.child("sync")
        pad(one.folder, links)
        with open_connector(one.folder / "connector.toml") as connector:
            receipt = connector.rights.erase(Who(rows=["7"]), hook=hook)
        assert receipt.state == "done"
        assert len(one.box.records("Contacts")) == PEOPLE - 1
    return spent


def all_figures(scale: float) -> None:
    few, many = int(10_000 * scale), int(1_000_000 * scale)
    at_few, at_many = _erased(few), _erased(many)
    # The look for left bytes reads the state's file once: it is told beside, not hidden.
    sums = [sum(v for step, v in at.items() if step != "verify") for at in (at_few, at_many)]
    show(
        f"erase_one_of_{many}",
        sums[1] / sums[0],
        f"x CPU at {few} links",
        1.25,
        ratio=round(sums[1] / sums[0], 3),
        ms_few=round(sums[0], 1),
        ms_many=round(sums[1], 1),
        ms_reading_the_file_few=round(at_few["verify"], 1),
        ms_reading_the_file_many=round(at_many["verify"], 1),
        steps={step: [round(at_few[step], 1), round(v, 1)] for step, v in at_many.items()},
    )


if __name__ == "__main__":
    all_figures(1.0)
