"""Writes of one module: batches out, exactly one result for each write back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from connector.errors import ConnectorError, RetryableError, UnknownOutcomeError
from connector.plugin import Gone, Op, Outcome, Reason, Ref, Result, Write
from connector_zoho import facts, nested, outcomes, queries
from connector_zoho.client import NOT_ALLOWED, WRONG_ADDRESS
from connector_zoho.envelope import Answer, id_of, place_of
from connector_zoho.records import Records
from connector_zoho.values import moment

_ALREADY_GONE: Final = "INVALID_DATA"
_OF_CALLS: Final = WRONG_ADDRESS | {
    "AUTHENTICATION_FAILURE",
    "INVALID_OAUTHTOKEN",
    "INVALID_TOKEN",
    "OAUTH_SCOPE_MISMATCH",
}
"""Codes that never speak of one record, even where a single record was sent."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Writes that travel in one call."""

    op: Op
    writes: Sequence[Write]
    unless: datetime | None = None


def write(records: Records, writes: Sequence[Write]) -> Iterator[Result]:
    """Yield one result for each write.

    Raises only before anything had an effect: the login, the settings or the mapping is wrong.
    """
    for one in writes:
        for name in one.fields:
            nested.name(name)
        if one.op is not Op.CREATE:
            queries.record_id(one.ref)
    touched = False
    for batch in _batches(writes):
        try:
            results = list(_send(records, batch))
        except UnknownOutcomeError as error:
            results = [outcomes.unknown(one, "lost", error.sentence) for one in batch.writes]
        except RetryableError as error:
            after = None if error.after_s is None else timedelta(seconds=error.after_s)
            code = error.code.lower() or "unreachable"
            results = [outcomes.retry(one, code, error.sentence, after) for one in batch.writes]
        except ConnectorError as error:
            if not touched:
                raise
            results = [outcomes.retry(one, "stopped", error.sentence, None) for one in batch.writes]
        touched = True
        yield from results


def _batches(writes: Sequence[Write]) -> Iterator[_Batch]:
    """Creates first, then updates, then the rest; no record twice in one call.

    The vendor compares all records of a call with one time, so each time has calls of its own.
    """
    groups: dict[tuple[Op, datetime | None], list[Write]] = {}
    for op in (Op.CREATE, Op.UPDATE, Op.REMOVE, Op.PURGE, Op.RESTORE):
        for one in writes:
            if one.op is op:
                unless = one.unless_changed_since if op is Op.UPDATE else None
                groups.setdefault((op, unless), []).append(one)
    for (op, unless), members in groups.items():
        batch: list[Write] = []
        for one in members:
            twice = one.ref is not None and any(other.ref == one.ref for other in batch)
            if twice or len(batch) == facts.WRITE_BATCH:
                yield _Batch(op, batch, unless)
                batch = []
            batch.append(one)
        yield _Batch(op, batch, unless)


def _send(records: Records, batch: _Batch) -> Iterator[Result]:
    match batch.op:
        case Op.CREATE:
            return _create(records, batch.writes)
        case Op.UPDATE:
            return _update(records, batch)
        case Op.REMOVE:
            return _remove(records, batch.writes)
        case Op.PURGE:
            return _purge(records, batch.writes)
    text = "The CRM brings records back by hand only."
    reason = Reason(code="not_supported", text=text)
    return iter([Result(id=one.id, outcome=Outcome.REFUSED, reason=reason) for one in batch.writes])


def _results(
    records: Records, writes: Sequence[Write], answer: Answer, key: str = "data"
) -> list[Any] | list[Result]:
    """The result objects of an answer, or, if the whole call was refused, our results.

    Raises: LoginRefusedError if the login may not do this at all.
    """
    rows = answer.body.get(key)
    refusal = answer.refusal
    if refusal is None or (isinstance(rows, list) and not _alone(rows, writes, refusal, answer)):
        return rows if isinstance(rows, list) else []
    if refusal in NOT_ALLOWED or refusal in WRONG_ADDRESS:
        raise records.client.error("write", refusal, answer.status)
    return [outcomes.of_call(one, refusal, answer.status) for one in writes]


