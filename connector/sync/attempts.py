"""Attempts are counted before the work, so that a record which kills its process is found.

A process that is killed, or runs out of memory, can note nothing any more; but it never lets go of
its lease, and the next holder sees that. From then on each batch of staged rows, and of intents to
look for, is counted in the state before it is worked on, and the count is cleared when the work
ended, well or with an error that we know. What was begun `SUSPECT` times and never ended is taken
one by one; what then dies alone is set aside, and the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from connector.errors import ConnectorError, StopRequest
from connector.plugin import Reason
from connector.store import events, intents, links, staged, starts
from connector.store.intents import Intent
from connector.store.staged import Staged
from connector.store.starts import KILLS, SUSPECT
from connector.sync.documents import reason_text
from connector.sync.scope import Scope

_POISON = Reason(
    code="poison",
    text="each time it was worked on, the program was killed; it is left alone until"
    " `letters retry`",
)


def _counts(scope: Scope, some: Sequence[Staged] | Sequence[Intent]) -> bool:
    """Only after a run that died is anything counted: others cost no write more."""
    return scope.lease.deaths > 0 or any(one.starts for one in some)


@dataclass(slots=True)
class Phase:
    """Work on the staged rows of a scope: on news of removals or on other news.

    `whole`: it decides them and sends what follows; other phases only look for some of them, and
    their good end says nothing of what comes after.
    """

    scope: Scope
    gone: bool
    whole: bool = True
    _now: list[Staged] = field(default_factory=list)

    def one_by_one(self, rows: Sequence[Staged]) -> Iterator[list[Staged]]:
        """A batch to work on, then each suspect of it alone. Who asks for the next has ended the
        last, and sent what it led to."""
        scope = self.scope
        if scope.ports.dry is not None or not _counts(scope, rows):
            yield list(rows)
            return
        set_aside = [row for row in rows if row.starts > SUSPECT]
        if set_aside:
            _set_aside(scope, set_aside)
        together = [row for row in rows if row.starts < SUSPECT]
        for some in [together, *([row] for row in rows if row.starts == SUSPECT)]:
            if some:
                self._now = some
                with scope.store.write(scope.lease, "count attempt") as tx:
                    starts.begin(tx, some)
                yield some
                if some is not together or not self.whole:
                    self._ended()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Work on batches. A good end clears what was counted; so does an error or a stop that we
        know, but what was suspect before stays so."""
        try:
            yield
        except (ConnectorError, StopRequest, KeyboardInterrupt):
            with suppress(ConnectorError):  # what is gone with the state's database stays counted
                if self.whole:
                    self._all_ended(whole=False)
                elif self._now:
                    self._ended()
            raise
        if self.whole:
            self._all_ended(whole=True)

    def _ended(self) -> None:
        with self.scope.store.write(self.scope.lease, "attempt ended") as tx:
            starts.ended(tx, self._now, whole=self.whole)
        if not self.whole:
            self._now = []

    def _all_ended(self, *, whole: bool) -> None:
        scope = self.scope
        if not self._now:
            return
        with scope.store.read() as tx:
            begun = starts.any_begun(tx, scope.connection, scope.kind, gone=self.gone)
        if begun:
            with scope.store.write(scope.lease, "attempts ended") as tx:
                where = (scope.connection, scope.kind)
                starts.all_ended(tx, *where, gone=self.gone, whole=whole)


def is_suspect(rows: Sequence[Staged]) -> bool:
    return any(row.starts >= SUSPECT for row in rows)


def _set_aside(scope: Scope, rows: Sequence[Staged]) -> None:
    for row in rows:
        row.reason, row.starts = reason_text(_POISON), KILLS
    with scope.store.write(scope.lease, "set aside poison") as tx:
        staged.save(tx, rows)
        now = scope.store.now_us(tx)
        events.append(tx, [scope.event(now, None, "letter:poison") for _ in rows])
    scope.counts.letters += len(rows)


# --- intents to look for --------------------------------------------------------------------------


def intents_one_by_one(scope: Scope, due: Sequence[Intent]) -> Iterator[list[Intent]]:
    """The same for writes whose fate is looked for."""
    poison = [intent for intent in due if intent.starts > SUSPECT]
    if poison:
        _give_up(scope, poison)
    together = [intent for intent in due if intent.starts < SUSPECT]
    for some in [together, *([intent] for intent in due if intent.starts == SUSPECT)]:
        if some:
            yield some


@contextmanager
def looking(scope: Scope, some: Sequence[Intent]) -> Iterator[None]:
    """Look for the fate of these; as `Phase.counted`."""
    ids = [intent.id for intent in some]
    if not _counts(scope, some):
        yield
        return
    with scope.store.write(scope.lease, "count attempt") as tx:
        intents.begin(tx, ids)
    try:
        yield
    except (ConnectorError, StopRequest, KeyboardInterrupt):
        with suppress(ConnectorError):
            _looked(scope, ids)
        raise
    _looked(scope, ids)


def _looked(scope: Scope, ids: Sequence[str]) -> None:
    with scope.store.write(scope.lease, "attempts ended") as tx:
        intents.ended(tx, ids)


def _give_up(scope: Scope, poison: Sequence[Intent]) -> None:
    """Make them letters, and let nothing be planned from what their records have staged."""
    with scope.store.write(scope.lease, "set aside poison") as tx:
        intents.mark(tx, [one.id for one in poison], intents.LETTER, reason_text(_POISON))
        rows: list[Staged] = []
        for link in links.by_ids(tx, [one.link for one in poison]).values():
            for side, record in (("local", link.local_id), ("remote", link.remote_id)):
                if record is not None:
                    found = staged.load(tx, scope.connection, scope.kind, side, [record])
                    rows += found.values()
        for row in rows:
            row.reason = reason_text(_POISON)
        staged.save(tx, rows)
    scope.counts.letters += len(poison)
