"""What a vendor plugin promises, and the names of what the core lends it (`lent.py`).

Objects and their fields are in `schema.py`, the optional ways in bulk in `bulk.py`.

The core asks what a vendor *can do* (`Capabilities`) and never which vendor it is. Values in
`Fields` are the vendor's own; lenses translate in the core, so a plugin never sees a canonical
record. All state is in the `Remote`, none in the module: two accounts may run side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NewType, Protocol, TypeAlias, TypeVar, runtime_checkable

from pydantic import BaseModel

from connector.lent import (
    LONGEST_WAIT,
    AllowList,
    Clock,
    Host,
    Response,
    SecretSlot,
    Session,
)
from connector.records import Kind, discreet
from connector.schema import FieldInfo, Schema, Target

__all__ = [
    "LONGEST_WAIT",
    "AllowList",
    "Capabilities",
    "Centre",
    "Clock",
    "FieldInfo",
    "FieldType",
    "Fields",
    "Finding",
    "Gone",
    "Host",
    "Kind",
    "KnowsCentres",
    "LinksRecords",
    "NamesEditors",
    "NamesFieldTypes",
    "Op",
    "Outcome",
    "Page",
    "Plugin",
    "Probing",
    "Reason",
    "Ref",
    "Remote",
    "Response",
    "Result",
    "SandboxHandle",
    "Sandboxed",
    "Schema",
    "SecretSlot",
    "Seen",
    "Session",
    "ShipsMappings",
    "Target",
    "Write",
    "version_key",
]

Ref = NewType("Ref", str)
"""A vendor's own identifier of a record. Opaque."""

Fields: TypeAlias = Mapping[str, Any]
"""A vendor's field names to the vendor's own (JSON) values."""


class Op(StrEnum):
    """What a write does. `RESTORE` brings back what `REMOVE` put away; `PURGE` is for ever."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    RESTORE = "restore"
    PURGE = "purge"


class Outcome(StrEnum):
    """How one write ended."""

    APPLIED = "applied"
    REFUSED = "refused"
    """Surely no effect, and repeating it will not help."""
    RETRY = "retry"
    """Surely no effect; repeating it later may help."""
    STALE = "stale"
    """Surely no effect: the record changed since `unless_changed_since`."""
    UNKNOWN = "unknown"
    """It may have landed. The class of everything the plugin does not recognise."""


class Gone(StrEnum):
    """How a record is known to be missing, strongest first."""

    EXPLICIT = "explicit"
    NOT_FOUND = "not_found"
    ABSENT = "absent"
    HIDDEN = "hidden"


def version_key(version: str) -> tuple[int, str]:
    """Order two versions of one record: by length, then by text.

    A plugin writes its versions so that this order is the order of the writes: counts as plain
    digits, times in one fixed-length UTC form.

    >>> version_key("9") < version_key("10")
    True
    """
    return (len(version), version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one open account can do; the kit tests each claim, `doctor` prints them."""

    batch: Mapping[Op, int]
    """Records in one call for create, update, remove; 1 = one call each."""
    external_key: Literal["unique", "plain", "none"]
    """Whether a field can hold our key: refused where another record has it; any text; no field."""
    conditional: bool
    """`Write.unless_changed_since` is honoured. Let the version be the time of the change then, as
    ISO 8601 text: by another mark our second write of a record waits for the next run."""
    counts_writes: bool
    """The version grows by one with each write."""
    reports_removals: bool
    """`changes()` tells of every removal."""
    reports_merges: bool
    """`changes()` names the record that a merged one went into."""
    removal: Literal["recycle", "invalidate", "final"]
    """What becomes of a removed record: in a bin, there and marked, or gone for good."""
    version_step: timedelta
    """Two writes inside one step look alike; zero where every write has its own version."""
    feed_lag: timedelta
    """A commit is in `changes()` at latest after this."""
    find_lag: timedelta | None
    """A commit is in `find()` at latest after this; None: absence in `find()` proves nothing."""
    reads_own_writes: bool
    """`fetch()` sees our last write at once."""
    call_life: timedelta
    """No request of ours lands later than this after it was sent."""
    parallel: int = 1
    """Calls of `write` that may be under way at once, from as many threads."""


@discreet
@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One record as the vendor shows it. A field not in `fields` was not delivered; None is empty.

    `version` orders by `version_key`. `gone` is set when the record is missing; its `fields` are
    empty then and its `version` is the removal's, or "" if unknown.
    """

    ref: Ref
    version: str
    changed_at: datetime | None
    fields: Fields
    gone: Gone | None = None
    merged_into: Ref | None = None
    external_key: str | None = None
    by_us: bool | None = None
    created_at: datetime | None = None
    """When it was created, where the vendor tells: of two with one key of ours the older is kept.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of the changed records. `read_at` is the vendor's clock; `resume` continues after it.

    `resume` is None on the last page, and on a page after which the window cannot be continued
    (it then starts again from `since`).
    """

    seen: Sequence[Seen]
    resume: bytes | None
    read_at: datetime


@discreet
@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write. `fields` holds changed fields only (all of them for a create); None clears."""

    id: str
    op: Op
    ref: Ref | None
    fields: Fields
    external_key: str
    unless_changed_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a write or a record was refused. `text` is for a person and carries no value."""

    code: str
    text: str
    field: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one `Write` ended. `seen` is the record after it, as far as the vendor's answer tells.

    A create always has its ref, and a version that is none too high: better one too low, which is
    compared again, than one that hides the next edit. None for an update: nothing was told.
    """

    id: str
    outcome: Outcome
    seen: Seen | None = None
    reason: Reason | None = None
    existing: Ref | None = None
    """The record that a refused create collides with, if the vendor names it."""
    after: timedelta | None = None
    """Do not repeat before this has passed."""


