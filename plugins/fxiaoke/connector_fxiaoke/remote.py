"""One open tenant: what the connector asks, answered in its words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from connector.account import ObjectInfo
from connector.errors import SchemaDriftError, UsageError
from connector.estimates import Estimate, Workload
from connector.plugin import (
    Capabilities,
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
from connector_fxiaoke import estimating, feed, objects, probing, writing
from connector_fxiaoke.client import Client
from connector_fxiaoke.records import Records
from connector_fxiaoke.schema import describe
from connector_fxiaoke.settings import FxiaokeSettings


class FxiaokeRemote:
    """Implements `connector.plugin.Remote`, `Probing`, `LinksRecords` and `NamesEditors`, and
    `connector.account.ListsObjects` and `connector.estimates.Estimates`.

    Safe for threads.
    """

    def __init__(
        self, settings: FxiaokeSettings, targets: Mapping[Kind, Target], host: Host
    ) -> None:
        self._settings = settings
        self._client = Client(settings, host)
        self._records = {
            kind: Records(
                self._client, settings, target, partial(describe, self._client, target.object)
            )
            for kind, target in targets.items()
        }

    def __repr__(self) -> str:
        return "<FxiaokeRemote>"

    def close(self) -> None:
        self._client.close()

    @property
    def account(self) -> str:
        """The tenant's own name, as its login tells it: no call beside that."""
        return self._client.login.tenant

    @property
    def capabilities(self) -> Capabilities:
        """What this account can do, as far as the settings know it."""
        settings = self._settings
        return Capabilities(
            batch={op: 1 for op in Op},
            external_key="unique" if settings.unique_key else "plain",
            conditional=False,
            counts_writes=True,
            reports_removals=settings.reads_invalidated,
            reports_merges=False,
            removal="invalidate",
            version_step=timedelta(0),
            feed_lag=timedelta(seconds=settings.feed_lag_s),
            find_lag=settings.find_lag,
            reads_own_writes=True,
            call_life=timedelta(seconds=settings.call_life_s),
            parallel=settings.concurrency,
        )

    def describe(self, kind: Kind) -> Schema:
        """The object's fields: one call."""
        return self._of(kind).describe()

    def objects(self, *, count: Collection[str] = ()) -> Sequence[ObjectInfo]:
        """One call. Nothing is counted: a count makes the vendor's queries slow."""
        return objects.listed(self._client)

    def describe_object(self, name: str) -> Schema:
        """An object's fields: two calls, since describe answers of an unknown object as of a
        fault of the moment."""
        if all(one.name != name for one in objects.listed(self._client)):
            raise SchemaDriftError("The tenant lists no object of this name.")
        return describe(self._client, name).schema

    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        """See `feed`. Raises: CursorExpiredError."""
        return feed.changes(self._of(kind), since, resume)

    def listing(self, kind: Kind, after: Ref | None) -> Iterator[Page]:
        """Ids, versions and external keys in id order."""
        return feed.listing(self._of(kind), after)

    def fetch(self, kind: Kind, refs: Sequence[Ref]) -> Sequence[Seen]:
        """One call each, and one for each hundred that are missing."""
        return self._of(kind).fetch(refs)

    def find(self, kind: Kind, field: str, values: Sequence[str]) -> Sequence[Seen]:
        """A hundred values by one query."""
        return self._of(kind).find(field, values)

    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        """One call each; see `writing`."""
        return writing.write(self._of(kind), writes)

    def estimate(self, kind: Kind, work: Workload, *, bulk: bool) -> Estimate | None:
        """In calls; see `estimating`. There is no way in bulk."""
        return None if bulk else estimating.estimate(self._settings, work)

    def probe(self) -> Iterator[Finding]:
        """See `probing`."""
        return probing.probe(self._client, self._settings, self._records)

    def record_url(self, kind: Kind, ref: Ref) -> str | None:
        """As the setting `record_url` says."""
        return self._settings.url_of(self._of(kind).object, ref)

    def edited_by(self, kind: Kind, ref: Ref) -> str | None:
        """`last_modified_by` of the record."""
        return self._of(kind).edited_by(ref)

    def _of(self, kind: Kind) -> Records:
        found = self._records.get(kind)
        if found is None:
            raise UsageError(f"This connection has no mapping for the kind {kind}.")
        return found
