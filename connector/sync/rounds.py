"""The open connections of one run, taken from step to step together.

An error stops the connection it came from, and the others go on. What one connection writes into
the shop is marked for the others in the same transaction, so a change goes from vendor to vendor
in one run, in at most connections + 1 rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connector.errors import ConnectorError, InvalidError, LeaseHeldError, SchemaDriftError
from connector.plugin import Kind
from connector.sync import reconcile
from connector.sync.engine import (
    finish_connection,
    observe_connection,
    recover_now,
    send_all_refusals,
    settle_connection,
    sweep_connection,
)
from connector.sync.noticing import families, look_at_all_rows, observe_local
from connector.sync.opening import Opener
from connector.sync.pausing import paused_kinds
from connector.sync.ports import LOCAL_SCOPE
from connector.sync.report import RunReport
from connector.sync.scope import Scope
from connector.sync.upkeep import keep_up

OfOne = Sequence[Scope]
"""The scopes of one connection, parents first."""


class Rounds:
    """The connections that nothing has stopped so far, and the steps they take together.

    `opened`: their scopes. `fail_if_locked`: raise where another run has the local side.
    """

    def __init__(
        self, opener: Opener, opened: Sequence[OfOne], report: RunReport, *, fail_if_locked: bool
    ) -> None:
        self._opener = opener
        self._ports = opener.ports
        self._going = list(opened)
        self._report = report
        self._fail_if_locked = fail_if_locked
        self.scopes = [scope for of_one in opened for scope in of_one]
        """All of them, those of a connection that was stopped too."""
        self.failed: set[str] = set()
        """The connections that did not do all they should."""

    def recover(self) -> None:
        """Resolve what earlier runs left open. Before the local side is read: a row that a lost
        write of ours made is no news."""
        self._each(recover_now)

    def reconcile(self) -> None:
        """End the doubt of the scopes that are in doubt; see `reconcile.py`."""
        if all(scope.doubt is None for scope in self.scopes):
            return

        def begin(of_one: OfOne) -> None:
            for scope in of_one:
                if scope.doubt is not None:
                    reconcile.begin(scope)

        def finish(of_one: OfOne) -> None:
            for scope in of_one:
                if scope.doubt is not None:
                    self._report.reconciled.append(reconcile.finish(scope))

        self._each(begin)
        self.observe_local()
        self._each(finish)

    def observe_local(self) -> None:
        """Note what changed in the shop, for every connection of the kinds that share its rows;
        of a paused kind too, whose news waits."""
        by_kind: dict[Kind, list[Scope]] = {
            kind: [] for kind in paused_kinds(self._ports.store, self._opener.connections)
        }
        for scope in (scope for of_one in self._going for scope in of_one):
            by_kind.setdefault(scope.kind, []).append(scope)
        for family in families(self._ports.local, by_kind):
            held = [scope for kind in family for scope in by_kind.get(kind, [])]
            names = {kind: self._opener.order(kind) for kind in family}
            try:
                with self._opener.leased(LOCAL_SCOPE, family[0]) as lease:
                    observe_local(self._ports, names, lease, held)
            except LeaseHeldError as error:
                if self._fail_if_locked:
                    raise
                self._report.skipped.append(str(error))
                self._report.locked = True
                self.failed.update(scope.connection for scope in held)
        self._each(_look_at_rows)

    def travel(self) -> None:
        """Read each vendor once, then settle connection by connection until nothing moves on."""
        for step in (observe_connection, sweep_connection, finish_connection):
            if self._each(step):
                self._settle()

    def keep_up(self) -> None:
        """Upkeep, for those that got so far."""
        self._each(keep_up)

    def _settle(self) -> None:
        """Rounds over the connections until none has moved anything."""
        for _ in range(len(self._going) + 1):
            before = self._written()
            self._refusals_first()
            self._each(settle_connection)
            if len(self._going) < 2 or self._written() == before:
                break
            if self._ports.dry is None:
                # Somebody edited meanwhile, or the shop filled something in by itself.
                self.observe_local()

    def _refusals_first(self) -> None:
        """Carry every no from wherever it was said to everywhere else, before anything else."""
        for _ in range(len(self._going) + 1):
            if not self._each(send_all_refusals):
                return

    def _written(self) -> int:
        return sum(scope.counts.written for of_one in self._going for scope in of_one)

    def _each(self, step: Callable[[OfOne], bool | None]) -> bool:
        """Do one step of every connection that goes on, and leave out those that it stops; says
        whether any of them told of something."""
        left, any_told = [], False
        for of_one in self._going:
            try:
                told = _with_fresh_fields(step, of_one)
            except ConnectorError as error:
                self._report.errors.append(error)
                self.failed.update(scope.connection for scope in of_one)
            else:
                left.append(of_one)
                any_told = any_told or bool(told)
        self._going = left
        return any_told


def _with_fresh_fields(step: Callable[[OfOne], bool | None], of_one: OfOne) -> bool | None:
    """Do a step, and once more where perhaps what we know of the vendor's fields is out of date."""
    try:
        return step(of_one)
    except (InvalidError, SchemaDriftError):
        if all(scope.renewed for scope in of_one):
            raise
    for scope in of_one:
        scope.renew_fields()
    return step(of_one)


def _look_at_rows(of_one: OfOne) -> None:
    for scope in of_one:
        look_at_all_rows(scope)