def _alone(rows: list[Any], writes: Sequence[Write], refusal: str, answer: Answer) -> bool:
    """Whether one error inside `data` speaks of the whole call and of no record in particular."""
    return (
        len(rows) == 1
        and answer.status >= 400
        and place_of(rows[0]) is None
        and (len(writes) > 1 or refusal in _OF_CALLS)
    )


def _is_ours(rows: Sequence[Any]) -> bool:
    return bool(rows) and isinstance(rows[0], Result)


# --- create ---


def _create(records: Records, writes: Sequence[Write]) -> Iterator[Result]:
    key = records.key_field
    rows = [
        {
            **nested.joined(one.fields, {}),
            **({key: one.external_key} if key and one.external_key else {}),
        }
        for one in writes
    ]
    answer = records.client.write(
        "insert",
        "POST",
        records.path,
        body=_body(records, rows),
        cost=facts.write_credits(len(rows)),
    )
    results = _results(records, writes, answer)
    if _is_ours(results):
        yield from results
        return
    if _in_order(results, len(writes)):
        for one, told in zip(writes, results, strict=True):
            yield outcomes.of_result(one, told, answer.status)
        return
    yield from _by_key(records, writes, results, answer.status)


def _in_order(results: Sequence[Any], expected: int) -> bool:
    """Whether results stand at their records' places, as far as they tell.

    An insert's results name no record of ours. New ids grow, and refusals carry their place: what
    contradicts either is not believed.
    """
    places = [place_of(told) for told in results]
    ids = [int(found) for told in results if _succeeded(told) and (found := id_of(told))]
    return (
        len(results) == expected
        and all(place in (None, at) for at, place in enumerate(places))
        and all(one < two for one, two in pairwise(ids))
    )


def _by_key(
    records: Records, writes: Sequence[Write], results: Sequence[Any], status: int
) -> Iterator[Result]:
    """Read the new records back and give each write the one that carries its key."""
    told_of = {found: told for told in results if _succeeded(told) and (found := id_of(told))}
    by_key: dict[str, Any] = {}
    if records.key_field:
        try:
            seen = records.fetch([Ref(one) for one in told_of])
        except ConnectorError:
            seen = []  # what cannot be read back stays unknown; probing it is the engine's way
        by_key = {one.external_key: told_of[one.ref] for one in seen if one.external_key}
    refused = {
        place: told
        for told in results
        if not _succeeded(told) and (place := place_of(told)) is not None
    }
    for at, one in enumerate(writes):
        told = by_key.get(one.external_key) or refused.get(at)
        if told is None:
            yield outcomes.unknown(one, "unmatched", "The CRM's answer leaves this record out.")
        else:
            yield outcomes.of_result(one, told, status)


def _succeeded(told: Any) -> bool:
    return isinstance(told, Mapping) and told.get("code") == facts.SUCCESS


# --- update ---


def _update(records: Records, batch: _Batch) -> Iterator[Result]:
    key = records.key_field
    names = [name for one in batch.writes for name in one.fields]
    held = records.objects([str(one.ref) for one in batch.writes], names)
    rows = [
        {
            **nested.joined(one.fields, held.get(str(one.ref), {})),
            **({key: one.external_key} if key and one.external_key else {}),
            "id": one.ref,
        }
        for one in batch.writes
    ]
    headers = {} if batch.unless is None else {facts.IF_UNMODIFIED_SINCE: moment(batch.unless)}
    answer = records.client.write(
        "update",
        "PUT",
        records.path,
        body=_body(records, rows),
        headers=headers,
        cost=facts.write_credits(len(rows)),
    )
    results = _results(records, batch.writes, answer)
    yield from _matched(batch.writes, results, answer.status)


def _matched(writes: Sequence[Write], results: Sequence[Any], status: int) -> Iterator[Result]:
    """Give each write its result: by place while every id agrees, else by id alone."""
    if _is_ours(results):
        yield from results
        return
    ids = [id_of(told) if _succeeded(told) else None for told in results]
    places = [place_of(told) for told in results]
    straight = len(results) == len(writes) and all(
        (told_id is None or told_id == one.ref) and place in (None, at)
        for at, (one, told_id, place) in enumerate(zip(writes, ids, places, strict=True))
    )
    by_id = {found: told for found, told in zip(ids, results, strict=True) if found is not None}
    for at, one in enumerate(writes):
        told = results[at] if straight else by_id.get(str(one.ref))
        if told is None:
            yield outcomes.unknown(one, "unmatched", "The CRM's answer leaves this record out.")
        else:
            yield outcomes.of_result(one, told, status)


