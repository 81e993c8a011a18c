"""Writes of one module by bulk write jobs: a table out, a verdict on each record back.

What a job did is known by the records' own marks, never by places: our external key stands in
every created row and is unique, so a row that is sent a second time is refused and not doubled.
Decision 0033.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import orjson

from connector.bulk import BulkTerms, Keep
from connector.errors import (
    ConnectorError,
    RetryableError,
    UnknownOutcomeError,
    UsageError,
    VendorError,
)
from connector.http.archive import private_file
from connector.http.tabletext import write_table
from connector.plugin import FieldInfo, Op, Result, Write
from connector_zoho import facts, nested, outcomes, queries
from connector_zoho.bulk import cells, verdicts
from connector_zoho.bulk.jobs import Jobs
from connector_zoho.records import Records
from connector_zoho.values import moment

_LOST_WAIT: Final = timedelta(minutes=10)
"""Before a job whose start was never answered is started again: the first one may still come. Two
at one time would meet over each row. A choice, no fact."""
_ROOM: Final = facts.BULK_WRITE_BYTES - 1_000_000
"""Of the table before it is packed, so that neither reading of the limit is passed."""
_FILE: Final = "records.csv"
_FORMATS: Final = {"date": facts.BULK_DATE, "datetime": facts.BULK_DATETIME}


def terms() -> BulkTerms:
    """In credits; an ordinary write pays for each started ten records."""
    return BulkTerms(
        job_records=facts.BULK_WRITE_ROWS,
        # with a look at the module's fields, twice, and the upload
        job_cost=facts.CREDITS["bulk_write"] + facts.BULK_LOOKS + 8,
        call_records=facts.RECORDS_PER_WRITE_CREDIT,
        call_cost=1,
    )


# --- loads ---


def loads(records: Records, jobs: Jobs, writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
    """See `connector.bulk.BulkWrites.bulk_loads`."""
    if not jobs.can_write:
        return
    known = records.describe().fields
    groups: dict[tuple[str, ...], list[tuple[Write, int]]] = {}
    for one in writes:
        size = _size(records, known, one)
        if size is not None:
            groups.setdefault(_group(one), []).append((one, size))
    for members in groups.values():
        load: list[Write] = []
        met: set[str] = set()
        room = _ROOM
        for one, size in members:
            mark = _mark(one)
            if len(load) == facts.BULK_WRITE_ROWS or size > room or mark in met:
                yield load
                load, met, room = [], set(), _ROOM
            load.append(one)
            met.add(mark)
            room -= size
        yield load


def _group(one: Write) -> tuple[str, ...]:
    """Creates share a table: an empty cell and none are the same there. In an update an empty cell
    empties the field, so those of one table change the same fields."""
    return () if one.op is Op.CREATE else tuple(sorted(one.fields))


def _mark(one: Write) -> str:
    """What a row is known by in the verdicts."""
    return one.external_key if one.op is Op.CREATE else str(one.ref)


def _size(records: Records, known: Mapping[str, FieldInfo], one: Write) -> int | None:
    """Most bytes of a write's row; None if it cannot go by a job."""
    if one.unless_changed_since is not None or len(one.fields) + 2 > facts.BULK_COLUMNS:
        return None
    if one.op is Op.CREATE:
        if records.key_field is None or not one.external_key or not _is_key(records, known):
            return None
    elif one.op is not Op.UPDATE or one.ref is None or not one.fields:
        return None
    size = 0
    for name, value in _row(records, one).items():
        info = None if nested.is_part(name) else known.get(queries.name(name))
        text = cells.write_cell(info, value) if info is not None and info.writable else None
        if text is None:
            return None
        size += 2 * len(text.encode()) + 3
    size += 2 * len(_mark(one).encode())
    return size if size <= _ROOM else None


def _is_key(records: Records, known: Mapping[str, FieldInfo]) -> bool:
    """Whether the vendor refuses a second record with our key: nothing else makes repeats safe."""
    info = known.get(records.key_field or "")
    return info is not None and info.unique and info.writable


def _row(records: Records, one: Write) -> dict[str, Any]:
    """The fields to write, our key first."""
    key = records.key_field
    return {**({key: one.external_key} if key and one.external_key else {}), **one.fields}


# --- a job ---


