"""What the plugin makes of every code of the vendor, on reads and on writes."""

from __future__ import annotations

from typing import Any, Final

import orjson
import pytest
import responses
from connector_fxiaoke import facts
from connector_fxiaoke.client import budget
from connector_fxiaoke.facts import Class

from connector.errors import (
    ConnectorError,
    InvalidError,
    LoginRefusedError,
    RateLimitedError,
    RetryableError,
    SchemaDriftError,
)
from connector.plugin import Op, Outcome, Ref, Result
from connector.records import Kind
from tests.unit.fxiaoke_rig import OBJECT, C, Rig, act, create
from tests.unit.rig import by_id, update

API: Final = "https://api.test"
TOKEN: Final = {"errorCode": 0, "accessToken": "t", "ea": "acme", "expiresIn": 7000}
DESCRIBED: Final = {
    "errorCode": 0,
    "data": {
        "describe": {
            "fields": {
                "name": {"type": "text"},
                "remark": {"type": "long_text"},
                "ext_key__c": {"type": "text"},
            }
        }
    },
}
REF: Final = Ref("65f0aa11bb22cc33dd44ee55")
ROW: Final = {
    "_id": REF,
    "version": "7",
    "last_modified_time": 1767225600000,
    "life_status": "normal",
    "lock_status": "0",
    "owner": ["1000"],
    "name": "N1",
}
TEXT: Final = "「电话」的值「13800000000」已存在"
UNKNOWN_CODES: Final = (99_999, 70_001, -99)
ALL_CODES: Final = [code for code in facts.CODES if code != facts.OK] + list(UNKNOWN_CODES)


def refusal(code: int) -> dict[str, Any]:
    return {"errorCode": code, "errorMessage": TEXT, "traceId": "E-O.acme.1000-1"}


class Gateway:
    """A gateway of canned answers: to an action, the first of its answers that is left."""

    def __init__(self, mock: responses.RequestsMock, fx: Rig) -> None:
        self._mock = mock
        self.fx = fx
        mock.assert_all_requests_are_fired = False
        self.on(facts.TOKEN_PATH, TOKEN)
        self.on(facts.DESCRIBE_PATH, DESCRIBED)

    def on(self, path: str, *bodies: Any) -> Gateway:
        for body in bodies:
            self._mock.add("POST", API + path, orjson.dumps(body))
        return self

    def act(self, action: str, *bodies: Any) -> Gateway:
        return self.on(facts.data_path(OBJECT, action), *bodies)

    def write(self, *writes: Any) -> dict[str, Result]:
        return by_id(self.fx.open(api_url=API, deleted_get="auto").write(Kind.CUSTOMER, writes))

    def count(self, action: str) -> int:
        path = API + facts.data_path(OBJECT, action)
        return sum((call.request.url or "").startswith(path) for call in self._mock.calls)


@pytest.fixture
def gateway(fx: Rig) -> Any:
    with responses.RequestsMock() as mock:
        yield Gateway(mock, fx)


READS = {
    Class.CONFIG: LoginRefusedError,
    Class.TOKEN: LoginRefusedError,
    Class.THROTTLE: RateLimitedError,
    Class.QUOTA: RateLimitedError,
    Class.TRANSIENT: RetryableError,
    Class.AMBIGUOUS: RetryableError,
    Class.PERMANENT: InvalidError,
}


@pytest.mark.parametrize("code", ALL_CODES)
def test_every_code_on_a_read_has_its_error(gateway: Gateway, code: int) -> None:
    expected: type[ConnectorError] = READS[facts.CODES.get(code, Class.PERMANENT)]
    if code == facts.BAD_SECRET:
        expected = SchemaDriftError
    gateway.act("query", refusal(code))
    with pytest.raises(ConnectorError) as caught:
        list(gateway.fx.open(api_url=API).changes(C, None, None))
    error = caught.value
    assert type(error) is expected
    assert "13800000000" not in f"{error}{error!r}"
    if code not in (20005, facts.TOKEN_REFUSED):
        assert str(code) in str(error)


WRITES = {
    Class.THROTTLE: Outcome.RETRY,
    Class.QUOTA: Outcome.RETRY,
    Class.TRANSIENT: Outcome.UNKNOWN,
    Class.AMBIGUOUS: Outcome.UNKNOWN,
    Class.PERMANENT: Outcome.REFUSED,
    Class.CONFIG: Outcome.RETRY,
    Class.TOKEN: Outcome.RETRY,
}


