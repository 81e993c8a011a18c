"""Log lines: one JSON object each, with the run's id, and a net under what must not be in one.

As a library we set no handlers; the command puts `JsonFormatter` and `Redactor` on its own.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from connector.errors import ConnectorError

__all__ = ["JsonFormatter", "Redactor", "quiet_libraries", "run"]

_RUN_ID: ContextVar[str] = ContextVar("run_id", default="")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_EMAIL: Final = re.compile(r"[^\s@<>\"'(),:;=]+@[^\s@<>\"'(),:;=]+\.[^\W\d_]{2,}")
_PHONE: Final = re.compile(
    r"""(?<![\w.+-]) (?:
        \+ \d [\d\s().-]{5,18} \d          # international: +86 10 5555 0101
      | 1[3-9] \d{9}                       # a mainland mobile number, bare
      | \(? \d{2,4} \)? (?: [\s-] \d{3,4} ){2}  # groups: 010-5555-0101, (555) 555 0101
    ) (?![\w-])""",
    re.VERBOSE,
)


@contextmanager
def run(run_id: str) -> Iterator[None]:
    """Put `run_id` on every line logged inside, in this thread or task."""
    token = _RUN_ID.set(run_id)
    try:
        yield
    finally:
        _RUN_ID.reset(token)


class JsonFormatter(logging.Formatter):
    """One line of JSON: time, level, logger, message, run_id, and whatever came as `extra`.

    An error of ours is shown by its sentence. Of any other exception only its class and the places
    it passed are shown: its text may hold a record's values.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if run_id := _RUN_ID.get():
            line["run_id"] = run_id
        for name, value in vars(record).items():
            if name not in _STANDARD and not name.startswith("_"):
                line[name] = _plain(value)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"], line["at"] = _describe(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class Redactor(logging.Filter):
    """Blank registered secrets and what looks like an e-mail address or a phone number.

    This is the second net: nothing personal should reach a log line in the first place. Put it on
    a handler, so that it sees the lines of every logger.
    """

    def __init__(self) -> None:
        super().__init__()
        self._secrets: set[str] = set()

    def register(self, secret: str) -> None:
        """Blank this text wherever it turns up. Texts under 6 characters would blank too much."""
        if len(secret) >= 6:
            self._secrets.add(secret)

    def redact(self, text: str) -> str:
        """Return the text without secrets, addresses and numbers.

        >>> Redactor().redact("sent to lin@example.test, +86 10 5555 0101, ref 4150000000002175001")
        'sent to [email], [phone], ref 4150000000002175001'
        """
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        if "@" in text:
            text = _EMAIL.sub("[email]", text)
        return _PHONE.sub("[phone]", text)

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            record.msg = self.redact(record.getMessage())
        except (TypeError, ValueError, KeyError):
            # The handler would print the arguments with its complaint about them.
            record.msg = "[a log line whose arguments do not fit its text]"
        record.args = None
        for name, value in list(vars(record).items()):
            if name not in _STANDARD:
                setattr(record, name, self._clean(value))
        return True

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {key: self._clean(one) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(one) for one in value]
        return value


def quiet_libraries() -> None:
    """Keep the HTTP libraries from logging addresses with their queries, at any level of ours."""
    for name in ("urllib3", "requests", "charset_normalizer"):
        for known in (
            name,
            *(k for k in logging.root.manager.loggerDict if k.startswith(f"{name}.")),
        ):
            # Some warnings (unreadable headers) carry the whole address: only errors may pass.
            logging.getLogger(known).setLevel(logging.ERROR)


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    # The text of an unknown object may be a record.
    return f"<{type(value).__name__}>"


def _describe(error: BaseException) -> tuple[str, list[str]]:
    name = type(error).__name__
    said = f"{name}: {error}" if isinstance(error, ConnectorError) else name
    places = [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return said, places
