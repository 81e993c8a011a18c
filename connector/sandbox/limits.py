"""Sizes, lags and budgets that the administrator can change while the sandbox runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(slots=True)
class Limits:
    """What every sandbox has; a vendor's own come on top."""

    latency_s: float = 0.0
    """Each answer waits so long."""

    def change(self, wanted: Mapping[str, Any]) -> None:
        """Set the limits named; raises KeyError for one that does not exist."""
        known = {f.name for f in fields(self)}
        for name, value in wanted.items():
            if name not in known:
                raise KeyError(name)
            setattr(self, name, value)
