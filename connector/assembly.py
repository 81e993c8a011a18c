"""What a run works with, as an installation's settings say: ports, limits and open accounts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from connector import settings as settings_module
from connector.host import Beating, in_threads, one_ahead
from connector.installation import Installation
from connector.local.contract import Local
from connector.local.files import FileLocal
from connector.plugin import Kind
from connector.store.database import Hook, Store, no_hook
from connector.sync.counts import Limits
from connector.sync.ports import Ports, Progress
from connector.sync.setup import Connection, KindSetup, Setup


def parts(
    of: Installation,
    store: Store,
    local: Local,
    connections: Iterable[str] | None,
    kinds: Iterable[Kind] | None,
    limits: tuple[str | None, str | None],
    progress: Progress,
    *,
    dry: list[Any] | None = None,
    hook: Hook = no_hook,
) -> tuple[Ports, Setup, list[Connection]]:
    """What `Runner` takes. `limits`: of removals and of changes, where a person gave others than
    `[safety]` says."""
    settings = of.settings
    chosen = list(connections) if connections is not None else list(settings.connections)
    wanted = set(kinds) if kinds is not None else set(Kind)
    safety, (max_delete, max_change) = settings.safety, limits
    if isinstance(local, FileLocal):
        local.look_anew()
    setup = Setup(
        zone=settings.local.zone,
        phone_region=settings.local.phone_region,
        max_delete=Limits(*settings_module.parse_limit(max_delete or safety.max_delete)),
        max_change=Limits(*settings_module.parse_limit(max_change or safety.max_change)),
        tombstone_life=dt.timedelta(days=safety.tombstone_days),
        policy=of.policy(),
        people=of.people(),
        order={
            kind: tuple(n for n in settings.connections if kind in of.kinds(n)) for kind in Kind
        },
    )
    opened = [
        Connection(
            name,
            of.remote(name),
            {k: _kind(of, name, k, local) for k in of.kinds(name) if k in wanted},
            _every(settings.connections[name].sweep_h),
            settings.connections[name].compare_daily,
        )
        for name in chosen
    ]
    ports = Ports(
        store,
        of.vault,
        local,
        of.clock,
        store.new_id(),
        hook=hook,
        progress=progress,
        spread=in_threads,
        ahead=one_ahead,
        meanwhile=Beating(settings.state.lease_s / 3),
        files=local if isinstance(local, FileLocal) else None,
        dry=dry,
    )
    return ports, setup, opened


def _kind(of: Installation, name: str, kind: Kind, local: Local) -> KindSetup:
    one = of.settings.local.kinds()[kind]
    return KindSetup(
        of.vendor_mapping(name, kind),
        of.local_mapping(kind),
        first_contact=one.first_contact,
        create_local=one.create and one.file is None,
        read_only=one.file is not None,
        archive_local=local.archives(kind),
        in_row=one.part_of is not None,
    )


def _every(hours: float) -> dt.timedelta | None:
    return dt.timedelta(hours=hours) if hours else None
