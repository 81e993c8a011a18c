"""What travels together: the units that a local and a vendor mapping have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connector.errors import MappingError
from connector.mapping import names
from connector.mapping.schema import LocalMapping, Rule, VendorMapping
from connector.plugin import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What moves, and is judged, as one: a group of canonical fields, or a single one."""

    name: str
    fields: tuple[str, ...]
    push: bool
    """Both files let it travel towards the vendor."""
    pull: bool
    policy: str
    local_time: str | None = None
    """The own column that says when it was last edited; set where `newest` may ask."""
    remote_time: str | None = None


def units_of(
    near: list[Rule], far: list[Rule], schema: Schema | None
) -> tuple[tuple[Unit, ...], bool, bool]:
    """The units both sides share, and whether names are joined on the near and on the far side."""
    near_by = {rule.canonical: rule for rule in near}
    far_by = {rule.canonical: rule for rule in far}
    near_joins, far_joins = _joins(near_by, "push"), _joins(far_by, "pull")
    common = [name for name in far_by if name in near_by]
    whole = names.FULL in near_by and names.FULL in far_by
    parted = names.FAMILY in near_by and names.FAMILY in far_by
    near_joins = near_joins and names.FULL in far_by and not parted
    far_joins = far_joins and names.FULL in near_by and not parted and not near_joins
    if near_joins or far_joins:
        common = [name for name in common if name not in names.NAMES]
        common.insert(0, names.FULL)
    elif whole and parted and near_by[names.FULL].direction != far_by[names.FULL].direction:
        common.remove(names.FULL)  # a full name that one side only shows follows from its parts

    def rules_of(by: Mapping[str, Rule], joins: bool, name: str) -> list[Rule]:
        if joins and name == names.FULL:
            return [by[part] for part in (names.FAMILY, names.GIVEN) if part in by]
        return [by[name]]

    members: dict[str, list[str]] = {}
    met: dict[str, tuple[list[Rule], list[Rule]]] = {}
    for name in common:
        far_rules, near_rules = (
            rules_of(far_by, far_joins, name),
            rules_of(near_by, near_joins, name),
        )
        group = far_rules[0].group or near_rules[0].group or name
        members.setdefault(group, []).append(name)
        fars, nears = met.setdefault(group, ([], []))
        fars.extend(far_rules)
        nears.extend(near_rules)
    return (
        tuple(
            _unit(group, tuple(fields), *met[group], schema) for group, fields in members.items()
        ),
        near_joins,
        far_joins,
    )


def _joins(by: Mapping[str, Rule], shown_only: str) -> bool:
    """A side joins when it has a family name and no full name that can be written."""
    full = by.get(names.FULL)
    return names.FAMILY in by and (full is None or full.direction == shown_only)


def _unit(
    name: str,
    fields: tuple[str, ...],
    far: list[Rule],
    near: list[Rule],
    schema: Schema | None,
) -> Unit:
    both = (*far, *near)
    writable = schema is None or all(schema.fields[rule.own].writable for rule in far)
    stated = [rule.policy for rule in both if rule.policy_stated]  # the vendor's file speaks first
    return Unit(
        name=name,
        fields=fields,
        push=writable and all(rule.direction != "pull" for rule in both),
        pull=all(rule.direction != "push" for rule in both),
        policy=stated[0] if stated else "manual",
        local_time=next((rule.time for rule in near if rule.time), None),
        remote_time=next(
            (r.time for r in far if r.time and (schema is None or r.time in schema.fields)), None
        ),
    )


def check_times(units: Iterable[Unit], local: LocalMapping, vendor: VendorMapping) -> None:
    """What is judged by `newest` needs its time on both sides. Raises: MappingError."""
    faults = [
        f"{mapping.path}: `{unit.name}` is judged by `newest` and needs `time`, the name of what"
        " holds its time, here too."
        for unit in units
        if unit.policy == "newest"
        for mapping in (local, vendor)
        if not any(r.time for r in mapping.rules if (r.group or r.canonical) == unit.name)
    ]
    if faults:
        raise MappingError("The mappings cannot be used together:", faults=faults)
