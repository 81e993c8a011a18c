"""What waits for a person: letters and conflicts, listed without values, and what a person decides.

A decision is only noted here; the next run carries it out by the engine's own rules.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.errors import SealError, UsageError
from connector.privacy.masking import mask, plainly
from connector.privacy.vault import Vault
from connector.records import discreet
from connector.store import conflicts, intents, links, staged
from connector.store.conflicts import CHOSEN, OPEN, RECORD, Conflict
from connector.store.database import Store
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE
from connector.store.starts import SUSPECT
from connector.sync.documents import unpack
from connector.sync.letters import Letter, letters_in, link_of, row_of
from connector.sync.marks import reread
from connector.sync.moments import from_us
from connector.sync.showing import Showing
from connector.sync.situation import AS_NEW


@discreet
@dataclass(frozen=True, slots=True)
class OpenConflict:
    """A field (or `*`, the whole record) that both sides moved.

    Values are masked unless asked for in clear. `sealed`: the person's key does not open, so there
    are none. `remote_changed`: when the vendor's record was last edited, if its version says so.
    """

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
    who: str | None = None
    """Who chose a side, if somebody has."""
    remote_changed: str | None = None
    url: str | None = None
    """The record in the vendor's own pages."""
    sealed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which letters or conflicts are meant; None means any.

    `code` is of letters; `field`, `rule` and `older_than` are of conflicts.
    """

    connection: str | None = None
    kind: str | None = None
    code: str | None = None
    field: str | None = None
    rule: str | None = None
    older_than: dt.timedelta | None = None


Address = Callable[[str, str, str], str | None]
"""Connection, kind and ref to the record's address in the vendor's own pages."""


def nowhere(connection: str, kind: str, ref: str) -> str | None:
    """Know no addresses."""
    return None


class Review:
    """The letters and conflicts of one state.

    Without a person's key all is listed and no value is shown.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault | None,
        address: Address = nowhere,
        *,
        people_an_hour: int = 20,
    ) -> None:
        """`vault`: None where no key is released."""
        self._store = store
        self._vault = vault
        self._address = address
        self._people_an_hour = people_an_hour

    # --- letters --------------------------------------------------------------------------------

    def letters(self, where: Where | None = None) -> list[Letter]:
        """Inbound ones (staged records), outbound ones (writes), and values left out."""
        where = where or Where()
        with self._store.read() as tx:
            found = letters_in(tx)
        return [
            one
            for one in found
            if where.connection in (None, one.connection)
            and where.kind in (None, one.kind)
            and where.code in (None, one.code)
        ]

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
        self.retry_all([letter], as_new=as_new)
        return letter

    def retry_all(self, letters: Sequence[Letter], *, as_new: bool = False) -> None:
        """As `retry`, for many at once."""
        with self._store.write(None, "retry letters") as tx:
            for letter in letters:
                self._retry(tx, letter, as_new)

    def _retry(self, tx: sa.Connection, letter: Letter, as_new: bool) -> None:
        row = row_of(tx, letter)
        if row is not None:
            row.reason, row.not_before_us = None, None
            row.payload = None
            row.starts = min(row.starts, SUSPECT)  # once more, and alone
            row.origin = AS_NEW if as_new else row.origin
            staged.save(tx, [row])
            return
        link = link_of(tx, letter)
        intents.finish(tx, [letter.id])
        conflicts.close(tx, [letter.id])
        if link is not None:
            staged.stage_both(tx, reread(link))

    def drop(self, letter_id: str) -> Letter:
        """Forget the letter: neither side is changed until somebody edits the record again."""
        letter = self.letter(letter_id)
        with self._store.write(None, "drop letter") as tx:
            row = row_of(tx, letter)
            if row is not None:
                staged.settle(tx, [row])
            else:
                intents.finish(tx, [letter.id])
                conflicts.close(tx, [letter.id])
        return letter

    # --- conflicts ------------------------------------------------------------------------------

    def conflicts(self, where: Where | None = None) -> list[OpenConflict]:
        """The open ones, and those that a person has chosen a side of."""
        where = where or Where()
        with self._store.read() as tx:
            rows = conflicts.listed(tx, OPEN, CHOSEN)
            known = links.by_ids(tx, {c.link for c in rows})
            now = self._store.now_us(tx)
        wanted = [row for row in rows if row.link in known and _is_meant(row, where, now)]
        return [self._shown(row, known[row.link]) for row in wanted]

    def resolvable(self, where: Where) -> list[OpenConflict]:
        """Those that a filter may resolve: nobody has chosen yet; and a conflict about a whole
        record only if the filter's `field` is `*`, because choosing there may remove records."""
        return [
            one
            for one in self.conflicts(where)
            if one.state == OPEN and (one.field != RECORD or where.field == RECORD)
        ]

    def conflict(self, conflict_id: str, *, show: bool = False, reason: str = "") -> OpenConflict:
        """One of them; with `show` in clear, where the person's key opens, which an event notes.

        Raises: UsageError, PolicyError if values are not shown here; see `showing.py`.
        """
        showing = None
        if show and self._vault is not None:
            showing = Showing(self._store, self._vault, self._people_an_hour, reason)
            showing.ask()
        with self._store.read() as tx:
            row = conflicts.get(tx, conflict_id)
            link = links.by_ids(tx, [row.link]).get(row.link) if row is not None else None
        if row is None or link is None or row.state not in (OPEN, CHOSEN):
            raise UsageError(
                f"There is no open conflict {conflict_id}.",
                hint="`crm-connector conflicts list` shows them.",
            )
        shown = self._shown(row, link, show=show)
        if showing is not None and not shown.sealed:
            showing.note(link, row.field)
        return shown

    def resolve(self, conflict_id: str, side: str, *, who: str = "operator") -> OpenConflict:
        """Choose whose value stands: "local" or "remote". The next run writes it."""
        shown = self.conflict(conflict_id)
        self.resolve_all([shown], side, who=who)
        return shown

    def resolve_all(
        self, many: Sequence[OpenConflict], side: str, *, who: str = "operator"
    ) -> None:
        """As `resolve`, for many at once. One that has ended meanwhile is passed over."""
        if side not in (LOCAL, REMOTE):
            raise UsageError("A conflict is resolved for `local` or for `remote`.")
        with self._store.write(None, "resolve conflicts") as tx:
            for one in many:
                row = conflicts.choose(tx, one.id, side, who)
                link = links.by_ids(tx, [row.link]).get(row.link) if row is not None else None
                if link is not None:
                    staged.stage_both(tx, reread(link))

    def _shown(self, row: Conflict, link: Link, *, show: bool = False) -> OpenConflict:
        try:
            values, sealed = self._open(row, link, plainly if show else mask), False
        except SealError:
            values, sealed = dict(_NO_VALUES), True
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
            row.who,
            _as_time(link.remote_version),
            self._address(row.connection, row.kind, link.remote_id) if link.remote_id else None,
            sealed,
        )

    def _open(
        self, row: Conflict, link: Link, form: Callable[[object], str]
    ) -> dict[str, dict[str, str]]:
        if row.doc is None or link.subject is None or row.field == RECORD:
            return dict(_NO_VALUES)
        if self._vault is None:
            raise SealError("No key is released here.")
        plain = self._vault.open(f"conflict/{row.field}", row.kind, link.subject, link.id, row.doc)
        document: dict[str, dict[str, Any]] = unpack(plain)
        return {
            side: {name: form(value) for name, value in values.items()}
            for side, values in document.items()
        }


_NO_VALUES: Mapping[str, dict[str, str]] = {"local": {}, "remote": {}, "base": {}}


def _is_meant(row: Conflict, where: Where, now_us: int) -> bool:
    """Whether a filter means a conflict."""
    age = dt.timedelta(microseconds=now_us - row.at_us)
    return (
        where.connection in (None, row.connection)
        and where.kind in (None, row.kind)
        and where.field in (None, row.field)
        and where.rule in (None, row.rule)
        and (where.older_than is None or age >= where.older_than)
    )


def _as_time(version: str | None) -> str | None:
    """A version as the time that it is, at vendors whose versions are times."""
    try:
        return dt.datetime.fromisoformat(version or "").isoformat(timespec="seconds")
    except ValueError:
        return None
