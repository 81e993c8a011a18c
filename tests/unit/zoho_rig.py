"""A Zoho sandbox, a host for the plugin, and remotes opened on them."""

from __future__ import annotations

from typing import Any

from connector_zoho import plugin
from connector_zoho.remote import ZohoRemote
from connector_zoho.sandbox.handle import ZohoSandbox
from connector_zoho.settings import ZohoSettings

from connector.plugin import Op, Ref, Target, Write
from connector.records import Kind
from tests.unit.rig import SandboxRig

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


class Rig(SandboxRig[ZohoSettings, ZohoRemote]):
    """A sandbox, a host, and remotes opened on them."""

    def __init__(self, sandbox: ZohoSandbox) -> None:
        super().__init__(ZohoSettings, plugin.open, TARGETS, sandbox)
        self.sandbox = sandbox

    def contacts(self, count: int, **fields: Any) -> list[Ref]:
        rows = [{"Last_Name": f"N{n}", **fields} for n in range(count)]
        return self.sandbox.seed("Contacts", rows)


def create(id_: str, key: str = "", **fields: Any) -> Write:
    fields.setdefault("Last_Name", f"N{id_}")
    return Write(id=id_, op=Op.CREATE, ref=None, fields=fields, external_key=key or f"KEY{id_}")
