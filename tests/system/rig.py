"""A small shop, a real sandbox, and the command run in this process or in one of its own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from connector_fxiaoke import plugin as fxiaoke
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox
from connector_zoho import plugin as zoho
from connector_zoho.sandbox.handle import ZohoSandbox

from connector.commands import run
from connector.demo.desk import Desk
from connector.demo.scene import references, toml_table
from connector.demo.shop import LOCAL_SETTINGS, MAPPINGS, SCHEMA, Shop, card, person, remark
from connector.mapping.load import packaged

PEOPLE, CARDS, REMARKS = 6, 4, 3


@dataclass(frozen=True)
class Ran:
    """How one command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout; fails if there is more or less."""
        return json.loads(self.out)

    @property
    def all(self) -> str:
        return self.out + self.err


class Rig:
    """A shop in a folder and a vendor's sandbox, with settings that join them."""

    def __init__(
        self, folder: Path, sandbox: ZohoSandbox, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.desk = Desk("zoho", sandbox, packaged("zoho"))
        self.shop = Shop(folder / "shop.db")
        self._capsys = capsys
        rng = Random(7)
        with closing(sqlite3.connect(folder / "shop.db")) as connection:
            connection.executescript(SCHEMA)
        for n in range(1, PEOPLE + 1):
            self.shop.insert("clients", person(rng, n))
        for n in range(1, CARDS + 1):
            self.shop.insert("cards", card(rng, n, n))
        for n in range(1, REMARKS + 1):
            self.shop.insert("remarks", remark(rng, n))
        for kind, text in MAPPINGS.items():
            self.mapping(kind, text)
        self.write()

    @property
    def config(self) -> Path:
        return self.folder / "connector.toml"

    def mapping(self, kind: str, text: str) -> None:
        file = self.folder / "mappings" / "local" / f"{kind}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def connection(self, **more: Any) -> str:
        """The `[connections.zoho]` table; secrets in files."""
        table = references(zoho.settings, self.sandbox.settings, self._keep)
        quick = {"timeout_s": 4.0, "call_life_s": 6.0}
        return toml_table("connections.zoho", {**table, **quick, "kinds": [*MAPPINGS], **more})

    def other(self, tenant: FxiaokeSandbox, **more: Any) -> str:
        """A `[connections.fxiaoke]` table; secrets in files."""
        table = references(fxiaoke.settings, tenant.settings, self._keep)
        return toml_table("connections.fxiaoke", {**table, "kinds": [*MAPPINGS], **more})

    def _keep(self, key: str, value: str) -> str:
        (self.folder / key).write_text(value, encoding="utf-8")
        return f"file:{key}"

    def append(self, table: str) -> None:
        """Add a table to the settings as they are."""
        with self.config.open("a", encoding="utf-8") as file:
            file.write(table)

    def write(self, local: str = LOCAL_SETTINGS, head: str = "", **more: Any) -> None:
        """Write the settings: `head` goes before the tables, `more` into the connection."""
        parts = ['tenant = "test"', head, local, self.connection(**more)]
        self.config.write_text("\n".join(parts), encoding="utf-8")

    def run(self, *argv: str) -> Ran:
        """Run the command in this process."""
        self._capsys.readouterr()
        umask = os.umask(0o022)
        try:
            code = run(["--config", str(self.config), *argv])
        finally:
            os.umask(umask)
        told = self._capsys.readouterr()
        return Ran(code, told.out, told.err)

    def in_state(self, statement: str) -> None:
        """Make the state look as it would later."""
        with closing(sqlite3.connect(self.folder / "state.db")) as tx, tx:
            tx.execute(statement)

    def ready(self) -> None:
        """Keys and triggers are there."""
        assert self.run("keys", "init").code == 0
        assert self.run("local", "install").code == 0

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start the command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "connector", "--config", str(self.config), *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )


def environment() -> Mapping[str, str]:
    """What a child needs to import what we import."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
