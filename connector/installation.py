"""An installation: its settings, and the parts they name, each opened when it is first asked for.

What can be done with one is in `connector/app.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector import policies, registry, shop
from connector import settings as settings_module
from connector.errors import SealError, UnreachableError, UsageError
from connector.host import StoreHost
from connector.keeping.provider import kek_of, officers_kek_of
from connector.keeping.rotation import Keyring
from connector.local.contract import Local
from connector.mapping.digests import Mark
from connector.mapping.load import load_local, load_vendor, packaged
from connector.mapping.schema import LocalMapping, VendorMapping
from connector.mapping.translate import Pair
from connector.plugin import Clock, Kind, Plugin, Remote, Schema, Target
from connector.policy.load import Policy
from connector.privacy.ring import create_ring
from connector.privacy.vault import Vault, open_vault
from connector.records import may_leave
from connector.settings import ConnectionSettings, Settings
from connector.settings.local import KINDS_IN_ORDER
from connector.store.copies import copy_of
from connector.store.database import Store, open_engine


@dataclass(slots=True)
class _Open:
    """What has been opened so far."""

    store: Store | None = None
    vault: Vault | None = None
    local: Local | None = None
    remotes: dict[str, Remote] = field(default_factory=dict)
    hosts: dict[str, StoreHost] = field(default_factory=dict)


class Installation:
    """One installation. Its parts may be asked for in any order, by one thread at a time."""

    def __init__(self, settings: Settings, clock: Clock, given: shop.Given = None) -> None:
        self.settings = settings
        self.clock = clock
        self._given = given
        self._open = _Open()

    def close(self) -> None:
        """Let go of everything; doing it again is harmless."""
        held, self._open = self._open, _Open()
        for remote in held.remotes.values():
            remote.close()
        for part in (held.local, held.vault, held.store):
            if part is not None:
                part.close()

    def now(self) -> dt.datetime:
        """The time by that clock."""
        return self.clock.now()

    # --- the state --------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        if self._open.store is None:
            self._open.store = Store(
                open_engine(self.settings.url(self.settings.state.url)),
                lease_s=self.settings.state.lease_s,
                tenant=self.settings.tenant,
                chain=lambda: self.vault.audit,
            )
        return self._open.store

    @contextmanager
    def copy_of_store(self) -> Iterator[Store]:
        """A throw-away copy of the state, to look ahead with."""
        engine = copy_of(self.store.engine)
        try:
            yield Store(engine, lease_s=self.settings.state.lease_s, tenant=self.settings.tenant)
        finally:
            engine.dispose()

    # --- the keys ---------------------------------------------------------------------------------

    @property
    def keyring(self) -> Keyring:
        """Where the ring is and what opens it."""
        path, kek = self.settings.path(self.settings.keys.path), kek_of(self.settings, self.clock)
        officer = officers_kek_of(self.settings, self.clock)
        return Keyring(path, kek, self.settings.tenant, officer)

    def make_keys(self) -> Path:
        """Make the key ring, once for an installation. Raises: UsageError if the ring exists."""
        ring = self.keyring
        create_ring(ring.path, ring.kek, ring.tenant, self.now(), officer=ring.officer)
        return ring.path

    @property
    def vault(self) -> Vault:
        if self._open.vault is None:
            ring = self.keyring
            self._open.vault = open_vault(
                ring_path=ring.path,
                kek=ring.kek,
                subjects_url=self.settings.url(self.settings.keys.subjects),
                tenant=ring.tenant,
                clock_now=self.clock.now,
                officer=ring.officer,
            )
        return self._open.vault

    @property
    def released(self) -> Vault | None:
        """The keys; None where this process is released none, which leaves lists without values."""
        try:
            return self.vault
        except (SealError, UnreachableError):
            return None

    # --- the shop ---------------------------------------------------------------------------------

    @property
    def local(self) -> Local:
        if self._open.local is None:
            self._open.local = self.open_local()
        return self._open.local

    def open_local(self) -> Local:
        """Another view of the shop's side, to be closed by whoever asks."""
        mappings = {kind: self.local_mapping(kind) for kind in self.settings.local.kinds()}
        return shop.open_side(self.settings, self._given, mappings, self.store.store_id)

    @property
    def reaches_local(self) -> bool:
        """Whether it is known where the shop's side is: by URL, in files, or handed in."""
        home = self.settings.local
        return self._given is not None or home.url is not None or home.in_files

    # --- the connections --------------------------------------------------------------------------

    def _connection(self, name: str) -> ConnectionSettings:
        connection = self.settings.connections.get(name)
        if connection is None:
            raise UsageError(
                f"There is no connection {name!r} in the settings.",
                hint=f"There are: {', '.join(self.settings.connections) or 'none'}.",
            )
        return connection

    def kinds(self, name: str) -> list[Kind]:
        """The kinds of a connection, parents first. Raises: UsageError."""
        wanted = self._connection(name).kinds
        return [kind for kind in KINDS_IN_ORDER if kind in wanted]

    def plugin(self, name: str) -> Plugin[Any]:
        """The plugin of a connection. Raises: UsageError, UnknownPluginError."""
        return registry.load(self._connection(name).plugin)

    def remote(self, name: str) -> Remote:
        """The open account of a connection; logs in when first asked for something."""
        if name not in self._open.remotes:
            plugin = self.plugin(name)
            own = settings_module.plugin_settings(self.settings, name, plugin.settings)
            host = StoreHost(name, self.store, self.vault, self.clock)
            self._open.hosts[name] = host
            self._open.remotes[name] = plugin.open(own, self.targets(name), host)
        return self._open.remotes[name]

    def spent(self) -> dict[str, tuple[int, int]]:
        """By connection: the calls that its budgets were asked for so far, and their cost."""
        return {name: host.spent for name, host in self._open.hosts.items()}

    # --- mappings and policy ----------------------------------------------------------------------

    def vendor_mapping(self, name: str, kind: Kind) -> VendorMapping:
        connection = self._connection(name)
        folder = (
            self.settings.path(connection.mappings)
            if connection.mappings is not None
            else packaged(connection.plugin)
        )
        return load_vendor(folder / f"{kind}.yaml")

    def local_mapping(self, kind: Kind) -> LocalMapping:
        one = self.settings.local.kinds()[kind]
        assert one.mapping is not None
        mapping = load_local(self.settings.path(one.mapping))
        return shop.in_row(mapping) if one.part_of is not None else mapping

    def people(self) -> LocalMapping | None:
        """How customers lie in the shop, if they do."""
        known = Kind.CUSTOMER in self.settings.local.kinds()
        return self.local_mapping(Kind.CUSTOMER) if known else None

    def targets(self, name: str) -> dict[Kind, Target]:
        """What the mappings want of a connection's objects."""
        return {k: self.vendor_mapping(name, k).target for k in self.kinds(name)}

    def pair(
        self,
        name: str,
        kind: Kind,
        schema: Schema | None,
        *,
        leaves: Callable[[Kind, str], bool] = may_leave,
        mark: Mark | None = None,
    ) -> Pair:
        """How a kind meets a connection's object of that schema. Raises: SettingsError."""
        home = self.settings.local
        return Pair(
            self.local_mapping(kind),
            self.vendor_mapping(name, kind),
            zone=home.zone,
            phone_region=home.phone_region,
            schema=schema,
            leaves=leaves,
            mark=mark,
        )

    def policy(self) -> Policy | None:
        """The privacy policy, checked against settings and mappings; None if there is none.

        Raises: PolicyFileError with all faults.
        """
        if self.settings.privacy.policy is None:
            return None
        mappings = [
            (name, self.vendor_mapping(name, kind))
            for name in self.settings.connections
            for kind in self.kinds(name)
        ]
        local = {kind: self.local_mapping(kind) for kind in self.settings.local.kinds()}
        return policies.open_policy(self.settings, self.clock.now(), mappings, local)
