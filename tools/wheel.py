"""Builds the wheel, installs it in an empty environment, and runs the command in a hostile folder.

The folder is a host's own: it has `plugins/`, `mappings/`, `cli.py` and a package named like a
plugin's, as real back offices do. Ours must neither hide them nor be hidden by them. Each check
prints one line; the exit code is 1 if one of them failed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PLUGINS = ("fxiaoke", "zoho")

OURS = ("connector", *(f"connector_{name}" for name in PLUGINS), "connector_mappings")
"""The only names that may come to lie in a host's site-packages."""

NEEDED = (
    "connector/__init__.py",
    "connector/commands/__init__.py",
    "connector/sandbox/__init__.py",
    "connector/testing/contract.py",
    *(f"connector_{name}/__init__.py" for name in PLUGINS),
    *(f"connector_{name}/sandbox/__init__.py" for name in PLUGINS),
    *(
        f"connector_mappings/{name}/{kind}.yaml"
        for name in PLUGINS
        for kind in ("customer", "membership", "feedback")
    ),
)

VERSION_BOUND = 5.0
"""`--version` may take this many times what `python -c pass` takes."""

_NOTHING_BUT_PYTHON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CRM_CONNECTOR_CONFIG")


def build(folder: Path) -> Path:
    """Build the wheel of this checkout into `folder` with the build backend of this environment."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, env=plain_environment())
    (wheel,) = folder.glob("crm_connector-*.whl")
    return wheel


def names_in(wheel: Path) -> list[str]:
    """The names of the wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def entry_points_in(wheel: Path) -> str:
    """The wheel's `entry_points.txt`."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/entry_points.txt"))
        return archive.read(name).decode()


def faults_in(names: Sequence[str]) -> list[str]:
    """What is wrong with the files of a wheel, one sentence each.

    >>> faults_in([*NEEDED, "crm_connector-1.0.dist-info/METADATA"])
    []
    >>> faults_in([*NEEDED, "plugins/zoho/README.md", "cli.py"])
    ['cli.py would land in site-packages', 'plugins would land in site-packages']
    """
    tops = {name.split("/")[0] for name in names}
    strange = sorted(t for t in tops if t not in OURS and not t.endswith(".dist-info"))
    missing = [name for name in NEEDED if name not in names]
    return [f"{top} would land in site-packages" for top in strange] + [
        f"{name} is not in the wheel" for name in missing
    ]


def make_host(folder: Path) -> Path:
    """Make a host's own program, with names that collide with the folders of our checkout."""
    host = folder / "host"
    for package in ("plugins", "plugins/zoho", "mappings", "connector_x", "tests", "tools"):
        (host / package).mkdir(parents=True)
        (host / package / "__init__.py").write_text('OWNER = "host"\n', encoding="utf-8")
    (host / "cli.py").write_text('OWNER = "host"\n', encoding="utf-8")
    return host


def plain_environment() -> dict[str, str]:
    """This environment without what would lead Python to other code."""
    return {k: v for k, v in os.environ.items() if k not in _NOTHING_BUT_PYTHON}


HOST_PROGRAM = f"""\
import sys
sys.path.insert(0, "")
import cli, connector, connector_mappings, connector_x, connector_zoho, mappings, plugins, tests
from connector import registry
assert {{m.OWNER for m in (cli, connector_x, mappings, plugins, tests)}} == {{"host"}}
assert registry.names() == {sorted(PLUGINS)}, registry.names()
assert all(registry.load(name).name == name for name in registry.names())
print(connector.__file__)
"""
"""A host that uses its own `plugins` and `mappings` beside the installed connector."""


