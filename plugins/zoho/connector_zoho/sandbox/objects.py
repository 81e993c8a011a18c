"""One module: its fields, its live records, its unique values, and what left it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from connector.sandbox.views import Feed, State, View
from connector_zoho import facts
from connector_zoho.sandbox.refusals import Json
from connector_zoho.sandbox.schema import Field


@dataclass(slots=True)
class Removed:
    """What the deleted feed says of a record that is gone, and what restoring needs."""

    state: State
    display_name: str | None
    at: int
    by: Json | None
    type: str
    created_by: Json | None
    visible_at: float


@dataclass(slots=True)
class Module:
    """One module: its fields and records. `live` is the truth; the views may lag behind it."""

    name: str
    meta: Json
    fields: dict[str, Field]
    custom: bool
    live: dict[int, State] = field(default_factory=dict)
    feed: Feed = field(default_factory=lambda: Feed("id", "Created_Time", "Modified_Time"))
    found: View = field(default_factory=View)
    removed: dict[int, Removed] = field(default_factory=dict)
    unique: dict[str, dict[str, int]] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)

    @property
    def duplicate_field(self) -> str:
        """What upsert checks without being asked. README: Upsert."""
        system = facts.SYSTEM_DUPLICATE_FIELD.get(self.name)
        return system or facts.CUSTOM_DUPLICATE_FIELD

    @property
    def title_field(self) -> str:
        """The field that stands for the record in lookups and in the bin."""
        for name in ("Full_Name", "Account_Name", "Subject", "Name"):
            if name in self.fields:
                return name
        return "id"

    def title(self, state: State) -> str | None:
        title: str | None = state.values.get(self.title_field)
        return title

    def unique_key(self, name: str, value: str) -> str:
        return value if self.fields[name].case_sensitive else value.casefold()

    def holder(self, name: str, value: Any) -> int | None:
        """The live record that holds a unique value."""
        return self.unique.get(name, {}).get(self.unique_key(name, str(value)))

    def index_unique(self, state: State, *, remove: bool = False) -> None:
        for name, index in self.unique.items():
            value = state.values.get(name)
            if value is None:
                continue
            key = self.unique_key(name, str(value))
            if not remove:
                index[key] = state.number
            elif index.get(key) == state.number:
                del index[key]
