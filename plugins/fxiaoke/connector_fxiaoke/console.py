"""What the vendor's console calls the types of fields, for people who have to make some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connector.plugin import FieldType

TYPES: Final[Mapping[str, tuple[FieldType, ...]]] = {
    "text": (
        FieldType(en="Single-Line Text", zh="单行文本", max_length=100),
        FieldType(en="Multi-Line Text", zh="多行文本", max_length=2_000),
    ),
    "email": (FieldType(en="Email", zh="邮箱"),),
    "phone": (FieldType(en="Phone", zh="手机"),),
    "date": (FieldType(en="Date", zh="日期"),),
    "datetime": (FieldType(en="Date-Time", zh="日期时间"),),
    "integer": (FieldType(en="Number", zh="数字"),),
    "decimal": (FieldType(en="Number", zh="数字"),),
    "flag": (FieldType(en="Boolean", zh="布尔值"),),
    "choice": (FieldType(en="Single Select", zh="单选"),),
    "tags": (FieldType(en="Multi-Select", zh="多选"),),
    "reference": (FieldType(en="Lookup", zh="查找关联"),),
}
"""A lens's word to the types for it, that of the shortest text first.

README, Setting up, says how sure the names and lengths are.
"""
