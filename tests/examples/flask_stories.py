"""Stories inside `examples/flask`; see `test_flask.py`."""

from __future__ import annotations

import atexit
import datetime as dt
import http.client
import io
import json
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector import open_connector
from tests.examples import inside

if TYPE_CHECKING:
    from connector_zoho.sandbox.handle import ZohoSandbox
    from flask import Flask
    from flask.testing import FlaskClient

    from connector import Background

ADA = {"name": "Ada", "email": "ada@example.test", "mobile": "13800000001", "card": "C-1"}
BO = {"name": "Bo", "email": "bo@example.test"}


@dataclass
class Site:
    """The example, set up on a database of its own, and the CRM beside it."""

    app: Flask
    box: ZohoSandbox
    client: FlaskClient

    @property
    def bell(self) -> Background:
        found: Background = self.app.extensions["crm"]
        return found

    def command(self, name: str) -> str:
        told = self.app.test_cli_runner().invoke(args=["crm", name])
        assert told.exit_code == 0, told.output
        return told.output

    def people(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.client.get("/customers").get_json()}


def made(folder: Path, crm: Mapping[str, Any]) -> Flask:
    from shop import create_app

    return create_app(
        {
            "DATABASE": f"sqlite:///{folder / 'shop.db'}",
            "CRM_FOLDER": str(folder),
            "CRM_ZOHO": inside.connection(crm),
            "CRM_EVERY_S": 3600,
        }
    )


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    with inside.sandbox() as box:
        app = made(folder, box.settings)
        one = Site(app, box, app.test_client())
        assert "changes are noted: True" in one.command("setup")
        try:
            yield one
        finally:
            assert one.bell.close()


def both_ways(folder: Path) -> None:
    """New, changed and deleted, from the shop and from the CRM."""
    with site(folder) as here:
        key = here.client.post("/customers", json=ADA).get_json()["id"]
        inside.until(lambda: "Ada" in inside.live(here.box))
        inside.until(lambda: here.box.records("Memberships"))
        here.client.patch(f"/customers/{key}", json={"city": "London"})
        inside.until(lambda: inside.live(here.box)["Ada"]["Mailing_City"] == "London")

        inside.until(lambda: here.bell.runs == 2)
        ada = inside.live(here.box)["Ada"]["id"]
        here.box.edit("Contacts", ada, {"Mailing_City": "Paris"})
        cy = here.box.create("Contacts", {"Last_Name": "Cy", "Email": "cy@example.test"})
        print(here.command("sync"), end="")
        people = here.people()
        assert (people["Ada"]["city"], people["Cy"]["email"]) == ("Paris", "cy@example.test")

        here.box.remove("Contacts", cy)
        here.command("sync")
        assert set(here.people()) == {"Ada"}
        here.client.delete(f"/customers/{key}")
        inside.until(lambda: not here.box.records("Contacts"))
        inside.until(lambda: here.bell.runs == 3)
        assert "zoho/customer: 0 created, 0 updated, 0 removed" in here.command("sync")


def rolled_back(folder: Path) -> None:
    """What is not committed is not there, for the CRM neither."""
    with site(folder) as here:
        told = here.client.post("/customers", json={"name": "Nobody", "card": "C-9"})
        assert told.status_code == 422
        assert inside.threads() == {"MainThread"}, "a request that undid its work rings nobody"
        here.client.post("/customers", json=BO)
        inside.until(lambda: here.bell.runs == 1)
        assert set(inside.live(here.box)) == {"Bo"}
        assert here.box.records("Memberships") == []


def no_call_in_the_request(folder: Path) -> None:
    with site(folder) as here:
        calls = inside.Calls()
        here.client.post("/customers", json=ADA)
        inside.until(lambda: here.bell.runs == 1)
        called = set(calls.threads)
        assert called, "somebody called"
        assert "MainThread" not in called
        assert "Ada" in inside.live(here.box)


def leaves_no_trace(folder: Path) -> None:
    """Threads, log, signals, names and the engine are the host's own, before and after."""
    before = inside.ways()
    with site(folder) as here:
        here.client.post("/customers", json=ADA)
        inside.until(lambda: here.bell.runs == 1)
        assert "crm-connector" in inside.threads()
        assert inside.ways() == before
        assert here.bell.close()
        assert inside.threads() == {"MainThread"}
        here.client.patch("/customers/1", json={"city": "London"})  # its own work goes on
        assert here.people()["Ada"]["city"] == "London"
        assert inside.threads() == {"MainThread"}, "a late ring is no new thread"
    assert inside.ways() == before
    inside.check_own_names(Path.cwd())
    inside.check_private(folder)


