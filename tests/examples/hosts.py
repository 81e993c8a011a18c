"""Plays stories inside an example host: in a process of its own that sees what the host sees."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def play(example: str, story: str, folder: Path, *, module: str, **environment: str) -> str:
    """Run one story of a module beside this file. Returns its output."""
    return run(example, ["-m", module, story, str(folder)], **environment)


def run(example: str, arguments: Sequence[str], **environment: str) -> str:
    """Run Python in the example's folder, which is first on its path as under its own server."""
    paths = [str(ROOT), *(path for path in sys.path if path)]
    own = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT / "examples" / example,
        env={**os.environ, **own, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stderr == ""
    return done.stdout
