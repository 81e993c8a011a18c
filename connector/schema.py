"""A vendor's object as one account sees it, and what a mapping wants of it.

A plugin takes these names from `connector.plugin`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldInfo:
    """One field of a vendor's object. `type` uses the words of lenses, or "other"."""

    name: str
    type: str
    label: str = ""
    max_length: int | None = None
    """In UTF-16 units, the strictest way of counting."""
    decimals: int | None = None
    required: bool = False
    readable: bool = True
    writable: bool = True
    unique: bool = False
    external: bool = False
    options: tuple[str, ...] | None = None
    """Values of a choice or of tags, as written; None where any text goes."""
    target: str | None = None
    """The object a reference points to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One object as this account sees it."""

    object: str
    fields: Mapping[str, FieldInfo]
    can_read: bool = True
    can_create: bool = True
    can_update: bool = True
    can_remove: bool = True

    @property
    def fingerprint(self) -> str:
        """A short mark that moves when anything above moves."""
        plain = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(plain.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the mapping wants of one kind: the object, the fields it reads and writes, its keys."""

    object: str
    fields: Sequence[str]
    key_field: str | None
    match_fields: Sequence[str] = ()
