"""The vendor's language: addresses, budgets, logins, envelopes and refusals of whole calls."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from connector.errors import (
    ConnectorError,
    InvalidError,
    LoginRefusedError,
    RateLimitedError,
    RetryableError,
    SchemaDriftError,
    UnknownOutcomeError,
)
from connector.http.answers import answered_at, json_object
from connector.http.limits import parse_rate
from connector.http.settings import EXCHANGE
from connector.plugin import LONGEST_WAIT, AllowList, Host, Response
from connector_fxiaoke import facts
from connector_fxiaoke.auth import Login
from connector_fxiaoke.envelope import code_of, hint_of, trace_of, traced
from connector_fxiaoke.facts import Class
from connector_fxiaoke.settings import FxiaokeSettings

_log = logging.getLogger(__name__)

PLUGIN: Final = "fxiaoke"
DAY_BUDGET: Final = "day"
_PREFIX: Final = "/cgi/crm/"
_FAULT_WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A readable answer. `code` is 0 or a refusal, `read_at` the vendor's own clock."""

    code: int
    trace: str
    read_at: datetime
    body: Mapping[str, Any] = field(repr=False)

    @property
    def data(self) -> Mapping[str, Any]:
        """What stands under `data`; {} if nothing does."""
        data = self.body.get("data")
        return data if isinstance(data, Mapping) else {}

    @property
    def rows(self) -> list[Any] | None:
        """The records of a page, in `data.dataList` or bare in `data`; None if there is no page."""
        data = self.body.get("data")
        rows = data.get("dataList") if isinstance(data, Mapping) else data
        return rows if isinstance(rows, list) else None

    @property
    def hint(self) -> str:
        """What may be told of the vendor's text."""
        return hint_of(self.body)


