"""Fxiaoke (纷享销客, ShareCRM), as a plugin of the connector, and a stand-in of it.

Facts about the vendor, with their sources, are in `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from connector.plugin import Centre, FieldType, Host, Target
from connector.records import Kind
from connector_fxiaoke import console, facts
from connector_fxiaoke.settings import FxiaokeSettings

if TYPE_CHECKING:
    from connector_fxiaoke.remote import FxiaokeRemote
    from connector_fxiaoke.sandbox.handle import FxiaokeSandbox

__all__ = ["FxiaokePlugin", "plugin"]


class FxiaokePlugin:
    """Implements `Plugin`, `NamesFieldTypes`, `KnowsCentres`, `Sandboxed` of `connector.plugin`."""

    name = "fxiaoke"
    settings = FxiaokeSettings

    def open(
        self, settings: FxiaokeSettings, targets: Mapping[Kind, Target], host: Host
    ) -> FxiaokeRemote:
        """Open an account; nothing is sent before the first question."""
        # lazily: naming the plugin and checking its settings need no HTTP libraries
        from connector_fxiaoke.remote import FxiaokeRemote

        return FxiaokeRemote(settings, targets, host)

    def field_types(self, type: str) -> Sequence[FieldType]:
        """What the console calls the types for values of a lens's word."""
        return console.TYPES.get(type, ())

    def centre_of(self, host: str) -> Centre | None:
        """The cloud that a host name belongs to; resellers and private clouds have others."""
        for name, url in facts.CLOUDS.items():
            if url == f"https://{host}":
                return Centre(name=name, country=facts.CLOUD_COUNTRIES[name])
        return None

    def start_sandbox(
        self,
        *,
        port: int = 0,
        targets: Mapping[Kind, Target] | None = None,
        rate: str | None = None,
    ) -> FxiaokeSandbox:
        """Start the stand-in in a process of its own on loopback; port 0 picks a free one.

        `rate` ("N/SECONDSs") takes the place of the vendor's own limit on calls. `targets` changes
        nothing: the default organisation has what the packaged mappings need.
        """
        del targets
        # lazily: most uses of the plugin never start a sandbox
        from connector_fxiaoke.sandbox.handle import FxiaokeSandbox

        return FxiaokeSandbox(port, rate=rate)


plugin = FxiaokePlugin()
