"""What a call asks for, before it is answered."""

from __future__ import annotations

from collections.abc import Callable

from connector_zoho.sandbox.auth import Grant
from connector_zoho.sandbox.refusals import Json

Answer = tuple[int, Json | bytes | None]
"""HTTP status, and the body: JSON, a file, or none."""


class Route:
    """What a call asks for: the operation's name, its module, and how to answer it."""

    __slots__ = ("answer", "heavy", "module", "operation", "records")

    def __init__(
        self,
        operation: str,
        answer: Callable[[Grant], Answer],
        module: str = "",
        records: int = 1,
        heavy: bool = False,
    ) -> None:
        self.operation, self.answer, self.module = operation, answer, module
        self.records, self.heavy = records, heavy
