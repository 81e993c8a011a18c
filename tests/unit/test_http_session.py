"""What leaves, what comes back, and what is known after a failure, on a server that misbehaves."""

from __future__ import annotations

import gzip
import json
import logging
import pickle
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import requests
import responses

from connector.errors import (
    SettingsError,
    UnknownOutcomeError,
    UnreachableError,
    UsageError,
    VendorError,
)
from connector.http.session import ATTEMPTS, HttpSession
from connector.testing.host import HeldClock
from tests.racing import race
from tests.servers import free_port
from tests.unit.misbehaving import (
    OK,
    Behaviour,
    Server,
    answer,
    answer_and_close,
    drip,
    hang_up,
    new_session,
)


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def session(server: Server, clock: HeldClock) -> Iterator[HttpSession]:
    session = new_session(clock, server.url)
    yield session
    session.close()


def test_an_answer_comes_back_whole_with_lower_case_header_names(
    server: Server, session: HttpSession
) -> None:
    got = session.request("GET", f"{server.url}/a", params={"q": "ä b"})
    assert (got.status, got.body, got.headers["x-name"]) == (200, b"ok", "Value")
    assert server.requests[0].startswith(b"GET /a?q=%C3%A4+b HTTP/1.1\r\n")
    assert "ok" not in repr(got)


def test_connections_are_kept_and_used_again(server: Server, session: HttpSession) -> None:
    for _ in range(5):
        session.request("POST", server.url, json={"a": 1})
    assert (len(server.requests), server.connections) == (5, 1)


def test_bodies_are_sent_as_json_form_or_bytes(server: Server, session: HttpSession) -> None:
    session.request("POST", server.url, json={"name": "林"})
    session.request("POST", server.url, form={"a": "1 2"})
    session.request("PUT", server.url, body=b"raw", headers={"Content-Type": "text/x"})
    one, two, three = (request.partition(b"\r\n\r\n") for request in server.requests)
    assert json.loads(one[2]) == {"name": "林"} and b"application/json" in one[0]
    assert two[2] == b"a=1+2" and b"application/x-www-form-urlencoded" in two[0]
    assert three[2] == b"raw" and b"text/x" in three[0]


@pytest.mark.parametrize("status", [204, 304, 400, 429, 500, 503])
def test_every_status_is_an_answer(server: Server, session: HttpSession, status: int) -> None:
    server.behaviours = [answer(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)]
    assert session.request("GET", server.url, repeatable=True).status == status
    assert len(server.requests) == 1


def test_a_redirect_is_returned_and_never_followed(server: Server, session: HttpSession) -> None:
    server.behaviours = [
        answer(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 4\r\n\r\ngone"
        )
    ]
    got = session.request("GET", server.url, repeatable=True)
    assert (got.status, got.body, len(server.requests)) == (302, b"gone", 1)


