"""One thing looked at, and what all of them amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from connector.doctor.missing import MissingField
from connector.errors import ConnectorError, SettingsError, worst

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `fix` says what to do; `exit_code` counts when `state` is fail.

    `missing` are the fields that were found to be missing at a vendor.
    """

    name: str
    state: State
    sentence: str
    fix: str = ""
    exit_code: int = 0
    missing: tuple[MissingField, ...] = ()


def exit_of(checks: Sequence[Check]) -> int:
    """The exit code of a doctor's visit: warnings are none, of failures the worst counts."""
    return worst(check.exit_code for check in checks if check.state == "fail")


def failed(name: str, error: ConnectorError) -> Check:
    """A check that ended with an error of ours."""
    faults = error.faults if isinstance(error, SettingsError) else ()
    said = str(error.args[0]) if faults else error.sentence
    return Check(name, "fail", said, error.hint or "", error.exit_code)
