"""One run over all connections: the right place, the leases, the local side, then each vendor."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field

from connector.errors import (
    ConnectorError,
    LeaseHeldError,
    SafetyStopError,
    SchemaDriftError,
    SettingsError,
    worst,
)
from connector.mapping.schema import LocalMapping, VendorMapping
from connector.mapping.translate import Pair
from connector.plugin import FieldInfo, Kind, Remote, Schema
from connector.store import conflicts, intents, links, scopes, staged
from connector.store.database import Lease
from connector.sync.decision import KindRules
from connector.sync.engine import (
    finish_connection,
    observe_connection,
    recover_now,
    send_all_refusals,
    settle_connection,
    sweep_connection,
)
from connector.sync.observe import observe_all_rows, observe_local
from connector.sync.scope import LOCAL_SCOPE, Counts, Limits, PlannedWrite, Ports, Scope
from connector.sync.upkeep import drop_old_staging_keys, renew_staging

SCHEMA_LIFE = dt.timedelta(hours=24)
"""Metadata is read again after this, or when the vendor contradicts it."""


DEFAULT_MAX_DELETE = Limits(5, 5)
DEFAULT_MAX_CHANGE = Limits(50, 200)


@dataclass(frozen=True, slots=True)
class KindSetup:
    """One kind of one connection, as settings and mappings say."""

    vendor: VendorMapping
    local: LocalMapping
    first_contact: str = "manual"
    create_local: bool = True
    archive_local: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """One open vendor account and its kinds, parents first."""

    name: str
    remote: Remote
    kinds: Mapping[Kind, KindSetup]
    sweep_every: dt.timedelta | None = dt.timedelta(hours=24)
    """How often all ids are listed, where no feed tells of removals."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What holds for all connections."""

    zone: str = "UTC"
    phone_region: str | None = None
    max_delete: Limits = DEFAULT_MAX_DELETE
    max_change: Limits = DEFAULT_MAX_CHANGE
    order: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    """Every configured connection of each kind, in the settings' order: changes of the shop are
    kept for those that take no part in a run. Left out: those that are run."""


@dataclass(slots=True)
class PassReport:
    """What one scope's pass did."""

    connection: str
    kind: str
    counts: Counts
    seconds: float = 0.0


@dataclass(slots=True)
class RunReport:
    """What one run did. `errors` are the errors that stopped a connection or held writes back."""

    run: str
    passes: list[PassReport] = field(default_factory=list)
    errors: list[ConnectorError] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    writes: list[PlannedWrite] = field(default_factory=list)
    conflicts: int = 0
    letters: int = 0

    @property
    def exit(self) -> int:
        codes = [error.exit_code for error in self.errors]
        if self.letters or self.conflicts:
            codes.append(5)
        if any(p.counts.unknown or p.counts.postponed for p in self.passes):
            codes.append(6)
        return worst(codes)


