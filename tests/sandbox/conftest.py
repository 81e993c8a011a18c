"""The sandbox in process, anew for each test."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Client


@pytest.fixture
def zoho() -> Client:
    return Client()
