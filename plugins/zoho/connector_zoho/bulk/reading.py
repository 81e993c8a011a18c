"""All records of a module by bulk read jobs, each turned into what a query would have shown."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson

from connector.bulk import BulkTerms
from connector.errors import CursorExpiredError, RetryableError, UsageError, VendorError
from connector.http.archive import only_table, private_file
from connector.http.tabletext import read_table
from connector.plugin import FieldInfo, Page, Seen
from connector_zoho import facts
from connector_zoho.bulk import cells
from connector_zoho.bulk.jobs import Jobs
from connector_zoho.records import Records

_ROWS: Final = 500
"""Records in one of our pages: what is held at one time."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a reading was left off: in which job of which fields, behind how many of its rows."""

    job: str
    read_at: str
    fields: Sequence[str]
    given: int = 0

    def dump(self) -> bytes:
        return orjson.dumps(asdict(self))


def terms(records: Records) -> BulkTerms:
    """In credits. A wide module is read in parts the ordinary way, and at once by a job."""
    job = facts.CREDITS["bulk_read"] + facts.BULK_LOOKS + 1
    parts = len(records.parts)
    by_query = records.querying.allowed
    rows = records.settings.query_page if by_query else records.settings.list_page
    more = (parts - 1) * -(-rows // facts.LIST_IDS)
    return BulkTerms(
        job_records=facts.BULK_READ_ROWS,
        job_cost=job,
        call_records=rows,
        call_cost=(facts.coql_credits(rows) if by_query else 1) + more,
    )


def read(records: Records, jobs: Jobs, resume: bytes | None) -> Iterator[Page]:
    """See `connector.bulk.BulkReads.bulk_read`."""
    schema = records.describe()
    fields = _fields(records, schema.fields)
    if resume is None:
        jobs.need("bulk_read")
        job, read_at = jobs.start_read(records.module, list(fields))
        place = _Place(job, read_at.isoformat(), list(fields))
        yield _page([], place)
    else:
        place = _loaded(resume)
        if place.fields != list(fields):
            raise CursorExpiredError("Other fields are read than the bulk read's; begin anew.")
    while True:
        result = jobs.wait(partial(jobs.read_state, place.job))
        seen, place = yield from _pages(records, jobs, place, fields)
        if place.given != result.count:
            raise RetryableError("The result of a bulk read is not whole.")
        if not result.more:
            yield Page(seen=seen, resume=None, read_at=_time(place))
            return
        job, _ = jobs.read_on(result.following)
        place = _Place(job, place.read_at, place.fields)
        yield _page(seen, place)


def _fields(records: Records, known: Mapping[str, FieldInfo]) -> dict[str, FieldInfo]:
    """The columns to ask for. Raises: UsageError for one whose cells would say something else."""
    names = records.columns
    odd = [name for name in names if name in known and not cells.is_readable(known[name])]
    if odd or len(names) > facts.BULK_COLUMNS:
        said = f"Bulk reads cannot show {', '.join(odd) or 'so many fields'} unharmed."
        raise UsageError(said, hint="Read this kind the ordinary way.")
    return {name: known[name] for name in names if name in known}


def _pages(
    records: Records, jobs: Jobs, place: _Place, fields: Mapping[str, FieldInfo]
) -> Generator[Page, None, tuple[list[Seen], _Place]]:
    """Yield the rows behind a place but for the last ones, which are returned: how it goes on
    behind those is for the caller to say."""
    with _table(jobs, place.job) as rows:
        heads = _heads(next(rows, []), fields)
        held: list[Seen] = []
        most = min(_ROWS, records.settings.query_page)
        for number, row in enumerate(rows):
            if number < place.given:
                continue
            if len(held) == most:
                place = replace(place, given=number)
                yield _page(held, place)
                held = []
            held += records.seen([_json(heads, row)], whole=False)
    return held, replace(place, given=place.given + len(held))


@contextmanager
def _table(jobs: Jobs, job: str) -> Iterator[Iterator[list[str]]]:
    with private_file() as archive:
        jobs.fetch_read(job, archive)
        with only_table(archive, f"{job}.csv") as table:
            yield read_table(table)


def _heads(told: Sequence[str], fields: Mapping[str, FieldInfo]) -> list[tuple[str, FieldInfo]]:
    """What each column is. A lookup's may be called after the field, or with `.id` behind it."""
    own = FieldInfo(name="id", type="text")
    known = {"id": ("id", own)}
    for name, info in fields.items():
        known[name.lower()] = known[f"{name.lower()}.id"] = (name, info)
    found = [known.get(one.lower()) for one in told]
    heads = [one for one in found if one is not None]
    names = {name for name, _ in heads}
    if len(heads) != len(told) or len(names) != len(heads) or names != {"id", *fields}:
        raise VendorError("The result of a bulk read has other columns than were asked for.")
    return heads


def _json(heads: Sequence[tuple[str, FieldInfo]], row: Sequence[str]) -> dict[str, Any]:
    return {
        name: cells.read_cell(info, text) for (name, info), text in zip(heads, row, strict=True)
    }


# --- places ---


def _page(seen: Sequence[Seen], place: _Place) -> Page:
    return Page(seen=seen, resume=place.dump(), read_at=_time(place))


def _time(place: _Place) -> datetime:
    return datetime.fromisoformat(place.read_at)


def _loaded(resume: bytes) -> _Place:
    try:
        place = _Place(**orjson.loads(resume))
        int(place.job), _time(place), int(place.given)
    except (ValueError, TypeError):
        raise CursorExpiredError("The place of a bulk read is unreadable; begin anew.") from None
    return place
