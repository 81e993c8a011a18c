"""Plant a known bug in a copy of the tree and see whether the simulation finds it.

`make simulate PLANT=name` plants one, `PLANT=all` each in turn. The working tree is never touched:
the bug goes into a scratch copy, and the simulation runs there. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("connector", "tests", "plugins", "mappings", "pyproject.toml")


@dataclass(frozen=True)
class Plant:
    """A bug: in `file`, `old` (which stands there exactly once) becomes `new`."""

    file: str
    old: str
    new: str
    story: str
    """What goes wrong for a shop."""


PLANTS: dict[str, Plant] = {
    "watermark-from-our-clock": Plant(
        "connector/sync/observe.py",
        "        first = first or page.read_at\n",
        "        first = first or scope.ports.clock.now()\n",
        "the vendor's clock is behind ours, and what is edited next is never read",
    ),
    "create-sent-again-on-timeout": Plant(
        "connector/sync/answers.py",
        "                settling.lost(job, result.reason)\n",
        "                settling.put_off(job, 0, None)\n",
        "a create whose answer was lost is planned and sent again without a look",
    ),
    "absent-read-as-null": Plant(
        "connector/sync/fields.py",
        "    held = {name: record[name] for name in unit.fields if name in record}\n",
        "    held = {name: record.get(name) for name in unit.fields}\n",
        "a field that our user may not see for a day is cleared in the shop",
    ),
    "first-match-wins": Plant(
        "connector/sync/situation.py",
        '                return _ambiguous("several records have the same identifying value")\n',
        "                pass\n",
        "of two people with one phone the first one found gets the other's data",
    ),
    "tombstone-not-checked": Plant(
        "connector/sync/observe.py",
        "        link = known.get(one.ref) or halves.get(one.ref)\n",
        "        link = known.get(one.ref) or halves.get(one.ref)\n"
        "        if link is not None and link.live is None:\n"
        "            link = None\n",
        "a late copy of a record that was removed brings it back",
    ),
}


class PlantError(Exception):
    """The catalogue does not fit the tree, or the simulation did not run."""


def plant(bug: Plant, tree: Path) -> None:
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


def simulate(tree: Path, seeds: int, start: int) -> dict[str, Any]:
    """Run the copy's own simulation until its first violation; its last line."""
    paths = (tree, tree / "plugins" / "zoho", tree / "mappings")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(p) for p in paths),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    where = subprocess.run(
        [sys.executable, "-c", "import connector; print(connector.__file__)"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if not Path(where).is_relative_to(tree):
        raise PlantError(f"the simulation would run {where}, not the copy with the bug")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.simulation", "--first"),
            *("--seeds", str(seeds), "--start", str(start)),
        ],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode not in (0, 1) or not lines:
        raise PlantError(f"the simulation did not run:\n{done.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(lines[-1])
    told = done.stderr.partition("\nseed ")[2].splitlines()
    report["story"] = told[1:4]
    return report


def hunt(name: str, seeds: int, start: int) -> dict[str, Any]:
    """Plant one bug and look for it; what its line says."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="plant-") as folder:
        tree = copy_of_the_tree(Path(folder))
        plant(PLANTS[name], tree)
        report = simulate(tree, seeds, start)
    killed = report["violations"] > 0
    if killed:
        seed, by = report["failed_seeds"][0], report["by"]
        print(f"{name}: {PLANTS[name].story}", file=sys.stderr)
        print(f"{name}: killed by {by} at seed {seed}", file=sys.stderr)
        for sentence in report["story"]:
            print(sentence, file=sys.stderr)
    else:
        seed = by = None
        print(f"{name}: survived {seeds} seeds", file=sys.stderr)
    seconds = round(time.monotonic() - began, 1)
    return {"plant": name, "killed": killed, "seed": seed, "by": by, "seconds": seconds}


def main() -> int:
    parser = argparse.ArgumentParser(prog="plants", description=__doc__)
    parser.add_argument("name", choices=[*PLANTS, "all"])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--start", type=int, default=1)
    chosen = parser.parse_args()
    names = list(PLANTS) if chosen.name == "all" else [chosen.name]
    killed = 0
    try:
        for name in names:
            line = hunt(name, chosen.seeds, chosen.start)
            killed += line["killed"]
            print(json.dumps(line), flush=True)
    except PlantError as error:
        print(f"plants: {error}", file=sys.stderr)
        return 3
    if chosen.name == "all":
        print(json.dumps({"planted": len(names), "killed": killed}))
    return 0 if killed == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
