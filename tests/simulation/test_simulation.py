"""Some seeds of the simulation on every test run; `make simulate` plays many."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import play
from tests.simulation.stage import STEPS, steps_of

ROOT = Path(__file__).resolve().parents[2]
FOUND = (52, 321, 543, 926, 1277, 1457, 2583, 3592)
"""Seeds that found a bug of the engine's."""
SEEDS = (*range(201, 223), *FOUND)
"""As many as cost a minute and a half of one processor: every second one plays the real plugins."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_ends_without_a_violation(seed: int) -> None:
    verdict = play(seed)
    assert verdict.violations == []
    assert verdict.steps >= STEPS >= 40  # and an erasure or two in some
    assert verdict.runs > 8
    assert sum(n for name, n in verdict.fired.items() if name.startswith("fault")) >= 3
    assert verdict.real == (seed % 2 == 0)


def replay(seed: int, hash_seed: str) -> str:
    """The digest of one seed, played by a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    digest: str = json.loads(done.stdout.strip().splitlines()[-1])["digest"]
    return digest


@pytest.mark.parametrize("seed", [20, 17], ids=["plugins", "memory"])
def test_one_seed_is_replayed_identically_in_another_process(seed: int) -> None:
    assert replay(seed, "1") == replay(seed, "2") != replay(seed + 2, "1")


def test_a_step_does_the_same_whatever_was_left_out_before_it() -> None:
    steps = [step for step in steps_of(5) if step.name == "new_person"]

    def sides(lines: list[str]) -> list[str]:
        return [line.rpartition(" ")[0] for line in lines]  # who it is depends on the others

    whole = sides(play(5, steps).lines)
    assert {line.rpartition(" ")[2] for line in whole} == {"crm", "far"}, "it is drawn"
    assert [line for step in steps for line in sides(play(5, [step]).lines)] == whole
