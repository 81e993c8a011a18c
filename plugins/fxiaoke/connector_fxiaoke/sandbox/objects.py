"""One object of the organisation: its fields, its rows, its unique values, what awaits review."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from connector.sandbox.views import Feed, State
from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.organisation import POOL_FIELDS
from connector_fxiaoke.sandbox.refusals import Json
from connector_fxiaoke.sandbox.schema import Field

SHORT_STEP: Final = 1 << 32
"""Numbers of rows with a short id are multiples of this."""


def row_id(number: int) -> str:
    """A row's id: 24 hexadecimal digits, or 32 as in older rows of a tenant.

    Numbers order rows as their ids compare: a short id is the long one that ends in zeros.

    >>> row_id(0x65F0AA11BB22CC33DD44EE55_00000000), row_id(0x65F0AA11BB22CC33DD44EE55_00000007)
    ('65f0aa11bb22cc33dd44ee55', '65f0aa11bb22cc33dd44ee5500000007')
    """
    short, rest = divmod(number, SHORT_STEP)
    return f"{number:032x}" if rest else f"{short:024x}"


def row_number(told: object) -> int | None:
    """Read a row's id; None for whatever is none.

    >>> row_id(row_number("65f0aa11bb22cc33dd44ee55")), row_number("x"), row_number("F" * 24)
    ('65f0aa11bb22cc33dd44ee55', None, None)
    """
    if not isinstance(told, str) or len(told) not in (24, 32):
        return None
    try:
        number = int(told.ljust(32, "0"), 16)
    except ValueError:
        return None
    return number if row_id(number) == told else None


@dataclass(slots=True)
class Table:
    """One object with its rows. `rows` is the truth, invalidated ones included; `feed` may lag."""

    name: str
    label: str
    fields: dict[str, Field]
    rows: dict[int, State] = field(default_factory=dict)
    feed: Feed = field(default_factory=lambda: Feed("_id", "create_time", "last_modified_time"))
    deleted: dict[int, Json] = field(default_factory=dict)
    """Rows deleted for good, as they were."""
    unique: dict[str, dict[str, int]] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    """Rows out of the integration user's sight."""
    pending: dict[int, Json] = field(default_factory=dict)
    """Changes of rows in review."""

    @property
    def custom(self) -> bool:
        return self.name.endswith(facts.CUSTOM_SUFFIX)

    @property
    def pool_field(self) -> str | None:
        return POOL_FIELDS.get(self.name)

    def in_pool(self, values: Json) -> bool:
        """A row without owner that lies in a pool: nobody may edit it until it is chosen."""
        return (
            self.pool_field is not None and bool(values.get(self.pool_field)) and not owner(values)
        )

    def index_unique(self, state: State, *, remove: bool = False) -> None:
        for name, index in self.unique.items():
            value = state.values.get(name)
            if value is None:
                continue
            if not remove:
                index[str(value)] = state.number
            elif index.get(str(value)) == state.number:
                del index[str(value)]


def owner(values: Json) -> Any:
    """The one owner's employee id, or None."""
    told = values.get("owner")
    return told[0] if told else None
