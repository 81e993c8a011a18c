"""Plant known bugs in copies of the tree and see whether the simulation and its stories find them.

`make mutants` plants the whole catalogue, one bug at a time; `make simulate PLANT=name` one of it.
The working tree is never touched: the bug goes into a scratch copy, and everything runs there. The
last line is JSON; a bug that survives makes it fail.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.catalogue import BUGS, Bug

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("connector", "tests", "plugins", "mappings", "pyproject.toml")

FIRST = (
    "watermark-from-our-clock",
    "create-sent-again-on-timeout",
    "absent-read-as-null",
    "first-match-wins",
    "tombstone-not-checked",
)
"""What `make simulate PLANT=all` plants: one of each sort of harm."""


class PlantError(Exception):
    """The catalogue does not fit the tree, or the simulation did not run."""


def plant(bug: Bug, tree: Path) -> None:
    """Change the copy. Raises: PlantError unless the text stands there exactly once."""
    file = tree / bug.file
    text = file.read_text(encoding="utf-8")
    count = text.count(bug.old)
    if count != 1:
        raise PlantError(f"{bug.file} holds the text to be replaced {count} times, not once")
    file.write_text(text.replace(bug.old, bug.new), encoding="utf-8")


def copy_of_the_tree(folder: Path) -> Path:
    """Copy what the simulation needs; compiled files stay behind, so that none is stale."""
    tree = folder / "tree"
    tree.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tree / name)
    return tree


def environment(tree: Path) -> dict[str, str]:
    """Let Python find the copy, and nothing of ours beside it. Raises: PlantError."""
    paths = (tree, tree / "plugins" / "zoho", tree / "plugins" / "fxiaoke", tree / "mappings")
    found = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(p) for p in paths),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    asked = [sys.executable, "-c", "import connector; print(connector.__file__)"]
    where = subprocess.run(
        asked, cwd=tree, env=found, capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(where).is_relative_to(tree):
        raise PlantError(f"the hunt would run {where}, not the copy with the bug")
    return found


def by_seeds(tree: Path, seeds: int, start: int, processes: int) -> str | None:
    """Play the copy's simulation until its first violation; what was violated, and where."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.simulation", "--first"),
            *("--seeds", str(seeds), "--start", str(start), "--processes", str(processes)),
        ],
        cwd=tree,
        env=environment(tree),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode not in (0, 1) or not lines:
        raise PlantError(f"the simulation did not run:\n{done.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(lines[-1])
    if not report["violations"]:
        return None
    for sentence in done.stderr.partition("\nseed ")[2].splitlines()[1:4]:
        print(sentence, file=sys.stderr)
    return f"{report['by']} at seed {report['failed_seeds'][0]}"


def by_stories(tree: Path, stories: Sequence[str]) -> str | None:
    """Run whole-pass stories in the copy; the first that fails."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *stories],
        cwd=tree,
        env=environment(tree),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    failed = re.search(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    if done.returncode != 1 or failed is None:
        raise PlantError(f"the stories did not run:\n{done.stdout[-2000:]}")
    return failed[1].partition("[")[0]


def hunt(name: str, most_seeds: int, start: int, processes: int) -> dict[str, Any]:
    """Plant one bug and look for it; what its line says."""
    began, bug = time.monotonic(), BUGS[name]
    with tempfile.TemporaryDirectory(prefix="plant-") as folder:
        tree = copy_of_the_tree(Path(folder))
        plant(bug, tree)
        seeds = min(bug.seeds, most_seeds)
        killer = by_seeds(tree, seeds, start, processes) if seeds else None
        if killer is None and bug.stories:
            killer = by_stories(tree, bug.stories)
    said = f"killed by {killer}" if killer else "SURVIVED"
    print(f"{name}: {bug.harm}\n{name}: {said}", file=sys.stderr)
    return {
        "plant": name,
        "killed": killer is not None,
        "killer": killer,
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("name", choices=[*BUGS, "all", "catalogue"])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    names = {"all": FIRST, "catalogue": tuple(BUGS)}.get(chosen.name, (chosen.name,))
    lines = []
    try:
        for name in names:
            line = hunt(name, chosen.seeds, chosen.start, chosen.processes)
            lines.append(line)
            print(json.dumps(line), flush=True)
    except PlantError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 3
    killed = [line for line in lines if line["killed"]]
    if len(names) > 1:
        print(json.dumps(_summary(lines)))
    return 0 if len(killed) == len(names) else 1


def _summary(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many died, and by what: seeds, stories of whole passes, or a test of the part alone."""
    killers = [str(line["killer"]) for line in lines if line["killed"]]
    unit = [one for one in killers if one.startswith("tests/unit")]
    seeds = [one for one in killers if " at seed " in one]
    return {
        "planted": len(lines),
        "killed": len(killers),
        "by_seeds": len(seeds),
        "by_stories": len(killers) - len(seeds) - len(unit),
        "by_unit_tests": len(unit),
        "survived": [line["plant"] for line in lines if not line["killed"]],
    }


if __name__ == "__main__":
    sys.exit(main())
