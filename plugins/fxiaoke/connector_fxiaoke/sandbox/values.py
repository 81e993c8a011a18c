"""Whether a written value is one of its field's type, and what is stored of it.

Refusals are in Chinese and echo the value, as business products like to: whoever passes a vendor's
text on, passes a customer's data on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from connector_fxiaoke.sandbox.model import Organisation
from connector_fxiaoke.sandbox.objects import row_number
from connector_fxiaoke.sandbox.organisation import AREA_CODES
from connector_fxiaoke.sandbox.refusals import RefusedRecord
from connector_fxiaoke.sandbox.schema import AREAS, LISTS, NUMBERS, REFERENCES, Field

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()\-]{2,29}")
_URL: Final = re.compile(r"(?:https?://|www\.)\S+")
_NUMBER: Final = re.compile(r"-?\d{1,14}(?:\.\d{1,9})?")
_DAY_MS: Final = 86_400_000


def utf16_units(text: str) -> int:
    """Count as a Java server does: an emoji is two.

    >>> utf16_units("好😀")
    3
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _bad(field: Field, value: Any, why: str) -> RefusedRecord:
    return RefusedRecord(f"「{field.label}」的值「{value}」{why}")


class Values:
    """Checks of one organisation. `open_ids`: persons are told as FSUID, not as numbers."""

    def __init__(self, org: Organisation, *, open_ids: bool = False) -> None:
        self._org = org
        self._open_ids = open_ids

    def stored(self, field: Field, value: Any) -> Any:
        """What is stored for a written value; None for an empty one. Raises RefusedRecord."""
        if value is None or value == "" or value == []:
            return None
        kind = field.type_now(self._org.switches)
        if kind in NUMBERS:
            return self._number(field, value)
        if kind in AREAS:
            return self._area(field, value, kind)
        if kind in REFERENCES:
            return self._reference(field, value)
        if kind in LISTS:
            return self._list(field, value)
        check = _CHECKS.get(kind)
        if check is None:
            raise _bad(field, value, "不支持写入")
        return check(self, field, value)

    def _text(self, field: Field, value: Any) -> str:
        if not isinstance(value, str):
            raise _bad(field, value, "类型错误")
        most = field.length_now(self._org.switches)
        if most is not None and utf16_units(value) > most:
            raise _bad(field, value, f"超出最大长度{most}")
        return value

    def _patterned(self, field: Field, value: Any) -> str:
        text = self._text(field, value)
        pattern = {"email": _EMAIL, "phone_number": _PHONE, "url": _URL}[field.type]
        free = field.type == "phone_number" and self._org.switches["phone_format"] == "free"
        if not free and not pattern.fullmatch(text):
            raise _bad(field, value, "格式不正确")
        return text

    def _option(self, field: Field, value: Any) -> str:
        if not isinstance(value, str):
            raise _bad(field, value, "类型错误")
        if value not in (field.options or {}) and self._org.switches["unknown_option"] == "refused":
            raise _bad(field, value, "不是有效的选项")
        return value

    def _record_type(self, field: Field, value: Any) -> str:
        if value not in (field.options or {}):
            raise _bad(field, value, "不是有效的业务类型")
        return str(value)

    def _number(self, field: Field, value: Any) -> str:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not isinstance(value, str) and not (
            number and self._org.switches["number_written"] == "either"
        ):
            raise _bad(field, value, "类型错误,应为字符串")
        if not _NUMBER.fullmatch(str(value)):
            raise _bad(field, value, "不是有效的数字")
        try:
            exact = Decimal(str(value))
        except InvalidOperation:
            raise _bad(field, value, "不是有效的数字") from None
        told = exact.quantize(Decimal(1).scaleb(-field.decimals), ROUND_HALF_UP)
        if told != exact and self._org.switches["decimals"] == "refused":
            raise _bad(field, value, f"小数位超出{field.decimals}")
        return str(told)

    def _moment(self, field: Field, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _bad(field, value, "类型错误,应为毫秒时间戳")
        if field.type == "date":
            return self.day(value)
        if field.type == "time" and not 0 <= value < _DAY_MS:
            raise _bad(field, value, "超出范围")
        return value

    def day(self, at_ms: int) -> int:
        """The beginning of a moment's day in the tenant's zone, epoch milliseconds."""
        zone = self._org.zone
        told = datetime.fromtimestamp(at_ms / 1000, zone).date()
        return int(datetime.combine(told, time(), zone).timestamp() * 1000)

    def _flag(self, field: Field, value: Any) -> bool:
        if not isinstance(value, bool):
            raise _bad(field, value, "类型错误,应为布尔值")
        return value

    def _area(self, field: Field, value: Any, kind: str) -> str:
        if value not in AREA_CODES[kind]:
            raise _bad(field, value, "不是有效的地区编码")
        return str(value)

    def _reference(self, field: Field, value: Any) -> str:
        target = self._org.tables.get(field.target or "")
        number = row_number(value)
        there = target is not None and number in target.rows
        dangling = isinstance(value, str) and self._org.switches["dangling_reference"] == "accepted"
        if not there and not dangling:
            raise _bad(field, value, "关联的数据不存在")
        return str(value)

    def _list(self, field: Field, value: Any) -> list[str] | None:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise _bad(field, value, "类型错误,应为字符串列表")
        if field.type == "select_many":
            return [self._option(field, one) for one in dict.fromkeys(value)]
        if field.type.startswith("employee"):
            if field.type == "employee" and len(value) > 1:
                raise _bad(field, value, "只能选一个人员")
            return [self.employee(field, one) for one in value]
        return value

    def employee(self, field: Field, value: Any) -> str:
        """The employee's number for a person as told on the wire. Raises RefusedRecord."""
        for one in self._org.employees.values():
            if one["open_id" if self._open_ids else "id"] == value:
                return str(one["id"])
        raise _bad(field, value, "人员不存在")


_Check = Callable[[Values, Field, Any], Any]
_CHECKS: Final[Mapping[str, _Check]] = {
    "text": Values._text,
    "long_text": Values._text,
    "html_rich_text": Values._text,
    "email": Values._patterned,
    "phone_number": Values._patterned,
    "url": Values._patterned,
    "select_one": Values._option,
    "record_type": Values._record_type,
    "date": Values._moment,
    "date_time": Values._moment,
    "time": Values._moment,
    "true_or_false": Values._flag,
}
