"""Values as cells of a table, and back: no text is touched, what is ambiguous does not travel."""

from __future__ import annotations

import re
from typing import Any, Final

from connector.errors import VendorError
from connector.plugin import FieldInfo
from connector_zoho import facts

_USERS: Final = frozenset({"Owner", "Created_By", "Modified_By"})
"""Fields of other types whose cell is known to be an id."""
_AS_IT_IS: Final = frozenset({"text", "email", "phone", "choice", "date", "datetime"})
_KNOWN: Final = _AS_IT_IS | {"tags", "flag", "integer", "decimal", "reference"}
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")
_FLAGS: Final = {"true": True, "false": False}


def is_readable(info: FieldInfo) -> bool:
    """Whether a cell of this field says the same as the vendor's JSON.

    >>> is_readable(FieldInfo(name="Benefits", type="tags", options=("A;B", "C")))
    False
    """
    if info.type == "tags":
        return not any(facts.BULK_DELIMITER in one for one in info.options or ())
    return info.type in _KNOWN or info.name in _USERS


def read_cell(info: FieldInfo, text: str) -> Any:
    """A cell as the vendor's JSON shows the same value; empty is None. Raises: VendorError.

    >>> read_cell(FieldInfo(name="Account_Name", type="reference"), "4150000000002175001")
    {'id': '4150000000002175001'}
    >>> read_cell(FieldInfo(name="Benefits", type="tags"), "停车;Lounge")
    ['停车', 'Lounge']
    >>> read_cell(FieldInfo(name="Points", type="integer"), "")
    """
    if not text:
        return None
    match info.type:
        case "tags":
            return text.split(facts.BULK_DELIMITER)
        case "flag" if text.lower() in _FLAGS:
            return _FLAGS[text.lower()]
        case "integer" if _INTEGER.fullmatch(text):
            return int(text)
        case "decimal" if _DECIMAL.fullmatch(text):
            return int(text) if _INTEGER.fullmatch(text) else float(text)
        case "flag" | "integer" | "decimal":
            raise VendorError(f"A downloaded table has an unreadable cell in {info.name}.")
        case "reference":
            return {"id": text}
    return {"id": text} if info.name in _USERS else text


def write_cell(info: FieldInfo, value: Any) -> str | None:
    """A value to write as a cell; None if it has no place in one.

    >>> write_cell(FieldInfo(name="Last_Name", type="text"), "=1+1")
    '=1+1'
    >>> write_cell(FieldInfo(name="Benefits", type="tags"), ["A;B"])
    >>> write_cell(FieldInfo(name="Email_Opt_Out", type="flag"), False)
    'false'
    """
    if info.type not in _KNOWN:
        return None
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower() if info.type == "flag" else None
        case int() | float():
            return repr(value) if info.type in ("integer", "decimal") else None
        case str():
            return value if info.type in _AS_IT_IS and _is_text(value) else None
        case list() if info.type == "tags" and all(map(_is_one, value)):
            return facts.BULK_DELIMITER.join(value)
        case {"id": str(ref)} if info.type == "reference" and len(value) == 1:
            return ref
    return None


def _is_text(value: str) -> bool:
    """Whether a table can hold the text: no NUL, no half of a sign."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _is_one(value: Any) -> bool:
    return (
        isinstance(value, str)
        and bool(value)
        and _is_text(value)
        and facts.BULK_DELIMITER not in value
    )
