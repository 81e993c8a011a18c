"""Whether a written value is one of its field's type, and what is stored of it.

Each refusal carries what the vendor says about it. README: Values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from connector.sandbox.calls import Call
from connector_zoho import facts
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.refusals import RefusedCall, RefusedItem, bad_item
from connector_zoho.sandbox.schema import Field

_EMAIL: Final = re.compile(
    r"[\w+\-][\w!#$%&'*+\-/=?^`{|}~.]*@(?=[^@]{4,256}$)"
    r"(?:[^\W_](?:[\w\-]*[^\W_])?\.)+[^\W\d_]{2,22}"
)
_PHONE: Final = re.compile(
    r"\+?\(?[0-9A-Za-z](?:(?:[.\- ]|[.\- ]?\(|\)[.\- ]?)?[0-9A-Za-z])*\)?(?:[,;#]+[0-9A-Za-z]+)*"
)
_WEBSITE: Final = re.compile(r"(?:(?:https?|ftp)://|www\.)\S+")
_DATETIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[+-]\d\d:\d\d|Z)")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_BIGINT: Final = re.compile(r"-?\d{1,18}")
_ID: Final = re.compile(r"\d{1,19}")


def utf16_units(text: str) -> int:
    """Count as the vendor is assumed to: an emoji is two.

    >>> utf16_units("好😀")
    3
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parse_id(value: object) -> int | None:
    """Read a record id as it travels: a string of digits.

    >>> parse_id("4150000000002175001"), parse_id(7), parse_id("x")
    (4150000000002175001, None, None)
    """
    return int(value) if isinstance(value, str) and _ID.fullmatch(value) else None


def parse_time(text: object, *, zulu: bool) -> int | None:
    """Read an ISO 8601 time with offset and without fraction to epoch seconds; None if it is none.

    >>> parse_time("2026-01-31T10:00:00+08:00", zulu=False)
    1769824800
    >>> parse_time("2026-01-31T10:00:00.5+08:00", zulu=True) is None
    True
    """
    if not isinstance(text, str) or not _DATETIME.fullmatch(text):
        return None
    if text.endswith("Z") and not zulu:
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return None


def header_time(org: Organisation, call: Call, name: str) -> int | None:
    """Read a header: ISO 8601 with offset, never an HTTP date. Raises RefusedCall."""
    told = call.headers.get(name.lower())
    if told is None:
        return None
    at = parse_time(told, zulu=org.switches["zulu_times"] == "accepted")
    if at is None:
        raise RefusedCall(
            "INVALID_DATA",
            "the header value given seems to be invalid",
            {"header_name": name, "expected_data_type": "datetime"},
        )
    return at