class Client:
    """One login's way to the API. Safe for threads."""

    def __init__(self, settings: FxiaokeSettings, host: Host) -> None:
        self._settings = settings
        self._host = host
        self._session = host.session(
            AllowList((settings.api_url,), settings.allow_loopback),
            timeout_s=settings.timeout_s,
            pool=settings.concurrency,
        )
        self.login = Login(settings, host, self._session)
        self._lock = threading.Lock()
        self._slow_until: dict[str, datetime] = {}

    def __repr__(self) -> str:
        return "<Client>"

    @property
    def host(self) -> Host:
        return self._host

    def close(self) -> None:
        self._session.close()

    def read(self, operation: str, path: str, body: Mapping[str, Any]) -> Answer:
        """Ask for something. Raises: VendorError and its kin for everything that is no answer."""
        answer = self.look(operation, path, body)
        if answer.code == facts.OK:
            return answer
        raise self.error(operation, answer)

    def look(self, operation: str, path: str, body: Mapping[str, Any]) -> Answer:
        """Ask for something, and return a refusal of it, which may speak of the record asked for.

        Raises: as `read` for what surely does not.
        """
        return self._call(operation, path, body, repeatable=True)

    def last_start(self) -> datetime:
        """Until when a write that is begun now may leave, so that it lands within `call_life_s`.

        Waiting for a budget is not counted in that; waiting for a token is.
        """
        settings = self._settings
        slack_s = settings.call_life_s - EXCHANGE * settings.timeout_s
        return self._host.clock.now() + LONGEST_WAIT + timedelta(seconds=slack_s)

    def write(self, operation: str, path: str, body: Mapping[str, Any], by: datetime) -> Answer:
        """Send a write and return the answer, be it a refusal of this record.

        Raises: UnknownOutcomeError if it may have landed; another error if it surely did not, as
        when it could not leave before `by`.
        """
        return self._call(operation, path, body, repeatable=False, by=by)

    # --- one call ---

    def _call(
        self,
        operation: str,
        path: str,
        body: Mapping[str, Any],
        repeatable: bool,
        by: datetime | None = None,
    ) -> Answer:
        token = self.login.get()
        for attempt in (1, 2):
            self._spend(path)
            if by is not None and self._host.clock.now() > by:
                raise RetryableError(
                    f"Too much time passed before {operation} could be sent.",
                    plugin=PLUGIN,
                    operation=operation,
                )
            headers, dressed = self.login.dress(token, body)
            trace = traced(self._host.rng)
            _log.debug("%s", operation, extra={"operation": operation, **trace})
            response = self._session.request(
                "POST",
                self._settings.api_url + path,
                params=trace,
                json=dressed,
                headers=headers,
                repeatable=repeatable,
            )
            answer = self._understand(operation, response, repeatable)
            if facts.CODES.get(answer.code) is not Class.TOKEN:
                break
            if attempt == 1:
                # Refused at the door, so nothing was done and a write may be repeated too. Once:
                # a fresh token that is refused will not be mended by a third one.
                token = self.login.renew(token)
        self._stop_at(operation, path, answer, repeatable)
        return answer

    def _spend(self, path: str) -> None:
        settings = self._settings
        if settings.quota is not None:
            self._host.spend(DAY_BUDGET, 1, f"{settings.quota}/86400s")
        rate = settings.rate
        with self._lock:
            slow = self._slow_until.get(path)
        if slow is not None and self._host.clock.now() < slow:
            known = parse_rate(rate)
            rate = f"{max(1, known.units // 2)}/{known.per_s}s"
        self._host.spend(budget(path), 1, rate)

    def _understand(self, operation: str, response: Response, repeatable: bool) -> Answer:
        if response.status == 429:  # a proxy's way of saying so: nothing came to the CRM
            return Answer(facts.TOO_FAST, "", self._host.clock.now(), {})
        told = json_object(response.body) if response.status == 200 else None
        code = None if told is None else code_of(told)
        if told is None or code is None:
            lost = RetryableError if repeatable else UnknownOutcomeError
            raise lost(
                f"The answer to {operation} is unreadable (HTTP {response.status}).",
                plugin=PLUGIN,
                operation=operation,
                trace="" if told is None else trace_of(told),
            )
        read_at = answered_at(response) or self._host.clock.now()
        return Answer(code, trace_of(told), read_at, told)

    def _stop_at(self, operation: str, path: str, answer: Answer, repeatable: bool) -> None:
        """Raise what is about the call and not about its record."""
        match facts.CODES.get(answer.code):
            case Class.THROTTLE:
                wait_s = self._host.rng.uniform(*facts.THROTTLE_PAUSE_S)
                self._host.pause(budget(path), wait_s)
                slow_s = timedelta(seconds=wait_s + facts.THROTTLE_SLOW_S)
                with self._lock:
                    self._slow_until[path] = self._host.clock.now() + slow_s
                _log.warning(
                    "the vendor asks for a pause", extra={"operation": operation, "wait_s": wait_s}
                )
                raise self._limited(operation, answer, "calls on this path are spent", wait_s)
            case Class.QUOTA:
                self._host.pause(budget(path), facts.QUOTA_PAUSE_S)
                raise self._limited(
                    operation, answer, "calls of the day are spent", facts.QUOTA_PAUSE_S
                )
            case Class.CONFIG | Class.TOKEN if answer.code != facts.BAD_SECRET:
                raise self.error(operation, answer)
            case Class.TRANSIENT if not repeatable:
                raise UnknownOutcomeError(
                    f"The CRM failed at {operation} ({answer.code}).", **_about(operation, answer)
                )

    def _limited(
        self, operation: str, answer: Answer, what: str, wait_s: float
    ) -> RateLimitedError:
        return RateLimitedError(
            f"The tenant's {what} ({answer.code}).",
            hint="Run again later: it goes on where it stopped.",
            after_s=wait_s,
            **_about(operation, answer),
        )

    def error(self, operation: str, answer: Answer) -> ConnectorError:
        """The error that a refused call is."""
        about = _about(operation, answer)
        said = f"The CRM refuses {operation} ({answer.code}; trace {answer.trace or 'none'})"
        if answer.hint:
            said = f"{said}: {answer.hint}"
        if answer.code == facts.BAD_SECRET:
            return SchemaDriftError(
                f"{said}.", hint="Check `object` in the mapping: this path does not serve it."
            )
        match facts.CODES.get(answer.code, Class.PERMANENT):
            case Class.TRANSIENT | Class.AMBIGUOUS:
                return RetryableError(f"{said}.", after_s=_FAULT_WAIT_S, **about)
            case Class.TOKEN:
                return LoginRefusedError(f"{said}, with a fresh token too.", **about)
            case Class.CONFIG:
                return LoginRefusedError(f"{said}.", hint=_way_out(answer.code), **about)
        return InvalidError(f"{said}.", **about)


def budget(path: str) -> str:
    """The budget of a path; the vendor counts each path alone.

    >>> budget("/cgi/crm/custom/v2/data/query")
    'custom/v2/data/query'
    """
    return path.removeprefix(_PREFIX)


def _about(operation: str, answer: Answer) -> dict[str, str]:
    return {
        "plugin": PLUGIN,
        "operation": operation,
        "code": str(answer.code),
        "trace": answer.trace,
    }


def _way_out(code: int) -> str:
    """What a person can do about a code that concerns the whole tenant."""
    if code == facts.NO_QUOTA:
        return "The tenant has bought no API calls: buy a package in the CRM's administration."
    if code in facts.PERSON_CODES:
        return "Check user_id: the app must see this employee, and the older login wants `FSUID_…`."
    return "Check the app's credentials, rights and white list in the CRM's administration."