class Runner:
    """Runs passes. Everything it works with is handed in."""

    def __init__(self, ports: Ports, setup: Setup, connections: Sequence[Connection]) -> None:
        self._ports = ports
        self._setup = setup
        self._connections = connections

    def run(self, *, fail_if_locked: bool = False) -> RunReport:
        """One run. Raises SettingsError before any read if this is the wrong place."""
        ports = self._ports
        report = RunReport(ports.run)
        ports.vault.refresh()
        self._right_local_store()
        with ExitStack() as leases:
            opened: list[list[Scope]] = []
            for connection in self._connections:
                try:
                    opened.append(self._open(connection, leases))
                except LeaseHeldError as error:
                    if fail_if_locked:
                        raise
                    report.skipped.append(str(error))
                except SettingsError:
                    raise
                except ConnectorError as error:
                    report.errors.append(error)
            for scope in (s for many in opened for s in many):
                # Before the local side is read: a row that a lost write of ours made is no news.
                recover_now(scope)
            self._observe_local(opened, report, fail_if_locked)
            self._travel(opened, report, fail_if_locked)
            with ports.store.read() as tx:
                for scope in (s for many in opened for s in many):
                    waiting = staged.count_waiting(tx, scope.connection, scope.kind)
                    scope.counts.waiting = waiting
            report.passes = [
                PassReport(s.connection, s.kind, s.counts) for many in opened for s in many
            ]
            for scope in (s for many in opened for s in many):
                if scope.stopped is not None:
                    report.errors.append(_safety(scope))
            if ports.dry is not None:
                report.writes = ports.dry
            else:
                self._upkeep(opened, report)
            self._close(opened)
        with ports.store.read() as tx:
            report.conflicts = conflicts.count(tx, conflicts.OPEN)
            report.letters = staged.count_letters(tx) + intents.count_letters(tx)
        return report

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
            step(scopes_of_one)
        except ConnectorError as error:
            report.errors.append(error)
            return False
        return True

    # --- the right place ------------------------------------------------------------------------

    def _right_local_store(self) -> None:
        """The state is bound to one local database; another one is refused before any read."""
        store, identity = self._ports.store, self._ports.local.identity()
        if identity is None:
            raise SettingsError(
                "The connector is not installed in the shop's database: its changes would go"
                " unseen.",
                hint="Run `crm-connector local install` once.",
            )
        bound = store.meta("local_id")
        if bound is not None and bound != identity:
            raise SettingsError(
                "The state store belongs to another local database than [local] url names.",
                hint="Point [local] url back, or use a state store of its own for this database.",
            )
        if bound is None:
            with store.write(None, "bind local store") as tx:
                store.set_meta(tx, "local_id", identity)

    def _open(self, connection: Connection, leases: ExitStack) -> list[Scope]:
        account = connection.remote.account
        opened = []
        for kind, setup in connection.kinds.items():
            lease = leases.enter_context(self._leased(connection.name, kind))
            self._right_account(connection.name, kind, account, lease)
            opened.append(self._scope(connection, kind, setup, lease))
        return opened

    @contextmanager
    def _leased(self, connection: str, kind: str) -> Iterator[Lease]:
        lease = self._ports.store.acquire(connection, kind)
        try:
            yield lease
        finally:
            self._ports.store.release(lease)

    def _right_account(self, name: str, kind: Kind, account: str, lease: Lease) -> None:
        store = self._ports.store
        with store.write(lease, "account") as tx:
            known = scopes.get(tx, name, kind)
            assert known is not None
            if known.account is not None and known.account != account:
                raise SettingsError(
                    f"The state of {name}/{kind} belongs to another account of the vendor than"
                    " the one these credentials open.",
                    hint="Use that account's credentials, or a state store of its own.",
                )
            if known.account is None:
                scopes.update(tx, name, kind, account=account)

    def _scope(self, connection: Connection, kind: Kind, setup: KindSetup, lease: Lease) -> Scope:
        ports, whole = self._ports, self._setup
        schema = self._schema(connection, kind, lease)
        if not schema.can_read:
            raise SchemaDriftError(
                f"{connection.name}: the account may not read {schema.object}.",
                hint="Give its user read rights to it.",
            )
        pair = Pair(
            setup.local,
            setup.vendor,
            zone=whole.zone,
            phone_region=whole.phone_region,
            schema=schema,
        )
        ports.local.observe(kind, pair.columns)
        rules = KindRules(
            first_contact=setup.first_contact,
            create_local=setup.create_local,
            create_remote=schema.can_create,
            archive_local=setup.archive_local,
            on_gone_push=setup.vendor.on_gone.push,
            on_gone_pull=setup.vendor.on_gone.pull,
            reference=setup.vendor.reference,
        )
        with ports.store.read() as tx:
            any_link = links.has_live(tx, connection.name, kind)
            known = scopes.get(tx, connection.name, kind)
        mark = _fingerprint(schema, setup)
        changed = known is not None and known.fingerprint not in (None, mark)
        if known is None or known.fingerprint != mark:
            with ports.store.write(lease, "fingerprint") as tx:
                scopes.update(tx, connection.name, kind, fingerprint=mark)
        return Scope(
            ports,
            connection.name,
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
            first_sync=not any_link,
            may_remove=not changed,
        )

    def _schema(self, connection: Connection, kind: Kind, lease: Lease) -> Schema:
        """The object's metadata: from the state if it is fresh, else from the vendor."""
        store = self._ports.store
        with store.read() as tx:
            known = scopes.get(tx, connection.name, kind)
            now = store.now_us(tx)
        oldest = now - SCHEMA_LIFE // dt.timedelta(microseconds=1)
        if known is not None and known.schema_doc is not None and known.schema_us is not None:
            doc, read_us = known.schema_doc, known.schema_us
            if read_us > oldest:
                return schema_from(doc)
        schema = connection.remote.describe(kind)
        with store.write(lease, "schema") as tx:
            scopes.update(
                tx,
                connection.name,
                kind,
                schema_doc=json.dumps(asdict(schema), ensure_ascii=False),
                schema_us=now,
            )
        return schema

    # --- the local side -------------------------------------------------------------------------

    def _observe_local(
        self,
        opened: Sequence[Sequence[Scope]],
        report: RunReport,
        fail_if_locked: bool,
    ) -> None:
        by_kind: dict[Kind, list[Scope]] = {}
        for scope in (s for many in opened for s in many):
            by_kind.setdefault(scope.kind, []).append(scope)
        for kind, held in by_kind.items():
            names = {scope.connection for scope in held}
            others = [name for name in self._order(kind) if name not in names]
            try:
                with self._leased(LOCAL_SCOPE, kind) as lease:
                    observe_local(self._ports, kind, lease, held, others)
            except LeaseHeldError as error:
                if fail_if_locked:
                    raise
                report.skipped.append(str(error))
            for scope in held:
                observe_all_rows(scope)

    def _order(self, kind: Kind) -> tuple[str, ...]:
        """All connections of a kind in the settings' order, those left out of this run too."""
        told = self._setup.order.get(kind, ())
        return told or tuple(one.name for one in self._connections if kind in one.kinds)

    def _upkeep(self, opened: Sequence[Sequence[Scope]], report: RunReport) -> None:
        everything = [s for many in opened for s in many]
        try:
            for scope in everything:
                renew_staging(scope)
            if everything:
                drop_old_staging_keys(everything[0])
        except ConnectorError as error:
            report.errors.append(error)

    def _close(self, opened: Sequence[Sequence[Scope]]) -> None:
        for scope in (s for many in opened for s in many):
            self._ports.progress(scope.connection, scope.kind, "done", scope.counts.written)


def _written(opened: Sequence[Sequence[Scope]]) -> int:
    return sum(scope.counts.written for many in opened for scope in many)


def _safety(scope: Scope) -> ConnectorError:
    assert scope.stopped is not None
    return SafetyStopError(
        scope.stopped + ".", hint="Look at `crm-connector plan`, then raise the limit for one run."
    )


def _fingerprint(schema: Schema, setup: KindSetup) -> str:
    """What decides which records are in sight: the object and its rights, and both mappings."""
    parts = [schema.object, str(schema.can_read), repr(setup.vendor.rules), repr(setup.local.rules)]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


def schema_from(document: str) -> Schema:
    """A schema as the state keeps it."""
    table = json.loads(document)
    fields = {
        name: FieldInfo(**{**info, "options": tuple(info["options"]) if info["options"] else None})
        for name, info in table.pop("fields").items()
    }
    return Schema(fields=fields, **table)
