"""What people really did: every edit with a tag of its own, and which edits it replaced knowingly.

An edit is *later* than another if its author saw the other's value (or one that came after it).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field


def plain(value: str | None) -> str | None:
    """A value without what a vendor may change of it: blanks; an empty one is None.

    >>> plain(" a  b "), plain("")
    ('a b', None)
    """
    return " ".join(value.split()) or None if value else None


@dataclass(slots=True)
class Edit:
    """One value that a person set. `over` is the value the person saw in its place."""

    person: str
    name: str
    side: str
    value: str | None
    over: str | None


@dataclass(slots=True)
class History:
    """All edits by person and field, and all deletions with what the deleter saw."""

    edits: list[Edit] = field(default_factory=list)
    deleted: dict[str, list[tuple[str, dict[str, str | None]]]] = field(default_factory=dict)
    over: dict[tuple[str, str], dict[str, str | None]] = field(default_factory=dict)
    cleared: dict[tuple[str, str], list[str | None]] = field(default_factory=dict)
    """What those saw who emptied a field."""
    forgotten: list[Edit] = field(default_factory=list)
    """Fields that people emptied, and no run carried on before what both sides had agreed on was
    lost: nobody can tell them from fields that were always empty."""

    def forget_clears(self, people: Collection[str], side: str | None = None) -> None:
        """What was agreed on with these people is lost by now, at one side or at all."""
        self.forgotten += [
            edit
            for edit in self.edits
            if edit.value is None and edit.person in people and side in (None, edit.side)
        ]

    def edit(self, person: str, name: str, side: str, value: str | None, over: str | None) -> None:
        value, over = plain(value), plain(over)
        self.edits.append(Edit(person, name, side, value, over))
        if value is None:
            self.cleared.setdefault((person, name), []).append(over)
        else:
            self.over.setdefault((person, name), {})[value] = over

    def delete(self, person: str, side: str, seen: dict[str, str | None]) -> None:
        kept = {name: plain(value) for name, value in seen.items()}
        self.deleted.setdefault(person, []).append((side, kept))

    def known_to(self, person: str, name: str, value: str | None) -> set[str]:
        """The value and all that were knowingly replaced on the way to it."""
        chain = self.over.get((person, name), {})
        value = plain(value)
        going = self.cleared.get((person, name), []) if value is None else [value]
        found: set[str] = set()
        for one in going:
            while one is not None and one not in found:
                found.add(one)
                one = chain.get(one)
        return found
