"""The real command on real servers, while it is killed, or its database goes away.

"postgresql" has shop, state and keys there; "mariadb" has the shop there, and its state in a file.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from connector_zoho import plugin
from connector_zoho.sandbox.handle import ZohoSandbox

from connector.drivers import server_url
from tests.databases.wire import Wire
from tests.killing import kill_when
from tests.servers import Server, database, own_mariadb, own_postgres
from tests.system.disks import fill, small_disk
from tests.system.installation import Installation

ROWS = 150
KEY = {"postgresql": "BIGSERIAL", "mariadb": "BIGINT AUTO_INCREMENT"}


class OnServers(Installation):
    """An installation with its shop, and on PostgreSQL its state and keys too, on a server.

    `through`: the port at which the command reaches the server, if not its own.
    """

    def __init__(
        self, folder: Path, box: ZohoSandbox, name: str, places: Sequence[str], through: int = 0
    ) -> None:
        self._name, self._places, self._through = name, places, through
        super().__init__(folder, box, ROWS)

    def open_shop(self, people: Sequence[tuple[str, str, str]]) -> None:
        self.shop_url = self._reached(self._places[0])
        if self._name == "postgresql":
            self.state_url, self.keys_url = map(self._reached, self._places[1:])
        self.engine = sa.create_engine(
            server_url(self._places[0], "url"), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
        )
        with self.engine.connect() as tx:
            tx.exec_driver_sql(
                f"CREATE TABLE buyers (id {KEY[self._name]} PRIMARY KEY,"
                " name VARCHAR(80) NOT NULL, email VARCHAR(80), phone VARCHAR(40))"
            )
            tx.execute(
                sa.text("INSERT INTO buyers (name, email, phone) VALUES (:n, :e, :p)"),
                [{"n": n, "e": e, "p": p} for n, e, p in people],
            )

    def _reached(self, url: str) -> str:
        return (
            url.replace(f":{urlsplit(url).port}/", f":{self._through}/") if self._through else url
        )

    def in_shop(self) -> Counter[str]:
        with self.engine.connect() as tx:
            return Counter(row[0] for row in tx.exec_driver_sql("SELECT email FROM buyers"))

    def sync(self, meanwhile: Callable[[], None]) -> tuple[int, str]:
        """One sync, with something done while it runs; its exit code and all that it said."""
        process = self.start("sync", output=subprocess.PIPE)
        meanwhile()
        out, err = process.communicate(timeout=120)
        return process.returncode, (out + err).decode()


@pytest.fixture
def sandbox() -> Iterator[ZohoSandbox]:
    with plugin.start_sandbox() as box:
        box.fault("slow", operation="insert", seconds=0.1, count=1000)
        yield box


@pytest.fixture
def places(server_name: str) -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(database(server_name)) for _ in range(3)]


@cache
def own(name: str) -> Server:
    """A server that these tests may kill."""
    return own_postgres() if name == "postgresql" else own_mariadb()


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


MOMENTS: dict[str, Callable[[OnServers], bool]] = {
    "while the vendor's records are read": lambda i: i.box.calls().get("coql", 0) >= 1,
    "while creates are on their way": lambda i: i.box.calls().get("insert", 0) >= 1,
    "while rows are written into the shop": lambda i: i.in_shop().total() > ROWS,
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_sync_ends_complete_and_without_twins(
    moment: str, server_name: str, places: list[str], tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = OnServers(tmp_path, sandbox, server_name, places)
    process = inst.start("sync")
    kill_when(lambda: MOMENTS[moment](inst), process)
    inst.until_complete()
    assert inst.complete()


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_server_that_dies_and_comes_back_loses_and_doubles_nobody(
    moment: str, server_name: str, tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    server = own(server_name)
    with ExitStack() as stack:
        places = [stack.enter_context(database(server_name, server.url)) for _ in range(3)]
        inst = OnServers(tmp_path, sandbox, server_name, places)

        def power_cut() -> None:
            wait_for(lambda: MOMENTS[moment](inst))
            server.kill()
            time.sleep(0.2)
            server.start()

        _, said = inst.sync(power_cut)
        assert "Traceback" not in said and "@example.test" not in said
        inst.until_complete()
        assert inst.complete()


@pytest.mark.slow
def test_a_server_whose_disk_is_full_loses_and_doubles_nobody(
    server_name: str, tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    """It may refuse each write, or fall over; room is made, and it is started again."""
    with ExitStack() as stack:
        # Not below this test's own folder, where a server that is not root may not go.
        disk = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="disk-")))
        stack.enter_context(small_disk(disk, "400m"))
        server = own_postgres(disk) if server_name == "postgresql" else own_mariadb(disk)
        stack.callback(server.kill)
        places = [stack.enter_context(database(server_name, server.url)) for _ in range(3)]
        inst = OnServers(tmp_path, sandbox, server_name, places)
        taken: list[Path] = []

        def run_full() -> None:
            wait_for(lambda: MOMENTS["while creates are on their way"](inst))
            taken.append(fill(disk))

        _, said = inst.sync(run_full)
        assert "Traceback" not in said and "@example.test" not in said
        with inst.engine.connect() as tx, pytest.raises(sa.exc.DBAPIError):
            # A server keeps some room of its own, perhaps enough for ours; not for this.
            tx.exec_driver_sql("CREATE TABLE more (text TEXT)")
            for _ in range(200):
                tx.exec_driver_sql(f"INSERT INTO more VALUES ('{'x' * 60_000}')")
        taken[0].unlink()
        server.revive()
        inst.until_complete()
        assert inst.complete()


@pytest.mark.slow
def test_a_line_to_the_database_that_is_cut_loses_and_doubles_nobody(
    server_name: str, places: list[str], tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    told = urlsplit(places[0])
    with Wire((told.hostname or "", told.port or 0)) as wire:
        inst = OnServers(tmp_path, sandbox, server_name, places, through=wire.port)
        for after in (12, 25, 35, 50, 70):
            wire.cut_after(after)
            _, said = inst.sync(lambda: None)
            assert "Traceback" not in said and "@example.test" not in said, said
        assert wire.cuts >= 3
        wire.cut_after(None)
        inst.until_complete()
        assert inst.complete()


@pytest.mark.slow
def test_four_workers_on_one_state_do_the_work_once(tmp_path: Path, sandbox: ZohoSandbox) -> None:
    with ExitStack() as stack:
        places = [stack.enter_context(database("postgresql")) for _ in range(3)]
        inst = OnServers(tmp_path, sandbox, "postgresql", places)
        racing = [inst.start("sync") for _ in range(4)]
        assert [one.wait(timeout=120) for one in racing] == [0] * 4
        assert inst.complete()
        assert sandbox.calls()["insert"] == -(-ROWS // 100), "no create was sent twice"
