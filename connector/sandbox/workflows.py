"""Rules of the administrator that set fields when a record is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, frozen=True)
class Workflow:
    """Sets fields of an object's record at one of the events (create, edit), if `when` fits it."""

    object: str
    on: tuple[str, ...]
    set: Mapping[str, Any]
    when: Mapping[str, Any]

    def run(self, object: str, event: str, values: dict[str, Any]) -> None:
        """Let the rule change `values` in place."""
        if self.object != object or event not in self.on:
            return
        if all(values.get(name) == value for name, value in self.when.items()):
            values.update(self.set)


def read_workflows(rules: Iterable[Mapping[str, Any]], noun: str) -> list[Workflow]:
    """Read the administrator's rules; `noun` is the vendor's word for an object."""
    return [
        Workflow(
            object=rule[noun],
            on=tuple(rule.get("on", ("create", "edit"))),
            set=rule["set"],
            when=rule.get("when", {}),
        )
        for rule in rules
    ]
