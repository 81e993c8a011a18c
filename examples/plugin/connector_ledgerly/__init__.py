"""Ledgerly CRM, as a plugin of the connector. Nobody sells it: it is invented, to be read.

It has the shape of many: REST, JSON, a key in a header, one record in a call, a list of changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from connector.plugin import Host, Kind, Target
from connector_ledgerly.settings import LedgerlySettings

if TYPE_CHECKING:
    from connector_ledgerly.remote import LedgerlyRemote
    from connector_ledgerly.sandbox import LedgerlySandbox

__all__ = ["LedgerlyPlugin", "plugin"]


class LedgerlyPlugin:
    """Implements `Plugin`, `ShipsMappings` and `Sandboxed` of `connector.plugin`."""

    name = "ledgerly"
    settings = LedgerlySettings
    mappings = Path(__file__).parent / "mappings"

    def open(
        self, settings: LedgerlySettings, targets: Mapping[Kind, Target], host: Host
    ) -> LedgerlyRemote:
        """Open an account; nothing is sent before the first question."""
        # lazily: naming the plugin and checking its settings need no more than this file
        from connector_ledgerly.remote import LedgerlyRemote

        return LedgerlyRemote(settings, targets, host)

    def start_sandbox(
        self,
        *,
        port: int = 0,
        targets: Mapping[Kind, Target] | None = None,
        rate: str | None = None,
    ) -> LedgerlySandbox:
        """Start the stand-in, in a thread: it knows no limit on calls, and one set of fields."""
        from connector_ledgerly.sandbox import LedgerlySandbox

        return LedgerlySandbox(port)


plugin = LedgerlyPlugin()
