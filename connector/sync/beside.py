"""Work on one person beside the runs: every run is kept out, and each scope is opened alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from connector.mapping.translate import Pair
from connector.plugin import Kind
from connector.store.database import Lease
from connector.sync import place
from connector.sync.noticing import families
from connector.sync.opening import Opener
from connector.sync.ports import LOCAL_SCOPE, Ports
from connector.sync.scope import Scope
from connector.sync.setup import Connection, Setup

Leases = Mapping[tuple[str, str], Lease]
"""By connection and kind."""


class Beside:
    """Everything that a run works with, and no run."""

    def __init__(self, ports: Ports, setup: Setup, connections: Sequence[Connection]) -> None:
        self.ports = ports
        self.whole = setup
        """What holds for all connections."""
        self.connections = {one.name: one for one in connections}
        self._opener = Opener(ports, setup, connections)

    @property
    def region(self) -> str | None:
        """Where a phone number without a country code is from."""
        return self.whole.phone_region

    def pairs(self) -> dict[tuple[str, Kind], Pair]:
        """How each kind is read on both sides, as far as that is known without asking a vendor."""
        found = {}
        for one in self.connections.values():
            for kind, setup in one.kinds.items():
                pair = Pair(
                    setup.local, setup.vendor, zone=self.whole.zone, phone_region=self.region
                )
                self.ports.local.observe(kind, pair.columns)
                found[one.name, kind] = pair
        return found

    def hold(self, leases: ExitStack) -> Leases:
        """Keep every run out until `leases` is closed. Raises: LeaseHeldError."""
        scopes = [(one.name, str(kind)) for one in self.connections.values() for kind in one.kinds]
        kinds = dict.fromkeys(Kind(kind) for _, kind in scopes)
        scopes += [(LOCAL_SCOPE, str(some[0])) for some in families(self.ports.local, kinds)]
        return {one: leases.enter_context(self._opener.leased(*one)) for one in scopes}

    def scope(self, name: str, kind: Kind, lease: Lease) -> Scope:
        """One scope under a lease that is held, in doubt or not.

        Raises: SettingsError, VendorError.
        """
        connection = self.connections[name]
        place.right_account(self.ports, name, kind, connection.remote.account, lease)
        return self._opener.scope(connection, kind, lease)
