"""Names of the faults."""

from __future__ import annotations

from typing import Final

from connector.sandbox.faults import LINE_FAULTS

FAULTS: Final = LINE_FAULTS | {
    "error",
    "error_although_applied",
    "throttled",
    "quota",
    "expired_token",
    "wrong_record",
    "reordered",
    "duplicated",
    "repeated",
    "late_stamp",
}
"""`error` and `error_although_applied` take `code` and `text`; `late_stamp` takes `seconds`."""
