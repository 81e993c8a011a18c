"""One sandbox of each vendor for all tests here that want one, emptied for each; a bad server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox
from connector_zoho.sandbox.handle import ZohoSandbox

from tests.unit import fxiaoke_rig
from tests.unit.misbehaving import Server
from tests.unit.zoho_rig import Rig


@pytest.fixture(scope="session")
def zoho_sandbox() -> Iterator[ZohoSandbox]:
    with ZohoSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def rig(zoho_sandbox: ZohoSandbox) -> Iterator[Rig]:
    rig = Rig(zoho_sandbox)
    rig.reset()
    yield rig
    rig.reset()


@pytest.fixture(scope="session")
def fxiaoke_sandbox() -> Iterator[FxiaokeSandbox]:
    with FxiaokeSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def fx(fxiaoke_sandbox: FxiaokeSandbox) -> Iterator[fxiaoke_rig.Rig]:
    rig = fxiaoke_rig.Rig(fxiaoke_sandbox)
    rig.reset()
    yield rig
    rig.reset()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()
