"""The shop's tables or files, as settings and mappings together describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connector.errors import MappingError
from connector.local.contract import Capture
from connector.local.files import KindFile
from connector.local.shapes import KEY, Condition, Derived, Inner, KindTable, Match
from connector.mapping.lenses import LensSpec
from connector.mapping.schema import LocalMapping, Rule, VendorMapping
from connector.plugin import Target
from connector.records import Kind
from connector.settings import ConditionSettings, LocalKindSettings, Settings


def tables(settings: Settings, mappings: Mapping[Kind, LocalMapping]) -> dict[Kind, KindTable]:
    """How each kind lies in the shop's database."""
    return {
        kind: _table(settings, one, mappings[kind], mappings)
        for kind, one in settings.local.kinds().items()
    }


def files(settings: Settings, mappings: Mapping[Kind, LocalMapping]) -> dict[Kind, KindFile]:
    """How each kind lies in a file. Raises: MappingError for what only a database can answer."""
    return {
        kind: _file(settings, one, mappings[kind]) for kind, one in settings.local.kinds().items()
    }


def _file(settings: Settings, one: LocalKindSettings, mapping: LocalMapping) -> KindFile:
    assert one.file is not None
    for rule in mapping.rules:
        if rule.derived is not None:
            raise MappingError(
                f"{mapping.path}:{rule.line}: {rule.canonical} is looked up in a database, and the"
                " rows are in files; name a column of the file."
            )
    return KindFile(
        settings.path(one.file),
        one.key if isinstance(one.key, str) else tuple(one.key),
        one.encoding,
        one.delimiter,
        where=_condition(one.where),
        deleted=_condition(one.deleted),
        mirror=one.missing == "remove",
    )


def _table(
    settings: Settings,
    one: LocalKindSettings,
    mapping: LocalMapping,
    mappings: Mapping[Kind, LocalMapping],
) -> KindTable:
    rows = settings.local.kinds()[one.part_of] if one.part_of is not None else one
    assert rows.table is not None
    pulled = [rule for rule in mapping.rules if rule.direction != "push" and rule.own != KEY]
    inner = None
    if one.exists is not None:
        condition = _condition(one.exists)
        assert condition is not None
        inner = Inner(condition, one.exists.absent, tuple(rule.target for rule in pulled))
    return KindTable(
        rows.table,
        rows.key if isinstance(rows.key, str) else tuple(rows.key),
        where=_condition(rows.where),
        deleted=_condition(rows.deleted),
        create=one.create,
        defaults=one.defaults,
        capture=Capture(rows.capture),
        modified=rows.modified,
        inner=inner,
        derived={
            rule.own: _derived(rule.derived, mappings) for rule in mapping.rules if rule.derived
        },
        written=frozenset(rule.target for rule in pulled),
    )


def _derived(spec: Derived, mappings: Mapping[Kind, LocalMapping]) -> Derived:
    """A match names a customer's field; the customers' own mapping says which column that is."""
    if not isinstance(spec, Match):
        return spec
    customers = mappings.get(Kind.CUSTOMER)
    rules = customers.rules if customers is not None else ()
    held_in = [r.own for r in rules if r.canonical == spec.field and r.derived is None]
    if not held_in:
        raise MappingError(
            f"`match: {spec.field}`: the customers' mapping has no column for it.",
            hint=f"Give the mapping of customers a line for {spec.field}.",
        )
    return replace(spec, held_in=held_in[0])


def in_row(mapping: LocalMapping) -> LocalMapping:
    """The mapping of a kind in another's rows: whose record it is, the row itself says.

    Raises: MappingError if the file says it too.
    """
    for rule in mapping.rules:
        if rule.canonical == "customer":
            raise MappingError(
                f"{mapping.path}:{rule.line}: a {mapping.kind} that is `part_of` the customer"
                " belongs to the row it is in; leave `customer` out."
            )
    own = Rule(
        canonical="customer", own=KEY, lens=LensSpec("reference", {"kind": str(Kind.CUSTOMER)})
    )
    return replace(mapping, rules=(own, *mapping.rules))


def target(mapping: VendorMapping) -> Target:
    """What a mapping wants of its object."""
    by_name = {rule.canonical: rule.own for rule in mapping.rules}
    own = dict.fromkeys(
        name
        for rule in mapping.rules
        for name in (rule.own, rule.time)
        if name is not None and not rule.canonical.startswith("constant.")
    )
    return Target(
        object=mapping.object,
        fields=tuple(own),
        key_field=mapping.external_key,
        match_fields=tuple(by_name[m] for m in mapping.match if m in by_name),
    )


def can_archive(one: LocalKindSettings) -> bool:
    """Whether a record can go and its row stay: softly, or by its columns alone."""
    if one.part_of is not None:
        return True
    condition = _condition(one.deleted)
    return condition is not None and condition.can_be_made_true


def _condition(given: ConditionSettings | None) -> Condition | None:
    return None if given is None else Condition(given.column, *given.test())