def test_no_cookie_and_no_login_from_the_environment_is_sent(
    server: Server, session: HttpSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login invented password invented\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.behaviours = [answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")]
    session.request("GET", server.url, headers={"Authorization": "Scheme token"})
    session.request("GET", server.url)
    first, second = server.requests
    assert b"Authorization: Scheme token" in first
    assert b"ookie" not in second and b"uthorization" not in second


# --- surely not sent ---


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_refused_connection_is_unreachable_for_reads_and_writes(
    clock: HeldClock, repeatable: bool
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    session = new_session(clock, url)
    with pytest.raises(UnreachableError, match="No connection was made"):
        session.request("POST", url, json={}, repeatable=repeatable)
    assert len(clock.slept) == 2
    assert 0.3 <= clock.slept[0] <= 0.6 <= clock.slept[1] <= 1.2


def test_an_unknown_host_is_unreachable(clock: HeldClock) -> None:
    session = new_session(clock, "https://no-such-host.invalid")
    with pytest.raises(UnreachableError, match="No connection was made"):
        session.request("POST", "https://no-such-host.invalid/", json={})


def test_a_failed_tls_handshake_is_unreachable(server: Server, clock: HeldClock) -> None:
    url = server.url.replace("http:", "https:")
    session = new_session(clock, url, timeout_s=0.5)
    server.behaviours = [hang_up]
    with pytest.raises(UnreachableError, match="No connection was made"):
        session.request("POST", url, json={})
    assert server.connections == 3


# --- may have landed ---

LOSSES = {
    "hangs up": hang_up,
    "answers rubbish": answer_and_close(b"SMTP ready\r\n\r\n"),
    "cuts the head": answer_and_close(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "cuts the head between lines": answer_and_close(b"HTTP/1.1 200 OK\r\nServer: x\r\n"),
    "cuts the body": answer_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
    "cuts a chunk": answer_and_close(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nshort"
    ),
    "ends chunks early": answer_and_close(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
    ),
    "sends broken gzip": answer(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_write_whose_answer_is_lost_is_unknown_and_never_sent_twice(
    server: Server, session: HttpSession, loss: str
) -> None:
    server.behaviours = [LOSSES[loss]]
    with pytest.raises(UnknownOutcomeError, match="answer was lost"):
        session.request("POST", server.url, json={"a": 1})
    assert len(server.requests) == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_a_read_whose_answer_is_lost_is_sent_again(
    server: Server, session: HttpSession, loss: str
) -> None:
    server.behaviours = [LOSSES[loss], LOSSES[loss], answer(OK)]
    assert session.request("GET", server.url, repeatable=True).body == b"ok"
    assert len(server.requests) == 3


def test_a_read_that_fails_three_times_is_unreachable(
    server: Server, session: HttpSession, clock: HeldClock
) -> None:
    server.behaviours = [hang_up]
    with pytest.raises(UnreachableError, match="answer was lost"):
        session.request("GET", server.url, repeatable=True)
    assert (len(server.requests), len(clock.slept)) == (3, 2)


def test_a_write_on_a_kept_connection_that_the_server_drops_is_unknown(
    server: Server, session: HttpSession
) -> None:
    server.behaviours = [answer(OK), hang_up]
    session.request("POST", server.url, json={"n": 1})
    with pytest.raises(UnknownOutcomeError):
        session.request("POST", server.url, json={"n": 2})
    assert (len(server.requests), server.connections) == (2, 1)


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced(
    server: Server, session: HttpSession
) -> None:
    closed = threading.Event()

    def answer_once(connection: socket.socket, request: bytes) -> None:
        answer_and_close(OK)(connection, request)
        closed.set()

    server.behaviours = [answer_once, answer(OK)]
    session.request("POST", server.url, json={"n": 1})
    assert closed.wait(5)
    assert session.request("POST", server.url, json={"n": 2}).status == 200
    assert (len(server.requests), server.connections) == (2, 2)


def test_a_connection_that_idled_long_is_not_used_again(server: Server, clock: HeldClock) -> None:
    session = new_session(clock, server.url, idle_s=0)
    session.request("POST", server.url, json={"n": 1})
    session.request("POST", server.url, json={"n": 2})
    assert server.connections == 2
    session.close()


# --- time and size ---


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda _connection, _request: time.sleep(1),
        drip(b"HTTP/1.1 200 OK\r\n", b"X-Drip: 1\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["silence", "dripping head", "dripping body", "dripping chunks"],
)
def test_an_exchange_ends_in_time_however_steadily_it_drips(
    server: Server, clock: HeldClock, behaviour: Behaviour
) -> None:
    server.behaviours = [behaviour]
    session = new_session(clock, server.url, timeout_s=0.4)
    begun = time.monotonic()
    with pytest.raises(UnknownOutcomeError):
        session.request("POST", server.url, json={})
    assert time.monotonic() - begun < 1.5
    session.close()


def test_a_call_with_its_repeats_begins_nothing_after_its_life(
    server: Server, clock: HeldClock
) -> None:
    server.behaviours = [drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")]
    session = new_session(clock, server.url, timeout_s=0.3)
    with pytest.raises(UnreachableError):
        session.request("GET", server.url, repeatable=True)
    assert len(server.requests) < ATTEMPTS, "two exchanges that last take the whole life"
    session.close()


def test_an_answer_over_its_cap_is_refused_while_it_comes(
    server: Server, session: HttpSession
) -> None:
    server.behaviours = [answer_and_close(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000), answer(OK)]
    with pytest.raises(VendorError, match="larger than 1000 bytes"):
        session.request("GET", server.url, repeatable=True, max_bytes=1000)
    assert session.request("GET", server.url).body == b"ok"
    assert len(server.requests) == 2


def test_the_cap_counts_what_is_unpacked(server: Server, session: HttpSession) -> None:
    packed = gzip.compress(bytes(500_000))
    server.behaviours = [
        answer(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
            + packed
        )
    ]
    assert len(session.request("GET", server.url).body) == 500_000
    with pytest.raises(UnknownOutcomeError, match="larger"):
        session.request("POST", server.url, json={}, max_bytes=100_000)


# --- what must not leave ---


def test_an_address_outside_the_list_is_refused_before_anything_is_sent(
    server: Server, session: HttpSession
) -> None:
    other = f"http://127.0.0.1:{free_port()}/"
    for url in (other, "https://evil.test/", server.url.replace("http://", "http://a@")):
        with pytest.raises(SettingsError):
            session.request("GET", url)
    assert server.connections == 0


@pytest.mark.parametrize(
    "headers", [{"X-A": "one\r\nX-B: two"}, {"X-A\r\nX-B": "two"}, {"X-A": "one\ntwo"}]
)
def test_a_header_cannot_smuggle_another_one(
    server: Server, session: HttpSession, headers: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match="put together"):
        session.request("GET", server.url, headers=headers)
    assert server.requests == []


def test_a_body_that_is_no_json_is_a_usage_error_without_its_value(
    session: HttpSession, server: Server
) -> None:
    body = {"a": object(), "b": "-".join(("CNRY", "1"))}
    with pytest.raises(UsageError) as caught:
        session.request("POST", server.url, json=body)
    assert "CNRY" not in everything_about(caught.value)


def everything_about(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error.args) + repr(pickle.dumps(error))


@pytest.mark.parametrize("behaviour", [hang_up, LOSSES["cuts the body"], LOSSES["answers rubbish"]])
@pytest.mark.parametrize("repeatable", [True, False])
def test_no_query_body_or_header_shows_in_errors_or_logs(
    server: Server,
    session: HttpSession,
    caplog: pytest.LogCaptureFixture,
    behaviour: Behaviour,
    repeatable: bool,
) -> None:
    caplog.set_level(logging.DEBUG, "connector")
    server.behaviours = [behaviour]
    with pytest.raises(VendorError) as caught:
        session.request(
            "POST",
            f"{server.url}/path?x=CNRY-1",
            params={"y": "CNRY-2"},
            json={"z": "CNRY-3"},
            headers={"Authorization": "CNRY-4"},
            repeatable=repeatable,
        )
    assert caught.value.operation == "POST /path"
    lines = [record for record in caplog.records if record.name.startswith("connector")]
    assert lines and all(line.getMessage() == "POST /path lost" for line in lines)
    written = everything_about(caught.value) + repr([vars(line) for line in lines])
    assert "CNRY" not in written


def test_each_exchange_is_one_debug_line_with_status_time_and_size(
    server: Server, session: HttpSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "connector")
    session.request("GET", f"{server.url}/crm/v8/org", params={"a": "CNRY-1"})
    [line] = [record for record in caplog.records if record.name == "connector.http.session"]
    assert line.getMessage() == "GET /crm/v8/org 200"
    found = vars(line)
    assert found["status"] == "200" and found["bytes"] == 2 and found["ms"] >= 0


# --- the libraries' own exceptions, one by one ---


@pytest.mark.parametrize(
    ("fault", "ours"),
    [
        (requests.ConnectTimeout("CNRY-1"), UnreachableError),
        (requests.ReadTimeout("CNRY-1"), UnknownOutcomeError),
        (requests.ConnectionError("CNRY-1"), UnknownOutcomeError),
        (requests.exceptions.ChunkedEncodingError("CNRY-1"), UnknownOutcomeError),
        (requests.TooManyRedirects("CNRY-1"), UnknownOutcomeError),
        (OSError("CNRY-1"), UnknownOutcomeError),
    ],
)
def test_an_exception_without_proof_that_nothing_left_is_an_unknown_outcome(
    clock: HeldClock, fault: Exception, ours: type[VendorError]
) -> None:
    session = new_session(clock, "https://api.test")
    with responses.RequestsMock() as mock:
        mock.add("POST", "https://api.test/x", body=fault)
        with pytest.raises(ours) as caught:
            session.request("POST", "https://api.test/x", json={})
    assert type(caught.value) is ours
    assert "CNRY" not in everything_about(caught.value)


def test_threads_share_a_session_without_mixing_answers(
    server: Server, session: HttpSession
) -> None:
    def echo(connection: socket.socket, request: bytes) -> None:
        body = request.partition(b"\r\n\r\n")[2]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    server.behaviours = [echo]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            got = session.request("POST", server.url, json=number)
            if got.body != str(number).encode():
                wrong.append(number)

    race([partial(work, n) for n in range(8)])
    assert wrong == [] and len(server.requests) == 160
    assert server.connections <= 4
