"""What is around every answer: its body, its code, where a page goes on, a record's own result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from connector_zoho import facts
from connector_zoho.values import read_id

_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,60}")
_PLACE: Final = re.compile(r"\$\.data\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class Answer:
    """A readable answer; `body` is {} where the vendor sent none, `read_at` its own clock."""

    status: int
    read_at: datetime
    body: Mapping[str, Any] = field(repr=False)

    @property
    def rows(self) -> list[Any]:
        """The records or results; [] if there are none."""
        rows = self.body.get("data")
        return rows if isinstance(rows, list) else []

    @property
    def more(self) -> bool:
        return self._info.get("more_records") is True

    @property
    def next_token(self) -> str:
        """What the next page of a list is asked for with; "" behind the last one."""
        token = self._info.get("next_page_token")
        return token if isinstance(token, str) else ""

    @property
    def _info(self) -> Mapping[str, Any]:
        info = self.body.get("info")
        return info if isinstance(info, Mapping) else {}

    @property
    def refusal(self) -> str | None:
        """The code of an answer that refuses the whole call; None if it does not.

        It stands bare, or alone in `data` without naming any record: both forms are met.
        """
        for one in (self.body, *self.rows[:1]):
            if not isinstance(one, Mapping) or "id" in one:
                continue
            if (code := code_of(one)) is not None and code != facts.SUCCESS:
                return code
        return None


def code_of(one: Mapping[str, Any]) -> str | None:
    """The code of an error or result object; None if it is neither. "UNREADABLE" for odd codes.

    >>> code_of({"code": "SUCCESS", "status": "success"}), code_of({"code": "SKU-1", "id": "41"})
    ('SUCCESS', None)
    """
    if "code" not in one or ("status" not in one and "message" not in one):
        return None
    code = one["code"]
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "UNREADABLE"


def details_of(told: Any) -> Mapping[str, Any]:
    """What a result object says beside its code; {} if nothing."""
    details = told.get("details") if isinstance(told, Mapping) else None
    return details if isinstance(details, Mapping) else {}


def place_of(told: Any) -> int | None:
    """The place in the batch that a refusal speaks of, from its `json_path`.

    >>> place_of({"details": {"api_name": "Email", "json_path": "$.data[7].Email"}})
    7
    """
    path = details_of(told).get("json_path")
    match = _PLACE.match(path) if isinstance(path, str) else None
    return int(match[1]) if match else None


def id_of(told: Any) -> str | None:
    """The id of the record that a success speaks of."""
    return read_id(details_of(told).get("id"))
