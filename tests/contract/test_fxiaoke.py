"""The Fxiaoke plugin keeps the plugin contract, against its sandbox over a real socket.

Where the vendor's pages leave a behaviour open, the sandbox has a switch: each form of those that
touch the contract is met here, in tenants that differ in several at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox

from connector.plugin import Remote, Target
from connector.records import Kind
from connector.testing.contract import PluginContract
from connector.testing.hands import Hands, SandboxHands
from tests.unit.fxiaoke_rig import Rig

FIELDS = ("name", "email", "tel", "wechat__c", "occupation__c", "stage__c")


@dataclass(frozen=True, slots=True)
class Tenant:
    """One form of the vendor, and the settings that fit it."""

    object: str = "AccountObj"
    fields: tuple[str, ...] = FIELDS
    switches: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> Target:
        return Target(object=self.object, fields=self.fields, key_field="ext_key__c")


TENANTS = {
    "likeliest": Tenant(switches={"unique_enforced": "no"}, settings={"deleted_get": "auto"}),
    "otherwise": Tenant(
        switches={
            "unique_enforced": "no",
            "business_code": "32000",
            "list_shape": "bare",
            "projection": "ignored",
            "preset_shows_invalid": "yes",
            "deleted_get": "no_data",
            "numbers_as": "number",
            "time_step": "1000",
            "describe_param": "top",
            "describe_max_length": "no",
            "create_answer": "data",
            "clear_accepts": "empty",
            "update_unchanged": "nothing",
            "invalid_is_deleted": "yes",
            "unknown_field": "refused",
            "text_case": "folded",
        },
        settings={"clear_with": "empty", "reads_invalidated": True, "deleted_get": "empty"},
    ),
    "unique": Tenant(
        switches={
            "business_code": "32000",
            "deleted_get": "50009",
            "describe_param": "data",
            "clear_accepts": "null",
        },
        settings={"unique_key": True, "deleted_get": "error"},
        limits={"index_lag_s": 2.0},
    ),
    "custom": Tenant(
        object="feedback__c",
        fields=("name", "channel__c", "category__c", "type__c", "score__c"),
        switches={
            "unique_enforced": "no",
            "deleted_get": "32000",
            "custom_shows_invalid": "no",
            "number_written": "either",
            "invalid_moves": "no",
        },
        settings={"deleted_get": "error"},
    ),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[FxiaokeSandbox]:
    with FxiaokeSandbox() as sandbox:
        yield sandbox


class TestFxiaoke(PluginContract):
    @pytest.fixture(params=TENANTS)
    def tenant(self, request: pytest.FixtureRequest) -> Tenant:
        return TENANTS[request.param]

    @pytest.fixture
    def remote(self, sandbox: FxiaokeSandbox, tenant: Tenant) -> Iterator[Remote]:
        rig = Rig(sandbox)
        rig.reset()
        sandbox.switch(**tenant.switches)
        sandbox.limits(**tenant.limits)
        yield rig.open({Kind.CUSTOMER: tenant.target}, page_size=3, **tenant.settings)
        rig.reset()

    @pytest.fixture
    def hands(self, sandbox: FxiaokeSandbox, tenant: Tenant) -> Hands:
        def sleep(seconds: float) -> None:
            sandbox.now(advance=seconds)

        return SandboxHands(sandbox, {Kind.CUSTOMER: tenant.target}, sleep, id_field="_id")

    @pytest.fixture
    def target(self, tenant: Tenant) -> Target:
        return tenant.target
