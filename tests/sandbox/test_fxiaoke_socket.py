"""The Fxiaoke sandbox over a real socket."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from connector_fxiaoke import plugin
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox

from connector.errors import SettingsError, UsageError
from connector.plugin import Ref, SandboxHandle
from tests.sandbox.fxiaoke_client import ACCOUNT

CREATE = "/cgi/crm/v2/data/create"


@pytest.fixture(scope="module")
def process() -> Iterator[FxiaokeSandbox]:
    with plugin.start_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: FxiaokeSandbox) -> FxiaokeSandbox:
    process.admin("reset")
    return process


@pytest.fixture
def line(sandbox: FxiaokeSandbox) -> Iterator[requests.Session]:
    with requests.Session() as session:
        told = session.post(f"{sandbox.url}/oauth2.0/token", json=_login(sandbox), timeout=5).json()
        session.headers["Authorization"] = f"Bearer {told['accessToken']}"
        session.headers["x-fs-ea"] = told["ea"]
        session.headers["x-fs-userid"] = str(sandbox.settings["user_id"])
        yield session


def _login(sandbox: FxiaokeSandbox) -> dict[str, Any]:
    settings = sandbox.settings
    return {
        "appId": settings["app_id"],
        "appSecret": settings["app_secret"],
        "permanentCode": settings["permanent_code"],
        "grantType": "app_secret",
    }


def _create(line: requests.Session, sandbox: FxiaokeSandbox) -> requests.Response:
    record = {"dataObjectApiName": ACCOUNT, "name": "林", "owner": ["1000"]}
    body = {"data": {"object_data": record}}
    return line.post(f"{sandbox.url}{CREATE}", json=body, timeout=5)


def test_the_handle_keeps_the_contract(sandbox: FxiaokeSandbox) -> None:
    handle: SandboxHandle = sandbox
    ref = handle.create(ACCOUNT, {"name": "林"})
    handle.edit(ACCOUNT, ref, {"tel": "0571-5555"})
    assert [(row["_id"], row["tel"]) for row in handle.records(ACCOUNT)] == [(ref, "0571-5555")]
    handle.remove(ACCOUNT, ref)
    assert handle.records(ACCOUNT) == []
    assert handle.settings["api_url"] == handle.url
    with pytest.raises(UsageError, match="edit"):
        handle.edit(ACCOUNT, Ref("0" * 24), {"tel": "1"})


def test_the_hands_of_the_handle(sandbox: FxiaokeSandbox, line: requests.Session) -> None:
    [ref] = sandbox.seed(ACCOUNT, [{"name": "林"}])
    sandbox.remove(ACCOUNT, ref)
    sandbox.recover(ACCOUNT, ref)
    sandbox.lock(ACCOUNT, ref)
    sandbox.lock(ACCOUNT, ref, on=False)
    sandbox.pool(ACCOUNT, ref)
    sandbox.hide(ACCOUNT, ref)
    [row] = sandbox.records(ACCOUNT)
    assert (row["life_status"], row["lock_status"], "owner" in row) == ("normal", "0", False)
    sandbox.switch(approval="on")
    made = _create(line, sandbox).json()["dataId"]
    sandbox.review(ACCOUNT, made)
    assert {row["life_status"] for row in sandbox.records(ACCOUNT)} == {"normal"}
    sandbox.purge(ACCOUNT, ref)
    assert [row["_id"] for row in sandbox.records(ACCOUNT)] == [made]
    assert sandbox.calls() == {"token": 1, "insert": 1}
    assert sandbox.requests("insert")[0]["path"] == CREATE
    assert sandbox.now(set="2030-01-01T00:00:00+08:00", freeze=True) == 1893427200.0


@pytest.mark.parametrize(("fault", "count"), [("lost_before", 0), ("lost_after", 1)])
def test_a_lost_answer_really_closes_the_line(
    line: requests.Session, sandbox: FxiaokeSandbox, fault: str, count: int
) -> None:
    sandbox.fault(fault, operation="insert")
    with pytest.raises(requests.ConnectionError):
        _create(line, sandbox)
    assert len(sandbox.records(ACCOUNT)) == count
    assert _create(line, sandbox).json()["errorCode"] == 0


def test_a_host_that_is_no_gateway_redirects(
    line: requests.Session, sandbox: FxiaokeSandbox
) -> None:
    sandbox.switch(host="redirect")
    answer = line.post(f"{sandbox.url}{CREATE}", json={}, timeout=5, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{sandbox.url}/login")
    assert answer.headers["content-type"].startswith("text/html")


def test_token_calls_side_by_side_are_refused_over_the_line(sandbox: FxiaokeSandbox) -> None:
    sandbox.limits(latency_s=0.3)

    def ask(_: int) -> int:
        url = f"{sandbox.url}/oauth2.0/token"
        return int(requests.post(url, json=_login(sandbox), timeout=5).json()["errorCode"])

    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(ask, range(4)))
    assert 0 in codes
    assert 14001 in codes
    sandbox.limits(latency_s=0)
    assert ask(0) == 0


def test_a_rate_takes_the_place_of_the_vendor_s() -> None:
    with pytest.raises(SettingsError):
        plugin.start_sandbox(rate="fast")
    with plugin.start_sandbox(rate="2/3600s") as sandbox, requests.Session() as line:
        told = line.post(f"{sandbox.url}/oauth2.0/token", json=_login(sandbox), timeout=5).json()
        line.headers["Authorization"] = f"Bearer {told['accessToken']}"
        line.headers["x-fs-ea"] = told["ea"]
        line.headers["x-fs-userid"] = "1000"
        codes = [_create(line, sandbox).json()["errorCode"] for _ in range(3)]
    assert codes == [0, 0, 30004]


def test_the_command_says_how_a_rate_is_written() -> None:
    command = [sys.executable, "-P", "-m", "connector_fxiaoke.sandbox", "--rate", "fast"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "80/20s" in done.stderr