@dataclass(frozen=True, slots=True)
class _Job:
    """A load's token. `at`: the vendor's clock before it began; `sent`: ours at its last start.
    `id` "" until that was answered; `again` once it was started a second time."""

    at: str
    sent: str
    id: str = ""
    again: bool = False

    def dump(self) -> bytes:
        return orjson.dumps(asdict(self))

    @property
    def before(self) -> str:
        """A version that no record made by this job has: better too low than too high."""
        return moment(datetime.fromisoformat(self.at) - facts.VERSION_STEP)


def write(
    records: Records,
    jobs: Jobs,
    writes: Sequence[Write],
    token: bytes | None,
    keep: Keep,
    now: datetime,
) -> Iterator[Result]:
    """See `connector.bulk.BulkWrites.bulk_write`."""
    _check(writes)
    if not writes:
        return
    job = None if token is None else _loaded(token)
    if job is None or not job.id:
        if job is not None and writes[0].op is not Op.CREATE:
            yield from _lost(writes)
            return
        started = _start(records, jobs, writes, job, keep, now)
        if not isinstance(started, _Job):
            yield from started
            return
        job = started
    end = jobs.wait(partial(jobs.write_state, job.id))
    found = verdicts.of_job(jobs, job.id, end.url) if end.url is not None else {}
    yield from _judged(records, writes, found, job)


def _check(writes: Sequence[Write]) -> None:
    """Raises: UsageError for what `loads` would not have put together."""
    marks = {_mark(one) for one in writes}
    if (
        len(marks) != len(writes)
        or len({(one.op, _group(one)) for one in writes}) > 1
        or any(one.op not in (Op.CREATE, Op.UPDATE) for one in writes)
        or any(one.unless_changed_since is not None or not _mark(one) for one in writes)
    ):
        raise UsageError("These writes are no load of one bulk job.")


def _start(
    records: Records,
    jobs: Jobs,
    writes: Sequence[Write],
    lost: _Job | None,
    keep: Keep,
    now: datetime,
) -> _Job | list[Result]:
    """Send the table and start the job; results at once if surely nothing came of it.

    `lost`: a start of the same load that was never answered.
    """
    if lost is not None:
        _hold_back(lost, keep, now)
    jobs.need("bulk_write")
    known = records.describe().fields
    archive, columns = _packed(records, known, writes)
    file_id, at = jobs.upload(archive)
    job = _Job(at.isoformat(), now.isoformat())
    if lost is not None:
        job = replace(job, at=lost.at, again=True)
    keep(job.dump())
    operation = "insert" if writes[0].op is Op.CREATE else "update"
    try:
        job = replace(job, id=jobs.start_write(operation, _resource(records, columns, file_id)))
    except UnknownOutcomeError as error:
        if writes[0].op is not Op.CREATE:
            return list(_lost(writes))
        raise RetryableError(
            f"{error.sentence} It is begun again later.", after_s=_LOST_WAIT.total_seconds()
        ) from None
    except ConnectorError as error:
        # Refused at the door: nothing came of this start. Of a lost one before it something may.
        if lost is not None:
            raise
        keep(None)
        if not isinstance(error, RetryableError):
            raise
        after = None if error.after_s is None else timedelta(seconds=error.after_s)
        code = error.code.lower() or "unreachable"
        return [outcomes.retry(one, code, error.sentence, after) for one in writes]
    keep(job.dump())
    return job


def _hold_back(lost: _Job, keep: Keep, now: datetime) -> None:
    """Raises: RetryableError while a start that was never answered may still come."""
    left = datetime.fromisoformat(lost.sent) + _LOST_WAIT - now
    if left > _LOST_WAIT:  # our clock went back: count from now
        left = _LOST_WAIT
        keep(replace(lost, sent=now.isoformat()).dump())
    if left > timedelta(0):
        raise RetryableError(
            "Whether a bulk job began is not known; it is begun again later.",
            after_s=left.total_seconds(),
        )


def _lost(writes: Sequence[Write]) -> Iterator[Result]:
    """Updates are not begun again: by then a person may have edited the record."""
    text = "Whether the bulk job began is not known."
    return (outcomes.unknown(one, "lost", text) for one in writes)


