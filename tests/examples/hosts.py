"""Plays stories inside an example host: in a process of its own that sees what the host sees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def play(example: str, story: str, folder: Path, *, module: str) -> str:
    """Run one story of a module beside this file, from the example's folder. Returns its output.

    The host's folder is first on the path, as under the host's own server.
    """
    paths = [str(ROOT), *(path for path in sys.path if path)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", module, story, str(folder)],
        cwd=ROOT / "examples" / example,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stderr == ""
    return done.stdout
