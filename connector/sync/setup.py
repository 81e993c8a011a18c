"""What a run is set up with, as settings and mappings say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.mapping.schema import LocalMapping, VendorMapping
from connector.plugin import Kind, Remote
from connector.policy.load import Policy
from connector.sync.counts import Limits
from connector.sync.decision import Side
from connector.sync.scope import TOMBSTONE_LIFE

DEFAULT_MAX_DELETE = Limits(5, 5)
DEFAULT_MAX_CHANGE = Limits(50, 200)


@dataclass(frozen=True, slots=True)
class KindSetup:
    """One kind of one connection, as settings and mappings say."""

    vendor: VendorMapping
    local: LocalMapping
    first_contact: str = "manual"
    create_local: bool = True
    archive_local: bool = False
    in_row: bool = False
    """Its records live in the rows of the kind that its reference names."""
    read_only: bool = False
    """Its rows are only read, as those of a file."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One open vendor account and its kinds, parents first."""

    name: str
    remote: Remote
    kinds: Mapping[Kind, KindSetup]
    sweep_every: dt.timedelta | None = dt.timedelta(hours=24)
    """How often all ids are listed."""
    compare_daily: int = 200
    """How many linked records of each kind are compared in full each day."""
    source: Side | None = None
    """The side that is only read, as a migration does; None: both are written."""
    bulk: bool = False
    """Very many new records go to the vendor by its jobs, if it has any."""
    expected: Mapping[Kind, int] = field(default_factory=dict)
    """How many records a first read will meet there; very many are read by jobs too."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What holds for all connections."""

    zone: str = "UTC"
    phone_region: str | None = None
    max_delete: Limits = DEFAULT_MAX_DELETE
    max_change: Limits = DEFAULT_MAX_CHANGE
    tombstone_life: dt.timedelta = TOMBSTONE_LIFE
    policy: Policy | None = None
    """What may go where; None: the classes of the canonical fields alone decide."""
    people: LocalMapping | None = None
    """How customers lie in the shop: their country, age and consents are asked of all kinds."""
    order: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    """Every configured connection of each kind, in the settings' order: changes of the shop are
    kept for those that take no part in a run. Left out: those that are run."""
