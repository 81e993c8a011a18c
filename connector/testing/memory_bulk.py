"""The in-memory vendor with a simple way in bulk: the worked example of `connector.bulk`.

Its jobs carry a name that the caller gave, so a job whose start was never answered is recognised
when it is started again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from connector.bulk import BulkTerms, Keep
from connector.errors import CursorExpiredError, RetryableError, UsageError, VendorError
from connector.plugin import Op, Page, Result, Seen, Target, Write
from connector.records import Kind
from connector.testing.memory import MemoryRemote, MemoryVendor
from connector.testing.weather import Trouble

_MOST = 1_000
_OPERATIONS = (Op.CREATE, Op.UPDATE)


@dataclass
class BulkHouse:
    """The jobs of one vendor; they outlive our processes."""

    reads: dict[str, tuple[datetime, list[Seen]]] = field(default_factory=dict)
    writes: dict[str, dict[str, Result]] = field(default_factory=dict)


class BulkMemoryRemote(MemoryRemote):
    """`MemoryRemote` that implements `BulkReads` and `BulkWrites` too."""

    def __init__(
        self, vendor: MemoryVendor, targets: Mapping[Kind, Target], house: BulkHouse | None = None
    ) -> None:
        super().__init__(vendor, targets)
        self.house = house or BulkHouse()

    # --- reading --------------------------------------------------------------------------------

    def bulk_read_terms(self, kind: Kind) -> BulkTerms:
        rows = self.vendor.page_size
        return BulkTerms(job_records=_MOST, job_cost=5, call_records=rows, call_cost=1)

    def bulk_read(self, kind: Kind, resume: bytes | None) -> Iterator[Page]:
        """See `BulkReads.bulk_read`."""
        if resume is None:
            name, given = self._call("bulk_read", lambda: self._look(kind)), 0
            yield Page(seen=[], resume=_place(name, 0), read_at=self.house.reads[name][0])
        else:
            left = json.loads(resume)
            name, given = left["job"], left["given"]
        if name not in self.house.reads:
            raise CursorExpiredError("The job is no longer known.", operation="bulk_read")
        read_at, seen = self.house.reads[name]
        step = self.vendor.page_size
        for at in range(given, max(len(seen), given + 1), step):
            last = at + step >= len(seen)
            place = None if last else _place(name, at + step)
            yield Page(seen=seen[at : at + step], resume=place, read_at=read_at)

    def _look(self, kind: Kind) -> str:
        name, now = uuid4().hex, self.vendor.clock.now()
        found = [self._in_feed(one, True, now) for one in self.vendor.records[kind].values()]
        live = [self._seen(kind, commit) for commit in found if commit is not None]
        self.house.reads[name] = (now, live)
        return name

    # --- writing --------------------------------------------------------------------------------

    def bulk_write_terms(self, kind: Kind) -> BulkTerms:
        calls = self.vendor.capabilities.batch.get(Op.CREATE, 1)
        return BulkTerms(job_records=_MOST, job_cost=5, call_records=calls, call_cost=1)

    def bulk_loads(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
        """See `BulkWrites.bulk_loads`. The vendor takes all sorts in one job."""
        fit = [one for one in writes if one.op in _OPERATIONS and one.unless_changed_since is None]
        for at in range(0, len(fit), _MOST):
            yield fit[at : at + _MOST]

    def bulk_write(
        self, kind: Kind, writes: Sequence[Write], job: bytes | None, keep: Keep
    ) -> Iterator[Result]:
        """See `BulkWrites.bulk_write`."""
        if any(one.op not in _OPERATIONS or one.unless_changed_since for one in writes):
            raise UsageError("These writes are no load of one bulk job.")
        if not writes:
            return
        name = uuid4().hex if job is None else job.decode()
        if job is None:
            keep(name.encode())
        results = self._run(kind, name, writes)
        yield from (results[one.id] for one in writes)

    def _run(self, kind: Kind, name: str, writes: Sequence[Write]) -> Mapping[str, Result]:
        vendor = self.vendor
        with vendor.lock:
            vendor.calls["bulk_write"] += 1
            vendor.land()
            lost = RetryableError("The answer was lost; the job's name is good.")
            if vendor.weather("bulk_write", "before") in (Trouble.LOST_BEFORE, Trouble.THROTTLED):
                raise lost
            if name not in self.house.writes:
                done = {one.id: one for one in self._apply_all(kind, writes)}
                self.house.writes[name] = done
            try:
                trouble = vendor.weather("bulk_write", "after")
            except VendorError:
                trouble = Trouble.LOST_AFTER
            if trouble in (Trouble.LOST_AFTER, Trouble.ERROR_APPLIED):
                raise lost
            return self.house.writes[name]


def _place(name: str, given: int) -> bytes:
    return json.dumps({"job": name, "given": given}).encode()
