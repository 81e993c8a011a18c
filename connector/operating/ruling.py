"""Why the privacy policy lets a field out, or not: for one person and one connection, no values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connector.app import Connector
from connector.errors import UsageError
from connector.local.contract import RowState
from connector.mapping.times import zone_of
from connector.plugin import Kind
from connector.policy.facts import Facts, facts_of, is_fact
from connector.policy.load import ended
from connector.policy.matching import class_of
from connector.records import Value, discreet, field_of
from connector.store import links
from connector.sync.gate import WHY, People, compiled_for

_NO_POLICY = "The settings name no privacy policy."
_ADD_ONE = 'Add [privacy] policy = "privacy.yaml"; docs/privacy.md shows one.'


@dataclass(frozen=True, slots=True)
class RuledField:
    """What becomes of one field. `rules`: the ids that decided; none: nothing speaks against it.
    `own`: the vendor's fields that the mapping fills with it."""

    name: str
    class_: str
    action: str
    how: str | None
    rules: tuple[str, ...]
    read_back: bool
    """Whether what the vendor shows of it is read."""
    own: tuple[str, ...] = ()


@discreet
@dataclass(frozen=True, slots=True)
class Ruled:
    """What one connection may be told of one person's record."""

    connection: str
    country: str
    kind: str
    stopped: str | None
    """Why nothing goes there, in words."""
    rules: tuple[str, ...]
    person: Mapping[str, object]
    """What the gates know of the person: country, whether a minor, and the consents that permit."""
    fields: list[RuledField] = field(default_factory=list)


def check(connector: Connector) -> tuple[str, str, list[str]]:
    """Check the policy against settings and mappings: its path, its hash, and what has ended.

    Raises: PolicyFileError with all faults, UsageError if there is no policy.
    """
    policy = connector.policy()
    if policy is None:
        raise UsageError(_NO_POLICY, hint=_ADD_ONE)
    return str(policy.path), policy.digest, ended(policy, connector.now().date())


def ruled(
    connector: Connector,
    kind: Kind,
    to: str,
    *,
    record: str | None = None,
    person: Mapping[str, Any] | None = None,
) -> Ruled:
    """Apply the policy to one record of the shop, by its key, or to a person as told: canonical
    customer fields to values as JSON has them. Neither: to somebody of whom nothing is known.

    Raises: UsageError, and as `Connector.policy`.
    """
    policy = connector.policy()
    if policy is None:
        raise UsageError(_NO_POLICY, hint=_ADD_ONE)
    if to not in connector.settings.connections or kind not in connector.targets(to):
        raise UsageError(f"There is no connection {to} with the kind {kind} in the settings.")
    today = connector.now().date()
    mapping = connector.vendor_mapping(to, kind)
    compiled = compiled_for(policy, to, mapping, today)
    unknown = policy.document.defaults.unknown_age == "treat_as_minor"
    state = ""
    if record is not None:
        known, state = _of_record(connector, kind, to, record)
    else:
        known = _typed(person or {})
    facts = facts_of(
        known,
        today,
        unknown_is_minor=unknown,
        suppressed=state in ("shredding", "shredded"),
        restricted=state == "restricted",
    )
    ruling = compiled.ruling(facts)
    why = WHY.get(ruling.block or ("restricted" if ruling.hold else ""))
    found = Ruled(to, compiled.country, str(kind), why, ruling.rules, _person(facts))
    own: dict[str, list[str]] = {}
    for rule in mapping.rules:
        if rule.direction != "pull":
            own.setdefault(rule.canonical, []).append(rule.own)
    for name, verdict in ruling.fields.items():
        class_ = class_of(policy.document, kind, name)
        stops = "block_record" if name in ruling.stops else verdict.action
        back = name not in compiled.push_only and verdict.action != "drop_field"
        told = RuledField(name, class_, stops, verdict.how, verdict.rules, back)
        found.fields.append(replace(told, own=tuple(own.get(name, ()))))
    return found


def _person(facts: Facts) -> Mapping[str, object]:
    return {
        "country": facts.country,
        "minor": facts.minor,
        "consents": sorted(facts.granted),
        "do_not_contact": facts.objects,
    }


def _typed(person: Mapping[str, Any]) -> dict[str, Value]:
    """Canonical values of what a person's file tells. Raises: UsageError, naming fields only."""
    found: dict[str, Value] = {}
    for name, value in person.items():
        known = field_of(Kind.CUSTOMER, name) if isinstance(name, str) else None
        if known is None:
            raise UsageError("The person's file names a field that no customer has.")
        if not is_fact(name):
            continue
        try:
            if known.type == "date" and isinstance(value, str):
                value = dt.date.fromisoformat(value)
            elif known.type == "datetime" and isinstance(value, str):
                value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise UsageError(
                f"The person's {name} is no {known.type} such as 2026-01-31."
            ) from None
        found[name] = value
    return found


def _of_record(
    connector: Connector, kind: Kind, to: str, record: str
) -> tuple[Mapping[str, Value], str]:
    """The facts of whom a row is of, and the state of their key."""
    mapping = connector.people()
    home = connector.settings.local
    people = People(mapping, zone_of(home.zone) or dt.UTC, home.phone_region)
    local = connector.local
    if people.columns:
        local.observe(Kind.CUSTOMER, people.columns)
    key: str | None = record
    if kind is not Kind.CUSTOMER:
        key = _customer_of(connector, kind, record)
    rows = local.read(Kind.CUSTOMER, [key]) if key is not None and people.columns else {}
    row = rows.get(key or "")
    if kind is Kind.CUSTOMER and (row is None or row.state is RowState.DELETED):
        raise UsageError("The shop has no such record.", hint="Name it by its key in the shop.")
    with connector.store.read() as tx:
        link = links.by_side(tx, to, kind, "local", [record]).get(record)
    state = ""
    if link is not None and link.subject is not None:
        state = connector.vault.subject_state(link.subject)
    return (people.record(row.values) if row is not None else {}), state


def _customer_of(connector: Connector, kind: Kind, record: str) -> str | None:
    """The key of the customer that a membership or a feedback is of."""
    rules = [r for r in connector.local_mapping(kind).rules if r.canonical == "customer"]
    if not rules:
        return None
    local = connector.local
    local.observe(kind, [rules[0].own])
    row = local.read(kind, [record]).get(record)
    if row is None:
        raise UsageError("The shop has no such record.", hint="Name it by its key in the shop.")
    value = row.values.get(rules[0].own)
    if value is None:
        told = local.referred(kind, [record]).get(record, {})
        return next((person for person in told.values() if person is not None), None)
    return str(value)