def _packed(
    records: Records, known: Mapping[str, FieldInfo], writes: Sequence[Write]
) -> tuple[bytes, list[FieldInfo]]:
    """The load as a zip of one table, and the table's columns."""
    first = records.key_field if writes[0].op is Op.CREATE else "id"
    names = dict.fromkeys(name for one in writes for name in _row(records, one))
    columns = [known[name] for name in names if name != first]
    head = [str(first), *(_head(one) for one in columns)]

    def rows() -> Iterator[list[str]]:
        yield head
        for one in writes:
            row = _row(records, one)
            cells_ = [cells.write_cell(info, row.get(info.name)) for info in columns]
            if None in cells_:
                raise UsageError("These writes are no load of one bulk job.")
            yield [_mark(one), *(cell or "" for cell in cells_)]

    with private_file() as table, private_file() as packed:
        write_table(table, rows())
        table.seek(0)
        with (
            zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(_FILE, "w") as member,
        ):
            shutil.copyfileobj(table, member)
        if packed.tell() > facts.BULK_WRITE_BYTES:
            raise UsageError("These writes are too large for one bulk job.")
        packed.seek(0)
        return packed.read(), [known.get(str(first), FieldInfo(name="id", type="text")), *columns]


def _head(info: FieldInfo) -> str:
    return f"{info.name}.id" if info.type == "reference" else info.name


def _resource(records: Records, columns: Sequence[FieldInfo], file_id: str) -> dict[str, Any]:
    creating = columns[0].name != "id"
    mappings: list[dict[str, Any]] = []
    for at, info in enumerate(columns):
        one: dict[str, Any] = {"api_name": info.name, "index": at}
        if info.type in _FORMATS:
            one["format"] = _FORMATS[info.type]
        if info.type == "reference":
            one["find_by"] = "id"
        mappings.append(one)
    return {
        "type": "data",
        "module": {"api_name": records.module},
        "file_id": file_id,
        "file_names": [_FILE],
        # an empty cell of a new record is a field that was not given; of an old one, an emptied one
        "ignore_empty": creating,
        **({} if creating else {"find_by": "id"}),
        "field_mappings": mappings,
    }


# --- what became of it ---


def _judged(
    records: Records,
    writes: Sequence[Write],
    found: Mapping[str, verdicts.Verdict],
    job: _Job,
) -> Iterator[Result]:
    """One result for each write; those of creates without a clear verdict are looked for."""
    unclear: list[Write] = []
    for one in writes:
        verdict = found.get(_mark(one))
        ours = verdict is not None and verdict.is_duplicate_of(records.key_field)
        if verdict is not None and verdict.is_clear and not (one.op is Op.CREATE and ours):
            yield verdict.result(one, job.before)
        elif one.op is Op.CREATE:
            unclear.append(one)
        else:
            yield outcomes.unknown(one, "unmatched", "The bulk job's result leaves this one out.")
    if unclear:
        yield from _looked_for(records, unclear, found, job)


def _looked_for(
    records: Records,
    writes: Sequence[Write],
    found: Mapping[str, verdicts.Verdict],
    job: _Job,
) -> Iterator[Result]:
    """Find records by our key, now that the job is over: what is not there was not made."""
    assert records.key_field is not None, "a create goes by a job only with a key"
    try:
        seen = records.find(records.key_field, [one.external_key for one in writes]) or []
    except RetryableError:
        raise  # the token is good: these are looked for when it is used again
    except VendorError:
        text = "What the bulk job did with this record could not be read."
        yield from (outcomes.unknown(one, "unread", text) for one in writes)
        return
    by_key = {one.external_key: one for one in seen}
    for one in writes:
        there = by_key.get(one.external_key)
        verdict = found.get(_mark(one))
        refused = verdict is not None and verdict.is_duplicate_of(records.key_field)
        if there is None:
            text = "The bulk job ended without this record."
            yield outcomes.retry(one, "not_made", text, None)
        elif refused and verdict is not None and not job.again:
            # It was there before the job was.
            yield replace(verdict.result(one, job.before), existing=there.ref)
        else:
            told = verdicts.Verdict("ADDED", str(there.ref))
            yield told.result(one, job.before)


def _loaded(token: bytes) -> _Job:
    try:
        job = _Job(**orjson.loads(token))
        datetime.fromisoformat(job.at), datetime.fromisoformat(job.sent)
    except (ValueError, TypeError):
        raise UsageError("The token of a bulk job is unreadable.") from None
    return job