@pytest.mark.parametrize("code", ALL_CODES)
def test_every_code_on_a_create_has_its_outcome(gateway: Gateway, code: int) -> None:
    """What stops the run raises only because nothing else was sent: here one record went in."""
    kind = facts.CODES.get(code, Class.PERMANENT)
    expected = Outcome.REFUSED if code == facts.BAD_SECRET else WRITES[kind]
    gateway.act("query", {"errorCode": 0, "data": {"dataList": []}})
    gateway.act("create", {"errorCode": 0, "dataId": REF}, refusal(code))
    results = gateway.write(create("1"), create("2"))
    assert results["1"].outcome is Outcome.APPLIED
    result = results["2"]
    assert result.outcome is expected
    assert result.reason is not None
    assert "13800000000" not in repr(result)
    if expected in (Outcome.REFUSED, Outcome.UNKNOWN):
        assert str(code) in (result.reason.code, result.reason.text.partition("(")[2][:-2])
    if expected is Outcome.REFUSED:
        assert result.reason.trace == "E-O.acme.1000-1"


@pytest.mark.parametrize(
    "code", [c for c in ALL_CODES if facts.CODES.get(c) in (Class.CONFIG, Class.TOKEN, Class.QUOTA)]
)
def test_what_stops_the_run_is_raised_when_nothing_was_sent(gateway: Gateway, code: int) -> None:
    gateway.act("create", refusal(code))
    remote = gateway.fx.open(api_url=API)
    if code == facts.BAD_SECRET:
        [result] = remote.write(C, [create("1")])
        assert result.outcome is Outcome.REFUSED
        return
    error = RateLimitedError if facts.CODES[code] is Class.QUOTA else LoginRefusedError
    with pytest.raises(error):
        list(remote.write(C, [create("1"), create("2")]))
    assert gateway.count("create") == 1, "the rest is not even tried"


@pytest.mark.parametrize("code", [facts.TOO_FAST, facts.CALL_LIMIT])
def test_a_throttled_path_is_left_alone_and_then_used_at_half_the_rate(
    gateway: Gateway, code: int
) -> None:
    gateway.act("create", refusal(code), {"errorCode": 0, "dataId": REF})
    remote, host = gateway.fx.open(api_url=API), gateway.fx.host
    with pytest.raises(RateLimitedError) as caught:
        list(remote.write(C, [create("1")]))
    path = budget(facts.data_path(OBJECT, "create"))
    assert host.paused == [path]
    assert 5 <= host.pauses[0] <= 20
    assert caught.value.after_s == host.pauses[0]
    list(remote.write(C, [create("2")]))
    assert [rate for name, rate in host.budgets if name == path] == ["80/20s", "40/20s"]


def test_the_days_quota_says_when_to_come_again(gateway: Gateway) -> None:
    gateway.act("query", refusal(facts.QUOTA_USED_UP))
    with pytest.raises(RateLimitedError, match="Run again later") as caught:
        list(gateway.fx.open(api_url=API).changes(C, None, None))
    assert caught.value.exit_code == 6
    assert gateway.fx.host.pauses == [facts.QUOTA_PAUSE_S]


def test_a_tenant_without_calls_is_told_to_buy_some(gateway: Gateway) -> None:
    gateway.act("query", refusal(facts.NO_QUOTA))
    with pytest.raises(LoginRefusedError, match="buy a package"):
        list(gateway.fx.open(api_url=API).changes(C, None, None))


# --- an ambiguous refusal of a change -------------------------------------------------------------

LOOKS: list[tuple[dict[str, Any], Outcome, str]] = [
    ({**ROW, "remark": "sent"}, Outcome.APPLIED, ""),
    ({**ROW, "lock_status": "1"}, Outcome.REFUSED, "locked"),
    ({**ROW, "life_status": "under_review"}, Outcome.REFUSED, "under_review"),
    ({**ROW, "life_status": "in_change"}, Outcome.REFUSED, "under_review"),
    ({**ROW, "life_status": "invalid"}, Outcome.REFUSED, "gone"),
    ({**ROW, "is_deleted": True}, Outcome.REFUSED, "gone"),
    ({**ROW, "owner": [], "high_seas_id": "p1"}, Outcome.REFUSED, "in_pool"),
    ({}, Outcome.REFUSED, "not_found"),
    (ROW, Outcome.REFUSED, "50009"),
]


