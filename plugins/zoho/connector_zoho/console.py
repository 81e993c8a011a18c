"""What the vendor's console calls the types of fields, for people who have to make some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connector.plugin import FieldType

TYPES: Final[Mapping[str, tuple[FieldType, ...]]] = {
    "text": (
        FieldType(en="Single Line", zh="单行", max_length=255),
        FieldType(en="Multi-Line (Small)", zh="多行（小）", max_length=2_000),
        FieldType(en="Multi-Line (Large)", zh="多行（大）", max_length=32_000),
    ),
    "email": (FieldType(en="Email", zh="电子邮件", max_length=100),),
    "phone": (FieldType(en="Phone", zh="电话", max_length=30),),
    "date": (FieldType(en="Date", zh="日期"),),
    "datetime": (FieldType(en="Date/Time", zh="日期/时间"),),
    "integer": (FieldType(en="Number", zh="数字"),),
    "decimal": (FieldType(en="Decimal", zh="小数"),),
    "flag": (FieldType(en="Checkbox", zh="复选框"),),
    "choice": (FieldType(en="Pick List", zh="选择列表"),),
    "tags": (FieldType(en="Multi-Select", zh="多选列表"),),
    "reference": (FieldType(en="Lookup", zh="查找"),),
}
"""A lens's word to the types for it, that of the shortest text first.

README, Setting up, says how sure the names and lengths are.
"""
