"""One request out, one whole answer back: allow-list, time-outs, size cap, retries, quiet logs.

What a caller must know after a failure is whether the request may have reached the vendor. That
is answered by the connection itself (`wire`), not by the text of an exception. No exception,
address query or body of the HTTP libraries leaves this module.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from random import Random
from typing import Any, BinaryIO, Final

import orjson
import requests
import tenacity
from requests.adapters import BaseAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError
from urllib3.exceptions import SSLError as TlsError

from connector.errors import UnknownOutcomeError, UnreachableError, UsageError, VendorError
from connector.http import wire
from connector.http.allow import Gate
from connector.http.settings import EXCHANGE
from connector.plugin import AllowList, Clock, Response
from connector.version import __version__

__all__ = ["HttpSession"]

_log = logging.getLogger(__name__)

MAX_BYTES: Final = 32 << 20
"""Of one decoded answer, unless the caller says otherwise."""
ATTEMPTS: Final = 3
CONNECT_S: Final = 10.0
"""Most seconds for one address of a host to answer."""
CALL_LIFE: Final = 3.0
"""A call with all its repeats begins no exchange after so many times `timeout_s`."""
IDLE_S: Final = 15.0
"""A connection that was not used for so long is closed rather than trusted."""
_CHUNK: Final = 1 << 16
_FIRST_WAIT_S: Final = 0.3


class _NotSentError(Exception):
    """No byte left."""


class _LostError(Exception):
    """The request left, and its answer did not come, or not whole."""


class _TooLargeError(Exception):
    """The answer is over its cap."""


class HttpSession:
    """A `plugin.Session` on requests. Safe for threads; one connection for each of `pool` calls.

    `timeout_s` bounds each wait for the vendor; one exchange ends at latest after 1.5 times that.
    """

    def __init__(
        self,
        hosts: AllowList,
        *,
        clock: Clock,
        rng: Random,
        timeout_s: float,
        pool: int = 4,
        ca_file: str | None = None,
        idle_s: float = IDLE_S,
        adapter: BaseAdapter | None = None,
    ) -> None:
        """`adapter` takes the requests in place of the network; tests put a whole vendor there.

        Raises: SettingsError if an origin in `hosts` may not be allowed at all.
        """
        self._gate = Gate(hosts)
        self._clock = clock
        self._rng = rng
        self._timeout_s = timeout_s
        self._verify: bool | str = ca_file or True
        # An adapter without a `requests.Session` around it: no cookies, no .netrc that would
        # replace our Authorization, no proxies from the environment, no redirects to follow.
        self._adapter = adapter or wire.Adapter(pool, idle_s)

    def __repr__(self) -> str:
        return "<HttpSession>"

    def close(self) -> None:
        self._adapter.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        max_bytes: int | None = None,
        into: BinaryIO | None = None,
    ) -> Response:
        """Send one request and read the whole answer, whatever its status (a redirect as it is).

        The content of a 200 goes to `into`, from its start, if that is given.

        Raises: SettingsError for an address that is not allowed; UnreachableError;
        UnknownOutcomeError; VendorError if a read's answer is over `max_bytes`.
        """
        self._gate.check(url)
        prepared = self._prepare(method, url, params, json, form, body, headers)
        about = f"{method} {prepared.path_url.partition('?')[0]}"
        cap = MAX_BYTES if max_bytes is None else max_bytes
        last_start = time.monotonic() + CALL_LIFE * self._timeout_s
        retrying = tenacity.Retrying(
            stop=lambda state: state.attempt_number >= ATTEMPTS or time.monotonic() >= last_start,
            wait=self._wait_s,
            sleep=self._clock.sleep,
            # What surely never left may be repeated whatever it is.
            retry=tenacity.retry_if_exception_type(
                (_NotSentError, _LostError) if repeatable else _NotSentError
            ),
            reraise=True,
        )
        try:
            return retrying(self._exchange, prepared, about, cap, into)
        except _NotSentError as error:
            raise UnreachableError(f"No connection was made ({error}).", operation=about) from None
        except _LostError as error:
            if repeatable:
                raise UnreachableError(f"The answer was lost ({error}).", operation=about) from None
            raise UnknownOutcomeError(
                f"The request was sent and its answer was lost ({error}).", operation=about
            ) from None
        except _TooLargeError:
            kind = VendorError if repeatable else UnknownOutcomeError
            raise kind(f"The answer is larger than {cap} bytes.", operation=about) from None

    def _prepare(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        json: Any,
        form: Mapping[str, str] | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> requests.PreparedRequest:
        heads = {
            "User-Agent": f"crm-connector/{__version__}",
            "Accept-Encoding": "gzip, deflate",
            **(headers or {}),
        }
        data: bytes | dict[str, str] | None = body
        try:
            if json is not None:
                data = orjson.dumps(json)
                heads.setdefault("Content-Type", "application/json")
            elif form is not None:
                data = dict(form)
            request = requests.Request(method, url, headers=heads, params=params, data=data)
            prepared = request.prepare()
        except (requests.RequestException, ValueError, TypeError):
            raise UsageError("A request could not be put together.") from None
        # Once more, as the library will send it: it rewrites addresses.
        self._gate.check(prepared.url or "")
        return prepared

    def _exchange(
        self, prepared: requests.PreparedRequest, about: str, cap: int, into: BinaryIO | None
    ) -> Response:
        wire.begin(EXCHANGE * self._timeout_s)
        begun = time.monotonic()
        status, size = "lost", 0
        try:
            answer = self._adapter.send(
                prepared,
                stream=True,
                timeout=(min(CONNECT_S, self._timeout_s), self._timeout_s),
                verify=self._verify,
            )
            try:
                filed = into if answer.status_code == 200 else None
                content, size = _read(answer, cap, filed)
            except BaseException:
                # A connection with unread bytes must never serve the next request.
                answer.raw.close()
                raise
            answer.raw.release_conn()
            status = str(answer.status_code)
            return Response(
                status=answer.status_code,
                headers={name.lower(): value for name, value in answer.headers.items()},
                body=content,
            )
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            name = _cause(error)
            if _surely_not_sent(error):
                status = "not sent"
                raise _NotSentError(name) from None
            raise _LostError(name) from None
        finally:
            ms = round((time.monotonic() - begun) * 1000)
            _log.debug("%s %s", about, status, extra={"status": status, "ms": ms, "bytes": size})

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        longest: float = _FIRST_WAIT_S * 2**state.attempt_number
        return longest * self._rng.uniform(0.5, 1.0)


def _read(answer: requests.Response, cap: int, into: BinaryIO | None) -> tuple[bytes, int]:
    """Read the decoded body, or write it `into` a file; the bytes returned and their number.

    urllib3 refuses a body that is shorter than its Content-Length.
    """
    content, size = bytearray(), 0
    if into is not None:  # what an earlier, broken answer left there
        into.seek(0)
        into.truncate()
    for chunk in answer.raw.stream(_CHUNK, decode_content=True):
        size += len(chunk)
        if size > cap:
            raise _TooLargeError
        if into is None:
            content += chunk
        else:
            into.write(chunk)
    return bytes(content), size


def _surely_not_sent(error: BaseException) -> bool:
    if wire.progress() is wire.Progress.SENT:
        return False
    if wire.progress() is wire.Progress.CONNECTING:
        return True
    # The failure came before or beside our own connections: believe only what cannot be otherwise.
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = error.args[0] if error.args else None
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | TlsError)


def _cause(error: BaseException) -> str:
    """The class of the innermost error: all that may be told, texts hold addresses."""
    reason: object = error
    for _ in range(5):
        inner = getattr(reason, "reason", None) or next(
            (one for one in getattr(reason, "args", ()) if isinstance(one, BaseException)), None
        )
        if not isinstance(inner, BaseException):
            break
        reason = inner
    return type(reason).__name__
