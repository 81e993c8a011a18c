"""Plays the pages for real: its commands in one shell, in an empty folder.

`python -m tools.tour [PAGE…]` says where a page's output differs from what came out now, and with
`--write` puts that into the page. The tests of the pages play them by the same functions.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.third_vendor import Environment

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"
OPERATING = ROOT / "docs" / "operating.md"
MIGRATING = ROOT / "docs" / "migrating.md"
KEYS = ROOT / "docs" / "keys.md"
RIGHTS = ROOT / "docs" / "rights.md"
PLUGIN = ROOT / "docs" / "writing-a-plugin.md"
PAGES = (README, TUTORIAL, OPERATING, MIGRATING, KEYS, RIGHTS, PLUGIN)
PORT = "8801"
"""The sandbox's port in the pages; a free one is taken when the tour is played."""

_BLOCK = re.compile(r"(?ms)^```console\n(.*?)^```$")
_PROGRESS = re.compile(r"^[\w-]+/\w+: (reading|writing|waiting|done)\b.*$")
_ID = re.compile(r"\b[0-9a-f]{32}\b|\b\d{19}\b")
_MASKS = (
    (re.compile(r"^ok +program: .*"), "ok program: <versions>"),
    (re.compile(r"\b(store) [0-9a-f]{8}\b"), r"\1 <id>"),
    (re.compile(r"\b(account) \d+"), r"\1 <number>"),
    (re.compile(r"\b(differs from ours by).*"), r"\1 <time>"),
    (re.compile(r"\b[\d,]+( MiB (?:are free|are kept))"), r"<size>\1"),
    (re.compile(r"\b\d+( of \d+ at once)"), r"<left>\1"),
    (re.compile(r"(?<=success was ).*"), "<ago>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:]+\+00:00"), "<time>"),
    (_ID, "<id>"),
    (re.compile(r"  +"), " "),
)


@dataclass(frozen=True)
class Step:
    """One command of the tour and what it prints."""

    command: str
    output: tuple[str, ...]


def steps(text: str) -> list[Step]:
    """The commands in the `console` blocks of a page, each with its output.

    >>> steps("```console\\n$ a \\\\\\n  b\\nc\\n$ d\\n```\\n")
    [Step(command='a \\\\\\n  b', output=('c',)), Step(command='d', output=())]
    """
    found: list[Step] = []
    for block in _BLOCK.findall(text):
        for part in re.split(r"(?m)^\$ ", block)[1:]:
            command, rest = _cut(part)
            found.append(Step(command, tuple(rest.splitlines())))
    return found


def _cut(part: str) -> tuple[str, str]:
    end = re.search(r"(?<!\\)\n", part)
    assert end is not None, "a block ends with a line end"
    return part[: end.start()], part[end.end() :]


def stable(lines: Sequence[str]) -> list[str]:
    """What must be the same in every run: no progress, ids, times, versions and widths.

    >>> stable(["zoho/customer: reading", "a   2026-01-02T03:04:05+00:00 "])
    ['a <time>']
    """
    kept = []
    for line in lines:
        if not _PROGRESS.match(line):
            for pattern, word in _MASKS:
                line = pattern.sub(word, line)
            kept.append(line.strip())
    return kept


class Shell:
    """One bash in an empty folder, with the command of this checkout on its path.

    With `python`, an interpreter of another environment, its own command, and nothing of ours.
    """

    def __init__(self, folder: Path, python: Path | None = None) -> None:
        self.home = folder / "tour"
        shutil.copytree(ROOT / "docs" / "tour", self.home)
        self._port = _free_port()
        self._ids: dict[str, str] = {}
        bin_ = folder / "bin"
        bin_.mkdir()
        for name, what in (("crm-connector", " -P -m connector"), ("python", "")):
            script = bin_ / name
            runs = f'#!/bin/sh\nexec "{python or sys.executable}"{what} "$@"\n'
            script.write_text(runs, encoding="utf-8")
            script.chmod(0o755)
        ours = (ROOT, *sorted((ROOT / "plugins").iterdir()), ROOT / "mappings")
        environment = {
            **os.environ,
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(map(str, ours)),
            # compiled once for all commands of all plays: half of a short command's time
            "PYTHONPYCACHEPREFIX": str((folder if python else ROOT / "build") / "compiled"),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment.pop("CRM_CONNECTOR_CONFIG", None)
        if python is not None:
            environment.pop("PYTHONPATH")
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=self.home,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def run(self, step: Step) -> Step:
        """Run a step's command, its ids put right; the step as the page would show it now."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        command = step.command.replace(PORT, self._port)
        for shown, real in self._ids.items():
            command = command.replace(shown, real)
        self._bash.stdin.write(f'{command}\necho "<end>"\n')
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line == "<end>\n":
                break
            lines.append(self._plain(line.rstrip("\n")))
        else:
            raise RuntimeError(f"the shell ended in: {command}")
        for shown, real in zip(step.output, lines, strict=False):
            self._ids |= dict(zip(_ID.findall(shown), _ID.findall(real), strict=False))
        return Step(command.replace(self._port, PORT), tuple(lines))

    def _plain(self, line: str) -> str:
        """The line without what is this machine's own."""
        line = line.replace(f"{self.home}/", "…/").replace(str(self.home), "…")
        line = re.sub(r" from \S+/connector,", " from …/connector,", line)
        return line.replace(self._port, PORT)

    def close(self) -> None:
        """End the shell and what it started in the background."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write("kill $! 2>/dev/null; wait\n")
        self._bash.stdin.close()
        self._bash.wait(timeout=30)
        self._bash.stdout.close()


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def play(text: str, folder: Path, python: Path | None = None) -> list[tuple[Step, Step]]:
    """Run all steps of a page in `folder`; each step as it stands there and as it went now."""
    shell = Shell(folder, python)
    try:
        return [(step, shell.run(step)) for step in steps(text)]
    finally:
        shell.close()


def main(argv: Sequence[str]) -> int:
    """Compare, or with `--write` renew; 1 if something stable differed."""
    wanted = [Path(name).resolve() for name in argv if name != "--write"] or PAGES
    differing = [one for page in wanted for one in _renewed(page, "--write" in argv)]
    for command in differing:
        print(f"differs: {command}")
    return 1 if differing else 0


def _renewed(page: Path, write: bool) -> list[str]:
    """Play a page; the commands whose output is another now, which `write` puts into the page."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="crm-connector-tour-") as folder:
        # the page for authors of plugins has the example's plugin installed
        python = Environment(Path(folder)).python if page == PLUGIN else None
        played = play(text, Path(folder), python)
    if write:
        fresh = iter("\n".join((f"$ {now.command}", *now.output, "")) for _, now in played)

        def renew(block: re.Match[str]) -> str:
            count = len(re.findall(r"(?m)^\$ ", block[1]))
            return "```console\n" + "".join(next(fresh) for _ in range(count)) + "```"

        page.write_text(_BLOCK.sub(renew, text), encoding="utf-8")
    return [s.command for s, now in played if stable(s.output) != stable(now.output)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
