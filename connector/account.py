"""What an account's administrator sees: its objects, and the fields that are still to be made.

Abilities that a remote may have beside those of `plugin.py`; asked for with `isinstance`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from connector.schema import FieldInfo, Schema


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


# --- fields that are still to be made -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a choice: the value that the mapping writes, and what people read."""

    value: str
    label_en: str
    label_zh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingField:
    """A field to be made. `type` is a lens's word, `type_en` and `type_zh` the console's."""

    object: str
    name: str
    label_en: str
    label_zh: str
    type: str
    type_en: str = ""
    type_zh: str = ""
    max_length: int | None = None
    """Of a text: what to set as its length."""
    decimals: int | None = None
    """Of a number."""
    options: tuple[Option, ...] = ()
    """Of a choice; of tags none are known, they are the shop's own words."""
    target: str | None = None
    """Of a reference: the object it points to."""
    unique: bool = False
    connection: str = ""
    required_by: tuple[str, ...] = ()
    """The canonical fields that lie in it, or `external_key`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What became of one field. `text` is one sentence; `click` says what a person has to do in the
    vendor's console, where that is left."""

    state: Literal["made", "there", "by_hand"]
    text: str
    click: str = ""


@runtime_checkable
class SetsUp(Protocol):
    """A remote whose vendor lets fields be made by its API."""

    def by_hand(self, wanted: MissingField) -> str:
        """Why a person has to make this field; empty if `make_field` can. Asks nobody."""
        ...

    def make_field(self, wanted: MissingField) -> Made:
        """Make one field, unless it is there: looks before and after, so that it may be called
        again whenever an answer was lost.

        Raises: VendorError; RejectedError if the vendor will not have this field; RetryableError
        also where it may have been made: the next call looks.
        """
        ...

    def key_advice(self, key: FieldInfo) -> str:
        """What a person has to set in the console for our key's field; empty if all is well."""
        ...
