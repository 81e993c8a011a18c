"""What an account holds: its objects, which kind maps which, and what a mapping makes of fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connector.account import ListsObjects, ObjectInfo
from connector.app import Connector
from connector.errors import RejectedError, SchemaDriftError, SettingsError, UsageError
from connector.mapping.drift import SchemaChange, changes
from connector.mapping.schema import Rule, VendorMapping
from connector.plugin import FieldInfo, Kind, Remote, Schema
from connector.store import scopes
from connector.sync.drift import schema_from
from connector.sync.moments import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundObject:
    """One object, and the kinds that a mapping of the connection lays into it."""

    info: ObjectInfo
    kinds: tuple[Kind, ...] = ()
    there: bool = True
    """False: a mapping names it, and the account does not show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The objects of one connection's account, the mapped ones first. `whole`: the vendor lists
    them all; otherwise only the mapped ones were looked at."""

    connection: str
    plugin: str
    account: str
    whole: bool
    objects: Sequence[FoundObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a mapping does with a field. `canonical` is its name there, or `external_key`; `time`
    says that the field only holds when that one was edited."""

    kind: Kind
    canonical: str
    lens: str = ""
    direction: str = "both"
    policy: str = ""
    time: bool = False
    faults: tuple[str, ...] = ()
    """What the account contradicts in this line of the mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldUse:
    """One field and all uses of it; `info` is None where the account does not show it."""

    name: str
    info: FieldInfo | None
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One object of one connection. `seen_at`: when a sync last read its fields, None if never;
    `drift`: what has changed since."""

    connection: str
    schema: Schema
    kinds: tuple[Kind, ...]
    fields: Sequence[FieldUse]
    seen_at: str | None = None
    drift: Sequence[SchemaChange] = ()


def discover(connector: Connector, name: str) -> Discovery:
    """Look at the account of a connection; it is only read. Raises: UsageError, VendorError."""
    remote = connector.remote(name)
    account, mapped = remote.account, _mapped(connector, name)
    if isinstance(remote, ListsObjects):
        listed = {one.name: one for one in remote.objects(count=tuple(mapped))}
    else:
        listed = {info.name: info for kinds in mapped.values() for info in _seen(remote, kinds[0])}
    found = [
        FoundObject(
            info=listed.get(object_, ObjectInfo(name=object_)),
            kinds=kinds,
            there=object_ in listed,
        )
        for object_, kinds in mapped.items()
    ]
    found += [FoundObject(info=one) for one in listed.values() if one.name not in mapped]
    return Discovery(
        connection=name,
        plugin=connector.settings.connections[name].plugin,
        account=account,
        whole=isinstance(remote, ListsObjects),
        objects=found,
    )


def _mapped(connector: Connector, name: str) -> dict[str, tuple[Kind, ...]]:
    found: dict[str, tuple[Kind, ...]] = {}
    for kind, target in connector.targets(name).items():
        found[target.object] = (*found.get(target.object, ()), kind)
    return found


def _seen(remote: Remote, kind: Kind) -> list[ObjectInfo]:
    """The object of a kind, where the vendor lists none; nothing if it is not there."""
    try:
        schema = remote.describe(kind)
    except (SchemaDriftError, RejectedError):
        return []
    return [
        ObjectInfo(
            name=schema.object,
            can_read=schema.can_read,
            can_create=schema.can_create,
            can_update=schema.can_update,
            can_remove=schema.can_remove,
        )
    ]


def describe(connector: Connector, name: str, what: str | None = None) -> list[Description]:
    """Look at the fields of one object, named by itself or by a kind; without `what`, of all that
    are mapped. Raises: UsageError, VendorError, SchemaDriftError if there is no such object.
    """
    remote, mapped = connector.remote(name), _mapped(connector, name)
    if what is None:
        return [_describe(connector, remote, name, one, mapped[one]) for one in mapped]
    for object_, kinds in mapped.items():
        if what == object_ or what in kinds:
            return [_describe(connector, remote, name, object_, kinds)]
    if what in set(Kind):
        raise UsageError(
            f"The connection {name} maps no {what}.",
            hint=f"It maps: {', '.join(connector.kinds(name))}.",
        )
    if not isinstance(remote, ListsObjects):
        raise UsageError(
            "The plugin of this connection only describes mapped objects.",
            hint=f"There are: {', '.join(mapped)}.",
        )
    return [_describe(connector, remote, name, what, ())]


def _describe(
    connector: Connector, remote: Remote, name: str, object_: str, kinds: tuple[Kind, ...]
) -> Description:
    if kinds:
        schema = remote.describe(kinds[0])
    else:
        assert isinstance(remote, ListsObjects), "the caller asked"
        schema = remote.describe_object(object_)
    uses: dict[str, list[Use]] = {}
    for kind in kinds:
        mapping = connector.vendor_mapping(name, kind)
        faults = _faults(connector, name, kind, schema)
        for own, use in _uses(mapping, faults):
            uses.setdefault(own, []).append(use)
    fields = [
        FieldUse(name=own, info=schema.fields.get(own), uses=tuple(uses.get(own, ())))
        for own in dict.fromkeys((*uses, *schema.fields))
    ]
    seen_at, drift = _remembered(connector, name, kinds, schema)
    return Description(
        connection=name, schema=schema, kinds=kinds, fields=fields, seen_at=seen_at, drift=drift
    )


def _uses(
    mapping: VendorMapping, faults: Mapping[tuple[str, str], tuple[str, ...]]
) -> list[tuple[str, Use]]:
    found: list[tuple[str, Use]] = []
    if mapping.external_key is not None:
        found.append((mapping.external_key, Use(kind=mapping.kind, canonical="external_key")))
    for rule in mapping.rules:
        found.append(
            (rule.own, _use(mapping.kind, rule, faults.get((rule.canonical, rule.own), ())))
        )
        if rule.time is not None:
            use = Use(kind=mapping.kind, canonical=rule.canonical, direction="pull", time=True)
            found.append((rule.time, use))
    return found


def _use(kind: Kind, rule: Rule, faults: tuple[str, ...]) -> Use:
    return Use(
        kind=kind,
        canonical=rule.canonical,
        lens=rule.lens.name,
        direction=rule.direction,
        policy=rule.policy,
        faults=faults,
    )


def _faults(
    connector: Connector, name: str, kind: Kind, schema: Schema
) -> dict[tuple[str, str], tuple[str, ...]]:
    """By canonical and own name: what the account contradicts; nothing where no shop maps it."""
    try:
        pair = connector.pair(name, kind, schema)
    except SettingsError:
        return {}  # `doctor` tells of it
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for fault in pair.drift(schema):
        place = (fault.canonical, fault.own)
        found[place] = (*found.get(place, ()), fault.text)
    return found


def _remembered(
    connector: Connector, name: str, kinds: tuple[Kind, ...], schema: Schema
) -> tuple[str | None, list[SchemaChange]]:
    """When a sync last read the fields, and what has changed since."""
    with connector.store.read() as tx:
        rows = [scopes.get(tx, name, kind) for kind in kinds]
    known = [row for row in rows if row is not None and row.schema_doc is not None]
    if not known:
        return None, []
    newest = max(known, key=lambda row: row.schema_us or 0)
    assert newest.schema_doc is not None
    return moment(newest.schema_us), list(changes(schema_from(newest.schema_doc), schema))
