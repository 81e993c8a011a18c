"""`kill -9` of the real command in the middle of its work, on real databases and real HTTP."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from connector_zoho.sandbox import start_sandbox
from connector_zoho.sandbox.handle import ZohoSandbox

ROWS = 1000
"""Customers in the shop, and as many others at the vendor: 2,000 records to write."""

MAPPING = """kind: customer
fields:
  names.full: {column: name, lens: text}
  emails.primary: {column: email, lens: email}
  phones.mobile: {column: phone, lens: phone}
"""


@pytest.fixture
def sandbox() -> Iterator[ZohoSandbox]:
    with start_sandbox() as box:
        yield box


class Installation:
    """A shop of its own beside the sandbox, run by the real command."""

    def __init__(self, folder: Path, box: ZohoSandbox) -> None:
        self.folder, self.box = folder, box
        self.shop = sqlite3.connect(folder / "shop.db")
        self.shop.execute(
            "CREATE TABLE buyers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
            " email TEXT, phone TEXT)"
        )
        rows = [(f"张{n}", f"shop{n}@example.test", f"138{n:08d}") for n in range(ROWS)]
        self.shop.executemany("INSERT INTO buyers (name, email, phone) VALUES (?, ?, ?)", rows)
        self.shop.commit()
        box.seed(
            "Contacts",
            [{"Last_Name": f"Novak{n}", "Email": f"crm{n}@example.test"} for n in range(ROWS)],
        )
        (folder / "customer.yaml").write_text(MAPPING, encoding="utf-8")
        own = box.settings
        self.environment = {
            **os.environ,
            "KILL_ID": own["client_id"],
            "KILL_SECRET": own["client_secret"],
            "KILL_TOKEN": own["refresh_token"],
        }
        (folder / "connector.toml").write_text(
            f"""tenant = "kill"
[local]
url = "sqlite:///shop.db"
phone_region = "CN"
[local.customer]
table = "buyers"
mapping = "customer.yaml"
[connections.crm]
plugin = "zoho"
accounts_url = "{box.url}"
api_url = "{box.url}"
upload_url = "{box.url}"
client_id = "env:KILL_ID"
client_secret = "env:KILL_SECRET"
refresh_token = "env:KILL_TOKEN"
kinds = ["customer"]
timeout_s = 2
call_life_s = 3
allow_loopback = true
""",
            encoding="utf-8",
        )
        self.command("keys", "init")
        self.command("local", "install")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        main = "from connector.commands import main; main()"
        arguments = ["--config", str(self.folder / "connector.toml"), *words]
        return subprocess.Popen(
            [sys.executable, "-c", main, *arguments],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def command(self, *words: str) -> None:
        assert self.start(*words).wait(timeout=120) == 0

    def in_shop(self) -> Counter[str]:
        return Counter(email for (email,) in self.shop.execute("SELECT email FROM buyers"))

    def at_vendor(self) -> Counter[str]:
        return Counter(record["Email"] for record in self.box.records("Contacts"))


def _rows_in_shop(inst: Installation, least: int) -> bool:
    return bool(inst.shop.execute("SELECT count(*) FROM buyers").fetchone()[0] >= least)


MOMENTS: dict[str, Callable[[Installation], bool]] = {
    "while the vendor's records are read": lambda i: i.box.calls().get("coql", 0) >= 1,
    "while creates are on their way": lambda i: i.box.calls().get("insert", 0) >= 4,
    "while rows are written into the shop": lambda i: _rows_in_shop(i, ROWS + 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_sync_of_2000_records_ends_complete_and_without_twins(
    moment: str, tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = Installation(tmp_path, sandbox)
    sandbox.fault("slow", operation="insert", seconds=0.05, count=1000)
    process = inst.start("sync")
    deadline = time.monotonic() + 60
    while not MOMENTS[moment](inst) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    assert process.poll() is None, "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    inst.command("sync")
    wanted = Counter(
        {f"{side}{n}@example.test": 1 for side in ("shop", "crm") for n in range(ROWS)}
    )
    assert inst.in_shop() == wanted
    assert inst.at_vendor() == wanted
