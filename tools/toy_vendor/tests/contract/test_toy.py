"""The toy keeps the plugin contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from connector_toy import PAGE, ToyBox, plugin

from connector.plugin import Host, Kind, Remote, Target
from connector.testing.contract import PluginContract
from connector.testing.hands import Hands, SandboxHands

TARGET = Target(
    object="Person", fields=("Name", "Mail", "Mobile", "City", "Labels"), key_field="Key"
)


class TestToy(PluginContract):
    @pytest.fixture
    def box(self) -> Iterator[ToyBox]:
        box = ToyBox()
        yield box
        box.close()

    @pytest.fixture
    def remote(self, box: ToyBox, target: Target) -> Remote:
        settings = plugin.settings(path=box.settings["path"])
        return plugin.open(settings, {Kind.CUSTOMER: target}, cast(Host, None))

    @pytest.fixture
    def hands(self, box: ToyBox, target: Target) -> Hands:
        return SandboxHands(box, {Kind.CUSTOMER: target}, lambda seconds: None)

    @pytest.fixture
    def target(self) -> Target:
        return TARGET

    @pytest.fixture
    def many(self) -> int:
        return PAGE + 3
