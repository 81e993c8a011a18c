"""Opening scopes: the lease, the right account, and what settings, mapping, policy and the vendor's
own fields make of one kind at one connection."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from connector.errors import ConnectorError, StopRequest
from connector.mapping.translate import Pair
from connector.plugin import Kind, Schema
from connector.records import may_leave
from connector.store import links, scopes, starts
from connector.store.database import Lease
from connector.sync import place, retaining
from connector.sync.decision import KindRules
from connector.sync.drift import fingerprint, schema_of, working_pair
from connector.sync.gate import Gate, check_fit, field_mark, gate_for
from connector.sync.ports import Ports
from connector.sync.rebasing import rebase
from connector.sync.renewed import notice
from connector.sync.scope import Scope
from connector.sync.setup import Connection, KindSetup, Setup
from connector.sync.terms import Terms, terms_at


class Opener:
    """Takes leases and opens scopes. Everything it works with is handed in."""

    def __init__(self, ports: Ports, setup: Setup, connections: Sequence[Connection]) -> None:
        self.ports = ports
        self.setup = setup
        self.connections = connections

    def order(self, kind: Kind) -> tuple[str, ...]:
        """All connections of a kind in the settings' order, those left out of this run too."""
        told = self.setup.order.get(kind, ())
        return told or tuple(one.name for one in self.connections if kind in one.kinds)

    def configured(self) -> list[tuple[str, Kind]]:
        """All connections and kinds of the settings."""
        kinds = {*self.setup.order, *(kind for one in self.connections for kind in one.kinds)}
        return [(name, kind) for kind in kinds for name in self.order(kind)]

    @contextmanager
    def leased(self, connection: str, kind: str) -> Iterator[Lease]:
        """Hold a scope. Raises: LeaseHeldError."""
        lease = self.ports.store.acquire(connection, kind)
        try:
            self.ports.vault.follow_ring()
            yield lease
        except (ConnectorError, StopRequest, KeyboardInterrupt):
            self.ports.store.release(lease)
            raise
        except BaseException:
            self.ports.store.release(lease, died=True)
            raise
        self.ports.store.release(lease)

    def open(
        self, connection: Connection, leases: ExitStack, *, reconciling: bool = False
    ) -> list[Scope]:
        """All scopes of a connection, held until `leases` is closed.

        Raises: LeaseHeldError, SettingsError, VendorError; SafetyStopError in doubt, unless it is
        for `reconciling` or a plan.
        """
        opened, account = [], connection.remote.account
        for kind in connection.kinds:
            lease = leases.enter_context(self.leased(connection.name, kind))
            place.right_account(self.ports, connection.name, kind, account, lease)
            if self.ports.dry is None and not reconciling:
                place.stop_if_in_doubt(self.ports, connection.name, kind)
            opened.append(self.scope(connection, kind, lease))
        return opened

    def scope(self, connection: Connection, kind: Kind, lease: Lease) -> Scope:
        """One scope under a lease that is held. Raises: SettingsError, VendorError."""
        made_of = (self.ports, self.setup, connection, kind, connection.kinds[kind], lease)
        scope = _Opening(*made_of).scope(self.order(kind))
        notice(scope, self.setup.policy)
        rebase(scope)
        if scope.doubt is None:
            retaining.look(scope)
        return scope


