"""A few seeds of the simulation on every test run; `make simulate` plays many."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import play

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("seed", range(1001, 1011))
def test_a_seed_ends_without_a_violation(seed: int) -> None:
    verdict = play(seed)
    assert verdict.violations == []
    assert verdict.steps == 48
    assert verdict.runs > 8


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


def test_one_seed_is_replayed_identically_in_another_process() -> None:
    assert replay(17, "1") == replay(17, "2") != replay(18, "1")
