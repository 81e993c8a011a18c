"""A Fxiaoke sandbox, a host for the plugin, and remotes opened on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector_fxiaoke import plugin
from connector_fxiaoke.remote import FxiaokeRemote
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox
from connector_fxiaoke.settings import FxiaokeSettings

from connector.plugin import Op, Ref, Target, Write
from connector.records import Kind
from tests.unit.rig import Host

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


class Rig:
    """A sandbox, a host, and remotes opened on them."""

    def __init__(self, sandbox: FxiaokeSandbox) -> None:
        self.sandbox = sandbox
        self.host = Host()
        self._open: list[FxiaokeRemote] = []

    def reset(self) -> None:
        """Make the sandbox new, and everything of ours too."""
        for remote in self._open:
            remote.close()
        self._open.clear()
        self.sandbox.admin("reset")
        self.sandbox.limits(rate_calls=None)
        self.host = Host()

    def settings(self, **more: Any) -> FxiaokeSettings:
        table = {k: v for k, v in self.sandbox.settings.items() if k != "plugin"}
        return FxiaokeSettings(**{"timeout_s": 3, "call_life_s": 5, **table, **more})

    def open(
        self, targets: Mapping[Kind, Target] = TARGETS, host: Host | None = None, **more: Any
    ) -> FxiaokeRemote:
        remote = plugin.open(self.settings(**more), targets, host or self.host)
        self._open.append(remote)
        return remote

    def calls(self, *names: str) -> dict[str, int]:
        """Calls so far of these operations, or of all but logins."""
        found = self.sandbox.calls()
        wanted = names or [name for name in found if name != "token"]
        return {name: found[name] for name in wanted if found.get(name)}

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
