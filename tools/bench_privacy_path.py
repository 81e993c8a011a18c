"""The privacy path's share of a sync under a policy: to decide, to seal, to note what was told."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

from connector_zoho import plugin

from tools.bench_rig import Bench
from tools.bench_world import FIELDS, POLICY, contact, lay_out
from tools.figures import show


class RuledBench(Bench):
    """An empty sandbox, and a shop in a file with its rows and a policy."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.contacts = folder, rows
        self.box = plugin.start_sandbox()
        rng = random.Random(7)
        people = ([str(contact(n, rng)[own]) for own, _ in FIELDS.values()] for n in range(rows))
        lay_out(folder, self.box, rows=people, policy=POLICY)


def all_figures(scale: float) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    one = RuledBench(folder, int(20_000 * scale))
    try:
        found = one.child("sampled")
        held = one.box.records("Contacts")
        assert len(held) == one.contacts
        assert not any(row.get("Occupation") or row.get("Mailing_Street") for row in held)
        assert not any(row["WeChat"].startswith("wx") for row in held)
    finally:
        one.close()
        shutil.rmtree(folder, ignore_errors=True)
    shares = found["shown"]
    show(
        f"privacy_path_{one.contacts}",
        sum(shares.values()),
        "of the CPU of a first push",
        0.25,
        ratio=round(sum(shares.values()), 3),
        **{part: round(share, 3) for part, share in shares.items()},
        cpu_s=round(found["cpu_s"], 2),
    )


if __name__ == "__main__":
    all_figures(1.0)