def _body(records: Records, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    body: dict[str, Any] = {"data": rows}
    if not records.settings.workflows:
        # Absent means all workflows run, and they may write to the same records.
        body["trigger"] = []
    return body


# --- remove, purge ---


def _remove(records: Records, writes: Sequence[Write]) -> Iterator[Result]:
    """Put records into the recycle bin. One that is gone already is as wanted.

    The vendor's DELETE takes no condition, so those that have one are read just before.
    """
    changed = _changed_since(records, writes)
    for one in writes:
        if one.ref in changed:
            reason = Reason(code="changed", text="The record was changed meanwhile.")
            yield Result(id=one.id, outcome=Outcome.STALE, reason=reason)
    left = [one for one in writes if one.ref not in changed]
    if not left:
        return
    params = {"ids": ",".join(str(one.ref) for one in left)}
    if not records.settings.workflows:
        params["wf_trigger"] = "false"
    answer = records.client.write("delete", "DELETE", records.path, params=params, cost=1)
    results = _results(records, left, answer)
    doubtful = []
    for one, result in zip(left, _deletions(left, results, answer.status), strict=True):
        if result is None:
            doubtful.append(one)
        else:
            yield result
    yield from _look(records, doubtful)


def _changed_since(records: Records, writes: Sequence[Write]) -> set[Ref | None]:
    wanted = {one.ref: one.unless_changed_since for one in writes if one.unless_changed_since}
    if not wanted:
        return set()
    found = records.times([str(ref) for ref in wanted])
    return {
        ref
        for ref, unless in wanted.items()
        if unless is not None and (at := found.get(str(ref))) is not None and at > unless
    }


def _deletions(
    writes: Sequence[Write], results: Sequence[Any], status: int
) -> Iterator[Result | None]:
    """One for each write; None where the vendor says that there was nothing to delete."""
    if _is_ours(results):
        yield from results
        return
    named = {found: told for told in results if (found := id_of(told)) is not None}
    for one in writes:
        told = named.get(str(one.ref))
        if told is None:
            yield outcomes.unknown(one, "unmatched", "The CRM's answer leaves this record out.")
        elif told.get("code") == _ALREADY_GONE:
            yield None
        else:
            yield outcomes.of_result(one, told, status)


def _look(records: Records, writes: Sequence[Write]) -> Iterator[Result]:
    """See why there was nothing to delete: gone is as wanted, hidden from us is not."""
    if not writes:
        return
    try:
        seen = {one.ref: one for one in records.fetch([Ref(str(one.ref)) for one in writes])}
    except ConnectorError:
        # Nothing was done to these, and whether they are gone can be asked another time.
        text = "The CRM did not delete this record and does not say why."
        yield from (outcomes.retry(one, "not_deleted", text, None) for one in writes)
        return
    for one in writes:
        found = seen.get(Ref(str(one.ref)))
        if found is not None and found.gone in (Gone.NOT_FOUND, Gone.EXPLICIT):
            yield Result(id=one.id, outcome=Outcome.APPLIED)
            continue
        reason = Reason(code="no_permission", text="The login's user may not delete this record.")
        yield Result(id=one.id, outcome=Outcome.REFUSED, reason=reason)


def _purge(records: Records, writes: Sequence[Write]) -> Iterator[Result]:
    """Take records out of the recycle bin for ever."""
    params = {"ids": ",".join(str(one.ref) for one in writes)}
    answer = records.client.write("purge", "DELETE", facts.RECYCLE_BIN_PATH, params=params, cost=1)
    results = _results(records, writes, answer, "recycle_bin")
    for one, result in zip(writes, _deletions(writes, results, answer.status), strict=True):
        yield result or Result(id=one.id, outcome=Outcome.APPLIED)