def a_ring_during_a_run_is_another_run(folder: Path) -> None:
    """And a hundred rings are not a hundred runs."""
    with site(folder) as here:
        here.box.fault("slow", operation="insert", seconds=2)
        here.client.post("/customers", json=ADA)
        inside.until(lambda: here.box.requests("insert"))
        assert here.bell.runs == 0, "it is in the middle of a run"
        for number in range(100):
            here.client.post("/customers", json={**BO, "email": f"bo{number}@example.test"})
        inside.until(lambda: len(here.box.records("Contacts")) == 101)
        inside.until(lambda: here.bell.runs >= 2)
        assert here.bell.runs <= 10


def what_waiting_mends_is_tried_again(folder: Path) -> None:
    """A scope that another run has, a vendor that is away: nobody rings, and it goes on."""
    from shop.crm import settings

    from connector import Background
    from connector.sync.report import RunReport

    with site(folder) as here:
        table, engine = settings(here.app), here.app.extensions["sessions"].kw["bind"]
        soon = dt.timedelta(milliseconds=50)
        bell = Background(table, folder=folder, local=engine, apart=soon, again=soon)
        with open_connector(table, folder=folder, local=engine) as other:
            lease = other.store.acquire("zoho", "customer")
            bell.ring()
            inside.until(lambda: bell.runs >= 3)
            assert isinstance(bell.last, RunReport)
            assert bell.last.locked
            other.store.release(lease)
            inside.until(lambda: isinstance(bell.last, RunReport) and not bell.last.locked)
        runs = bell.runs
        time.sleep(1)
        assert bell.runs <= runs + 1, "then it rests"
        here.box.fault("lost_before", count=1000)
        log = io.StringIO()
        logging.getLogger("connector").addHandler(logging.StreamHandler(log))
        bell.ring()
        inside.until(lambda: bell.runs >= runs + 4)
        assert bell.last.exit == 6
        assert bell.close()
        print(log.getvalue().splitlines()[0])


def a_broken_side_ends_no_thread_and_is_quoted_nowhere(folder: Path) -> None:
    """Whatever the host's own code raises: the thread lives, and the log shows the class alone."""
    from shop.crm import settings

    from connector import Background, SealError
    from connector.sync.report import RunReport

    def broken(store_id: str) -> Any:
        raise ZeroDivisionError("Ada's number is 13800000001")

    log = io.StringIO()
    logging.getLogger("connector").addHandler(logging.StreamHandler(log))
    with inside.sandbox() as box:
        app = made(folder, box.settings)
        bell = app.extensions["crm"]
        bell.ring()
        inside.until(lambda: bell.runs == 1)
        first = bell.last
        assert isinstance(first, SealError), "there are no keys yet"
        assert Site(app, box, app.test_client()).command("setup")
        bell.ring()
        inside.until(lambda: bell.runs == 2)
        assert isinstance(bell.last, RunReport)
        assert bell.close()

        table = settings(app)
        for kind in table["local"].values():
            if isinstance(kind, dict):
                for name in ("table", "deleted"):
                    kind.pop(name, None)
        bell = Background(table, folder=folder, local=broken, apart=dt.timedelta())
        for runs in (1, 2):
            bell.ring()
            inside.until(partial(_has_run, bell, runs))
        assert bell.close()
        assert "13800000001" not in log.getvalue()
        assert "sync broke" in log.getvalue()


def the_operators_command(folder: Path) -> None:
    """What waits for a person is listed, retried and settled on the host's own settings."""
    with site(folder) as here:
        told = _operate(here, 0, "doctor")
        assert "ok    local customer: Table customers, key id, 4 columns mapped." in told
        here.client.post("/customers", json={**BO, "mobile": "13800000002"})
        here.client.post("/customers", json={**ADA, "mobile": "13800000002"})
        assert here.bell.close()
        assert "zoho        customer  " in _operate(here, 5, "sync")
        assert "zoho/customer/local/2" in _operate(here, 0, "letters", "list")
        _operate(here, 0, "letters", "retry", "zoho/customer/local/2", "--as-new")
        _operate(here, 0, "sync", "--json")
        assert set(inside.live(here.box)) == {"Bo", "Ada"}
        assert "Bo" not in _operate(here, 0, "explain", "zoho/customer/1")
        _operate(here, 2, "no-such-verb")
    assert inside.threads() == {"MainThread"}


def _operate(here: Site, code: int, *words: str) -> str:
    told = here.app.test_cli_runner().invoke(args=["crm", "connector", *words])
    assert told.exit_code == code, (words, told.exit_code, told.output)
    return told.output


def no_thread_to_be_had(folder: Path) -> None:
    """A machine without room for a thread breaks no request; what was noted waits."""
    with site(folder) as here:
        logging.getLogger("connector").addHandler(logging.StreamHandler(io.StringIO()))
        before = threading.stack_size(1 << 46)
        assert here.client.post("/customers", json=ADA).status_code == 201
        threading.stack_size(before)
        assert inside.threads() == {"MainThread"}
        here.bell.ring()
        inside.until(lambda: here.bell.runs == 1)
        assert set(inside.live(here.box)) == {"Ada"}


