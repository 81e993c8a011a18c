"""Zoho CRM, as a plugin of the connector, and a stand-in of it for demos and tests.

Facts about the vendor, with their sources, are in `facts`; the stand-in's page is the README.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from connector.plugin import Centre, FieldType, Host, Target
from connector.records import Kind
from connector_zoho import console, facts
from connector_zoho.settings import ZohoSettings

if TYPE_CHECKING:
    from connector_zoho.remote import ZohoRemote
    from connector_zoho.sandbox.handle import ZohoSandbox

__all__ = ["ZohoPlugin", "plugin"]


class ZohoPlugin:
    """Implements `Plugin`, `NamesFieldTypes`, `KnowsCentres`, `Sandboxed` of `connector.plugin`."""

    name = "zoho"
    settings = ZohoSettings

    def open(
        self, settings: ZohoSettings, targets: Mapping[Kind, Target], host: Host
    ) -> ZohoRemote:
        """Open an account; nothing is sent before the first question."""
        # lazily: naming the plugin and checking its settings need no HTTP libraries
        from connector_zoho.remote import ZohoRemote

        return ZohoRemote(settings, targets, host)

    def field_types(self, type: str) -> Sequence[FieldType]:
        """What the console calls the types for values of a lens's word."""
        return console.TYPES.get(type, ())

    def centre_of(self, host: str) -> Centre | None:
        """The data centre that a host name belongs to."""
        for name, hosts in facts.DATA_CENTRES.items():
            if host in hosts:
                return Centre(name=name, country=name.upper())
        return None

    def start_sandbox(
        self,
        *,
        port: int = 0,
        targets: Mapping[Kind, Target] | None = None,
        rate: str | None = None,
    ) -> ZohoSandbox:
        """Start the stand-in in a process of its own on loopback; port 0 picks a free one.

        `rate` ("N/SECONDSs") takes the place of the vendor's own limit on calls. `targets` changes
        nothing: the default organisation has what the packaged mappings need.
        """
        del targets
        # lazily: most uses of the plugin never start a sandbox
        from connector_zoho.sandbox.handle import ZohoSandbox

        return ZohoSandbox(port, rate=rate)


plugin = ZohoPlugin()
