"""Faults on demand, armed by name for the next so many calls. README: Sandbox, faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connector_zoho.sandbox.refusals import envelope

FAULTS: Final = frozenset(
    {
        "error",
        "lost_before",
        "lost_after",
        "half",
        "slow",
        "late",
        "truncated",
        "html",
        "empty",
        "wrong_record",
        "throttled",
        "expired_token",
        "error_although_applied",
        "reordered",
        "duplicated",
    }
)
"""Names of the faults."""

HTML: Final = b"<!DOCTYPE html><html><head><title>Service</title></head><body>Busy</body></html>"


@dataclass(slots=True)
class Fault:
    """An armed fault: skips `after` matching calls, then strikes `count` times.

    `operation` is one name, several by commas, or "" for all. `more` are the fault's own options.
    """

    name: str
    count: int = 1
    after: int = 0
    operation: str = ""
    module: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def matches(self, operation: str, module: str) -> bool:
        if self.operation and operation not in self.operation.split(","):
            return False
        return not self.module or self.module == module


class Faults:
    """The faults of one sandbox, in the order of arming."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, name: str, how: Mapping[str, Any]) -> None:
        """Arm a fault. Raises KeyError for a name that is none."""
        if name not in FAULTS:
            raise KeyError(name)
        own = {"count", "after", "operation", "module"}
        known = {key: value for key, value in how.items() if key in own}
        more = {key: value for key, value in how.items() if key not in own}
        self._armed.append(Fault(name, more=more, **known))

    def clear(self) -> None:
        self._armed.clear()

    def armed(self) -> list[dict[str, Any]]:
        """What is still armed."""
        return [
            {"name": f.name, "count": f.count, "after": f.after, "operation": f.operation}
            for f in self._armed
        ]

    def strike(self, operation: str, module: str) -> Fault | None:
        """The fault that this call suffers; all that wait count the call."""
        struck: Fault | None = None
        for fault in self._armed:
            if not fault.matches(operation, module):
                continue
            if fault.after > 0:
                fault.after -= 1
            elif struck is None:
                struck = fault
        if struck is not None:
            struck.count -= 1
            if struck.count <= 0:
                self._armed.remove(struck)
        return struck


def error_body(fault: Fault) -> tuple[int, dict[str, Any]]:
    """Status and body of the fault `error`; INTERNAL_ERROR 500 unless told otherwise."""
    code = str(fault.more.get("code", "INTERNAL_ERROR"))
    return int(fault.more.get("status", 500)), envelope(code, "an error was asked for")
