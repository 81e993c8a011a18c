"""Invented records that a vendor's own schema accepts. All people in them are made up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connector.plugin import FieldInfo, Schema

SURNAMES = ("欧阳", "林", "司马", "Moreau", "O'Neill", "김")


def sample_fields(schema: Schema, names: Iterable[str], number: int) -> dict[str, Any]:
    """Values for the writable fields among `names`, and for those the vendor demands.

    Two numbers give two records without a text, address or telephone number in common. References
    and keys are left to the caller.
    """
    wanted = dict.fromkeys((*names, *(i.name for i in schema.fields.values() if i.required)))
    fields: dict[str, Any] = {}
    for name in wanted:
        info = schema.fields.get(name)
        if (
            info is None
            or not info.writable
            or info.external
            or info.type in ("reference", "other")
        ):
            continue
        fields[name] = sample_value(info, number)
    return fields


def sample_value(info: FieldInfo, number: int) -> Any:
    """One value of a field, different for different numbers where the type has room for it."""
    match info.type:
        case "email":
            return f"{info.name.lower()}.{number}@example.test"
        case "phone":
            return f"+861380{number % 10_000_000:07d}"
        case "date":
            return f"19{50 + number % 50}-0{1 + number % 9}-15"
        case "datetime":
            return f"2026-01-{1 + number % 28:02d}T10:00:00+08:00"
        case "integer":
            return number % 1000
        case "decimal":
            return number % 1000 + 0.5
        case "flag":
            return bool(number % 2)
        case "choice" if info.options:
            return info.options[number % len(info.options)]
        case "tags" if info.options:
            return [info.options[number % len(info.options)]]
        case "tags":
            return [f"tag {number}"]
        case _:
            text = f"{number} {SURNAMES[number % len(SURNAMES)]}{info.name}"
            return text if info.max_length is None else text[: info.max_length]
