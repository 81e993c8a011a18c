"""Checks of one connection: login, clock, rights, mapping, fields, keys, and what the plugin finds
by looking. The vendor is only read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.app import Connector
from connector.doctor.check import Check, State, failed
from connector.doctor.lacking import lacking
from connector.errors import ConnectorError, RejectedError, SchemaDriftError, SettingsError
from connector.mapping.drift import changes
from connector.plugin import (
    Capabilities,
    Clock,
    Kind,
    Probing,
    Remote,
    Schema,
)
from connector.records import may_leave
from connector.store import scopes
from connector.sync.drift import schema_from
from connector.sync.gate import Gate, check_fit, gate_for
from connector.sync.terms import check_terms, terms_for

MOST_SKEW_S = 60.0
"""A vendor's clock may differ from ours by so much before it is worth a word."""
NOBODY = "crm-connector-doctor-asks-for-nobody"
"""A key that no record has; asking for it proves that the login may search."""


def look_at(connector: Connector, name: str, clock: Clock) -> Iterator[Check]:
    """Check one connection. Raises nothing of ours."""
    try:
        targets = connector.targets(name)
        remote = connector.remote(name)
        account = remote.account
        able = remote.capabilities
    except ConnectorError as error:
        yield failed(f"{name} login", error)
        return
    yield Check(f"{name} login", "ok", f"Logged in to the account {account}.")
    yield from _same_account(connector, name, account, targets)
    yield Check(f"{name} abilities", "ok", _abilities(able))
    told_time = False
    for kind in targets:
        try:
            yield from _kind(connector, name, remote, kind, able)
            if not told_time:
                yield from _clock(name, remote, kind, clock)
                told_time = True
        except ConnectorError as error:
            yield failed(f"{name} {kind}", error)
    yield from findings(name, remote)


def findings(name: str, remote: object) -> Iterator[Check]:
    """What a remote that can look answers about its account, with the line to set."""
    if not isinstance(remote, Probing):
        return
    try:
        for one in remote.probe():
            fix = f"Set in [connections.{name}]: {one.advice}" if one.advice else ""
            yield Check(f"{name} probe {one.name}", "ok" if one.good else "warn", one.text, fix)
    except ConnectorError as error:
        yield failed(f"{name} probe", error)


def _same_account(
    connector: Connector, name: str, account: str, kinds: Mapping[Kind, object]
) -> Iterator[Check]:
    with connector.store.read() as tx:
        known = [scopes.get(tx, name, kind) for kind in kinds]
    if any(one is not None and one.account not in (None, account) for one in known):
        said = "The state belongs to another account of the vendor than these credentials open."
        fix = "Use that account's credentials, or a state of its own."
        yield Check(f"{name} account", "fail", said, fix, 3)


def _abilities(able: Capabilities) -> str:
    batch = ", ".join(f"{op} {size}" for op, size in able.batch.items() if size)
    lag = "never proven" if able.find_lag is None else f"after {able.find_lag.total_seconds():g} s"
    return (
        f"In one call: {batch}. External key: {able.external_key}; absence: {lag};"
        f" removal: {able.removal}; changes show after {able.feed_lag.total_seconds():g} s."
    )


def _clock(name: str, remote: Remote, kind: Kind, clock: Clock) -> Iterator[Check]:
    pages = remote.listing(kind, None)
    page = next(iter(pages), None)
    if page is None:
        return
    skew = (page.read_at - clock.now()).total_seconds()
    said = f"Its clock differs from ours by {abs(skew):.0f} s."
    if abs(skew) > MOST_SKEW_S:
        fix = "Set this machine's clock by NTP; whose edit was last may depend on it."
        yield Check(f"{name} clock", "warn", said, fix)
    else:
        yield Check(f"{name} clock", "ok", said)


def _kind(
    connector: Connector, name: str, remote: Remote, kind: Kind, able: Capabilities
) -> Iterator[Check]:
    title = f"{name} {kind}"
    try:
        schema = remote.describe(kind)
    except (RejectedError, SchemaDriftError) as error:
        yield failed(title, error)
        unseen = Schema(object=connector.targets(name)[kind].object, fields={})
        yield from _missing(
            connector,
            name,
            kind,
            unseen,
            f"If {unseen.object} is not there, rather than out of this login's sight, make it",
        )
        return
    if not schema.can_read:
        said = f"The account may not read {schema.object}."
        yield Check(title, "fail", said, "Give its user the right to read it.", 3)
        return
    denied = [
        what
        for what, may in (
            ("create", schema.can_create),
            ("update", schema.can_update),
            ("remove", schema.can_remove),
        )
        if not may
    ]
    if denied:
        said = f"The account may read {schema.object}, but not {', '.join(denied)} its records."
        yield Check(title, "warn", said, "Give its user these rights, or expect letters.")
    else:
        said = f"{schema.object} may be read, created, updated and removed, as described."
        yield Check(title, "ok", said)
    gate = None
    try:
        gate = _gate(connector, name, kind, schema)
    except SettingsError as error:
        yield failed(f"{name} {kind} policy", error)
    yield from _mapping(connector, name, kind, schema, gate)
    yield from _drift(connector, name, kind, schema)
    yield from _missing(connector, name, kind, schema, f"Make them in {schema.object}")
    yield from _key(title, connector, name, remote, kind, schema, able)