class _Checks:
    """Prints one line for each check and remembers whether one failed."""

    def __init__(self) -> None:
        self.failed = 0

    def note(self, name: str, faults: Sequence[str], told: str = "") -> None:
        self.failed += bool(faults)
        said = "; ".join(faults) if faults else told
        print(f"{'FAILED' if faults else 'ok':6} {name}{': ' + said if said else ''}", flush=True)

    def command(
        self, name: str, argv: Sequence[str], host: Path, test: Callable[[str], list[str]]
    ) -> None:
        """Run a command in the host's folder; it must succeed, and `test` finds no fault."""
        done = subprocess.run(
            argv, cwd=host, env=plain_environment(), capture_output=True, text=True, check=False
        )
        faults = test(done.stdout) if done.returncode == 0 else [f"exit {done.returncode}"]
        if done.returncode:
            faults += done.stderr.strip().splitlines()[-1:]
        self.note(name, faults)


def _says(*words: str) -> Callable[[str], list[str]]:
    return lambda out: [f"it does not say {w!r}" for w in words if w not in out]


def _lists_plugins(out: str) -> list[str]:
    try:
        found = {one["name"] for one in json.loads(out)["plugins"]}
    except (ValueError, KeyError, TypeError):
        return ["it printed no JSON document with `plugins`"]
    return [f"no {name}" for name in PLUGINS if name not in found]


def _from_environment(empty: Path) -> Callable[[str], list[str]]:
    def test(out: str) -> list[str]:
        where = Path(out.strip()).resolve()
        return [] if where.is_relative_to(empty.resolve()) else ["connector came from elsewhere"]

    return test


def seconds(argv: Sequence[str], folder: Path, repeats: int = 7) -> float:
    """The shortest of some runs of a command."""
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(
            argv, cwd=folder, env=plain_environment(), check=True, stdout=subprocess.DEVNULL
        )
        took.append(time.perf_counter() - start)
    return min(took)


def version() -> str:
    """The version this checkout says it is."""
    text = (ROOT / "connector" / "version.py").read_text(encoding="utf-8")
    found = re.search(r'__version__ = "([^"]+)"', text)
    assert found is not None, "connector/version.py names a version"
    return found[1]


def install(wheel: Path, empty: Path) -> None:
    """Make an environment and install the wheel with what it depends on, and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", str(empty)], check=True)
    command = [str(empty / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    command += ["--disable-pip-version-check", "-c", str(ROOT / "constraints.txt"), str(wheel)]
    subprocess.run(command, check=True, env=plain_environment())


def main() -> int:
    """Run all checks; 0 if none failed."""
    folder = Path(tempfile.mkdtemp(prefix="crm-connector-wheel-"))
    checks = _Checks()
    try:
        wheel = build(folder)
        checks.note(f"build {wheel.name}", [])
        checks.note("files", faults_in(names_in(wheel)))
        points = entry_points_in(wheel)
        checks.note(
            "entry points",
            _says(*(f"{name} = connector_{name}:plugin" for name in PLUGINS), "crm-connector =")(
                points
            ),
        )
        empty, host = folder / "empty", make_host(folder)
        install(wheel, empty)
        checks.note("install in an empty environment", [])
        python, command = str(empty / "bin" / "python"), str(empty / "bin" / "crm-connector")
        checks.command("pip check", [python, "-m", "pip", "check"], host, _says())
        checks.command("--version", [command, "--version"], host, _says(version()))
        checks.command("--help", [command, "--help"], host, _says("sync", "Exit codes"))
        checks.command("plugins", [command, "plugins", "--json"], host, _lists_plugins)
        checks.command(
            "host with colliding names",
            [python, "-c", HOST_PROGRAM],
            host,
            _from_environment(empty),
        )
        bare = seconds([python, "-c", "pass"], host)
        ratio = seconds([command, "--version"], host) / bare
        late = [f"more than {VERSION_BOUND:g}"] if ratio > VERSION_BOUND else []
        told = f"{ratio:.2f} times python -c pass ({bare * 1000:.0f} ms)"
        checks.note("time of --version", [told, *late] if late else [], told)
    except subprocess.CalledProcessError as error:
        checks.note("stopped", [f"{Path(error.cmd[0]).name} ended with {error.returncode}"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
