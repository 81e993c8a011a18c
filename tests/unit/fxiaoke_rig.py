"""A Fxiaoke sandbox, a host for the plugin, and remotes opened on them."""

from __future__ import annotations

from typing import Any

from connector_fxiaoke import plugin
from connector_fxiaoke.remote import FxiaokeRemote
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox
from connector_fxiaoke.settings import FxiaokeSettings

from connector.plugin import Op, Ref, Target, Write
from connector.records import Kind
from tests.unit.rig import SandboxRig

C = Kind.CUSTOMER
M = Kind.MEMBERSHIP
OBJECT = "AccountObj"
FIELDS = ("name", "tel", "email", "remark", "wechat__c", "birth_date__c", "rfm_monetary__c")
TARGETS = {
    C: Target(object=OBJECT, fields=FIELDS, key_field="ext_key__c", match_fields=("email", "tel")),
    M: Target(
        object="membership__c",
        fields=("name", "customer__c", "plan__c", "valid_to__c"),
        key_field="ext_key__c",
    ),
}


class Rig(SandboxRig[FxiaokeSettings, FxiaokeRemote]):
    """A sandbox without a limit on calls, a host, and remotes opened on them."""

    def __init__(self, sandbox: FxiaokeSandbox) -> None:
        super().__init__(FxiaokeSettings, plugin.open, TARGETS, sandbox)
        self.sandbox = sandbox

    def reset(self) -> None:
        super().reset()
        self.sandbox.limits(rate_calls=None)

    def accounts(self, count: int, **fields: Any) -> list[Ref]:
        return self.sandbox.seed(OBJECT, [{"name": f"N{n}", **fields} for n in range(count)])

    def held(self, ref: Ref, object_: str = OBJECT) -> dict[str, Any]:
        """A live record as the sandbox holds it."""
        return next(row for row in self.sandbox.records(object_) if row["_id"] == ref)


def create(id_: str, key: str = "", **fields: Any) -> Write:
    fields.setdefault("name", f"N{id_}")
    return Write(id=id_, op=Op.CREATE, ref=None, fields=fields, external_key=key or f"KEY{id_}")


def act(id_: str, op: Op, ref: Ref) -> Write:
    return Write(id=id_, op=op, ref=ref, fields={}, external_key="")