class Remote(Protocol):
    """One open account of a vendor."""

    @property
    def account(self) -> str:
        """The vendor's own name of this organisation; the state store is bound to it. One call."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    def describe(self, kind: Kind) -> Schema:
        """Fields, types, lengths, options, rights of the kind's object."""
        ...

    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        """Yield all records changed at or after `since` and visible at the first page's `read_at`,
        removals too, whatever anybody (we too) edits meanwhile.

        At least one page comes, if only an empty one. `since` None means everything there is,
        without removals. Never pages by offset over a moving order. Raises: CursorExpiredError.
        """
        ...

    def listing(self, kind: Kind, after: Ref | None) -> Iterator[Page]:
        """Yield ids and versions of all records in id order, from the one behind `after`."""
        ...

    def fetch(self, kind: Kind, refs: Sequence[Ref]) -> Sequence[Seen]:
        """Read by id: one answer for each ref, in any order; `gone` says how one is missing."""
        ...

    def find(self, kind: Kind, field: str, values: Sequence[str]) -> Sequence[Seen]:
        """Return the records whose `field` equals one of `values` exactly, re-checked by us."""
        ...

    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        """Yield exactly one Result for each Write, in any order.

        Raises only when surely nothing was sent.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


S = TypeVar("S", bound=BaseModel)


class Plugin(Protocol[S]):
    """What an entry point of the group `crm_connector.plugins` names."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> type[S]: ...

    def open(self, settings: S, targets: Mapping[Kind, Target], host: Host) -> Remote: ...


# --- optional abilities, asked for with isinstance ----------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a look at the account told about a behaviour that the vendor's pages leave open.

    `text` is one sentence without any value of a record. `advice` is a line of settings to set,
    such as `reads_removed = true`, where the account differs from what is set now.
    """

    name: str
    good: bool
    text: str
    advice: str = ""


@runtime_checkable
class Probing(Protocol):
    """A remote that can answer open questions about its account by looking; it writes nothing."""

    def probe(self) -> Iterator[Finding]: ...


@runtime_checkable
class LinksRecords(Protocol):
    """A remote that knows where a person finds a record in the vendor's own pages."""

    def record_url(self, kind: Kind, ref: Ref) -> str | None:
        """The address, made of the object and the ref alone: no value, no secret. None if nobody
        has said what addresses look like. Asks nobody."""
        ...


@runtime_checkable
class NamesEditors(Protocol):
    """A remote whose vendor tells which of its users saved a record last."""

    def edited_by(self, kind: Kind, ref: Ref) -> str | None:
        """The user's id at the vendor, never a name; None if the record is not there or does not
        say. One call. Raises: VendorError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldType:
    """A type of field as the vendor's console calls it, in English and Chinese.

    `max_length` is the most text that such a field takes; None where the type has no length.
    """

    en: str
    zh: str
    max_length: int | None = None


@runtime_checkable
class NamesFieldTypes(Protocol):
    """A plugin that knows what an administrator has to choose in the vendor's console."""

    def field_types(self, type: str) -> Sequence[FieldType]:
        """The types for values of a lens's word (`FieldInfo.type`), that of the shortest text
        first; none for a word that the vendor has no type for."""
        ...


@runtime_checkable
class ShipsMappings(Protocol):
    """A plugin of a distribution of its own, which brings its mappings along."""

    @property
    def mappings(self) -> Path:
        """A folder with one file for each kind, such as `customer.yaml`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """Where a vendor keeps an account's data. `country` is an ISO code, or EU."""

    name: str
    country: str


@runtime_checkable
class KnowsCentres(Protocol):
    """A plugin that knows which of its vendor's hosts stands where."""

    def centre_of(self, host: str) -> Centre | None:
        """The data centre that a host name belongs to; None for one that nobody published."""
        ...


class SandboxHandle(Protocol):
    """A running stand-in of the vendor, with the hands of its administrator."""

    @property
    def url(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """The `[connections.NAME]` table that reaches it, its secrets as plain values."""
        ...

    def records(self, object: str) -> list[dict[str, Any]]:
        """All live records of an object, whole, read past the API."""
        ...

    def create(self, object: str, fields: Fields) -> Ref:
        """Create a record as a person in the CRM would."""
        ...

    def edit(self, object: str, ref: Ref, fields: Fields) -> None: ...

    def remove(self, object: str, ref: Ref) -> None: ...

    def fault(self, name: str, **how: Any) -> None:
        """Arm a fault; the sandbox's own page lists their names."""
        ...

    def calls(self) -> Mapping[str, int]:
        """Number of calls so far, by name of the operation."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Sandboxed(Protocol):
    """A plugin that ships a stand-in of its vendor."""

    def start_sandbox(
        self,
        *,
        port: int = 0,
        targets: Mapping[Kind, Target] | None = None,
        rate: str | None = None,
    ) -> SandboxHandle:
        """Start it in a process of its own on loopback; port 0 picks a free one.

        `rate` ("N/SECONDSs") takes the place of the vendor's own limit on calls.
        """
        ...
