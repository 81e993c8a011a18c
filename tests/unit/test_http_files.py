"""Answers that go into a file instead of memory."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from connector.errors import UnreachableError, VendorError
from connector.http.session import HttpSession
from connector.testing.host import HeldClock
from tests.unit.misbehaving import Server, answer, answer_and_close, new_session


@pytest.fixture
def session(server: Server) -> Iterator[HttpSession]:
    session = new_session(HeldClock(), server.url)
    yield session
    session.close()


def told(status: int, length: int, body: bytes) -> bytes:
    head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return head % (status, length) + body


def test_a_broken_answer_leaves_nothing_in_the_file(server: Server, session: HttpSession) -> None:
    server.behaviours = [
        answer_and_close(told(200, 200_000, b"x" * 150_000)),
        answer(told(200, 5, b"short")),
    ]
    into = io.BytesIO()
    response = session.request("GET", server.url + "/x", repeatable=True, into=into)
    assert (response.body, into.getvalue()) == (b"", b"short")


def test_an_answer_that_is_no_200_is_told_and_not_filed(
    server: Server, session: HttpSession
) -> None:
    server.behaviours = [answer(told(404, 2, b"{}"))]
    into = io.BytesIO()
    response = session.request("GET", server.url + "/x", into=into)
    assert (response.status, response.body, into.getvalue()) == (404, b"{}", b"")


def test_a_file_over_its_cap_is_refused(server: Server, session: HttpSession) -> None:
    server.behaviours = [answer(told(200, 99, b"x" * 99))]
    with pytest.raises(VendorError) as refused:
        session.request("GET", server.url + "/x", repeatable=True, into=io.BytesIO(), max_bytes=9)
    assert not isinstance(refused.value, UnreachableError)
