"""The header that lets a call name records by an external field's value. README: External ids."""

from __future__ import annotations

from connector.sandbox.calls import Call
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.modules import Module
from connector_zoho.sandbox.refusals import RefusedCall
from connector_zoho.sandbox.schema import Field


class Externals:
    """What one `X-EXTERNAL` header says: `Module.Field`, `Module.Lookup.Field`, by commas."""

    def __init__(self, org: Organisation, call: Call) -> None:
        self._org = org
        self._own: dict[str, str] = {}
        self._lookups: dict[tuple[str, str], str] = {}
        for part in filter(None, map(str.strip, call.headers.get("x-external", "").split(","))):
            self._read(part.split("."))

    def _read(self, parts: list[str]) -> None:
        module = self._org.modules.get(parts[0])
        if module is not None and len(parts) == 2 and self._external(module, parts[1]):
            self._own[module.name] = parts[1]
            return
        if module is not None and len(parts) == 3 and parts[1] in module.fields:
            target = self._org.modules.get(module.fields[parts[1]].target or "")
            if target is not None and self._external(target, parts[2]):
                self._lookups[(module.name, parts[1])] = parts[2]
                return
        raise RefusedCall(
            "INVALID_DATA", "the external field given is invalid", {"header_name": "X-EXTERNAL"}
        )

    @staticmethod
    def _external(module: Module, name: str) -> bool:
        return name in module.fields and module.fields[name].external

    def given(self, module: Module) -> bool:
        """Whether ids of this module are external values in this call."""
        return module.name in self._own

    def field(self, module: Module) -> str | None:
        """The external field that stands for the id, if the header names one."""
        return self._own.get(module.name)

    def record(self, module: Module, told: str) -> int | None:
        """Find the live record with the external value; None without a header or without a hit."""
        name = self._own.get(module.name)
        return module.holder(name, told) if name is not None else None

    def resolver_of(self, module: Module) -> _Resolver:
        """A function for lookups of this module: external value to record."""
        return _Resolver(self._org, module, self._lookups)


class _Resolver:
    def __init__(
        self, org: Organisation, module: Module, lookups: dict[tuple[str, str], str]
    ) -> None:
        self._org, self._module, self._lookups = org, module, lookups

    def __call__(self, field: Field, value: str) -> int | None:
        name = self._lookups.get((self._module.name, field.name))
        if name is None:
            return None
        return self._org.modules[field.target or ""].holder(name, value)
