"""What each answer of Ledgerly's becomes: an error by what the caller does next, or an outcome."""

from __future__ import annotations

from typing import Any

import pytest
from connector_ledgerly import plugin
from connector_ledgerly.remote import LedgerlyRemote

from connector.errors import (
    InvalidError,
    LoginRefusedError,
    NotFoundError,
    RateLimitedError,
    RetryableError,
    UnknownOutcomeError,
    UnreachableError,
)
from connector.plugin import AllowList, Kind, Op, Outcome, Ref, Response, Target, Write
from connector.testing.host import MemoryHost

TARGETS = {Kind.CUSTOMER: Target(object="people", fields=("name",), key_field="key")}
ROW = b'{"id": "L1", "commit": 1, "changed": "2026-01-01T00:00:00.000000+00:00", "removed": false'
DONE = ROW + b', "key": "K", "fields": {"name": "Lin"}}'


class Answering(MemoryHost):
    """A host whose session gives these answers in turn, and notes what it was asked."""

    def __init__(self, *answers: Response | Exception) -> None:
        super().__init__()
        self.answers, self.asked = list(answers), list[str]()

    def session(self, hosts: AllowList, *, timeout_s: float, pool: int = 4) -> Any:
        return self

    def request(self, method: str, url: str, **how: Any) -> Response:
        self.asked.append(f"{method} {url} {how['params']}")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def told(status: int, body: bytes = b"{}", **headers: str) -> Response:
    return Response(status=status, headers=headers, body=body)


def remote(host: MemoryHost) -> LedgerlyRemote:
    settings = plugin.settings.model_validate({"api_key": "sample"})
    return plugin.open(settings, TARGETS, host)


def create(id_: str = "w1") -> Write:
    return Write(id=id_, op=Op.CREATE, ref=None, fields={"name": "Lin"}, external_key="K")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (told(401), LoginRefusedError),
        (told(403), LoginRefusedError),
        (told(404), NotFoundError),
        (told(400), InvalidError),
        (told(429), RateLimitedError),
        (told(503), RetryableError),
        (told(200, b"<html>"), RetryableError),
        (UnreachableError("No answer came."), UnreachableError),
    ],
)
def test_a_read_that_failed_says_what_to_do(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        remote(Answering(answer)).describe(Kind.CUSTOMER)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (told(201, DONE), Outcome.APPLIED),
        (told(409, b'{"error": "duplicate", "existing": "L1"}'), Outcome.REFUSED),
        (told(422, b'{"error": "mandatory", "field": "name"}'), Outcome.REFUSED),
        (told(412), Outcome.STALE),
        (told(500), Outcome.UNKNOWN),
        (told(200, b"<html>"), Outcome.UNKNOWN),
        (UnknownOutcomeError("The answer was lost."), Outcome.UNKNOWN),
    ],
)
def test_each_answer_to_a_write_has_its_outcome(answer: Any, outcome: Outcome) -> None:
    [result] = remote(Answering(answer)).write(Kind.CUSTOMER, [create()])
    assert result.outcome is outcome
    assert result.reason is None or "Lin" not in result.reason.text


def test_a_spent_rate_is_told_to_all_processes() -> None:
    host = Answering(told(429, b"{}", **{"retry-after": "7"}))
    with pytest.raises(RateLimitedError) as error:
        list(remote(host).write(Kind.CUSTOMER, [create()]))
    assert (error.value.after_s, host.pauses) == (7, [7])


@pytest.mark.parametrize("answer", [told(429), told(401), UnreachableError("No line.")])
def test_once_a_write_was_sent_nothing_is_raised(answer: Any) -> None:
    host = Answering(told(201, DONE), answer)
    results = list(remote(host).write(Kind.CUSTOMER, [create("a"), create("b")]))
    assert [one.outcome for one in results] == [Outcome.APPLIED, Outcome.RETRY]


def test_no_value_of_a_person_stands_in_an_address() -> None:
    host = Answering(told(200, b'{"records": []}'), told(201, DONE))
    account = remote(host)
    assert account.find(Kind.CUSTOMER, "name", ["Lin"]) == []
    list(account.write(Kind.CUSTOMER, [create()]))
    assert [one for one in host.asked if "Lin" in one] == []
    assert len(host.asked) == 2


def test_a_record_that_the_search_should_not_have_found_is_left_out() -> None:
    body = b'{"records": [' + DONE.replace(b"Lin", b"LIN") + b"]}"
    assert remote(Answering(told(200, body))).find(Kind.CUSTOMER, "name", ["Lin"]) == []


def test_a_record_that_the_vendor_says_nothing_of_is_not_found() -> None:
    [seen] = remote(Answering(told(200, b'{"records": []}'))).fetch(Kind.CUSTOMER, [Ref("L9")])
    assert str(seen.gone) == "not_found"
