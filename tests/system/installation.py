"""An installation on disk, run by the real command in processes of its own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from connector_zoho.sandbox.handle import ZohoSandbox

MAPPING = """kind: customer
fields:
  names.full: {column: name, lens: text}
  emails.primary: {column: email, lens: email}
  phones.mobile: {column: phone, lens: phone}
"""


SECRETS = ("client_id", "client_secret", "refresh_token")


class Installation:
    """A shop of its own beside the sandbox, run by the real command.

    `rows` customers are in the shop and as many others at the vendor. `url`: where the command
    reaches the vendor, if not directly; `state`: a folder for its state, if not beside the shop.
    """

    def __init__(
        self,
        folder: Path,
        box: ZohoSandbox,
        rows: int,
        *,
        url: str | None = None,
        state: Path | None = None,
    ) -> None:
        self.folder, self.box, self.rows = folder, box, rows
        url, state = url or box.url, state or folder
        self.state_url = f"sqlite:///{state}/state.db"
        self.keys_url = "sqlite:///keys.db"
        self.shop_url = "sqlite:///shop.db"
        self.open_shop([(f"张{n}", f"shop{n}@example.test", f"138{n:08d}") for n in range(rows)])
        box.seed(
            "Contacts",
            [{"Last_Name": f"Novak{n}", "Email": f"crm{n}@example.test"} for n in range(rows)],
        )
        self.settle(
            f"""[state]
url = "{self.state_url}"
[keys]
subjects = "{self.keys_url}"
[local]
url = "{self.shop_url}"
phone_region = "CN"
[local.customer]
table = "buyers"
mapping = "customer.yaml"
""",
            url,
        )
        self.command("local", "install")

    def settle(self, tables: str, url: str, connection: str = "") -> None:
        """Write mapping, settings and keys: these tables, and the sandbox's at `url`. Its secrets
        come from the environment."""
        own = self.box.settings
        told = {f"VENDOR_{one.upper()}": own[one] for one in SECRETS}
        self.environment = {**os.environ, **told}
        secrets = "".join(f'{one} = "env:VENDOR_{one.upper()}"\n' for one in SECRETS)
        (self.folder / "customer.yaml").write_text(MAPPING, encoding="utf-8")
        (self.folder / "connector.toml").write_text(
            f"""tenant = "test"
{tables}
[connections.crm]
plugin = "zoho"
accounts_url = "{url}"
api_url = "{url}"
upload_url = "{url}"
{secrets}
kinds = ["customer"]
timeout_s = 2
call_life_s = 3
allow_loopback = true
{connection}
""",
            encoding="utf-8",
        )
        self.command("keys", "init")

    def open_shop(self, people: Sequence[tuple[str, str, str]]) -> None:
        """Make the shop's table with these rows of name, email and phone."""
        self.shop = sqlite3.connect(self.folder / "shop.db")
        self.shop.execute(
            "CREATE TABLE buyers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
            " email TEXT, phone TEXT)"
        )
        self.shop.executemany("INSERT INTO buyers (name, email, phone) VALUES (?, ?, ?)", people)
        self.shop.commit()

    def start(self, *words: str, output: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        main = "from connector.commands import main; main()"
        arguments = ["--config", str(self.folder / "connector.toml"), *words]
        return subprocess.Popen(
            [sys.executable, "-c", main, *arguments],
            env=self.environment,
            stdout=output,
            stderr=output,
        )

    def command(self, *words: str) -> None:
        assert self.start(*words).wait(timeout=120) == 0

    def until_well(self, most: int = 8) -> list[int]:
        """Sync again until a run ends well; all exit codes. Nothing else is asked of a person."""
        codes: list[int] = []
        while not codes or codes[-1] != 0:
            codes.append(self.start("sync").wait(timeout=120))
            assert len(codes) < most, codes
        return codes

    def until_complete(self) -> None:
        """The same until all is there: what a run put off for a minute is waited for."""
        self.until_well()
        for _ in range(16):
            if self.complete():
                return
            time.sleep(5)
            self.until_well()

    def in_shop(self) -> Counter[str]:
        return Counter(email for (email,) in self.shop.execute("SELECT email FROM buyers"))

    def at_vendor(self) -> Counter[str]:
        return Counter(record["Email"] for record in self.box.records("Contacts"))

    def complete(self) -> bool:
        """Whether each of both sides' people is on each side exactly once."""
        wanted = Counter(
            {f"{side}{n}@example.test": 1 for side in ("shop", "crm") for n in range(self.rows)}
        )
        return self.in_shop() == wanted == self.at_vendor()
