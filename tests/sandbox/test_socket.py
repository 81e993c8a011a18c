"""The sandbox over a real socket, in a process of its own. README: Sandbox."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from connector_zoho import plugin
from connector_zoho.sandbox.handle import ZohoSandbox

from connector.errors import UsageError
from connector.plugin import SandboxHandle


@pytest.fixture(scope="module")
def process() -> Iterator[ZohoSandbox]:
    with plugin.start_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: ZohoSandbox) -> ZohoSandbox:
    process.admin("reset")
    return process


@pytest.fixture
def line(sandbox: ZohoSandbox) -> Iterator[requests.Session]:
    told = sandbox.settings
    with requests.Session() as session:
        form = {name: told[name] for name in ("client_id", "client_secret", "refresh_token")}
        form["grant_type"] = "refresh_token"
        answer = session.post(f"{sandbox.url}/oauth/v2/token", data=form, timeout=5).json()
        assert answer["api_domain"] == sandbox.url
        session.headers["Authorization"] = f"Zoho-oauthtoken {answer['access_token']}"
        yield session


def _insert(line: requests.Session, sandbox: ZohoSandbox, name: str = "Lin") -> requests.Response:
    body = {"data": [{"Last_Name": name}]}
    return line.post(f"{sandbox.url}/crm/v8/Contacts", json=body, timeout=5)


def test_the_handle_keeps_the_contract(sandbox: ZohoSandbox) -> None:
    handle: SandboxHandle = sandbox
    ref = handle.create("Contacts", {"Last_Name": "Lin"})
    handle.edit("Contacts", ref, {"Phone": "1"})
    assert [(row["id"], row["Phone"]) for row in handle.records("Contacts")] == [(ref, "1")]
    handle.remove("Contacts", ref)
    assert handle.records("Contacts") == []
    assert handle.settings["allow_loopback"] is True
    with pytest.raises(UsageError, match="edit"):
        handle.edit("Contacts", ref, {"Phone": "2"})


def test_the_handle_speaks_on_after_its_idle_line_was_closed(sandbox: ZohoSandbox) -> None:
    sandbox.create("Contacts", {"Last_Name": "Lin"})
    kept = sandbox._line.sock
    assert kept is not None
    kept.shutdown(socket.SHUT_RDWR)
    sandbox.create("Contacts", {"Last_Name": "Wang"})
    assert [row["Last_Name"] for row in sandbox.records("Contacts")] == ["Lin", "Wang"]


def test_answers_without_rows_have_no_body(line: requests.Session, sandbox: ZohoSandbox) -> None:
    url, since = f"{sandbox.url}/crm/v8/Contacts", "2030-01-01T00:00:00+08:00"
    for status, headers in ((204, {}), (304, {"If-Modified-Since": since})):
        answer = line.get(url, params={"fields": "Email"}, headers=headers, timeout=5)
        assert (answer.status_code, answer.content) == (status, b"")
        assert "content-length" not in answer.headers
    assert sandbox.calls()["list"] == 2


def test_a_kept_line_has_no_stall(line: requests.Session, sandbox: ZohoSandbox) -> None:
    """Without TCP_NODELAY each small answer would wait about 40 ms for an acknowledgement, but for
    the first of a line, which are acknowledged at once. The quickest of the rest is no accident."""
    _insert(line, sandbox)
    seconds = []
    for _ in range(40):
        started = time.perf_counter()
        answer = line.get(f"{sandbox.url}/crm/v8/Contacts", params={"fields": "Email"}, timeout=5)
        seconds.append(time.perf_counter() - started)
        assert answer.status_code == 200
    assert min(seconds[20:]) < 0.03


@pytest.mark.parametrize(("fault", "count"), [("lost_before", 0), ("lost_after", 1)])
def test_a_lost_answer_really_closes_the_line(
    line: requests.Session, sandbox: ZohoSandbox, fault: str, count: int
) -> None:
    sandbox.fault(fault, operation="insert")
    with pytest.raises(requests.ConnectionError):
        _insert(line, sandbox)
    assert len(sandbox.records("Contacts")) == count
    assert _insert(line, sandbox).status_code == 201


def test_a_truncated_answer_ends_within_the_body(
    line: requests.Session, sandbox: ZohoSandbox
) -> None:
    sandbox.fault("truncated", operation="insert")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _insert(line, sandbox)
    assert len(sandbox.records("Contacts")) == 1


def test_a_late_request_lands_after_its_sender_gave_up(
    line: requests.Session, sandbox: ZohoSandbox
) -> None:
    sandbox.fault("late", operation="insert", seconds=0.4)
    with pytest.raises(requests.Timeout):
        line.post(
            f"{sandbox.url}/crm/v8/Contacts", json={"data": [{"Last_Name": "Lin"}]}, timeout=0.1
        )
    assert sandbox.records("Contacts") == []
    deadline = time.monotonic() + 5
    while not sandbox.records("Contacts") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(sandbox.records("Contacts")) == 1


def test_slow_answers_wait_side_by_side_and_those_beyond_the_most_are_429(
    line: requests.Session, sandbox: ZohoSandbox
) -> None:
    sandbox.limits(latency_s=0.3, concurrency=2)
    token = {"Authorization": str(line.headers["Authorization"])}

    def ask(_: int) -> int:
        return requests.get(f"{sandbox.url}/crm/v8/org", headers=token, timeout=5).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(ask, range(6)))
    assert statuses.count(200) >= 2
    assert 429 in statuses


def test_concurrent_upserts_of_one_key_leave_one_record(
    line: requests.Session, sandbox: ZohoSandbox
) -> None:
    token = {"Authorization": str(line.headers["Authorization"])}
    body = {"data": [{"Last_Name": "Lin", "Connector_Key": "k1"}]}

    def put(_: int) -> int:
        url = f"{sandbox.url}/crm/v8/Contacts/upsert"
        return requests.post(url, json=body, headers=token, timeout=5).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(put, range(16))) == {200}
    assert len(sandbox.records("Contacts")) == 1


def test_the_process_ends_with_its_handle() -> None:
    sandbox = plugin.start_sandbox()
    url = sandbox.url
    sandbox.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/crm/v8/org", timeout=5)
