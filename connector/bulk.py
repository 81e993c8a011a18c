"""Two optional ways past the vendor's ordinary calls, for very many records: jobs and files.

A vendor's bulk way takes minutes and one job, where the ordinary way takes a call for each few
records. A remote that has one keeps these Protocols; ask with `isinstance`. A job goes on at the
vendor when our process dies, so its token is stored before anybody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from connector.plugin import Page, Result, Write
from connector.records import Kind

__all__ = ["BulkReads", "BulkTerms", "BulkWrites", "Keep"]

Keep = Callable[[bytes | None], None]
"""Stores a job's token durably before it returns; None: no job is under way any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkTerms:
    """What bulk costs beside the ordinary way, in units of the vendor's own budget."""

    job_records: int
    """Records in one job at most."""
    job_cost: int
    """One job from its start to its result, the looks at its state too."""
    call_records: int
    """Records in one ordinary call at most (or in one paid unit of it)."""
    call_cost: int
    above: int | None = None
    """What the settings say in place of `pays_above`."""

    @property
    def pays_above(self) -> int:
        """A job of more records than this is cheaper than ordinary calls for them.

        Time speaks the other way for few records: a job waits for its turn at the vendor.

        >>> BulkTerms(job_records=25_000, job_cost=520, call_records=10, call_cost=1).pays_above
        5200
        >>> BulkTerms(job_records=200_000, job_cost=70, call_records=2_000, call_cost=3).pays_above
        46000
        """
        if self.above is not None:
            return self.above
        return self.call_records * (self.job_cost // self.call_cost)

    def job_pays(self, records: int) -> bool:
        """Whether so many records are better read or written by one job than by calls."""
        return records > self.pays_above


@runtime_checkable
class BulkReads(Protocol):
    """A remote that can read all records of a kind by jobs."""

    def bulk_read_terms(self, kind: Kind) -> BulkTerms:
        """What it costs. Asks nobody."""
        ...

    def bulk_read(self, kind: Kind, resume: bytes | None) -> Iterator[Page]:
        """Yield all records, each as `changes` without `since` would show it, in any order.

        As soon as a job exists, a page comes whose `resume` names it, if only an empty page: who
        stores each page's `resume` before asking for the next pays for no job twice. `read_at` of
        all pages is the vendor's clock before the first job began: what changes from then on is in
        `changes(read_at)`. Records that come or go between two jobs may be passed over; the
        listing finds those.

        Raises: UsageError before any job begins, if a field cannot travel unharmed;
        RetryableError if the job is not done yet (call again with the last `resume`);
        CursorExpiredError if its result is gone or it failed (begin anew).
        """
        ...


@runtime_checkable
class BulkWrites(Protocol):
    """A remote that can write by jobs. Conditions cannot be kept there: nothing is compared, and a
    job may land much later than `Capabilities.call_life`."""

    def bulk_write_terms(self, kind: Kind) -> BulkTerms:
        """What it costs. Asks nobody."""
        ...

    def bulk_loads(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
        """Sort writes into loads that one job takes each. A write that is in none goes the
        ordinary way: its operation, its condition or a value of it has no place in a job."""
        ...

    def bulk_write(
        self, kind: Kind, writes: Sequence[Write], job: bytes | None, keep: Keep
    ) -> Iterator[Result]:
        """Write one load by one job; yield exactly one Result for each Write.

        `keep` is called with a token before anything is sent that may have an effect, and
        whenever the token changes. To go on after a kill or an error, call with the last token as
        `job` and with those writes of its load that have no Result yet, in any order; nothing is
        made twice. `keep(None)` says that surely nothing came of it.

        Raises: UsageError for writes that are no load. Any error before `keep`, and any error
        after `keep(None)`: surely nothing was sent. Any other error: nothing more is known, and
        the token is good: RetryableError if the job is not done yet.
        """
        ...
