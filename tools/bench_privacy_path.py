"""The privacy path's share of a sync under a policy: to decide, to seal, to note what was told."""

from __future__ import annotations

from tools.bench_rig import Pushing, laid_out
from tools.bench_world import POLICY
from tools.figures import show


def all_figures(scale: float) -> None:
    rows = int(20_000 * scale)
    with laid_out(lambda folder: Pushing(folder, rows, POLICY)) as one:
        found = one.child("sampled")
        held = one.box.records("Contacts")
    assert len(held) == rows
    assert not any(row.get("Occupation") or row.get("Mailing_Street") for row in held)
    assert not any(row["WeChat"].startswith("wx") for row in held)
    shares = found["shown"]
    show(
        f"privacy_path_{rows}",
        sum(shares.values()),
        "of the CPU of a first push",
        0.25,
        ratio=round(sum(shares.values()), 3),
        **{part: round(share, 3) for part, share in shares.items()},
        cpu_s=round(found["cpu_s"], 2),
    )


if __name__ == "__main__":
    all_figures(1.0)
