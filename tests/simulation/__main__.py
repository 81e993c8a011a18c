"""`make simulate`: many seeds, or one replayed. The last line is JSON."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation import oracles
from tests.simulation.stage import Stage


@dataclass
class Verdict:
    """How one seed ended."""

    seed: int
    violations: list[str]
    digest: str
    fired: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    runs: int = 0


def play(seed: int, steps: int = 48) -> Verdict:
    """Play one seed's story to its end and judge it."""
    with tempfile.TemporaryDirectory(prefix="simulate-") as folder:
        stage = Stage(seed, Path(folder))
        try:
            try:
                violations = stage.play(steps, oracles.during)
                if not violations:
                    stage.drain()
                    violations = [*oracles.at_the_end(stage), *oracles.is_silent(stage)]
            except Exception:
                last = traceback.format_exc().splitlines()
                violations = ["it crashed:", *last[-3:]]
            return Verdict(
                seed, violations, oracles.digest(stage), stage.fired, stage.steps, stage.runs
            )
        finally:
            stage.close()


def shortest(seed: int, steps: int) -> int:
    """The least number of steps of this seed that still goes wrong (by bisecting downwards)."""
    low, high = 1, steps
    while low < high:
        middle = (low + high) // 2
        if play(seed, middle).violations:
            high = middle
        else:
            low = middle + 1
    return high


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--first", action="store_true", help="end at the first violation")
    chosen = parser.parse_args()
    began = time.process_time(), time.monotonic()
    if chosen.seed is not None:
        verdicts = [play(chosen.seed)]
    else:
        seeds = range(chosen.start, chosen.start + chosen.seeds)
        with multiprocessing.Pool(chosen.processes) as pool:
            verdicts = []
            for verdict in pool.imap(play, seeds):
                verdicts.append(verdict)
                if chosen.first and verdict.violations:
                    break
    fired: Counter[str] = Counter()
    for verdict in verdicts:
        fired.update(verdict.fired)
    for name, count in sorted(fired.items()):
        print(f"{count:7}  {name}", file=sys.stderr)
    bad = [v for v in verdicts if v.violations]
    for verdict in bad[:5]:
        print(f"seed {verdict.seed}:", file=sys.stderr)
        for sentence in verdict.violations[:6]:
            print(f"  {sentence}", file=sys.stderr)
    if bad and not chosen.first:
        seed = bad[0].seed
        steps = shortest(seed, 48)
        print(f"shortest story: the first {steps} steps of seed {seed};", file=sys.stderr)
        print(f"replay it: make simulate SEED={seed}", file=sys.stderr)
    print(
        json.dumps(
            {
                "seeds": len(verdicts),
                "violations": len(bad),
                "failed_seeds": [v.seed for v in bad][:20],
                "by": bad[0].violations[0].split()[0] if bad else None,
                "steps": sum(v.steps for v in verdicts),
                "runs": sum(v.runs for v in verdicts),
                "faults": sum(n for name, n in fired.items() if name.startswith("fault")),
                "stops": sum(n for name, n in fired.items() if name.startswith("stop")),
                "digest": verdicts[0].digest if len(verdicts) == 1 else None,
                "seconds": round(time.monotonic() - began[1], 1),
            }
        )
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
