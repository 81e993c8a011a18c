"""`init` run on a database, its gaps filled from a table, and both vendors' sandboxes to try it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.commands import run
from connector.mapping.load import load_local
from connector.settings import load
from tests.databases.vendors import VENDORS, connected
from tests.system.rig import Ran


@dataclass
class Proposed:
    """A folder where `init` writes, and what it and other commands print."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    printed: list[str] = field(default_factory=list)
    """All that any command printed, on both ways out."""

    def run(self, *argv: str) -> Ran:
        self.capsys.readouterr()
        code = run([*self._at(), *argv])
        told = self.capsys.readouterr()
        self.printed += [told.out, told.err]
        return Ran(code, told.out, told.err)

    def _at(self) -> list[str]:
        toml = self.folder / "connector.toml"
        return ["--config", str(toml)] if toml.exists() else []

    def init(self, url: str, *more: str) -> Ran:
        """Run it; what it writes must load as it is, marks and all."""
        ran = self.run("init", "--url", url, "--dir", str(self.folder), "--yes", *more)
        if ran.code == 0:
            settings = load(self.folder / "connector.toml")
            for kind, one in settings.local.kinds().items():
                assert load_local(settings.path(str(one.mapping))).kind is kind
        return ran

    def texts(self) -> Mapping[str, str]:
        """What was written, by file name."""
        files = [self.folder / "connector.toml", *sorted(self.folder.rglob("*.yaml"))]
        return {file.name: file.read_text(encoding="utf-8") for file in files if file.exists()}

    def local(self, kind: str) -> Any:
        return tomllib.loads(self.texts()["connector.toml"])["local"][kind]

    def fields(self, kind: str) -> Any:
        return yaml.safe_load(self.texts()[f"{kind}.yaml"])["fields"]

    def fill(self, gaps: Sequence[tuple[str, str, str]]) -> None:
        """Replace in files: (file, the mark's words, what to write for it and the line after it).

        A mark that is not there, or that is left, fails.
        """
        for name, words, line in gaps:
            (file,) = self.folder.rglob(name)
            text = file.read_text(encoding="utf-8")
            about = rf"^( *)# DECIDE: [^\n]*{re.escape(words)}[^\n]*\n"
            mark = re.compile(rf"{about}(?: *[^\n]*\n)?", re.M)
            filled, count = mark.subn(rf"\1{line}\n" if line else "", text, count=1)
            assert count == 1, f"{name} has no mark about {words!r}"
            file.write_text(filled, encoding="utf-8")
        left = [line for text in self.texts().values() for line in text.splitlines()]
        marks = [line for line in left if "# DECIDE: " in line]
        assert [line for line in marks if "your account with" not in line] == []

    @contextmanager
    def connected(self, kinds: Sequence[str]) -> Iterator[None]:
        """Both vendors' sandboxes in place of the accounts that `init` asks for."""
        toml = self.folder / "connector.toml"
        parts = [toml.read_text(encoding="utf-8").split("# DECIDE: your account with")[0]]
        with ExitStack() as stack:
            for name in VENDORS:
                parts.append(connected(stack, name, self.folder, kinds=list(kinds))[1])
            toml.write_text("\n".join(parts), encoding="utf-8")
            yield
