"""One run over all connections: the right place, the leases, the rounds, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from connector.errors import (
    ConnectorError,
    LeaseHeldError,
    SafetyStopError,
    SchemaDriftError,
    SettingsError,
)
from connector.local.idmap import IdMap
from connector.store import conflicts, tally
from connector.sync import place
from connector.sync.adopt import Adoption, adopt
from connector.sync.audit import note_head
from connector.sync.badrows import bad_rows
from connector.sync.clocks import stop_if_clock_went_back
from connector.sync.drift import sentences
from connector.sync.ended import note_ended
from connector.sync.engine import recover_now
from connector.sync.opening import Opener
from connector.sync.pausing import going
from connector.sync.ports import Ports
from connector.sync.replay import replay_erasures
from connector.sync.report import PassReport, RunReport
from connector.sync.rounds import Rounds
from connector.sync.scope import Scope
from connector.sync.setup import Connection, Setup
from connector.sync.upkeep import drop_old_staging_keys


class Runner:
    """Runs passes. Everything it works with is handed in."""

    def __init__(self, ports: Ports, setup: Setup, connections: Sequence[Connection]) -> None:
        self._ports = ports
        self._setup = setup
        self._connections = connections
        self._opener = Opener(ports, setup, connections)

    def run(self, *, fail_if_locked: bool = False, only_reconcile: bool = False) -> RunReport:
        """One run. Raises SettingsError before any read if this is the wrong place.

        `only_reconcile`: end the doubt of the scopes that are in doubt, and write nothing.
        """
        ports = self._ports
        report = RunReport(ports.run, ruled=self._setup.policy is not None)
        self._begin()
        with ExitStack() as leases:
            with ports.store.read() as tx:
                began_us = ports.store.now_us(tx)
            opened = self._open(leases, report, fail_if_locked, only_reconcile)
            rounds = Rounds(self._opener, opened, report, fail_if_locked=fail_if_locked)
            self._look_at_files(rounds.scopes, report)
            rounds.recover()
            rounds.reconcile()
            if not only_reconcile:
                rounds.observe_local()
                rounds.travel()
                note_ended(ports, rounds.scopes, began_us, rounds.failed)
            if ports.dry is None:
                self._keep_up(rounds, report)
            self._tell(rounds.scopes, report)
        self._end(changed=any(one.counts.written for one in report.passes))
        with ports.store.read() as tx:
            report.conflicts = conflicts.count(tx, conflicts.OPEN)
            report.letters = tally.letters(tx)
        return report

    def adopt(self, id_map: IdMap) -> Adoption:
        """Link what an id map names, for the one connection and kind that this is about.

        Raises: LeaseHeldError, SafetyStopError in doubt, and as `run`.
        """
        (connection,) = self._connections
        self._begin()
        with ExitStack() as leases:
            (scope,) = self._opener.open(connection, leases)
            recover_now([scope])
            done = adopt(scope, id_map)
        self._end(changed=bool(done.linked))
        return done

    def _begin(self) -> None:
        """See that this is the right place and the right time, before anything is read."""
        ports = self._ports
        ports.vault.refresh()
        if self._setup.policy is not None:
            stop_if_clock_went_back(ports)
        replay_erasures(ports)
        place.right_local_store(ports)
        place.next_generation(ports, self._opener.configured())

    def _open(
        self, leases: ExitStack, report: RunReport, fail_if_locked: bool, reconciling: bool
    ) -> list[list[Scope]]:
        """Open all connections that can be; of the others the report tells why not."""
        opened = []
        for connection in going(self._ports.store, self._connections, report.skipped):
            try:
                opened.append(self._opener.open(connection, leases, reconciling=reconciling))
            except LeaseHeldError as error:
                if fail_if_locked:
                    raise
                report.skipped.append(str(error))
                report.locked = True
            except SchemaDriftError as error:
                report.errors.append(error)  # the other connections go on
            except SettingsError:
                raise
            except ConnectorError as error:
                report.errors.append(error)
        return opened

    def _look_at_files(self, opened: Sequence[Scope], report: RunReport) -> None:
        files, dry = self._ports.files, self._ports.dry
        if files is not None:
            kinds = [kind for one in self._connections for kind in one.kinds]
            report.bad_rows = bad_rows(files, kinds, opened, values=dry is not None)

    def _keep_up(self, rounds: Rounds, report: RunReport) -> None:
        rounds.keep_up()
        try:
            if rounds.scopes:
                drop_old_staging_keys(self._ports)
        except ConnectorError as error:
            report.errors.append(error)

    def _tell(self, opened: Sequence[Scope], report: RunReport) -> None:
        """Say what became of each scope."""
        report.writes = self._ports.dry or []
        for scope in opened:
            with self._ports.store.read() as tx:
                scope.counts.waiting = tally.waiting_children(tx, scope.connection, scope.kind)
            report.passes.append(PassReport(scope.connection, scope.kind, scope.counts))
            report.off += sentences(scope.connection, scope.kind, scope.off)
            if scope.stopped is not None:
                hint = "Look at `crm-connector plan`, then raise the limit for one run."
                report.errors.append(SafetyStopError(scope.stopped + ".", hint=hint))
            self._ports.progress(scope.connection, scope.kind, "done", scope.counts.written)

    def _end(self, *, changed: bool) -> None:
        if self._ports.dry is not None:
            return
        if changed:
            # A copy of the state taken while this was at work is an older one from here on.
            place.next_generation(self._ports, ())
        note_head(self._ports.store, self._ports.vault)
