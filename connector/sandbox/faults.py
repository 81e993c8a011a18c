"""Faults on demand, armed by name for the next so many calls, and those that any line may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from connector.sandbox.calls import Reply

LINE_FAULTS: Final = frozenset(
    {"lost_before", "lost_after", "slow", "late", "truncated", "html", "empty"}
)
"""Names of the faults that no vendor's words are needed for; `spoil_line` knows them."""

HTML: Final = b"<!DOCTYPE html><html><head><title>Service</title></head><body>Busy</body></html>"


@dataclass(slots=True)
class Fault:
    """An armed fault: skips `after` matching calls, then strikes `count` times.

    `operation` is one name, several by commas, or "" for all; `object` is one of the vendor's
    objects, or "". `more` are the fault's own options.
    """

    name: str
    count: int = 1
    after: int = 0
    operation: str = ""
    object: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def matches(self, operation: str, object: str) -> bool:
        if self.operation and operation not in self.operation.split(","):
            return False
        return not self.object or self.object == object


class Faults:
    """The faults of one sandbox, in the order of arming.

    `known` are the names it has; `noun` is the vendor's word for an object.
    """

    def __init__(self, known: frozenset[str], noun: str) -> None:
        self._known, self._noun = known, noun
        self._armed: list[Fault] = []

    def arm(self, name: str, how: Mapping[str, Any]) -> None:
        """Arm a fault. Raises KeyError for a name that is none."""
        if name not in self._known:
            raise KeyError(name)
        own = {"count": "count", "after": "after", "operation": "operation", self._noun: "object"}
        known = {own[key]: value for key, value in how.items() if key in own}
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

    def strike(self, operation: str, object: str) -> Fault | None:
        """The fault that this call suffers; all that wait count the call."""
        struck: Fault | None = None
        for fault in self._armed:
            if not fault.matches(operation, object):
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


def spoil_line(
    fault: Fault, served: Callable[[], Reply], unserved: Callable[[int], Reply]
) -> Reply | None:
    """Answer a call that a line fault has struck; None for any other fault.

    `served` carries the call out and answers it, `unserved` notes it without effect and answers
    with nothing but a status. Some faults take `seconds` or `status`.
    """
    seconds = float(fault.more.get("seconds", 1.0))
    match fault.name:
        case "lost_before":
            return replace(unserved(0), drop=True)
        case "lost_after":
            return replace(served(), drop=True)
        case "slow":
            reply = served()
            reply.delay_s += seconds
            return reply
        case "late":
            # the request is carried out only after the wait, when its sender may have given up
            return Reply(0, delay_s=seconds, late=served)
        case "truncated":
            reply = served()
            return replace(reply, cut=len(reply.body) // 2)
        case "html":
            page = unserved(int(fault.more.get("status", 200)))
            return replace(page, body=HTML, headers={"content-type": "text/html;charset=UTF-8"})
        case "empty":
            return replace(served(), body=b"")
    return None
