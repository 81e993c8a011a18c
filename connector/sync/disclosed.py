"""What is told whom, of a plan and of writes that landed: by destination and class; no value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connector.policy.matching import class_of
from connector.records import field_of
from connector.sync.counts import PlannedWrite
from connector.sync.documents import Draft
from connector.sync.scope import Scope


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One class of data that would go to one connection. `how` is set where it goes changed."""

    connection: str
    class_: str
    how: str
    records: int
    values: int


def classes_in(scope: Scope, draft: Draft, ruling: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Of a write to a vendor: own field to the class of what it holds, and how that is changed.

    Empty values tell nothing and are left out.
    """
    if draft.side != "remote":
        return {}
    found: dict[str, tuple[str, str]] = {}
    gate = scope.rules.gate
    for rule in scope.pair.vendor.rules:
        if draft.set.get(rule.own) in (None, "") or rule.own in found:
            continue
        if gate is not None:
            class_ = class_of(gate.compiled.document, scope.kind, rule.canonical)
        else:
            known = field_of(scope.kind, rule.canonical)
            class_ = known.privacy if known is not None else ""
        found[rule.own] = class_, ruling.get(rule.canonical, "")
    return found


def classes_told(scope: Scope, draft: Draft) -> str | None:
    """The classes of what a write told a vendor, in the order of names, with commas between them;
    for the note of its event. None if it told nothing."""
    if draft.side != "remote":
        return None
    names = tuple(name for name, value in draft.set.items() if value not in (None, ""))
    if names not in scope.told:  # most writes of a run are of a few shapes
        classes = {class_ for class_, _ in classes_in(scope, draft, {}).values() if class_}
        scope.told[names] = ",".join(sorted(classes)) or None
    return scope.told[names]


def disclosures(writes: Iterable[PlannedWrite]) -> list[Disclosure]:
    """The sum over all writes of a plan, in the order of names."""
    counted: dict[tuple[str, str, str], list[int]] = {}
    for write in writes:
        seen = set()
        for told in write.classes.values():
            numbers = counted.setdefault((write.connection, *told), [0, 0])
            numbers[0] += told not in seen
            numbers[1] += 1
            seen.add(told)
    return [Disclosure(*key, *numbers) for key, numbers in sorted(counted.items())]
