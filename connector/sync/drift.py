"""What the account lets us do with its fields, and which are switched off because that changed.

A mapped field that worked before and does not now (it vanished, lost a right or an option, or is of
another type) is left out on both sides: what was agreed of it stays in the bases, so that all that
people edit meanwhile is news when it works again. A field that never worked is `doctor`'s to tell.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field

from connector.errors import SchemaDriftError
from connector.mapping.schema import LocalMapping, VendorMapping
from connector.mapping.translate import Pair
from connector.plugin import FieldInfo, Kind, Remote, Schema
from connector.store import scopes
from connector.store.database import Lease, Store
from connector.sync.marks import reread_all
from connector.sync.moments import us_in

SCHEMA_LIFE = dt.timedelta(hours=24)
"""Metadata is read again after this, or when the vendor contradicts it."""


@dataclass(slots=True)
class Fields:
    """The mapped fields of a scope. `off`: own name to a sentence for a person."""

    on: list[str] = field(default_factory=list)
    off: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: str | None) -> Fields:
        return cls(**json.loads(document)) if document else cls()


def schema_of(
    store: Store, remote: Remote, name: str, kind: Kind, lease: Lease, *, fresh: bool = False
) -> Schema:
    """The object's metadata: from the state if it is young enough, else from the vendor.

    Raises: SchemaDriftError if the account may not read the object.
    """
    with store.read() as tx:
        known = scopes.get(tx, name, kind)
        now = store.now_us(tx)
    oldest = now - us_in(SCHEMA_LIFE)
    if not fresh and known is not None and known.schema_doc and (known.schema_us or 0) > oldest:
        schema = schema_from(known.schema_doc)
    else:
        schema = remote.describe(kind)
        document = json.dumps(asdict(schema), ensure_ascii=False)
        with store.write(lease, "schema") as tx:
            scopes.update(tx, name, kind, schema_doc=document, schema_us=now)
    if not schema.can_read:
        raise SchemaDriftError(
            f"{name}: the account may not read {schema.object}.",
            hint="Give its user read rights to it.",
        )
    return schema


def schema_from(document: str) -> Schema:
    """A schema as the state keeps it."""
    table = json.loads(document)
    fields = {
        name: FieldInfo(**{**info, "options": tuple(info["options"]) if info["options"] else None})
        for name, info in table.pop("fields").items()
    }
    return Schema(fields=fields, **table)


def fingerprint(schema: Schema, vendor: VendorMapping, local: LocalMapping) -> str:
    """What decides which records are in sight: the object and its rights, and both mappings."""
    parts = [schema.object, str(schema.can_read), repr(vendor.rules), repr(local.rules)]
    return mark_of(parts)[:16]


def mark_of(parts: Iterable[str]) -> str:
    """A mark of 32 hex digits that changes when any of these does. Of settings and mappings, never
    of a person's values: it has no key."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def working_pair(
    store: Store,
    name: str,
    kind: Kind,
    lease: Lease,
    schema: Schema,
    make: Callable[[Collection[str]], Pair],
) -> tuple[Pair, Mapping[str, str]]:
    """The pair without what is switched off, and why that is. What works again is looked at anew.

    `make` builds the pair without some of the vendor's fields. Raises: SchemaDriftError if a field
    is off that nothing can be done without.
    """
    whole = make(())
    with store.read() as tx:
        row = scopes.get(tx, name, kind)
    before = Fields.of(row.fields_doc if row is not None else None)
    faults = _faults(whole, schema)
    mapped = {r.own for r in whole.vendor.rules if not r.canonical.startswith("constant.")}
    if whole.vendor.external_key is not None:
        mapped.add(whole.vendor.external_key)
    worked = {*before.on, *before.off}
    off = {own: text for own, text in faults.items() if own in mapped & worked}
    _needed(name, whole, schema, off)
    back = {own for own in before.off if own in mapped and own not in faults}
    if back:
        # Edits made meanwhile were seen and passed over.
        reread_all(store, lease, "fields are back")
    now = Fields(sorted(mapped - faults.keys()), off)
    if now != before:
        with store.write(lease, "fields") as tx:
            scopes.update(tx, name, kind, fields_doc=json.dumps(asdict(now), ensure_ascii=False))
    return (make(off.keys()) if off else whole), off


def _faults(pair: Pair, schema: Schema) -> dict[str, str]:
    found = {fault.own: f"{fault.canonical}: {fault.text}" for fault in pair.drift(schema)}
    key = pair.vendor.external_key
    if key is not None and key not in schema.fields:
        found[key] = f"our key: {schema.object} has no field {key} in this account"
    return found


def _needed(name: str, pair: Pair, schema: Schema, off: Mapping[str, str]) -> None:
    """Raises: SchemaDriftError if without one of these records are doubled or cannot be made."""
    match = {rule.own for rule in pair.vendor.rules if rule.canonical in pair.vendor.match}
    needed = {pair.vendor.external_key, *match}
    needed |= {own for own in off if own in schema.fields and schema.fields[own].required}
    lost = [text for own, text in off.items() if own in needed]
    if lost:
        raise SchemaDriftError(
            f"{name}: {'; '.join(lost)}. Nothing of this connection is done without it.",
            hint="Bring the field or the right back, or change the mapping.",
        )


def sentences(name: str, kind: str, off: Mapping[str, str]) -> list[str]:
    """What is switched off, for a person."""
    return [f"{name}/{kind}: switched off until it works again: {text}." for text in off.values()]
