"""One run over all connections: the right place, the leases, the local side, then each vendor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from connector.errors import (
    ConnectorError,
    InvalidError,
    LeaseHeldError,
    SafetyStopError,
    SchemaDriftError,
    SettingsError,
    StopRequest,
)
from connector.local.idmap import IdMap
from connector.mapping.translate import Pair
from connector.plugin import Kind, Schema
from connector.records import may_leave
from connector.store import conflicts, intents, links, scopes, staged
from connector.store.database import Lease
from connector.sync import place, reconcile, retaining
from connector.sync.adopt import Adoption, adopt
from connector.sync.audit import note_head
from connector.sync.badrows import bad_rows
from connector.sync.clocks import stop_if_clock_went_back
from connector.sync.decision import KindRules
from connector.sync.drift import fingerprint, schema_of, sentences, working_pair
from connector.sync.ended import note_ended
from connector.sync.engine import (
    finish_connection,
    observe_connection,
    recover_now,
    send_all_refusals,
    settle_connection,
    sweep_connection,
)
from connector.sync.gate import Gate, check_fit, field_mark, gate_for
from connector.sync.noticing import families, look_at_all_rows, observe_local
from connector.sync.pausing import going, paused_kinds
from connector.sync.rebasing import rebase
from connector.sync.renewed import notice
from connector.sync.replay import replay_erasures
from connector.sync.report import PassReport as PassReport
from connector.sync.report import RunReport as RunReport
from connector.sync.scope import (
    LOCAL_SCOPE,
    Ports,
    Scope,
)
from connector.sync.setup import Connection as Connection
from connector.sync.setup import KindSetup as KindSetup
from connector.sync.setup import Setup as Setup
from connector.sync.terms import terms_at
from connector.sync.tombstones import forget_the_dead
from connector.sync.upkeep import drop_old_staging_keys, renew_staging


class Runner:
    """Runs passes. Everything it works with is handed in."""

    def __init__(self, ports: Ports, setup: Setup, connections: Sequence[Connection]) -> None:
        self._ports = ports
        self._setup = setup
        self._connections = connections
        self._failed: set[str] = set()
        """The connections that an error stopped."""

    def run(self, *, fail_if_locked: bool = False, only_reconcile: bool = False) -> RunReport:
        """One run. Raises SettingsError before any read if this is the wrong place.

        `only_reconcile`: end the doubt of the scopes that are in doubt, and write nothing.
        """
        ports = self._ports
        report = RunReport(ports.run, ruled=self._setup.policy is not None)
        ports.vault.refresh()
        if self._setup.policy is not None:
            stop_if_clock_went_back(ports)
        replay_erasures(ports)
        place.right_local_store(ports)
        place.next_generation(ports, self._configured())
        with ExitStack() as leases:
            opened: list[list[Scope]] = []
            with ports.store.read() as tx:
                began_us = ports.store.now_us(tx)
            for connection in going(ports.store, self._connections, report.skipped):
                try:
                    opened.append(self._open(connection, leases, only_reconcile))
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
            if ports.files is not None:
                kinds = [kind for one in self._connections for kind in one.kinds]
                held = [scope for many in opened for scope in many]
                report.bad_rows = bad_rows(ports.files, kinds, held, values=ports.dry is not None)
            doubtful = [s for many in opened for s in many if s.doubt is not None]
            # Before the local side is read: a row that a lost write of ours made is no news.
            left = [many for many in opened if self._tried(recover_now, many, report)]
            self._go_back_over(doubtful, left, report, fail_if_locked)
            if not only_reconcile:
                self._observe_local(opened, report, fail_if_locked)
                self._travel(left, report, fail_if_locked)
            with ports.store.read() as tx:
                for scope in (s for many in opened for s in many):
                    waiting = staged.count_waiting(tx, scope.connection, scope.kind)
                    scope.counts.waiting = waiting
            report.passes = [
                PassReport(s.connection, s.kind, s.counts) for many in opened for s in many
            ]
            for scope in (s for many in opened for s in many):
                report.off += sentences(scope.connection, scope.kind, scope.off)
                if scope.stopped is not None:
                    report.errors.append(_safety(scope))
            if ports.dry is not None:
                report.writes = ports.dry
            else:
                self._upkeep(opened, report)
            if not only_reconcile:
                note_ended(ports, [s for many in opened for s in many], began_us, self._failed)
            self._close(opened)
        if ports.dry is None and any(p.counts.written for p in report.passes):
            # A copy of the state taken while this run was at work is an older one from here on.
            place.next_generation(ports, ())
        if ports.dry is None:
            note_head(ports.store, ports.vault)
        with ports.store.read() as tx:
            report.conflicts = conflicts.count(tx, conflicts.OPEN)
            report.letters = staged.count_letters(tx) + intents.count_letters(tx)
        return report

    def adopt(self, id_map: IdMap) -> Adoption:
        """Link what an id map names, for the one connection and kind that this is about.

        Raises: LeaseHeldError, SafetyStopError in doubt, and as `run`.
        """
        ports = self._ports
        (connection,) = self._connections
        ports.vault.refresh()
        replay_erasures(ports)
        place.right_local_store(ports)
        place.next_generation(ports, self._configured())
        with ExitStack() as leases:
            (scope,) = self._open(connection, leases, reconciling=False)
            recover_now([scope])
            done = adopt(scope, id_map)
        if ports.dry is None and done.linked:
            # A copy of the state taken before is an older one from here on.
            place.next_generation(ports, ())
        if ports.dry is None:
            note_head(ports.store, ports.vault)
        return done

    def _go_back_over(
        self,
        doubtful: Sequence[Scope],
        opened: Sequence[Sequence[Scope]],
        report: RunReport,
        fail_if_locked: bool,
    ) -> None:
        """Reconcile what is in doubt; see `reconcile.py`."""
        if not doubtful:
            return

        def begin(scopes_of_one: Sequence[Scope]) -> None:
            for scope in scopes_of_one:
                if scope.doubt is not None:
                    reconcile.begin(scope)

        def finish(scopes_of_one: Sequence[Scope]) -> None:
            for scope in scopes_of_one:
                if scope.doubt is not None:
                    report.reconciled.append(reconcile.finish(scope))

        begun = [many for many in opened if self._tried(begin, many, report)]
        self._observe_local(opened, report, fail_if_locked)
        for many in begun:
            self._tried(finish, many, report)

    def _travel(
        self, opened: Sequence[Sequence[Scope]], report: RunReport, fail_if_locked: bool
    ) -> None:
        """Read each vendor once, then settle connection by connection until nothing moves on.

        What one connection writes into the shop is marked for the others in the same transaction,
        so a change goes from vendor to vendor in one run, in at most connections + 1 rounds.
        """
        going = list(opened)
        for step in (observe_connection, sweep_connection, finish_connection):
            news: list[bool] = []

            def do(
                many: Sequence[Scope],
                step: Callable[[Sequence[Scope]], bool] = step,
                news: list[bool] = news,
            ) -> None:
                news.append(step(many))

            going = [many for many in going if self._tried(do, many, report)]
            if any(news):
                going = self._settle(going, report, fail_if_locked)

    def _settle(
        self, going: Sequence[Sequence[Scope]], report: RunReport, fail_if_locked: bool
    ) -> list[Sequence[Scope]]:
        """Rounds over the connections until none has moved anything; who is left of them."""
        left = list(going)
        for _ in range(len(going) + 1):
            before = _written(left)
            left = self._refusals_first(left, report)
            left = [many for many in left if self._tried(settle_connection, many, report)]
            if len(left) < 2 or _written(left) == before:
                break
            if self._ports.dry is None:
                # Somebody edited meanwhile, or the shop filled something in by itself.
                self._observe_local(left, report, fail_if_locked)
        return left

    def _refusals_first(
        self, going: Sequence[Sequence[Scope]], report: RunReport
    ) -> list[Sequence[Scope]]:
        """Carry every no from wherever it was said to everywhere else, before anything else."""
        found = [True]

        def step(scopes_of_one: Sequence[Scope]) -> None:
            found.append(send_all_refusals(scopes_of_one))

        left = list(going)
        for _ in range(len(going) + 1):
            if not any(found):
                break
            found.clear()
            left = [many for many in left if self._tried(step, many, report)]
        return left

    def _tried(
        self,
        step: Callable[[Sequence[Scope]], None],
        scopes_of_one: Sequence[Scope],
        report: RunReport,
    ) -> bool:
        """Do one step of a connection; False if an error stopped the connection for this run."""
        try:
            try:
                step(scopes_of_one)
            except (InvalidError, SchemaDriftError):
                if all(scope.renewed for scope in scopes_of_one):
                    raise
                for scope in scopes_of_one:  # perhaps what we know of the fields is out of date
                    scope.renew_fields()
                step(scopes_of_one)
        except ConnectorError as error:
            report.errors.append(error)
            self._failed.update(scope.connection for scope in scopes_of_one)
            return False
        return True

    # --- the scopes ------------------------------------------------------------------------------

    def _open(self, connection: Connection, leases: ExitStack, reconciling: bool) -> list[Scope]:
        account = connection.remote.account
        opened = []
        for kind, setup in connection.kinds.items():
            lease = leases.enter_context(self._leased(connection.name, kind))
            place.right_account(self._ports, connection.name, kind, account, lease)
            if self._ports.dry is None and not reconciling:
                place.stop_if_in_doubt(self._ports, connection.name, kind)
            opened.append(self._scope(connection, kind, setup, lease))
        return opened

    @contextmanager
    def _leased(self, connection: str, kind: str) -> Iterator[Lease]:
        lease = self._ports.store.acquire(connection, kind)
        try:
            self._ports.vault.follow_ring()
            yield lease
        except (ConnectorError, StopRequest, KeyboardInterrupt):
            self._ports.store.release(lease)
            raise
        except BaseException:
            self._ports.store.release(lease, died=True)
            raise
        self._ports.store.release(lease)

    def _scope(self, connection: Connection, kind: Kind, setup: KindSetup, lease: Lease) -> Scope:
        ports, whole, name = self._ports, self._setup, connection.name
        schema = schema_of(ports.store, connection.remote, name, kind, lease)
        gate = self._gate(name, kind, setup, schema)
        terms = terms_at(whole, setup, schema, ports.local, ports.clock.now())
        pair, off = self._pair(name, kind, setup, lease, schema, gate)
        rules = KindRules(
            gate=gate,
            terms=terms,
            first_contact=setup.first_contact,
            # Without its person's row there is no place for it.
            create_local=setup.create_local
            and not setup.read_only
            and (not setup.in_row or bool(pair.reference_fields)),
            create_remote=schema.can_create,
            archive_local=setup.archive_local,
            on_gone_push=setup.vendor.on_gone.push,
            on_gone_pull=_for_rows(setup, setup.vendor.on_gone.pull),
            on_gone_merged=_for_rows(setup, setup.vendor.on_gone.merged),
            reference="required" if setup.in_row else setup.vendor.reference,
            in_row=setup.in_row,
            read_only=setup.read_only,
        )
        with ports.store.read() as tx:
            any_link = links.has_live(tx, name, kind)
            known = scopes.get(tx, name, kind)
            killers = staged.killers(tx, name, kind)
        mark = fingerprint(schema, setup.vendor, setup.local)
        changed = known is not None and known.fingerprint not in (None, mark)
        if known is None or known.fingerprint != mark:
            with ports.store.write(lease, "fingerprint") as tx:
                scopes.update(tx, name, kind, fingerprint=mark)

        def renew(scope: Scope) -> None:
            now = schema_of(ports.store, connection.remote, name, kind, lease, fresh=True)
            scope.use(*self._pair(name, kind, setup, lease, now, gate))

        scope = Scope(
            ports,
            name,
            kind,
            connection.remote,
            connection.remote.capabilities,
            pair,
            rules,
            {name: Kind.CUSTOMER for name in pair.reference_fields},
            whole.max_delete,
            whole.max_change,
            lease,
            self._order(kind),
            sweep_every=connection.sweep_every,
            compare_daily=connection.compare_daily,
            source=connection.source,
            expected=connection.expected.get(kind, 0),
            bulk=connection.bulk and ports.dry is None,
            first_sync=not any_link,
            may_remove=not changed,
            tombstone_life=whole.tombstone_life,
            doubt=known.doubt if known is not None else None,
            off=off,
            killers=killers,
            renew=renew,
        )
        notice(scope, self._setup.policy)
        rebase(scope)
        if scope.doubt is None:
            retaining.look(scope)
        return scope

    def _gate(self, name: str, kind: Kind, setup: KindSetup, schema: Schema) -> Gate | None:
        """The privacy policy at one scope. Raises: PolicyFileError if it does not fit."""
        policy, people = self._setup.policy, self._setup.people
        if policy is None:
            return None
        gate = gate_for(
            policy,
            name,
            setup.vendor,
            people,
            zone=self._setup.zone,
            region=self._setup.phone_region,
            today=self._ports.clock.now().date(),
            pseudonym=partial(self._ports.vault.pseudonym, name),
        )
        check_fit(policy, gate, setup.vendor, schema)
        if people is not None and gate.people.columns:
            self._ports.local.observe(Kind.CUSTOMER, gate.people.columns)
        return gate

    def _pair(
        self,
        name: str,
        kind: Kind,
        setup: KindSetup,
        lease: Lease,
        schema: Schema,
        gate: Gate | None,
    ) -> tuple[Pair, Mapping[str, str]]:
        names = self._ports.local.names(kind)

        def make(without: Collection[str]) -> Pair:
            return Pair(
                setup.local,
                setup.vendor,
                zone=self._setup.zone,
                phone_region=self._setup.phone_region,
                schema=schema,
                without=without,
                names=names,
                leaves=may_leave if gate is None else gate.leaves,
                shut=() if gate is None else gate.shut,
                beside=gate is not None,
                mark=partial(field_mark, self._ports.vault, kind),
                digested=() if gate is None else gate.digested,
            )

        pair, off = working_pair(self._ports.store, name, kind, lease, schema, make)
        self._ports.local.observe(kind, pair.columns)
        return pair, off

    # --- the local side -------------------------------------------------------------------------

    def _observe_local(
        self,
        opened: Sequence[Sequence[Scope]],
        report: RunReport,
        fail_if_locked: bool,
    ) -> None:
        by_kind: dict[Kind, list[Scope]] = {
            kind: [] for kind in paused_kinds(self._ports.store, self._connections)
        }
        for scope in (s for many in opened for s in many):
            by_kind.setdefault(scope.kind, []).append(scope)
        for family in families(self._ports.local, by_kind):
            held = [scope for kind in family for scope in by_kind.get(kind, [])]
            names = {kind: self._order(kind) for kind in family}
            try:
                with self._leased(LOCAL_SCOPE, family[0]) as lease:
                    observe_local(self._ports, names, lease, held)
            except LeaseHeldError as error:
                if fail_if_locked:
                    raise
                report.skipped.append(str(error))
                report.locked = True
                self._failed.update(scope.connection for scope in held)
            for scope in held:
                look_at_all_rows(scope)

    def _configured(self) -> list[tuple[str, Kind]]:
        kinds = {*self._setup.order, *(kind for one in self._connections for kind in one.kinds)}
        return [(name, kind) for kind in kinds for name in self._order(kind)]

    def _order(self, kind: Kind) -> tuple[str, ...]:
        """All connections of a kind in the settings' order, those left out of this run too."""
        told = self._setup.order.get(kind, ())
        return told or tuple(one.name for one in self._connections if kind in one.kinds)

    def _upkeep(self, opened: Sequence[Sequence[Scope]], report: RunReport) -> None:
        everything = [s for many in opened for s in many]
        try:
            for scope in everything:
                renew_staging(scope)
                forget_the_dead(scope)
            if everything:
                drop_old_staging_keys(everything[0])
        except ConnectorError as error:
            report.errors.append(error)

    def _close(self, opened: Sequence[Sequence[Scope]]) -> None:
        for scope in (s for many in opened for s in many):
            self._ports.progress(scope.connection, scope.kind, "done", scope.counts.written)


def _for_rows(setup: KindSetup, on_gone: str) -> str:
    """What becomes of a row whose record is gone: one that is only read stays as it is."""
    return on_gone if not setup.read_only or on_gone == "detach" else "ignore"


def _written(opened: Sequence[Sequence[Scope]]) -> int:
    return sum(scope.counts.written for many in opened for scope in many)


def _safety(scope: Scope) -> ConnectorError:
    assert scope.stopped is not None
    return SafetyStopError(
        scope.stopped + ".", hint="Look at `crm-connector plan`, then raise the limit for one run."
    )
