"""The sandboxes in process, anew for each test."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Client
from tests.sandbox.fxiaoke_client import FxiaokeClient


@pytest.fixture
def zoho() -> Client:
    return Client()


@pytest.fixture
def fxiaoke() -> FxiaokeClient:
    return FxiaokeClient()
