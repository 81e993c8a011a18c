"""Who is meant, and all that is theirs: rows, records, links, and what identifies them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.mapping.identifiers import EMAIL, PHONE, TEXT, Identifier
from connector.mapping.translate import Pair
from connector.plugin import Seen
from connector.privacy.suppression import Labelled
from connector.records import Canonical
from connector.store.links import Link
from connector.sync.suppressed import key_label, record_label, row_label


@dataclass(slots=True)
class Person:
    """One person's ids everywhere. `values` are identifying values as somebody wrote them."""

    subjects: set[str] = field(default_factory=set)
    links: dict[str, Link] = field(default_factory=dict)
    rows: dict[str, set[str]] = field(default_factory=dict)
    """Kind to keys of the shop's rows."""
    records: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Connection and kind to the vendor's ids."""
    keys: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Connection and kind to our keys at the vendor."""
    identifiers: set[Identifier] = field(default_factory=set)
    values: set[str] = field(default_factory=set)

    @property
    def is_nobody(self) -> bool:
        return not (self.links or any(self.rows.values()) or any(self.records.values()))

    def labelled(self) -> list[Labelled]:
        """Everything that they are known again by, as suppression asks for it."""
        found: list[Labelled] = [*self.identifiers]
        found += [(row_label(kind), key) for kind, keys in self.rows.items() for key in keys]
        for where, refs in self.records.items():
            found += [(record_label(*where), ref) for ref in refs]
        for where, keys in self.keys.items():
            found += [(key_label(*where), key) for key in keys]
        return sorted(found)


def is_same(mine: Iterable[Identifier], theirs: Iterable[Identifier]) -> bool | None:
    """Whether two sets of identifiers are one person's. None: they share one and differ in another
    kind, as two of a household do.

    >>> ada = [("email/1", "a@b.test"), ("phone/1", "+8613900000001")]
    >>> is_same(ada, [("phone/1", "+8613900000001")])
    True
    >>> print(is_same(ada, [("phone/1", "+8613900000001"), ("email/1", "bob@b.test")]))
    None
    >>> is_same(ada, [("email/1", "bob@b.test")])
    False
    """
    one, other = _by_kind(mine), _by_kind(theirs)
    shared = {kind for kind in one.keys() & other.keys() if one[kind] & other[kind]}
    if not shared:
        return False
    return True if shared == one.keys() & other.keys() else None


def _by_kind(some: Iterable[Identifier]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind, value in some:
        found.setdefault(kind, set()).add(value)
    return found


def note_values(person: Person, pair: Pair, record: Canonical, own: Mapping[str, Any]) -> None:
    """Take identifiers over from a record, and the values as they are written in it."""
    found = pair.identifiers(record)
    person.identifiers |= set(found)
    kinds = {kind for kind, _ in found}
    if kinds & {EMAIL, PHONE, TEXT}:
        shown = {value for value in record.values() if isinstance(value, str)}
        plain = {value for value in own.values() if isinstance(value, str)}
        identified = {normal for _, normal in found}
        for value in shown | plain:
            if identified & {normal for _, normal in _identities(pair, record, value)}:
                person.values.add(value)
        person.values |= identified


def _identities(pair: Pair, record: Canonical, value: str) -> list[Identifier]:
    """What one value identifies its person by, wherever in the record it would stand."""
    held = {name: value for name, old in record.items() if isinstance(old, str)}
    return pair.identifiers(held)


def spellings(person: Person, kind: str) -> set[str]:
    """The values of one kind of identifier, as they may stand at a vendor."""
    normal = {value for one, value in person.identifiers if one == kind}
    return normal | (person.values if normal else set())


def of_seen(pair: Pair, seen: Seen) -> list[Identifier]:
    return pair.identifiers(pair.read_remote(seen.fields)) if seen.gone is None else []