def _gate(connector: Connector, name: str, kind: Kind, schema: Schema) -> Gate | None:
    """The privacy policy for one kind there, once it is seen that what it makes of values fits.

    Raises: PolicyFileError.
    """
    policy = connector.policy()
    if policy is None:
        return None
    mapping, home = connector.vendor_mapping(name, kind), connector.settings.local
    gate = gate_for(
        policy,
        name,
        mapping,
        connector.people(),
        zone=home.zone,
        region=home.phone_region,
        today=connector.now().date(),
        pseudonym=str.encode,  # nothing is sent
    )
    check_fit(policy, gate, mapping, schema)
    terms = terms_for(
        policy,
        connector.local_mapping(kind),
        mapping,
        read_only=home.kinds()[kind].file is not None,
        zone=home.zone,
        region=home.phone_region,
        now=connector.now(),
    )
    if terms is not None:
        check_terms(policy, terms, mapping, schema)
    return gate


def _mapping(
    connector: Connector, name: str, kind: Kind, schema: Schema, gate: Gate | None
) -> Iterator[Check]:
    title = f"{name} {kind} mapping"
    try:
        leaves = may_leave if gate is None else gate.leaves
        pair = connector.pair(name, kind, schema, leaves=leaves)
    except SettingsError as error:
        yield failed(title, error)
        return
    wanted = {name for unit in pair.units for name in unit.fields}
    local = {rule.canonical for rule in pair.local.rules}
    idle = [fault for fault in pair.drift(schema) if fault.canonical in local]
    for fault in idle:
        fix = "Make the field there, or take the line out of the mapping."
        yield Check(title, "warn", f"{fault.canonical}: {fault.text}.", fix)
    filled = {rule.own for rule in pair.vendor.rules if _fills(rule.canonical, wanted)}
    for info in schema.fields.values():
        if info.required and info.writable and info.name not in filled:
            said = f"The vendor demands {info.name}, and nothing of the shop's fills it."
            fix = "Map a field to it, or fill it with a `constant.` line; else creates are letters."
            yield Check(title, "warn", said, fix)
    if not wanted:
        fix = "Map the same canonical fields in both files."
        yield Check(title, "fail", "The two mappings have no field in common.", fix, 3)
    elif not idle:
        yield Check(title, "ok", f"{len(wanted)} fields travel.")


def _missing(
    connector: Connector, name: str, kind: Kind, schema: Schema, what: str
) -> Iterator[Check]:
    """Which fields are still to be made there, for the shop's columns that have none yet."""
    try:
        found = lacking(connector, name, kind, schema)
    except SettingsError:
        return  # told above
    if found:
        said = f"Not there yet: {', '.join(one.name for one in found)}."
        fix = f"{what}; their labels, types and options are listed at the end."
        yield Check(f"{name} {kind} fields", "warn", said, fix, missing=found)


def _drift(connector: Connector, name: str, kind: Kind, schema: Schema) -> Iterator[Check]:
    """What has changed of the mapped fields and the rights since a sync last read them."""
    with connector.store.read() as tx:
        known = scopes.get(tx, name, kind)
    if known is None or known.schema_doc is None:
        return
    target = connector.targets(name)[kind]
    mapped = {"", *target.fields, target.key_field}
    moved = [c.text for c in changes(schema_from(known.schema_doc), schema) if c.field in mapped]
    title = f"{name} {kind} drift"
    if moved:
        fix = f"See `crm-connector describe {name} {kind}`; a sync switches off what works no more."
        yield Check(title, "warn", f"Changed since a sync read it: {'; '.join(moved)}.", fix)
    else:
        yield Check(title, "ok", "The mapped fields are as a sync last read them.")


def _fills(canonical: str, wanted: set[str]) -> bool:
    # A side with parts of a name and one with the whole meet in `names.full`.
    if canonical.startswith("names.") and any(name.startswith("names.") for name in wanted):
        return True
    return canonical in wanted or canonical.startswith("constant.")


def _key(
    title: str,
    connector: Connector,
    name: str,
    remote: Remote,
    kind: Kind,
    schema: Schema,
    able: Capabilities,
) -> Iterator[Check]:
    target = connector.targets(name)[kind]
    if target.key_field is None or able.external_key == "none":
        said = "Without an external key a lost answer can only be waited for."
        yield Check(f"{title} key", "warn", said, "Name a field as `external_key`.")
        return
    info = schema.fields.get(target.key_field)
    if info is None:
        said = f"{schema.object} has no field {target.key_field}, the external key."
        fix = f"Make {target.key_field} there: text, unique, and external where that can be chosen."
        yield Check(f"{title} key", "fail", said, fix, 3)
        return
    lacking = [w for w, has in (("unique", info.unique), ("writable", info.writable)) if not has]
    if lacking:
        said = f"{schema.object}.{target.key_field} is not {' and not '.join(lacking)}."
        state: State = "fail" if "writable" in lacking else "warn"
        yield Check(f"{title} key", state, said, "Set it so at the vendor.", 3)
        return
    found = [f for f in target.match_fields if f in schema.fields]
    if able.find_lag is None:
        found = []  # where searching promises nothing it may cost as much as reading everything
    for field in (target.key_field, *found):
        remote.find(kind, field, [_probe(schema.fields[field].type)])
    said = f"{target.key_field} is unique, and records are found by it"
    yield Check(f"{title} key", "ok", said + (f", {', '.join(found)}." if found else "."))
    for field in (f for f in target.match_fields if f not in schema.fields):
        fix = "Take it out of `match`, or make the field."
        yield Check(f"{title} key", "warn", f"{schema.object} has no field {field}.", fix)


def _probe(type_: str) -> str:
    """A value of the field's type that nobody has."""
    return {"email": f"{NOBODY}@example.invalid", "phone": "+999000000000"}.get(type_, NOBODY)
