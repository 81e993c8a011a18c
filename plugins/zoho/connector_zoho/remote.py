"""One open organisation: what the connector asks, answered in its words."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from connector.account import Made, MissingField, ObjectInfo
from connector.bulk import BulkTerms, Keep
from connector.errors import UsageError, VendorError
from connector.estimates import Estimate, Workload
from connector.plugin import (
    Capabilities,
    FieldInfo,
    Finding,
    Host,
    Op,
    Page,
    Ref,
    Result,
    Schema,
    Seen,
    Target,
    Write,
)
from connector.records import Kind
from connector_zoho import estimating, facts, feed, making, objects, probing, writing
from connector_zoho.bulk import reading as bulk_reading
from connector_zoho.bulk import writing as bulk_writing
from connector_zoho.bulk.jobs import Jobs
from connector_zoho.client import Client
from connector_zoho.records import Querying, Records
from connector_zoho.schema import describe
from connector_zoho.settings import ZohoSettings


class ZohoRemote:
    """Implements `connector.plugin.Remote`, `Probing`, `LinksRecords` and `NamesEditors`, of
    `connector.bulk` `BulkReads` and `BulkWrites`, of `connector.account` `ListsObjects` and
    `SetsUp`; `connector.estimates.Estimates` too.

    Safe for threads.
    """

    def __init__(self, settings: ZohoSettings, targets: Mapping[Kind, Target], host: Host) -> None:
        self._settings = settings
        self._clock = host.clock
        self._client = Client(settings, host)
        self._jobs = Jobs(self._client, settings, host.clock, lambda: self.account)
        self._querying = Querying(self._client, settings.coql)
        self._records = {
            kind: Records(
                self._client,
                self._querying,
                settings,
                target,
                partial(describe, self._client, target.object),
            )
            for kind, target in targets.items()
        }
        self._lock = threading.Lock()
        self._account = ""

    def __repr__(self) -> str:
        return "<ZohoRemote>"

    def close(self) -> None:
        self._client.close()

    @property
    def account(self) -> str:
        """The organisation's `zgid`. One call, the first time."""
        with self._lock:
            if not self._account:
                body = self._client.read("org", facts.ORG_PATH).body
                orgs = body.get("org")
                told = orgs[0].get("zgid") if isinstance(orgs, list) and orgs else None
                if not isinstance(told, str | int) or not str(told).isalnum():
                    raise VendorError("The vendor does not say which organisation this is.")
                self._account = str(told)
            return self._account

    @property
    def capabilities(self) -> Capabilities:
        """What this account can do; `find_lag` depends on whether the login may query."""
        return Capabilities(
            batch={
                Op.CREATE: facts.WRITE_BATCH,
                Op.UPDATE: facts.WRITE_BATCH,
                Op.REMOVE: facts.DELETE_BATCH,
                Op.PURGE: facts.PURGE_BATCH,
                Op.RESTORE: 0,  # no page offers it: people bring records back by hand
            },
            external_key="unique",
            conditional=True,
            counts_writes=False,
            reports_removals=True,
            reports_merges=False,
            removal="recycle",
            version_step=facts.VERSION_STEP,
            feed_lag=timedelta(seconds=self._settings.feed_lag_s),
            # A query sees what is committed; the search index follows when it likes.
            find_lag=timedelta(0) if self._querying.allowed else None,
            reads_own_writes=True,
            call_life=timedelta(seconds=self._settings.call_life_s),
        )

    def describe(self, kind: Kind) -> Schema:
        """The module's fields and rights: three calls."""
        return self._of(kind).describe()

    def objects(self, *, count: Collection[str] = ()) -> Sequence[ObjectInfo]:
        """The modules that the API serves: one call, and one for each that is counted."""
        return objects.listed(self._client, count)

    def describe_object(self, name: str) -> Schema:
        """A module's fields and rights: three calls."""
        return describe(self._client, name)

    def by_hand(self, wanted: MissingField) -> str:
        """See `making`."""
        return making.by_hand(wanted)

    def make_field(self, wanted: MissingField) -> Made:
        """Three calls: two of them only look."""
        return making.make(self._client, wanted)

    def key_advice(self, key: FieldInfo) -> str:
        """Whether it is unique and external."""
        return making.advice_for(key)

    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        """See `feed`. Raises: CursorExpiredError."""
        return feed.changes(self._of(kind), since, resume)

    def listing(self, kind: Kind, after: Ref | None) -> Iterator[Page]:
        """Ids, versions and external keys in id order."""
        return feed.listing(self._of(kind), after)

    def fetch(self, kind: Kind, refs: Sequence[Ref]) -> Sequence[Seen]:
        """A hundred by one call; what is missing costs one call each."""
        return self._of(kind).fetch(refs)

    def find(self, kind: Kind, field: str, values: Sequence[str]) -> Sequence[Seen]:
        """Fifty values by one query. Without queries: external keys by one call each, any other
        field by reading all records."""
        records = self._of(kind)
        found = records.find(field, values)
        return feed.having(records, field, values) if found is None else found

    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        """A hundred by one call; see `writing`."""
        return writing.write(self._of(kind), writes)

    def bulk_read_terms(self, kind: Kind) -> BulkTerms:
        """In credits."""
        return bulk_reading.terms(self._of(kind))

    def bulk_read(self, kind: Kind, resume: bytes | None) -> Iterator[Page]:
        """Two hundred thousand by one job; see `bulk.reading`."""
        return bulk_reading.read(self._of(kind), self._jobs, resume)

    def bulk_write_terms(self, kind: Kind) -> BulkTerms:
        """In credits."""
        return replace(bulk_writing.terms(), above=self._settings.bulk_above)

    def bulk_loads(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
        """Creates with our key, and updates without a condition; see `bulk.writing`."""
        return bulk_writing.loads(self._of(kind), self._jobs, writes)

    def bulk_write(
        self, kind: Kind, writes: Sequence[Write], job: bytes | None, keep: Keep
    ) -> Iterator[Result]:
        """Twenty-five thousand by one job; see `bulk.writing`."""
        records, now = self._of(kind), self._clock.now()
        return bulk_writing.write(records, self._jobs, writes, job, keep, now)

    def estimate(self, kind: Kind, work: Workload, *, bulk: bool) -> Estimate | None:
        """In credits; see `estimating`."""
        if bulk and not self._jobs.can_write:
            return None
        return estimating.estimate(self._settings, work, queries=self._querying.allowed, bulk=bulk)

    def probe(self) -> Iterator[Finding]:
        """See `probing`."""
        return probing.probe(self._records)

    def record_url(self, kind: Kind, ref: Ref) -> str | None:
        """As the setting `record_url` says."""
        return self._settings.url_of(self._of(kind).module, ref)

    def edited_by(self, kind: Kind, ref: Ref) -> str | None:
        """`Modified_By` of the record."""
        return self._of(kind).edited_by(ref)

    def _of(self, kind: Kind) -> Records:
        found = self._records.get(kind)
        if found is None:
            raise UsageError(f"This connection has no mapping for the kind {kind}.")
        return found