def under_its_own_server(folder: Path) -> None:
    """As the README says: settings from the environment, `flask run`, and Ctrl-C."""
    with inside.sandbox() as box, socket.create_server(("127.0.0.1", 0)) as free:
        told = dict(box.settings)
        ours = {
            **{f"ZOHO_{name.upper()}": told[name] for name in inside.SECRETS},
            **{f"SHOP_CRM_ZOHO__{name}_url": box.url for name in ("accounts", "api", "upload")},
            "SHOP_CRM_ZOHO__allow_loopback": "true",
            "SHOP_CRM_FOLDER": str(folder),
            "SHOP_DATABASE": f"sqlite:///{folder / 'shop.db'}",
        }
        port = free.getsockname()[1]
        free.close()
        flask = [sys.executable, "-W", "error", "-m", "flask", "--app", "wsgi"]
        how: dict[str, Any] = {"env": {**os.environ, **ours}, "text": True}
        setup = subprocess.run([*flask, "crm", "setup"], stdout=subprocess.PIPE, check=True, **how)
        assert "changes are noted: True" in setup.stdout
        server = subprocess.Popen(
            [*flask, "run", "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # As in a terminal: a parallel test worker ignores Ctrl-C, and its children would too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **how,
        )
        try:
            inside.until(lambda: _posted(port, ADA) == 201)
            inside.until(lambda: "Ada" in inside.live(box))
        finally:
            server.send_signal(signal.SIGINT)
            errors = server.communicate(timeout=60)[1]
        assert server.returncode in (0, 1), errors  # Flask's own server ends so
        assert "Traceback" not in errors
        for _ in range(2):  # the first ends what Ctrl-C may have kept the server's run from
            sync = subprocess.run(
                [*flask, "crm", "sync"], stdout=subprocess.PIPE, check=True, **how
            )
        assert set(inside.live(box)) == {"Ada"}
        assert sync.stdout.count(": 0 created, 0 updated, 0 removed") == 2


def _posted(port: int, person: Mapping[str, Any]) -> int:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Content-Type": "application/json"}
        line.request("POST", "/customers", json.dumps(person), headers)
        return line.getresponse().status
    except ConnectionError:
        return 0
    finally:
        line.close()


def _has_run(bell: Background, runs: int) -> bool:
    return bell.runs == runs


def a_child_of_a_fork_has_its_own_thread(folder: Path) -> None:
    """A server loads the application once and forks its workers, with a thread or without."""
    with site(folder) as here:
        here.client.post("/customers", json=ADA)
        inside.until(lambda: here.bell.runs == 1)
        here.app.extensions["sessions"].kw["bind"].dispose()
        assert here.bell.close()
        bell = made(folder, here.box.settings).extensions["crm"]
        bell.start()
        with bell._lock:  # a fork may come while another thread has it
            child = os.fork()
            if child == 0:
                bell.ring()
                inside.until(lambda: bell.runs == 1)
                os._exit(0 if bell.close() and bell.last.exit == 0 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert bell.runs == 0
        assert bell.close()


def a_process_ends_in_a_run(folder: Path) -> None:
    """No lease is left behind, nobody is counted as dead, and the next run goes on."""
    with site(folder) as here:
        for number in range(150):
            here.client.post("/customers", json={**BO, "email": f"bo{number}@example.test"})
        assert here.bell.close()
        here.command("sync")
        here.client.patch("/customers/1", json={"city": "London"})
        for number in range(2, 151):
            here.client.patch(f"/customers/{number}", json={"city": "Paris"})
        here.box.fault("slow", operation="update", seconds=1, count=9)
        subprocess.run(
            [sys.executable, "-W", "error", "-m", "tests.examples.flask_stories", "ends", folder],
            env={**os.environ, "CRM": json.dumps(dict(here.box.settings))},
            check=True,
        )
        with closing(sqlite3.connect(folder / "state.db")) as state:
            held = state.execute("SELECT holder, deaths FROM scope WHERE connection = 'zoho'")
            assert set(held) == {(None, 0)}
        cities = [one["Mailing_City"] for one in here.box.records("Contacts")]
        assert None in cities, "it ended before it was through"
        here.command("sync")
        cities = [one["Mailing_City"] for one in here.box.records("Contacts")]
        assert sorted(cities) == ["London", *["Paris"] * 149]


def ends(folder: Path) -> None:
    """The process ends while its thread syncs: `atexit` closes it, as in `wsgi.py`."""
    crm = json.loads(os.environ["CRM"])
    bell = made(folder, crm).extensions["crm"]
    atexit.register(bell.close)
    bell.ring()
    with closing(sqlite3.connect(folder / "state.db")) as state:
        inside.until(lambda: state.execute("SELECT count(*) FROM intent").fetchone() != (0,))


if __name__ == "__main__":
    inside.main(globals())
