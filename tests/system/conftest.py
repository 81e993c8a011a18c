"""Fixtures of the system tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox
from connector_zoho.sandbox.handle import ZohoSandbox

from tests.system.rig import Rig


@pytest.fixture
def sandbox() -> Iterator[ZohoSandbox]:
    """One of this test's own, which it may end as it likes."""
    with ZohoSandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def one_sandbox() -> Iterator[ZohoSandbox]:
    with ZohoSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def rig(tmp_path: Path, one_sandbox: ZohoSandbox, capsys: pytest.CaptureFixture[str]) -> Rig:
    one_sandbox.admin("reset")
    return Rig(tmp_path, one_sandbox, capsys)


@pytest.fixture(scope="session")
def one_tenant() -> Iterator[FxiaokeSandbox]:
    with FxiaokeSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def tenant(one_tenant: FxiaokeSandbox) -> FxiaokeSandbox:
    """The second vendor, as on its first day."""
    one_tenant.admin("reset")
    return one_tenant
