"""Keeps a back office's customers, memberships and feedback in step with a CRM, both ways.

The public names. Each is imported when it is first asked for (PEP 562), so that `import connector`
costs a host next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from connector.version import __version__

if TYPE_CHECKING:
    from connector.app import Connector, open_connector
    from connector.background import Background
    from connector.errors import (
        ConnectorError,
        CursorExpiredError,
        InvalidError,
        LeaseHeldError,
        LeaseLostError,
        LocalError,
        LoginRefusedError,
        MappingError,
        NotFoundError,
        PolicyError,
        PolicyFileError,
        RateLimitedError,
        RejectedError,
        RetryableError,
        SafetyStopError,
        SchemaDriftError,
        SealError,
        SettingsError,
        StaleError,
        StaleVersionError,
        StoreError,
        UnknownOutcomeError,
        UnknownPluginError,
        UnreachableError,
        UsageError,
        VendorError,
    )
    from connector.records import (
        FIELDS,
        MISSING,
        Canonical,
        Field,
        Kind,
        Missing,
        Value,
        field_of,
        may_leave,
    )

__all__ = [
    "FIELDS",
    "MISSING",
    "Background",
    "Canonical",
    "Connector",
    "ConnectorError",
    "CursorExpiredError",
    "Field",
    "InvalidError",
    "Kind",
    "LeaseHeldError",
    "LeaseLostError",
    "LocalError",
    "LoginRefusedError",
    "MappingError",
    "Missing",
    "NotFoundError",
    "PolicyError",
    "PolicyFileError",
    "RateLimitedError",
    "RejectedError",
    "RetryableError",
    "SafetyStopError",
    "SchemaDriftError",
    "SealError",
    "SettingsError",
    "StaleError",
    "StaleVersionError",
    "StoreError",
    "UnknownOutcomeError",
    "UnknownPluginError",
    "UnreachableError",
    "UsageError",
    "Value",
    "VendorError",
    "__version__",
    "field_of",
    "may_leave",
    "open_connector",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        # So that `from connector import settings` goes on to look for a module of that name.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "records"
    if name in ("Connector", "open_connector"):
        home = "app"
    elif name == "Background":
        home = "background"
    elif name.endswith("Error"):
        home = "errors"
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
