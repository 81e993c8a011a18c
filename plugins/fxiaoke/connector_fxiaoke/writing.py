"""Writes of one object: one call for each, exactly one result for each back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from connector.errors import ConnectorError, RetryableError, UnknownOutcomeError
from connector.plugin import Op, Outcome, Ref, Result, Seen, Write
from connector_fxiaoke import facts, outcomes, queries, values
from connector_fxiaoke.client import Answer
from connector_fxiaoke.facts import Class
from connector_fxiaoke.records import Records
from connector_fxiaoke.values import UnfitError

OWNER: Final = "owner"
_ACTIONS: Final[Mapping[Op, str]] = {
    Op.CREATE: "create",
    Op.UPDATE: "update",
    Op.REMOVE: "invalid",
    Op.RESTORE: "recover",
    Op.PURGE: "delete",
}


def write(records: Records, writes: Sequence[Write]) -> Iterator[Result]:
    """Yield one result for each write.

    Raises only if nothing was sent at all: the login, the settings or the mapping is wrong, the
    calls are spent, or nobody answers. What comes after such an end is not sent.
    """
    for one in writes:
        for name in one.fields:
            queries.name(name)
        if one.op is not Op.CREATE:
            queries.record_id(one.ref)
    told, waiting = False, iter(writes)
    for one in waiting:
        try:
            result = _send(_Job(records, one, records.client.last_start()))
        except UnfitError as error:
            result = outcomes.unfit(one, error.code, error.text, error.field)
        except UnknownOutcomeError as error:
            result = outcomes.unknown(one, error.code or "lost", error.sentence)
        except ConnectorError as error:
            if not told:
                raise
            after_s = error.after_s if isinstance(error, RetryableError) else None
            for unsent in (one, *waiting):
                yield outcomes.postponed(unsent, "stopped", error.sentence, after_s)
            return
        told = True
        yield result


@dataclass(frozen=True, slots=True)
class _Job:
    """One write on its way; none of its calls leaves after `by`."""

    records: Records
    one: Write
    by: datetime

    def call(self, action: str, body: Mapping[str, Any]) -> Answer:
        return self.records.client.write(action, self.records.path(action), body, self.by)


def _send(job: _Job) -> Result:
    """One write. Raises an error other than UnknownOutcomeError only if it had no effect."""
    match job.one.op:
        case Op.CREATE:
            return _create(job)
        case Op.UPDATE:
            return _update(job)
        case Op.REMOVE:
            return _change(job, queries.invalid(job.records.object, str(job.one.ref)))
    return _change(job, queries.by_list(job.records.object, str(job.one.ref)))


def _change(job: _Job, body: Mapping[str, Any]) -> Result:
    """Change a record that is there, in whatever way."""
    answer = job.call(_ACTIONS[job.one.op], body)
    return outcomes.applied(job.one) if answer.code == facts.OK else _look(job, answer, body)


def _flags(records: Records) -> dict[str, bool]:
    """Left out, both would be on: workflows write to the same records, approvals lock them."""
    settings = records.settings
    return {"triggerWorkFlow": settings.workflows, "triggerApprovalFlow": settings.approvals}


def _row(records: Records, one: Write, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as the vendor takes them, our key among them. Raises: UnfitError."""
    row = {name: _value(records, name, value) for name, value in fields.items()}
    if records.key_field and one.external_key:
        row[records.key_field] = one.external_key
    return row


def _value(records: Records, name: str, value: Any) -> Any:
    info = records.described.schema.fields.get(name)
    try:
        if info is not None and info.options is not None and value is not None:
            chosen = value if isinstance(value, list | tuple) else [value]
            if any(str(one) not in info.options for one in chosen):
                raise UnfitError("not_an_option", "A value is none of its field's options.")
        return values.write(
            value,
            records.type_of(name),
            records.zone,
            decimals=None if info is None else info.decimals,
            empty=records.settings.clear_with == "empty",
        )
    except UnfitError as error:
        error.field = name
        raise


# --- create ---


def _create(job: _Job) -> Result:
    records, one, settings = job.records, job.one, job.records.settings
    given = {name: value for name, value in one.fields.items() if value is not None}
    row = _row(records, one, given)
    if OWNER not in row and settings.owner:
        row[OWNER] = [settings.owner]
    row.setdefault("record_type", settings.record_type)
    answer = job.call("create", queries.create(records.object, row, _flags(records)))
    if answer.code == facts.OK:
        return outcomes.created(one, answer)
    ambiguous = facts.CODES.get(answer.code) is Class.AMBIGUOUS
    if ambiguous or settings.unique_key:
        # Perhaps it was made, now or by an earlier try: then it carries our key.
        existing = _by_key(records, one)
        if existing is not None:
            return replace(outcomes.refused(one, answer), existing=existing)
    if ambiguous:
        # The index may lag, so that only a later search can tell that it is not there.
        text = f"The CRM does not say whether it made the record ({answer.code})."
        return outcomes.unknown(one, str(answer.code), text, answer)
    return outcomes.refused(one, answer)


