"""What every table of the settings has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """An unknown key is a fault, and no fault quotes what stands there."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
