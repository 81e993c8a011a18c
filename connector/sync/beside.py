"""Work on one person beside the runs: every run is kept out, and each scope is opened alone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from connector.mapping.translate import Pair
from connector.plugin import Kind
from connector.store.database import Lease
from connector.sync import place
from connector.sync.noticing import families
from connector.sync.run import Runner
from connector.sync.scope import LOCAL_SCOPE, Ports, Scope
from connector.sync.setup import Connection, Setup

Leases = Mapping[tuple[str, str], Lease]
"""By connection and kind."""


class Beside(Runner):
    """Everything that a run works with, and no run."""

    @property
    def ports(self) -> Ports:
        return self._ports

    @property
    def connections(self) -> Mapping[str, Connection]:
        return {one.name: one for one in self._connections}

    @property
    def whole(self) -> Setup:
        """What holds for all connections."""
        return self._setup

    @property
    def region(self) -> str | None:
        """Where a phone number without a country code is from."""
        return self._setup.phone_region

    def pairs(self) -> dict[tuple[str, Kind], Pair]:
        """How each kind is read on both sides, as far as that is known without asking a vendor."""
        found = {}
        for one in self._connections:
            for kind, setup in one.kinds.items():
                zone, region = self._setup.zone, self._setup.phone_region
                pair = Pair(setup.local, setup.vendor, zone=zone, phone_region=region)
                self._ports.local.observe(kind, pair.columns)
                found[one.name, kind] = pair
        return found

    def hold(self, leases: ExitStack) -> Leases:
        """Keep every run out until `leases` is closed. Raises: LeaseHeldError."""
        scopes = [(one.name, str(kind)) for one in self._connections for kind in one.kinds]
        kinds = dict.fromkeys(Kind(kind) for _, kind in scopes)
        scopes += [(LOCAL_SCOPE, str(some[0])) for some in families(self._ports.local, kinds)]
        return {one: leases.enter_context(self._leased(*one)) for one in scopes}

    def scope(self, name: str, kind: Kind, lease: Lease) -> Scope:
        """One scope under a lease that is held, in doubt or not.

        Raises: SettingsError, VendorError.
        """
        connection = self.connections[name]
        place.right_account(self._ports, name, kind, connection.remote.account, lease)
        return self._scope(connection, kind, connection.kinds[kind], lease)
