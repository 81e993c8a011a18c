"""What waits for a person: letters and conflicts, listed without values, and what a person decides.

A decision is only noted here; the next run carries it out by the engine's own rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.errors import UsageError
from connector.privacy.masking import mask
from connector.privacy.vault import Vault
from connector.store import conflicts, intents, links, staged
from connector.store.conflicts import CHOSEN, LEFT_OUT, OPEN, RECORD, Conflict
from connector.store.database import Store
from connector.store.intents import Intent
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.documents import unpack
from connector.sync.scope import from_us, reason_of
from connector.sync.settle import reread
from connector.sync.situation import AS_NEW


@dataclass(frozen=True, slots=True)
class Letter:
    """A record or write set aside, with the reason. `record` is its id on `side`."""

    id: str
    connection: str
    kind: str
    side: str
    record: str
    reason: str
    code: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """A field (or `*`, the whole record) that both sides moved. Values are masked."""

    id: str
    connection: str
    kind: str
    local_id: str | None
    remote_id: str | None
    field: str
    rule: str
    state: str
    since: str
    local: dict[str, str]
    remote: dict[str, str]
    base: dict[str, str]


class Review:
    """The letters and conflicts of one state."""

    def __init__(self, store: Store, vault: Vault | None) -> None:
        self._store = store
        self._vault = vault

    # --- letters --------------------------------------------------------------------------------

    def letters(self) -> list[Letter]:
        """Inbound ones (staged records), outbound ones (writes), and values left out."""
        with self._store.read() as tx:
            inbound = staged.letters(tx)
            outbound = intents.letters(tx)
            left = conflicts.listed(tx, LEFT_OUT)
            known = links.by_ids(tx, {*(i.link for i in outbound), *(c.link for c in left)})
        found = [_inbound(row) for row in inbound]
        found += [_outbound(one, known.get(one.link)) for one in outbound]
        found += [_left_out(one, known.get(one.link)) for one in left]
        return found

    def letter(self, letter_id: str) -> Letter:
        found = next((one for one in self.letters() if one.id == letter_id), None)
        if found is None:
            raise UsageError(
                f"There is no letter {letter_id}.", hint="`crm-connector letters list` shows them."
            )
        return found

    def retry(self, letter_id: str, *, as_new: bool = False) -> Letter:
        """Let the next run decide the record again, read afresh on both sides.

        `as_new`: a person says it is a record of its own, whatever it has in common with others.
        """
        letter = self.letter(letter_id)
        with self._store.write(None, "retry letter") as tx:
            row = self._staged(tx, letter)
            if row is not None:
                row.reason, row.not_before_us = None, None
                row.payload = None
                row.origin = AS_NEW if as_new else row.origin
                staged.save(tx, [row])
                return letter
            link = self._link_of(tx, letter)
            intents.finish(tx, [letter.id])
            conflicts.close(tx, [letter.id])
            if link is not None:
                staged.stage_both(tx, reread(link))
        return letter

    def drop(self, letter_id: str) -> Letter:
        """Forget the letter: neither side is changed until somebody edits the record again."""
        letter = self.letter(letter_id)
        with self._store.write(None, "drop letter") as tx:
            row = self._staged(tx, letter)
            if row is not None:
                staged.settle(tx, [row])
            else:
                intents.finish(tx, [letter.id])
                conflicts.close(tx, [letter.id])
        return letter

    @staticmethod
    def _staged(tx: sa.Connection, letter: Letter) -> Staged | None:
        found = staged.load(tx, letter.connection, letter.kind, letter.side, [letter.record])
        row = found.get(letter.record)
        return row if row is not None and _staged_id(row) == letter.id else None

    @staticmethod
    def _link_of(tx: sa.Connection, letter: Letter) -> Link | None:
        side = LOCAL if letter.side == LOCAL else REMOTE
        return links.by_side(tx, letter.connection, letter.kind, side, [letter.record]).get(
            letter.record
        )

    # --- conflicts ------------------------------------------------------------------------------

    def conflicts(self) -> list[OpenConflict]:
        with self._store.read() as tx:
            rows = conflicts.listed(tx, OPEN, CHOSEN)
            known = links.by_ids(tx, {c.link for c in rows})
        return [self._shown(row, known[row.link]) for row in rows if row.link in known]

    def conflict(self, conflict_id: str) -> OpenConflict:
        found = next((one for one in self.conflicts() if one.id == conflict_id), None)
        if found is None:
            raise UsageError(
                f"There is no open conflict {conflict_id}.",
                hint="`crm-connector conflicts list` shows them.",
            )
        return found

    def resolve(self, conflict_id: str, side: str, *, who: str = "operator") -> OpenConflict:
        """Choose whose value stands: "local" or "remote". The next run writes it."""
        if side not in (LOCAL, REMOTE):
            raise UsageError("A conflict is resolved for `local` or for `remote`.")
        shown = self.conflict(conflict_id)
        with self._store.write(None, "resolve conflict") as tx:
            row = conflicts.choose(tx, conflict_id, side, who)
            link = links.by_ids(tx, [row.link]).get(row.link) if row is not None else None
            if link is not None:
                staged.stage_both(tx, reread(link))
        return shown

    def _shown(self, row: Conflict, link: Link) -> OpenConflict:
        values = self._open(row, link)
        return OpenConflict(
            row.id,
            row.connection,
            row.kind,
            link.local_id,
            link.remote_id,
            row.field,
            row.rule,
            row.state,
            from_us(row.at_us).isoformat(timespec="seconds"),
            values["local"],
            values["remote"],
            values["base"],
        )

    def _open(self, row: Conflict, link: Link) -> dict[str, dict[str, str]]:
        empty: dict[str, dict[str, str]] = {"local": {}, "remote": {}, "base": {}}
        if self._vault is None or row.doc is None or link.subject is None or row.field == RECORD:
            return empty
        plain = self._vault.open(f"conflict/{row.field}", row.kind, link.subject, link.id, row.doc)
        document: dict[str, dict[str, Any]] = unpack(plain)
        return {
            side: {name: mask(value) for name, value in values.items()}
            for side, values in document.items()
        }


def _staged_id(row: Staged) -> str:
    return f"{row.connection}/{row.kind}/{row.side}/{row.record}"


def _inbound(row: Staged) -> Letter:
    reason = reason_of(row.reason or "{}")
    return Letter(
        _staged_id(row),
        row.connection,
        row.kind,
        row.side,
        row.record,
        reason.text,
        reason.code,
        reason.field,
    )


def _outbound(one: Intent, link: Link | None) -> Letter:
    reason = reason_of(one.reason or "{}")
    return Letter(
        one.id, one.connection, one.kind, *_place(link), reason.text, reason.code, reason.field
    )


def _left_out(one: Conflict, link: Link | None) -> Letter:
    reason = reason_of(one.reason or "{}")
    text = f"{reason.text} (this field was left out, the rest went)"
    return Letter(one.id, one.connection, one.kind, *_place(link), text, reason.code, reason.field)


def _place(link: Link | None) -> tuple[str, str]:
    """Where a person finds the record: in the shop if it is there, else at the vendor."""
    if link is None:
        return LOCAL, ""
    return (LOCAL, link.local_id) if link.local_id is not None else (REMOTE, link.remote_id or "")