@dataclass(frozen=True, slots=True)
class _Opening:
    """What one scope is made of."""

    ports: Ports
    whole: Setup
    connection: Connection
    kind: Kind
    setup: KindSetup
    lease: Lease

    def scope(self, order: tuple[str, ...]) -> Scope:
        ports, whole, connection, kind = self.ports, self.whole, self.connection, self.kind
        schema = self._schema()
        gate = self._gate(schema)
        terms = terms_at(whole, self.setup, schema, ports.local, ports.clock.now())
        pair, off = self._pair(schema, gate)
        with ports.store.read() as tx:
            known = scopes.get(tx, connection.name, kind)
            any_link = links.has_live(tx, connection.name, kind)
            killers = starts.killers(tx, connection.name, kind)

        def renew(scope: Scope) -> None:
            scope.use(*self._pair(self._schema(fresh=True), gate))

        return Scope(
            ports,
            connection.name,
            kind,
            connection.remote,
            connection.remote.capabilities,
            pair,
            self._rules(schema, gate, terms, pair),
            {name: Kind.CUSTOMER for name in pair.reference_fields},
            whole.max_delete,
            whole.max_change,
            self.lease,
            order,
            sweep_every=connection.sweep_every,
            compare_daily=connection.compare_daily,
            source=connection.source,
            expected=connection.expected.get(kind, 0),
            bulk=connection.bulk and ports.dry is None,
            first_sync=not any_link,
            may_remove=not self._has_changed(schema, known),
            tombstone_life=whole.tombstone_life,
            doubt=known.doubt if known is not None else None,
            off=off,
            killers=killers,
            renew=renew,
        )

    def _schema(self, *, fresh: bool = False) -> Schema:
        one = self.connection
        return schema_of(self.ports.store, one.remote, one.name, self.kind, self.lease, fresh=fresh)

    def _gate(self, schema: Schema) -> Gate | None:
        """The privacy policy at this scope. Raises: PolicyFileError if it does not fit."""
        ports, whole, vendor = self.ports, self.whole, self.setup.vendor
        if whole.policy is None:
            return None
        gate = gate_for(
            whole.policy,
            self.connection.name,
            vendor,
            whole.people,
            zone=whole.zone,
            region=whole.phone_region,
            today=ports.clock.now().date(),
            pseudonym=partial(ports.vault.pseudonym, self.connection.name),
        )
        check_fit(whole.policy, gate, vendor, schema)
        if whole.people is not None and gate.people.columns:
            ports.local.observe(Kind.CUSTOMER, gate.people.columns)
        return gate

    def _pair(self, schema: Schema, gate: Gate | None) -> tuple[Pair, Mapping[str, str]]:
        """The fields that travel, and those switched off, each with a sentence."""
        ports, whole, kind = self.ports, self.whole, self.kind
        names = ports.local.names(kind)

        def make(without: Collection[str]) -> Pair:
            return Pair(
                self.setup.local,
                self.setup.vendor,
                zone=whole.zone,
                phone_region=whole.phone_region,
                schema=schema,
                without=without,
                names=names,
                leaves=may_leave if gate is None else gate.leaves,
                shut=() if gate is None else gate.shut,
                beside=gate is not None,
                mark=partial(field_mark, ports.vault, kind),
                digested=() if gate is None else gate.digested,
            )

        name = self.connection.name
        pair, off = working_pair(ports.store, name, kind, self.lease, schema, make)
        ports.local.observe(kind, pair.columns)
        return pair, off

    def _rules(
        self, schema: Schema, gate: Gate | None, terms: Terms | None, pair: Pair
    ) -> KindRules:
        setup, on_gone = self.setup, self.setup.vendor.on_gone
        # A record in a row has no place without its person's row.
        has_place = not setup.in_row or bool(pair.reference_fields)
        return KindRules(
            gate=gate,
            terms=terms,
            first_contact=setup.first_contact,
            create_local=setup.create_local and not setup.read_only and has_place,
            create_remote=schema.can_create,
            archive_local=setup.archive_local,
            on_gone_push=on_gone.push,
            on_gone_pull=_for_rows(setup, on_gone.pull),
            on_gone_merged=_for_rows(setup, on_gone.merged),
            reference="required" if setup.in_row else setup.vendor.reference,
            in_row=setup.in_row,
            read_only=setup.read_only,
        )

    def _has_changed(self, schema: Schema, known: scopes.Scope | None) -> bool:
        """Whether mapping or schema differ from those of the last run; notes what they are now."""
        mark = fingerprint(schema, self.setup.vendor, self.setup.local)
        before = known.fingerprint if known is not None else None
        if before != mark:
            with self.ports.store.write(self.lease, "fingerprint") as tx:
                scopes.update(tx, self.connection.name, self.kind, fingerprint=mark)
        return before not in (None, mark)


def _for_rows(setup: KindSetup, on_gone: str) -> str:
    """What becomes of a row whose record is gone: one that is only read stays as it is."""
    return on_gone if not setup.read_only or on_gone == "detach" else "ignore"
