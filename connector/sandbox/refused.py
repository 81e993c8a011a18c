"""The vendor's own no, where its administrator runs into it."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A record or a call is refused; `told` is what the administrator hears of it."""

    def __init__(self, code: str, told: dict[str, Any]) -> None:
        super().__init__(code)
        self.code, self.told = code, told
