"""What an account's administrator sees: its objects, and the fields that are still to be made.

Abilities that a remote may have beside those of `plugin.py`; asked for with `isinstance`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from connector.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """One object of the account. A right that the vendor does not tell is None."""

    name: str
    label: str = ""
    custom: bool = False
    can_read: bool | None = None
    can_create: bool | None = None
    can_update: bool | None = None
    can_remove: bool | None = None
    records: int | None = None
    """How many there are, where that was asked for and costs one cheap call."""


@runtime_checkable
class ListsObjects(Protocol):
    """A remote that can say which objects its account has; it writes nothing."""

    def objects(self, *, count: Collection[str] = ()) -> Sequence[ObjectInfo]:
        """All objects that can be read by the API, each once.

        Records are counted of those named in `count`, by one call each, or not at all where that
        is not cheap. Raises: VendorError.
        """
        ...

    def describe_object(self, name: str) -> Schema:
        """As `Remote.describe`, of any object. Raises: SchemaDriftError or RejectedError if there
        is none of this name."""
        ...
