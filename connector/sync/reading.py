"""Where the pages of a vendor's window come from: its feed, or jobs for a very large first read.

A place in a job's result is marked, so that a run which goes on knows whose it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from connector.bulk import BulkReads
from connector.errors import RetryableError, UsageError, VendorError
from connector.plugin import Page
from connector.sync.scope import Scope

PATIENCE: Final = dt.timedelta(hours=2)
"""So long a run waits for a reading job; another one goes on with it."""
_MARK: Final = b"\x00job\x00"
_PAUSE_S: Final = 30.0


def pages_since(scope: Scope, since: dt.datetime | None, resume: bytes | None) -> Iterator[Page]:
    """As `Remote.changes`. Where no job can begin, the feed is read."""
    if resume is not None and resume.startswith(_MARK) and isinstance(scope.remote, BulkReads):
        yield from _read(scope, scope.remote, resume.removeprefix(_MARK))
        return
    if since is None and resume is None and _pays(scope):
        assert isinstance(scope.remote, BulkReads)
        pages = _read(scope, scope.remote, None)
        try:
            first = next(pages)
        except RetryableError:
            raise
        except (UsageError, VendorError):
            pass  # a field cannot travel so, or the login may not begin jobs
        else:
            yield first
            yield from pages
            return
    yield from scope.remote.changes(scope.kind, since, resume)


def _pays(scope: Scope) -> bool:
    remote = scope.remote
    if not isinstance(remote, BulkReads) or not scope.expected:
        return False
    return remote.bulk_read_terms(scope.kind).job_pays(scope.expected)


def _read(scope: Scope, remote: BulkReads, place: bytes | None) -> Iterator[Page]:
    """The pages of jobs, waited for. Raises: RetryableError in the end, CursorExpiredError."""
    until = scope.ports.clock.now() + PATIENCE
    while True:
        try:
            with scope.ports.meanwhile(lambda: scope.store.renew(scope.lease)):
                for page in remote.bulk_read(scope.kind, place):
                    place = page.resume
                    marked = None if place is None else _MARK + place
                    yield replace(page, resume=marked)
            return
        except RetryableError as error:
            if place is None or scope.ports.clock.now() >= until:
                raise
            scope.ports.clock.sleep(max(error.after_s or 0, _PAUSE_S))
