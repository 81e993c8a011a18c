"""`make third-vendor`: a vendor of its own distribution, and not one line of `connector/` changed.

The wheel of this tree and `examples/plugin` are installed into an empty environment, side by side
as anybody would. There the plugin's contract test runs, and `demo`, whose story of edits, deletions
and lost answers plays among the shop and all three vendors.
The last line is JSON; exit 1 unless all of that went well.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from tools.wheel import ROOT, build, plain_environment

EXAMPLE: Final = ROOT / "examples" / "plugin"


class Environment:
    """An environment that borrows this one's libraries, with the wheel and the example in it."""

    def __init__(self, folder: Path) -> None:
        self._folder, venv = folder, folder / "venv"
        self.python = venv / "bin" / "python"
        self._done(sys.executable, "-m", "venv", "--without-pip", str(venv))
        paths = {"base": str(venv), "platbase": str(venv)}
        self.site = Path(sysconfig.get_path("purelib", "venv", paths))
        # behind its own: the libraries, but none of ours, which lies in this tree and not there
        (self.site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        self._install(str(build(folder)))
        self._install("--no-build-isolation", str(EXAMPLE))

    def _install(self, *what: str) -> None:
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet"]
        self._done(*pip, "--disable-pip-version-check", "--no-deps", "--no-index", *what)

    def changed(self) -> list[str]:
        """What of `connector/` is not as it stands in this tree."""
        own = {file.relative_to(ROOT) for file in (ROOT / "connector").rglob("*.py")}
        there = {file.relative_to(self.site) for file in (self.site / "connector").rglob("*.py")}
        differing = {
            one
            for one in own & there
            if (ROOT / one).read_bytes() != (self.site / one).read_bytes()
        }
        return sorted(str(one) for one in (own ^ there) | differing)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run Python there, in a folder without a file of ours."""
        return self._done(str(self.python), *words, check=False)

    def _done(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=plain_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stdout}{done.stderr}")
        return done

    def contract(self) -> dict[str, int]:
        """The contract test of the example: how many tests had which end."""
        return self.tested("test_ledgerly.py")

    def tested(self, name: str) -> dict[str, int]:
        """One of the example's test files: how many tests had which end."""
        test = str(EXAMPLE / name)
        options = ("-p", "no:cacheprovider", "-W", "error", "-q", f"--rootdir={self._folder}")
        # a configuration of its own: this tree's would let the tree be imported
        done = self.run("-P", "-m", "pytest", "-c", "/dev/null", *options, test)
        told = re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout.splitlines()[-1])
        print("\n".join(done.stdout.splitlines()[-3:]))
        return {"passed": 0, "failed": 0, "skipped": 0, "error": 0} | {e: int(n) for n, e in told}

    def demo(self) -> dict[str, Any]:
        done = self.run("-P", "-m", "connector", "demo")
        print(done.stdout)
        if not done.stdout:
            raise SystemExit(done.stderr)
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="third-vendor-") as folder:
        there = Environment(Path(folder))
        ended = there.contract()
        played = there.demo()
        changed = "\n".join(there.changed())
        print("changed in connector/:", changed or "(nothing)", sep="\n")
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