class Values:
    """Checks of one organisation. `resolve` finds a lookup's record by an external value."""

    def __init__(
        self, org: Organisation, resolve: Callable[[Field, str], int | None] | None = None
    ) -> None:
        self._org = org
        self._resolve = resolve

    def stored(self, field: Field, value: Any, path: str, appended: Any = None) -> Any:
        """Return what is stored for a written value; None and "" clear.

        `appended`: for a multi-select, the values to keep. Raises RefusedItem.
        """
        if value is None or (value == "" and isinstance(value, str)):
            return None
        check = _CHECKS.get(field.type)
        if check is None:
            raise bad_item(field.name, path, expected_data_type=field.type)
        if field.type == "multiselectpicklist" and isinstance(value, list) and appended:
            value = [*appended, *[one for one in value if one not in appended]]
        return check(self, field, value, path)

    def _text(self, field: Field, value: Any, path: str) -> str:
        if not isinstance(value, str):
            raise bad_item(field.name, path, expected_data_type=field.type)
        if self._org.switches["text"] == "trimmed":
            value = value.strip()
        if utf16_units(value) > field.length:
            raise bad_item(field.name, path, maximum_length=field.length)
        return str(value)

    def _patterned(self, field: Field, value: Any, path: str) -> str:
        text = self._text(field, value, path)
        if field.type == "phone" and self._org.switches["phone"] == "stripped":
            text = re.sub(r"[ .()\-]", "", text)
        pattern = {"email": _EMAIL, "phone": _PHONE, "website": _WEBSITE}[field.type]
        if not pattern.fullmatch(text):
            raise bad_item(field.name, path, expected_data_type=field.type)
        return text

    def _picklist(self, field: Field, value: Any, path: str) -> str:
        if not isinstance(value, str):
            raise bad_item(field.name, path, expected_data_type="text")
        if utf16_units(value) > field.length:
            raise bad_item(field.name, path, maximum_length=field.length)
        return self._option(field, value, path)

    def _option(self, field: Field, value: str, path: str) -> str:
        options = field.options or []
        if value not in options:
            if self._org.switches["unknown_option"] == "refused":
                raise bad_item(field.name, path, supported_values=list(options))
            field.add_option(value)
        return value

    def _multiselect(self, field: Field, value: Any, path: str) -> list[str] | None:
        if not isinstance(value, list):
            raise bad_item(field.name, path, expected_data_type="jsonarray")
        for place, one in enumerate(value):
            if not isinstance(one, str) or not one:
                raise bad_item(field.name, f"{path}[{place}]", expected_data_type="text")
            self._option(field, one, f"{path}[{place}]")
        return list(dict.fromkeys(value)) or None

    def _date(self, field: Field, value: Any, path: str) -> str:
        if isinstance(value, str) and _DATE.fullmatch(value):
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError:
                pass
        raise bad_item(field.name, path, expected_data_type="date")

    def _datetime(self, field: Field, value: Any, path: str) -> str:
        at = parse_time(value, zulu=self._org.switches["zulu_times"] == "accepted")
        if at is None:
            raise bad_item(field.name, path, expected_data_type="datetime")
        return self._org.render(at)

    def _integer(self, field: Field, value: Any, path: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise bad_item(field.name, path, expected_data_type="integer")
        if len(str(abs(value))) > field.length:
            raise bad_item(field.name, path, maximum_length=field.length)
        return value

    def _bigint(self, field: Field, value: Any, path: str) -> str:
        if not isinstance(value, str) or not _BIGINT.fullmatch(value):
            raise bad_item(field.name, path, expected_data_type="bigint")
        return value

    def _decimal(self, field: Field, value: Any, path: str) -> float:
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not math.isfinite(value)
        ):
            raise bad_item(field.name, path, expected_data_type="double")
        exact = Decimal(repr(value))
        if len(str(abs(int(exact)))) > field.length:
            raise bad_item(field.name, path, maximum_length=field.length)
        exponent = exact.normalize().as_tuple().exponent
        if isinstance(exponent, int) and -exponent > field.decimals:
            if self._org.switches["decimals"] == "refused":
                raise bad_item(field.name, path, decimal_place=field.decimals)
            return round(float(value), field.decimals)
        return value

    def _boolean(self, field: Field, value: Any, path: str) -> bool:
        if not isinstance(value, bool):
            raise bad_item(field.name, path, expected_data_type="boolean")
        return value

    def _lookup(self, field: Field, value: Any, path: str) -> str:
        if not isinstance(value, dict):
            raise bad_item(field.name, path, expected_data_type="jsonobject")
        given = value.get("id")
        if not isinstance(given, str):
            raise bad_item(field.name, f"{path}.id", expected_data_type="bigint")
        number = self._resolve(field, given) if self._resolve is not None else None
        if number is None:
            number = parse_id(given)
        target = self._org.modules.get(field.target or "")
        if number is None or target is None or number not in target.live:
            raise bad_item("id", f"{path}.id", "the related id given seems to be invalid")
        return str(number)

    def _consent(self, field: Field, value: Any, path: str) -> dict[str, Any]:
        """The consent object: known parts of the right types; others are no fields."""
        if not isinstance(value, dict):
            raise bad_item(field.name, path, expected_data_type="jsonobject")
        stored: dict[str, Any] = {}
        for name, part in value.items():
            if name == "id":
                continue
            kind = facts.CONSENT_PARTS.get(name)
            if kind is None:
                raise unknown_field(name, f"{path}.{name}")
            check = {"flag": Values._boolean, "date": Values._date, "text": Values._text}[kind]
            if part is not None:
                stored[name] = check(self, field, part, f"{path}.{name}")
        return stored

    def _user(self, field: Field, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise bad_item(field.name, path, expected_data_type="jsonobject")
        user = self._org.users.get(str(value.get("id")))
        if user is None:
            raise bad_item("id", f"{path}.id", "the id given seems to be invalid")
        return user


_Check = Callable[[Values, Field, Any, str], Any]
_CHECKS: Final[Mapping[str, _Check]] = {
    "text": Values._text,
    "textarea": Values._text,
    "email": Values._patterned,
    "phone": Values._patterned,
    "website": Values._patterned,
    "picklist": Values._picklist,
    "multiselectpicklist": Values._multiselect,
    "date": Values._date,
    "datetime": Values._datetime,
    "integer": Values._integer,
    "bigint": Values._bigint,
    "double": Values._decimal,
    "currency": Values._decimal,
    "percent": Values._decimal,
    "boolean": Values._boolean,
    "lookup": Values._lookup,
    facts.CONSENT_TYPE: Values._consent,
    "ownerlookup": Values._user,
    "userlookup": Values._user,
}


def unknown_field(name: str, path: str) -> RefusedItem:
    """A field name that the module does not have. README: Results, unknown names."""
    return bad_item(name, path, "the field api name given seems to be invalid")