@pytest.mark.parametrize(("row", "outcome", "code"), LOOKS)
def test_an_ambiguous_refusal_of_an_update_is_settled_by_reading_the_record(
    gateway: Gateway, row: dict[str, Any], outcome: Outcome, code: str
) -> None:
    gateway.act("update", refusal(facts.SERVICE_EXCEPTION))
    gateway.act("get", {"errorCode": 0, "data": row})
    gateway.act("query", {"errorCode": 0, "data": {"dataList": []}})
    [result] = gateway.write(update("1", REF, remark="sent")).values()
    assert result.outcome is outcome
    if outcome is Outcome.APPLIED:
        assert result.seen is not None and result.seen.version == "7"
    else:
        assert result.reason is not None and result.reason.code == code
        assert result.reason.trace == "E-O.acme.1000-1"
        assert "sent" not in repr(result.reason)
    repeats = 2 if code == "50009" else 0
    assert gateway.count("update") == 1 + repeats
    assert gateway.fx.host.clock.slept == list(facts.AMBIGUOUS_PAUSES_S[:repeats])


def test_an_ambiguous_update_that_goes_in_when_repeated_is_applied(gateway: Gateway) -> None:
    gateway.act("update", refusal(facts.SERVICE_EXCEPTION), {"errorCode": 0})
    gateway.act("get", {"errorCode": 0, "data": ROW})
    [result] = gateway.write(update("1", REF, remark="sent")).values()
    assert result.outcome is Outcome.APPLIED


def test_an_ambiguous_update_whose_record_cannot_be_read_stays_unknown(gateway: Gateway) -> None:
    gateway.act("update", refusal(facts.SERVICE_EXCEPTION))
    gateway.act("get", refusal(-1))
    [result] = gateway.write(update("1", REF, remark="sent")).values()
    assert result.outcome is Outcome.UNKNOWN


def test_a_plain_refusal_of_an_update_is_explained_by_the_records_state(gateway: Gateway) -> None:
    gateway.act("update", refusal(32000))
    gateway.act("get", {"errorCode": 0, "data": {**ROW, "lock_status": "1"}})
    [result] = gateway.write(update("1", REF, remark="sent")).values()
    assert result.reason is not None and result.reason.code == "locked"
    assert gateway.count("update") == 1


@pytest.mark.parametrize(
    ("op", "row", "code"),
    [
        (Op.REMOVE, {**ROW, "life_status": "invalid"}, ""),
        (Op.REMOVE, {}, ""),
        (Op.REMOVE, {**ROW, "lock_status": "1"}, "locked"),
        (Op.REMOVE, ROW, "50009"),
        (Op.RESTORE, ROW, ""),
        (Op.RESTORE, {**ROW, "life_status": "invalid"}, "50009"),
        (Op.PURGE, {}, ""),
        (Op.PURGE, {**ROW, "life_status": "invalid"}, "50009"),
        (Op.PURGE, ROW, "50009"),
    ],
)
def test_an_ambiguous_removal_is_judged_by_what_it_wanted(
    gateway: Gateway, op: Op, row: dict[str, Any], code: str
) -> None:
    """Applied where the record is as wanted, else refused with a code."""
    for action in ("invalid", "recover", "delete"):
        gateway.act(action, refusal(facts.SERVICE_EXCEPTION))
    # the last of these answers goes on: also the read of an id that never was
    gateway.act("get", {"errorCode": 0, "data": row}, *([{"errorCode": 0}] if not row else []))
    gateway.act("query", {"errorCode": 0, "data": {"dataList": []}})
    [result] = gateway.write(act("1", op, REF)).values()
    assert result.outcome is (Outcome.REFUSED if code else Outcome.APPLIED)
    assert (result.reason.code if result.reason else "") == code


# --- answers that are none -----------------------------------------------------------------------

LINES = [
    ("html", {}),
    ("html", {"status": 502}),
    ("empty", {}),
    ("truncated", {}),
    ("lost_after", {}),
]


@pytest.mark.parametrize(("fault", "how"), LINES)
def test_a_write_without_a_readable_answer_is_unknown(
    fx: Rig, fault: str, how: dict[str, Any]
) -> None:
    remote = fx.open()
    fx.sandbox.fault(fault, operation="insert", **how)
    [result] = remote.write(C, [create("1")])
    assert result.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("fault", "how"), LINES)
def test_a_read_without_a_readable_answer_is_retryable(
    fx: Rig, fault: str, how: dict[str, Any]
) -> None:
    remote = fx.open()
    fx.sandbox.fault(fault, operation="query", count=5, **how)
    with pytest.raises(RetryableError):
        list(remote.changes(C, None, None))


def test_a_success_without_an_id_is_unknown(gateway: Gateway) -> None:
    gateway.act("create", {"errorCode": 0, "data": {}})
    [result] = gateway.write(create("1")).values()
    assert result.outcome is Outcome.UNKNOWN
