"""What about one record is not settled: letters, news, writes on their way, conflicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connector.app import Connector
from connector.errors import SealError
from connector.operating.looking import Look
from connector.store import conflicts, intents
from connector.store.conflicts import LEFT_OUT, RECORD
from connector.sync.documents import Draft, reason_of
from connector.sync.moments import moment


@dataclass(frozen=True, slots=True)
class Open:
    """Something about the record that is not settled. `what` is a word for programs."""

    what: str
    id: str | None
    side: str | None
    field: str | None
    since: str | None
    sentence: str


def not_settled(connector: Connector, known: Look) -> Iterator[Open]:
    for row in known.staged:
        since = moment(row.observed_us)
        if row.reason is not None:
            reason = reason_of(row.reason)
            letter = f"{row.connection}/{row.kind}/{row.side}/{row.record}"
            yield Open("letter", letter, row.side, reason.field, since, reason.text)
        elif row.waits_for is not None:
            parent = row.waits_for.replace("/", " ")
            yield Open("waits", None, row.side, None, since, f"it waits for {parent}")
        else:
            gone = "is gone" if row.gone is not None else "has news"
            sentence = f"the {row.side} side {gone}, and the next sync decides"
            yield Open("staged", None, row.side, None, since, sentence)
    for one in known.intents:
        yield Open(
            "letter" if one.state == intents.LETTER else "intent",
            one.id,
            one.side,
            None,
            moment(one.sent_us),
            _intent_sentence(connector, known, one),
        )
    for name, clash in known.conflicts.items():
        yield Open(
            "left_out" if clash.state == LEFT_OUT else "conflict",
            clash.id,
            None,
            None if name == RECORD else name,
            moment(clash.at_us),
            _conflict_sentence(clash),
        )


def _intent_sentence(connector: Connector, known: Look, one: intents.Intent) -> str:
    states = {
        intents.SENDING: "is on its way",
        intents.UNKNOWN: "had no answer; the next sync looks what became of it",
    }
    reason = reason_of(one.reason).text if one.reason is not None else "refused"
    said = states.get(one.state, f"was refused: {reason}")
    names = ", ".join(_written(connector, known, one))
    of = f" of {names}" if names else ""
    return f"{one.op} on the {one.side} side{of} {said} (try {one.attempt})"


def _written(connector: Connector, known: Look, one: intents.Intent) -> list[str]:
    """The own names that a write sets, if the person's key opens."""
    link = known.link
    if one.doc is None or link.subject is None:
        return []
    try:
        plain = connector.vault.open(f"intent/{one.id}", link.kind, link.subject, link.id, one.doc)
    except SealError:
        return []
    return list(Draft.unpack(one.side, one.op, plain).set)


def _conflict_sentence(clash: conflicts.Conflict) -> str:
    if clash.state == LEFT_OUT:
        return reason_of(clash.reason or "{}").text if clash.reason else "left out"
    if clash.field == RECORD:
        gone = "the shop's row" if clash.rule == "local_gone" else "the vendor's record"
        said = f"{gone} is gone, the other side's is there"
    else:
        said = f"both sides changed it (rule {clash.rule})"
    if clash.state == conflicts.CHOSEN:
        return f"{clash.who or 'a person'} chose the {clash.rule} side; the next sync writes it"
    return f"{said}: a person decides"
