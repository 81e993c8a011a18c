"""The plugin contract for a plugin that ships a sandbox: its test names it and its targets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from connector.plugin import Plugin, Remote, Sandboxed, SandboxHandle, Target
from connector.records import Kind
from connector.testing.contract import PluginContract
from connector.testing.hands import Hands, SandboxHands
from connector.testing.host import opened

__all__ = ["SandboxedContract"]


class SandboxedContract(PluginContract):
    """Derive from it and give `plugin` and `targets`; override fixtures where that is not enough.

    A sandbox is started for each test, so it should be quick to start; where it is not, override
    `sandbox`. Time passes as the machine's does: keep the sandbox's lags short.
    """

    plugin: ClassVar[Plugin[Any]]
    targets: ClassVar[Mapping[Kind, Target]]
    settings: ClassVar[Mapping[str, Any]] = {}
    """More than the sandbox's own settings, such as pages of a few records."""

    @pytest.fixture
    def sandbox(self) -> Iterator[SandboxHandle]:
        assert isinstance(self.plugin, Sandboxed), "this kit is for plugins that ship a sandbox"
        sandbox = self.plugin.start_sandbox(targets=self.targets)
        yield sandbox
        sandbox.close()

    @pytest.fixture
    def remote(self, sandbox: SandboxHandle) -> Iterator[Remote]:
        with opened(self.plugin, sandbox, self.targets, **self.settings) as remote:
            yield remote

    @pytest.fixture
    def hands(self, sandbox: SandboxHandle) -> Hands:
        return SandboxHands(sandbox, self.targets, time.sleep)

    @pytest.fixture
    def target(self, kind: Kind) -> Target:
        return self.targets[kind]
