"""How the vendor says no: a code and a text in an envelope, HTTP 200."""

from __future__ import annotations

from typing import Any, TypeAlias

from connector.sandbox.refused import Refused

Json: TypeAlias = dict[str, Any]


class RefusedCall(Refused):
    """A call is refused with an `errorCode`; its text may echo what was sent."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(str(code), {"error": f"{code} {text}"})
        self.number, self.text = code, text


class RefusedRecord(Refused):
    """A record or a row's state refuses the call. Which code it carries is a switch."""

    def __init__(self, text: str) -> None:
        super().__init__("business", {"error": text})
        self.text = text


class LockedRecord(RefusedRecord):
    """The one refusal whose code was seen live: always 50009."""


def null_pointer() -> RefusedRecord:
    """The body has the wrong shape; the server's own fault shines through."""
    return RefusedRecord("java.lang.NullPointerException")


def no_right() -> RefusedRecord:
    """Out of the acting user's sight, or in a pool."""
    return RefusedRecord("无此操作的数据权限")
