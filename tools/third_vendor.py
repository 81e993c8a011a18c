"""`make third-vendor`: a third vendor in a scratch copy, and not one line of `connector/` changed.

The toy of `tools/toy_vendor` is laid over a copy of this tree: a plugin of one file, three mapping
files, one contract test; and `pyproject.toml` gets its entry point. Then its contract test runs,
and `demo`, whose story of edits, deletions and lost answers plays among the shop and all three.
The last line is JSON; exit 1 unless all of that went well.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from tools.wheel import ROOT, plain_environment

TOY: Final = ROOT / "tools" / "toy_vendor"
LEFT_BEHIND: Final = (".git", ".venv*", "*_cache", "__pycache__", "*.egg-info", "dist", "build")
PLACES: Final = {
    'fxiaoke = "connector_fxiaoke:plugin"\n': 'toy = "connector_toy:plugin"\n',
    '    "plugins/fxiaoke/connector_fxiaoke",\n': '    "plugins/toy/connector_toy",\n',
    '"plugins/fxiaoke", ': '"plugins/toy", ',
}
"""What stands in `pyproject.toml` for a plugin, and what is put behind it for the toy."""


class Copy:
    """A scratch repository with the tree as it is now, and an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.tree, self._venv = folder / "tree", folder / "venv"
        shutil.copytree(ROOT, self.tree, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
        self.git("init", "--quiet")
        self.git("add", "--all")
        name = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.test")
        self.git(*name, "commit", "--quiet", "--no-verify", "--message", "the tree as it is")

    def git(self, *words: str) -> str:
        return self._done("git", *words).stdout

    def add_the_toy(self) -> None:
        shutil.copytree(
            TOY, self.tree, ignore=shutil.ignore_patterns(*LEFT_BEHIND), dirs_exist_ok=True
        )
        file = self.tree / "pyproject.toml"
        text = file.read_text(encoding="utf-8")
        for there, ours in PLACES.items():
            assert there in text, f"pyproject.toml no longer says {there!r}"
            text = text.replace(there, there + ours)
        file.write_text(text, encoding="utf-8")
        self.git("add", "--all")

    def install(self) -> None:
        """An environment that borrows this one's libraries and has the copy's own entry points."""
        self._done(sys.executable, "-m", "venv", "--without-pip", str(self._venv))
        paths = {"base": str(self._venv), "platbase": str(self._venv)}
        site = Path(sysconfig.get_path("purelib", "venv", paths))
        (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "--python", str(self._venv / "bin" / "python")]
        pip += ["--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-index"]
        self._done(*pip, "--no-build-isolation", "--editable", str(self.tree))

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._done(str(self._venv / "bin" / "python"), *words, check=False)

    def _done(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.tree,
            env=plain_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stdout}{done.stderr}")
        return done


def contract(copy: Copy) -> dict[str, int]:
    """The contract test of the toy: how many tests had which end."""
    done = copy.python("-m", "pytest", "-p", "no:cacheprovider", "-v", "tests/contract/test_toy.py")
    told = re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout.splitlines()[-1])
    print("\n".join(done.stdout.splitlines()[-3:]))
    return {"passed": 0, "failed": 0, "skipped": 0, "error": 0} | {e: int(n) for n, e in told}


def demo(copy: Copy) -> dict[str, Any]:
    done = copy.python("cli.py", "demo")
    print(done.stdout)
    if not done.stdout:
        raise SystemExit(done.stderr)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="third-vendor-") as folder:
        copy = Copy(Path(folder))
        copy.add_the_toy()
        copy.install()
        ended = contract(copy)
        played = demo(copy)
        print("git diff --stat:", copy.git("diff", "--cached", "--stat"), sep="\n")
        changed = copy.git("diff", "--cached", "--stat", "connector/")
        print("git diff --stat connector/:", changed or "(empty)", sep="\n")
    told = {
        "vendors": played["vendors"],
        "connector_diff": changed,
        "contract": {name: n for name, n in ended.items() if n},
        **{name: played[name] for name in ("converged", "lost", "duplicated", "diverged")},
        "edits_late": played["edits_late"],
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(told))
    good = ended["passed"] and not ended["failed"] and not ended["error"]
    return 0 if good and played["converged"] and played["vendors"] == 3 and not changed else 1


if __name__ == "__main__":
    sys.exit(main())
