"""How the vendor says no: to a whole call, or to one record of a batch."""

from __future__ import annotations

from typing import Any, TypeAlias

from connector.sandbox.refused import Refused

Json: TypeAlias = dict[str, Any]


def envelope(code: str, message: str, details: Json | None = None) -> Json:
    """The vendor's error object, the same for a call and for one record."""
    return {"code": code, "details": details or {}, "message": message, "status": "error"}


class RefusedCall(Exception):
    """The whole call is refused. README: Error codes."""

    def __init__(
        self, code: str, message: str, details: Json | None = None, *, status: int = 400
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.body = envelope(code, message, details)


class RefusedItem(Refused):
    """One record of a batch is refused; the others go on. README: Results."""

    def __init__(self, code: str, message: str, details: Json | None = None) -> None:
        super().__init__(code, {"error": code, "details": details or {}})
        self.body = envelope(code, message, details)


def invalid_module() -> RefusedCall:
    """The module's API name is unknown, or the API does not support it."""
    return RefusedCall(
        "INVALID_MODULE", "the module name given seems to be invalid", {"resource_path_index": 0}
    )


def bad_pattern(name: str) -> RefusedCall:
    """A query parameter's value has the wrong form."""
    return RefusedCall("PATTERN_NOT_MATCHED", "invalid parameter value", {"param_name": name})


def bad_item(name: str, path: str, message: str = "invalid data", **more: Any) -> RefusedItem:
    """A value of a record is refused; `more` says why (`expected_data_type`, `maximum_length`)."""
    return RefusedItem("INVALID_DATA", message, {"api_name": name, "json_path": path, **more})