def _by_key(records: Records, one: Write) -> Ref | None:
    if not records.key_field or not one.external_key:
        return None
    try:
        found = records.find(records.key_field, [one.external_key])
    except ConnectorError:
        return None
    return found[0].ref if found else None


# --- update ---


def _update(job: _Job) -> Result:
    """The owner is changed by a call of its own; an update would leave it as it is."""
    records, one = job.records, job.one
    row = _row(records, one, {name: told for name, told in one.fields.items() if name != OWNER})
    body = queries.update(records.object, str(one.ref), row, _flags(records))
    if OWNER not in one.fields:
        return _change(job, body)
    owner = _owner(one.fields[OWNER])
    if not row:
        return _hand_over(job, owner)
    first = _change(job, body)
    if first.outcome is not Outcome.APPLIED:
        return first
    try:
        second = _hand_over(job, owner)
    except ConnectorError as error:
        return outcomes.unknown(one, "half", error.sentence)
    if second.outcome is Outcome.APPLIED:
        return second
    # Half of it is in: neither "applied" nor "surely no effect" is true, and a look tells.
    text = "The CRM took the fields and not the owner."
    return outcomes.unknown(one, "half", second.reason.text if second.reason else text)


def _owner(value: Any) -> str:
    if not isinstance(value, str) or not value:
        text = "A record's owner can be changed and not taken away."
        raise UnfitError("required", text, OWNER)
    return value


def _hand_over(job: _Job, owner: str) -> Result:
    one = job.one
    answer = job.call("changeOwner", queries.change_owner(job.records.object, str(one.ref), owner))
    if answer.code == facts.OK:
        return outcomes.applied(one)
    try:
        row, seen = _now(job)
    except ConnectorError as error:
        return outcomes.unknown(one, str(answer.code), error.sentence, answer)
    if row is not None and values.same([owner], row.get(OWNER), "employee", job.records.zone):
        return outcomes.applied(one, seen)
    return outcomes.refused(one, answer, outcomes.state_of(one.op, row))


# --- what a refusal means ---


def _look(job: _Job, answer: Answer, body: Mapping[str, Any]) -> Result:
    """Read the record behind a refusal. Its own state may explain it, or show that it is none.

    One code means both "failed at this moment" and "will not": where the record is as we want it,
    the write landed; where it is as it was and free, the write is repeated a few times.
    """
    records, one, clock = job.records, job.one, job.records.client.host.clock
    for pause_s in (*facts.AMBIGUOUS_PAUSES_S, None):
        ambiguous = facts.CODES.get(answer.code) is Class.AMBIGUOUS
        try:
            row, seen = _now(job)
        except ConnectorError as error:
            if ambiguous:
                return outcomes.unknown(one, str(answer.code), error.sentence, answer)
            return outcomes.refused(one, answer)
        if outcomes.is_as_wanted(one.op, seen):
            return outcomes.applied(one)
        if one.op is Op.UPDATE and ambiguous and row is not None and _holds(records, row, body):
            return outcomes.applied(one, seen)
        state = outcomes.state_of(one.op, row)
        if state is not None or not ambiguous or pause_s is None:
            return outcomes.refused(one, answer, state)
        if clock.now() + timedelta(seconds=pause_s) > job.by:
            return outcomes.postponed(one, str(answer.code), "The CRM failed at this record.", None)
        clock.sleep(pause_s)
        answer = job.call(_ACTIONS[one.op], body)
        if answer.code == facts.OK:
            return outcomes.applied(one)
    raise AssertionError("the last round returns")


def _now(job: _Job) -> tuple[Mapping[str, Any] | None, Seen]:
    """The record as it is now, in the vendor's words and in ours."""
    records = job.records
    ref, told = records.look(str(job.one.ref))
    row = records.row_of(ref, told)
    return row, records.missing(ref, told) if row is None else records.seen(row)


def _holds(records: Records, row: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether a record holds every value that an update sent."""
    sent = body["data"]["object_data"]
    return all(
        values.same(sent[name], row.get(name), records.type_of(name), records.zone)
        for name in sent
        if name not in ("_id", "dataObjectApiName")
    )
