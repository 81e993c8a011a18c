"""Queries, built from checked names and typed literals; no text of a record is ever pasted in.

Source of the grammar: page "COQL limitations": three and more conditions are grouped in pairs, a
quote inside a text is doubled, times carry an offset and no fraction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from connector.errors import MappingError, UsageError
from connector_zoho import facts, values
from connector_zoho.values import moment

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")


def name(text: str) -> str:
    """Check the API name of a module or field. Raises: MappingError."""
    if not _NAME.fullmatch(text):
        raise MappingError("A module or field in the mapping has no name of the vendor's form.")
    return text


def record_id(text: object) -> str:
    """Check a record's id. Raises: UsageError."""
    if not isinstance(text, str) or values.read_id(text) is None:
        raise UsageError("A record's id does not have the vendor's form.")
    return text


def text(value: str) -> str:
    """Write a text literal.

    >>> text("O'Brien") == "'O''Brien'"
    True
    """
    return "'" + value.replace("'", "''") + "'"


def after_id(last: str) -> str:
    """Say "behind this id".

    >>> after_id("415")
    "id > '415'"
    """
    return f"id > '{record_id(last)}'"


def since(at: datetime) -> str:
    """Say "changed then or later"."""
    return f"Modified_Time >= '{moment(at)}'"


def behind(at: datetime, last: str) -> str:
    """Say "behind this record" in the order of (Modified_Time, id)."""
    when = moment(at)
    return f"((Modified_Time = '{when}' and {after_id(last)}) or Modified_Time > '{when}')"


def one_of(field: str, values: Sequence[str]) -> str:
    """Say "this field has one of these values"."""
    assert 0 < len(values) <= facts.COQL_IN, "the caller cuts long lists"
    return f"{name(field)} in ({', '.join(map(text, values))})"


def both(one: str, two: str) -> str:
    return f"({one} and {two})"


def query(module: str, columns: Sequence[str], where: str, order: str, limit: int) -> str:
    """Put a query together.

    >>> query("Contacts", ["id", "Email"], after_id("0"), "id", 200)
    "select id, Email from Contacts where id > '0' order by id asc limit 200"
    """
    chosen = ", ".join(map(name, columns))
    orders = ", ".join(f"{name(one)} asc" for one in order.split(","))
    return f"select {chosen} from {name(module)} where {where} order by {orders} limit {limit}"
