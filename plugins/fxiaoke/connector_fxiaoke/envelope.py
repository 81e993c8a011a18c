"""What is around every call: a trace id there, and a code, a trace id and a text back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any, Final
from uuid import UUID

from connector_fxiaoke import facts

_TRACE: Final = re.compile(r"[A-Za-z0-9._:/-]{1,120}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")

_KNOWN_TEXTS: Final[Mapping[str, str]] = {
    "数据权限": "it says that our user has no right to this record",
    "锁定": "it says that the record is locked",
    "NullPointerException": "it did not understand the call's form",
    "Bad Request": "it did not understand the call's form",
}
"""Part of a vendor's text to what may be told of it. The texts echo values and may change at any
time: they are shown to people in these words, and nothing is decided by them."""


def traced(rng: Random) -> dict[str, str]:
    """The address parameter that every call carries: a fresh UUIDv4."""
    return {facts.TRACE_PARAMETER: str(UUID(int=rng.getrandbits(128), version=4))}


def code_of(told: Mapping[str, Any]) -> int | None:
    """The answer's code, a number or its digits; None if it has none.

    >>> code_of({"errorCode": "0"}), code_of({"errorCode": 20016}), code_of({"errorCode": "x"})
    (0, 20016, None)
    """
    code = told.get("errorCode")
    if isinstance(code, str) and _NUMBER.fullmatch(code):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def trace_of(told: Mapping[str, Any]) -> str:
    """The vendor's id of this call, for its support; "" if it tells none of a sane form."""
    trace = told.get("traceId")
    return trace if isinstance(trace, str) and _TRACE.fullmatch(trace) else ""


def hint_of(told: Mapping[str, Any]) -> str:
    """What may be told of the vendor's text, as half a sentence; "" if nothing may.

    >>> hint_of({"errorMessage": "13800000000: 无此操作的数据权限"})
    'it says that our user has no right to this record'
    """
    texts = f"{told.get('errorMessage')} {told.get('errorDescription')}"
    return next((ours for theirs, ours in _KNOWN_TEXTS.items() if theirs in texts), "")
