"""What people really did: every edit with a tag of its own, and which edits it replaced knowingly.

An edit is *later* than another if its author saw the other's value (or one that came after it).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Edit:
    """One value that a person set. `over` is the value the person saw in its place."""

    person: str
    name: str
    side: str
    value: str
    over: str | None


@dataclass(slots=True)
class History:
    """All edits by person and field, and all deletions with what the deleter saw."""

    edits: list[Edit] = field(default_factory=list)
    deleted: dict[str, list[tuple[str, dict[str, str | None]]]] = field(default_factory=dict)
    over: dict[tuple[str, str], dict[str, str | None]] = field(default_factory=dict)

    def edit(self, person: str, name: str, side: str, value: str, over: str | None) -> None:
        self.edits.append(Edit(person, name, side, value, over))
        self.over.setdefault((person, name), {})[value] = over

    def delete(self, person: str, side: str, seen: dict[str, str | None]) -> None:
        self.deleted.setdefault(person, []).append((side, seen))

    def known_to(self, person: str, name: str, value: str | None) -> set[str]:
        """The value and all that were knowingly replaced on the way to it."""
        chain = self.over.get((person, name), {})
        found: set[str] = set()
        while value is not None and value not in found:
            found.add(value)
            value = chain.get(value)
        return found
