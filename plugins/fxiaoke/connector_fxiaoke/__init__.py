"""Fxiaoke (纷享销客, ShareCRM), as a plugin of the connector, and a stand-in of it.

Facts about the vendor, with their sources, are in `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from connector.plugin import Host, Target
from connector.records import Kind
from connector_fxiaoke.settings import FxiaokeSettings

if TYPE_CHECKING:
    from connector_fxiaoke.remote import FxiaokeRemote

__all__ = ["FxiaokePlugin", "plugin"]


class FxiaokePlugin:
    """Implements `connector.plugin.Plugin` and `connector.plugin.Sandboxed`."""

    name = "fxiaoke"
    settings = FxiaokeSettings

    def open(
        self, settings: FxiaokeSettings, targets: Mapping[Kind, Target], host: Host
    ) -> FxiaokeRemote:
        """Open an account; nothing is sent before the first question."""
        # lazily: naming the plugin and checking its settings need no HTTP libraries
        from connector_fxiaoke.remote import FxiaokeRemote

        return FxiaokeRemote(settings, targets, host)


plugin = FxiaokePlugin()
