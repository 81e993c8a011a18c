"""Names of the faults, and the vendor's words for an error. README: Sandbox, faults."""

from __future__ import annotations

from typing import Any, Final

from connector.sandbox.faults import LINE_FAULTS, Fault
from connector_zoho.sandbox.refusals import envelope

FAULTS: Final = LINE_FAULTS | {
    "error",
    "half",
    "wrong_record",
    "throttled",
    "expired_token",
    "error_although_applied",
    "reordered",
    "duplicated",
    "failed_job",
    "short_result",
}
"""Names of the faults."""


def error_body(fault: Fault) -> tuple[int, dict[str, Any]]:
    """Status and body of the fault `error`; INTERNAL_ERROR 500 unless told otherwise."""
    code = str(fault.more.get("code", "INTERNAL_ERROR"))
    return int(fault.more.get("status", 500)), envelope(code, "an error was asked for")
