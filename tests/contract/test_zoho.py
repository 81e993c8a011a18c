"""The Zoho plugin keeps the plugin contract, against its sandbox over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from connector_zoho.sandbox.handle import ZohoSandbox

from connector.plugin import Remote, Target
from connector.records import Kind
from connector.testing.contract import PluginContract
from connector.testing.hands import Hands, SandboxHands
from tests.unit.zoho_rig import Rig

TARGET = Target(
    object="Contacts",
    fields=(
        *("Last_Name", "First_Name", "Email", "Mobile", "WeChat", "Customer_Stage"),
        *("Email_Opt_Out", "Customer_Tags", "Date_of_Birth", "Last_Contact", "RFM_Monetary"),
        *("RFM_Recency", "Account_Name", "Owner"),
    ),
    key_field="Connector_Key",
    match_fields=("Email",),
)
TARGETS = {Kind.CUSTOMER: TARGET}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ZohoSandbox]:
    with ZohoSandbox() as sandbox:
        yield sandbox


class TestZoho(PluginContract):
    @pytest.fixture
    def rig(self, sandbox: ZohoSandbox) -> Rig:
        return Rig(sandbox)

    @pytest.fixture(params=[True, False], ids=["queries", "lists"])
    def remote(self, rig: Rig, request: pytest.FixtureRequest) -> Iterator[Remote]:
        rig.reset()
        yield rig.open(
            TARGETS, coql=request.param, list_page=3, query_page=3, timeout_s=10, call_life_s=15
        )
        rig.reset()

    @pytest.fixture
    def hands(self, sandbox: ZohoSandbox, rig: Rig) -> Hands:
        def sleep(seconds: float) -> None:
            sandbox.now(advance=seconds)
            rig.host.clock.moved += timedelta(seconds=seconds)

        return SandboxHands(sandbox, TARGETS, sleep)

    @pytest.fixture
    def target(self) -> Target:
        return TARGET
