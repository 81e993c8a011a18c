"""An installation whose customers lie in a file beside the sandbox."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connector_zoho.sandbox.handle import ZohoSandbox

from tests.system.installation import Installation

HEAD = "id,name,email,phone\n"
WRITES = ("insert", "update", "upsert", "delete")


class FromFile(Installation):
    """Customers in a CSV file beside the sandbox; there is no database."""

    def __init__(
        self, folder: Path, box: ZohoSandbox, head: str = "", connection: str = ""
    ) -> None:
        self.folder, self.box = folder, box
        self.settle(
            f"""[local]
phone_region = "CN"
[local.customer]
file = "customers.csv"
mapping = "customer.yaml"
{head}
""",
            box.url,
            connection,
        )

    def people(self, lines: Sequence[str], head: str = HEAD) -> None:
        (self.folder / "customers.csv").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")

    def told(self, *words: str) -> tuple[int, Any]:
        """The exit code and the document of a command with `--json`."""
        process = self.start(*words, "--json", output=subprocess.PIPE)
        out, err = process.communicate(timeout=120)
        assert b"Planted" not in out + err
        return process.returncode, json.loads(out)

    def writes(self) -> int:
        calls = self.box.calls()
        return sum(calls.get(name, 0) for name in WRITES)


def person(n: int, name: str | None = None) -> str:
    return f"{n},{name or f'Person{n}'},p{n}@example.test,138{n:08d}"


def bad_lines(document: Any) -> list[tuple[int, str, str | None]]:
    return [(one["line"], one["code"], one["column"]) for one in document["bad_rows"]]
