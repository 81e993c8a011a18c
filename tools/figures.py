"""How a figure is printed: one JSON line, read by machines."""

from __future__ import annotations

import json
from typing import Any


def show(name: str, value: float, unit: str, bound: float | None = None, **more: Any) -> None:
    line = {"name": name, "value": round(value, 3), "unit": unit, "bound": bound, **more}
    print(json.dumps(line, ensure_ascii=False), flush=True)


def show_calls(name: str, made: int, bound: int, **more: Any) -> None:
    """A number of calls, and how much of what is allowed it is."""
    show(name, made, "calls", bound, ratio=round(made / bound, 3), **more)
