"""What changed, what is gone, and everything there is, read so that no record is skipped.

The vendor's pages are positions in an order that moves while we read: a record that is edited goes
to the end, and the one behind it slips over the page's edge. So a page never continues at a
number where it can continue behind the last record's own (time, id).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from connector.errors import CursorExpiredError, RetryableError
from connector.plugin import Gone, Page, Ref, Seen
from connector_zoho import facts, queries
from connector_zoho.envelope import Answer
from connector_zoho.records import Records
from connector_zoho.values import changed, checked, moment, version

_QUIET_ROWS: Final = 200
"""The first query asks for few rows: a quiet pass costs one credit, not three."""
_UNSETTLED_READS: Final = 5
_SLACK: Final = timedelta(minutes=1)
"""So much older may be what a list since a time begins with. A choice, no fact."""
_START: Final = "0"
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Before anything that a vendor's feed may tell of."""


def changes(records: Records, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
    """Yield what changed since then, then what was removed since then; all there is for None.

    Raises: CursorExpiredError for a place that is none of ours, or that the vendor forgot.
    """
    place = _place(resume)
    if since is None:
        yield from _everything(records, place.get("after", _START))
        return
    since = since.astimezone(UTC).replace(microsecond=0)
    if place.get("at") != "removed":
        at = _time(place["t"]) if "t" in place else since
        if records.querying.allowed:
            done = yield from _queried(records, at, place.get("id", ""))
            if done is not None:
                yield from _listed(records, done, [])
        else:
            yield from _listed(records, at, place.get("given", []))
    yield from _removed(records, since)


def listing(records: Records, after: Ref | None) -> Iterator[Page]:
    """Yield ids and versions of all records in id order, from the one behind `after`."""
    last = _START if after is None else queries.record_id(after)
    limit = records.settings.query_page
    while records.querying.allowed:
        answer = records.query(queries.after_id(last), "id", limit, ids_only=True)
        if answer is None:
            break
        page = _page(records, answer, whole=False)
        last = page.seen[-1].ref if page.seen else last
        yield _with(page, {"after": last} if answer.more else None)
        if not answer.more:
            return
    yield from _all_by_list(records, last, ids_only=True)


def having(records: Records, field: str, values: Sequence[str]) -> list[Seen]:
    """Records whose field equals one of the values, where queries are not allowed: all are read,
    because what a search looks for stands in an address, and addresses are kept in many logs."""
    wanted = {value for value in values if value}
    if not wanted:
        return []
    pages = _all_by_list(records, _START, ids_only=False)
    found = (one for page in pages for one in page.seen if one.fields.get(field) in wanted)
    return list({one.ref: one for one in found}.values())


# --- by query ---


def _queried(records: Records, at: datetime, last: str) -> Generator[Page, None, datetime | None]:
    """Continue behind (time, id); returns the time to list from if queries are not allowed."""
    where, limit = (queries.behind(at, last) if last else queries.since(at)), _QUIET_ROWS
    while True:
        limit = min(limit, records.settings.query_page)
        answer = records.query(where, "Modified_Time,id", limit)
        if answer is None:
            return at
        page = _page(records, answer)
        if not answer.more:
            yield _with(page, {"at": "removed"})
            return None
        at, last = _edge(answer.rows[-1])
        where, limit = queries.behind(at, last), facts.COQL_ROWS
        yield _with(page, {"t": moment(at), "id": last})


def _everything(records: Records, last: str) -> Iterator[Page]:
    while records.querying.allowed:
        limit = records.settings.query_page
        answer = records.query(queries.after_id(last), "id", limit)
        if answer is None:
            break
        page = _page(records, answer)
        if answer.more:
            _, last = _edge(answer.rows[-1])
        yield _with(page, {"after": last} if answer.more else None)
        if not answer.more:
            return
    yield from _all_by_list(records, last, ids_only=False)


# --- by list ---


def _listed(records: Records, at: datetime, given: Sequence[str]) -> Iterator[Page]:
    """Read page 1 again and again, each time from the last time seen; drop what was given."""
    known = set(given)
    order = {"sort_by": "Modified_Time", "sort_order": "asc"}
    while True:
        answer = records.page(order, since=at)
        rows = answer.rows
        if not answer.more:
            fresh = [row for row in rows if str(row.get("id")) not in known]
            yield _with(_page(records, answer, fresh), {"at": "removed"})
            return
        last, _ = _edge(rows[-1])
        if last > at:
            fresh = [row for row in rows if str(row.get("id")) not in known]
            known = {str(row.get("id")) for row in rows if _edge(row)[0] == last}
            at = last
            place: dict[str, Any] = {"t": moment(at), "given": sorted(known)}
            yield _with(_page(records, answer, fresh), place)
            continue
        if last < at - _SLACK:
            # Step by step through all these years we would never arrive.
            raise RetryableError("The vendor's list since a time begins long before it.")
        # One second fills more than a page: read that second to its end, then step behind it.
        fresh = [row for row in _instant(records, at, order) if str(row.get("id")) not in known]
        at, known = at + timedelta(seconds=1), set()
        yield _with(_page(records, answer, fresh), {"t": moment(at), "given": []})


def _instant(records: Records, at: datetime, order: Mapping[str, str]) -> list[Any]:
    """All records changed in one second, whatever leaves it meanwhile.

    A record that is edited leaves the second and pulls the rest one place forward, over a page's
    edge. So the second is read until a reading meets nobody new.
    """
    found: dict[str, Any] = {}
    for _ in range(_UNSETTLED_READS):
        before, token = len(found), ""
        while True:
            params = {**order, "page_token": token} if token else order
            answer = records.page(params, since=at)
            inside = [row for row in answer.rows if _edge(row)[0] == at]
            found |= {str(row["id"]): row for row in inside}
            token = answer.next_token
            if len(inside) < len(answer.rows) or not answer.more or not token:
                break
        if before == len(found):
            return list(found.values())
    raise RetryableError("The records of one second kept moving while they were read.")


def _all_by_list(records: Records, last: str, *, ids_only: bool) -> Iterator[Page]:
    """Read all pages by token in id order; a removal meanwhile shifts places, so read again.

    Its pages cannot be continued later: a token lives a day and counts places.
    """
    given: set[str] = set()
    # The vendor's clock has whole seconds: one more back, so that no removal is overlooked.
    begun = removals(records, LONG_AGO, 1).read_at - timedelta(seconds=1)
    removed = _ids(removals(records, begun, 1))
    for _ in range(_UNSETTLED_READS):
        token = ""
        while True:
            params = {"sort_by": "id", "sort_order": "asc"}
            answer = records.page(
                params | ({"page_token": token} if token else {}), ids_only=ids_only
            )
            rows = [checked(row) for row in answer.rows]
            fresh = [row for row in rows if row["id"] not in given and int(row["id"]) > int(last)]
            given |= {row["id"] for row in fresh}
            yield _page(records, answer, fresh, whole=not ids_only)
            token = answer.next_token
            if not answer.more or not token:
                break
        before, removed = removed, _ids(removals(records, begun, 1))
        if before == removed:
            return
        if ids_only:
            break  # out of order they would be no listing
    raise CursorExpiredError("Records were removed while all of them were listed; read again.")


# --- removals ---


def _removed(records: Records, since: datetime) -> Iterator[Page]:
    """Read the feed of removals to its end, and its first page again until that stands still.

    Where the vendor ends it at a page (whether it does is not documented), the rest is left to the
    listing of ids: a window that can never be read to its end would be begun again for ever.
    """
    for _ in range(_UNSETTLED_READS):
        first = answer = removals(records, since, 1)
        number, pages = 1, [answer]
        while answer.more and answer.rows:
            number += 1
            try:
                answer = removals(records, since, number)
            except CursorExpiredError:
                break
            pages.append(answer)
        moved = number > 1 and _ids(removals(records, since, 1)) != _ids(first)
        for at, page in enumerate(pages, start=1):
            place = {"at": "removed"} if moved or at < len(pages) else None
            yield _with(Page(seen=_gone(page), resume=None, read_at=page.read_at), place)
        if not moved:
            return
    raise RetryableError("The feed of removals kept moving while it was read.")


def removals(records: Records, since: datetime, page: int) -> Answer:
    """One page of the feed of removals; pages count from 1."""
    return records.client.read(
        "deleted",
        f"{records.path}/deleted",
        {"type": "all", "page": str(page), "per_page": str(facts.LIST_PAGE)},
        headers={facts.IF_MODIFIED_SINCE: moment(since)},
        cost=facts.CREDITS["deleted"],
    )


def _ids(answer: Answer) -> list[object]:
    return [row.get("id") if isinstance(row, Mapping) else None for row in answer.rows]


def _gone(answer: Answer) -> list[Seen]:
    seen = []
    for row in map(checked, answer.rows):
        mark, at = version(row.get("deleted_time"))
        ref = Ref(row["id"])
        seen.append(Seen(ref=ref, version=mark, changed_at=at, fields={}, gone=Gone.EXPLICIT))
    return seen


# --- pages and places ---


def _page(
    records: Records, answer: Answer, rows: Sequence[Any] | None = None, *, whole: bool = True
) -> Page:
    seen = records.seen(answer.rows if rows is None else rows, whole=whole)
    return Page(seen=seen, resume=None, read_at=answer.read_at)


def _with(page: Page, place: Mapping[str, Any] | None) -> Page:
    resume = None if place is None else orjson.dumps(place)
    return Page(seen=page.seen, resume=resume, read_at=page.read_at)


def _place(resume: bytes | None) -> dict[str, Any]:
    if resume is None:
        return {}
    try:
        place = orjson.loads(resume)
    except orjson.JSONDecodeError:
        place = None
    if not isinstance(place, dict):
        raise CursorExpiredError("The place to go on from is unreadable; the window starts again.")
    return place


def _edge(row: Any) -> tuple[datetime, str]:
    """Time and id of a row, checked: the next page begins behind them."""
    told = checked(row)
    return changed(told)[1], told["id"]


def _time(told: object) -> datetime:
    _, at = version(told)
    return at
