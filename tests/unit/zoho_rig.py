"""A Zoho sandbox, a host for the plugin, and remotes opened on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector_zoho import plugin
from connector_zoho.remote import ZohoRemote
from connector_zoho.sandbox.handle import ZohoSandbox
from connector_zoho.settings import ZohoSettings

from connector.plugin import Op, Ref, Target, Write
from connector.records import Kind
from tests.unit.rig import Host

C = Kind.CUSTOMER
FIELDS = ("Last_Name", "First_Name", "Email", "Mobile", "Email_Opt_Out")
TARGETS = {
    C: Target(
        object="Contacts",
        fields=FIELDS,
        key_field="Connector_Key",
        match_fields=("Email", "Mobile"),
    ),
    Kind.MEMBERSHIP: Target(
        object="Memberships", fields=("Name", "Customer", "Benefits"), key_field="Connector_Key"
    ),
}


class Rig:
    """A sandbox, a host, and remotes opened on them."""

    def __init__(self, sandbox: ZohoSandbox) -> None:
        self.sandbox = sandbox
        self.host = Host()
        self._open: list[ZohoRemote] = []

    def reset(self) -> None:
        """Make the sandbox new, and everything of ours too."""
        for remote in self._open:
            remote.close()
        self._open.clear()
        self.sandbox.admin("reset")
        self.host = Host()

    def settings(self, **more: Any) -> ZohoSettings:
        table = {k: v for k, v in self.sandbox.settings.items() if k != "plugin"}
        return ZohoSettings(**{"timeout_s": 3, "call_life_s": 5, **table, **more})

    def open(
        self, targets: Mapping[Kind, Target] = TARGETS, host: Host | None = None, **more: Any
    ) -> ZohoRemote:
        remote = plugin.open(self.settings(**more), targets, host or self.host)
        self._open.append(remote)
        return remote

    def calls(self, *names: str) -> dict[str, int]:
        """Calls so far of these operations, or of all but logins."""
        found = self.sandbox.calls()
        wanted = names or [name for name in found if name != "token"]
        return {name: found[name] for name in wanted if found.get(name)}

    def contacts(self, count: int, **fields: Any) -> list[Ref]:
        rows = [{"Last_Name": f"N{n}", **fields} for n in range(count)]
        return self.sandbox.seed("Contacts", rows)


def create(id_: str, key: str = "", **fields: Any) -> Write:
    fields.setdefault("Last_Name", f"N{id_}")
    return Write(id=id_, op=Op.CREATE, ref=None, fields=fields, external_key=key or f"KEY{id_}")
