"""The shop's side: tables or files as settings and mappings describe them, or what is handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

import sqlalchemy as sa

from connector.errors import MappingError, SettingsError, UsageError
from connector.local.borrowed import borrow
from connector.local.contract import Capture, Local
from connector.local.files import FileLocal, KindFile
from connector.local.opening import open_local
from connector.local.shapes import KEY, Condition, Derived, Inner, KindTable, Match
from connector.local.sql import SqlLocal
from connector.mapping.lenses import LensSpec
from connector.mapping.schema import LocalMapping, Rule
from connector.records import Kind
from connector.settings import Settings
from connector.settings.local import ConditionSettings, LocalKindSettings

Given: TypeAlias = "sa.Engine | Callable[[str], Local] | None"
"""What a host hands in: an engine on its tables, or what makes a side of its own from the state's
id. None: `[local] url` says where the tables are."""

_OF_TABLES = ("table", "key", "capture", "modified", "deleted", "where", "part_of", "exists")


def check_side(settings: Settings, given: Given) -> None:
    """Whether the settings fit to what the host hands in.

    Raises: UsageError if that is nothing we could use, SettingsError with all faults.
    """
    if given is not None and not isinstance(given, sa.Engine) and not callable(given):
        raise UsageError(
            f"`local` is a {type(given).__name__}; it takes an SQLAlchemy Engine, no asynchronous"
            " one, or a callable that makes a local side of the state's id."
        )
    faults = []
    for kind, one in settings.local.kinds().items():
        if isinstance(given, sa.Engine) and one.table is None and one.part_of is None:
            faults.append(f"local.{kind}.table is missing")
        elif given is not None and not isinstance(given, sa.Engine):
            own = [name for name in (*_OF_TABLES, "defaults") if name in one.model_fields_set]
            faults += [f"local.{kind}.{name} is decided by the side handed in" for name in own]
    if given is not None and not isinstance(given, sa.Engine) and settings.local.url is not None:
        faults.append("local.url stands beside a side handed in; leave it out")
    if faults:
        raise SettingsError("The settings do not fit to what is handed in:", faults=faults)


def open_side(
    settings: Settings, given: Given, mappings: Mapping[Kind, LocalMapping], store_id: str
) -> Local:
    """The shop's side. Raises: SettingsError, LocalError."""
    home = settings.local
    if given is not None and not isinstance(given, sa.Engine):
        side = given(store_id)
        lacking = settings.local.kinds().keys() - set(side.kinds())
        if lacking:
            raise SettingsError(f"The side handed in has no {', '.join(sorted(lacking))}.")
        return side
    if given is not None:
        lent = borrow(given, home.zone)
        return SqlLocal(lent, tables(settings, mappings), store_id, borrowed=True)
    if home.in_files:
        return FileLocal(files(settings, mappings))
    if home.url is None:
        raise SettingsError(
            "The settings have no [local] url, and nobody handed the shop's side in.",
            hint="Give the URL, or open it from the host's program: docs/embedding.md.",
        )
    engine = open_local(settings.url(home.url), home.zone)
    return SqlLocal(engine, tables(settings, mappings), store_id)


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


def _condition(given: ConditionSettings | None) -> Condition | None:
    return None if given is None else Condition(given.column, *given.test())
