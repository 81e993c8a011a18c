"""Fields of the sandbox's organisation, in the shape of the vendor's describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.refusals import Json

LENGTHS: Final[Mapping[str, int]] = {
    "text": facts.TEXT_LENGTH,
    "long_text": facts.LONG_TEXT_LENGTH,
    "html_rich_text": facts.RICH_TEXT_LENGTH,
    "phone_number": facts.TEXT_LENGTH,
    "email": facts.TEXT_LENGTH,
    "url": facts.LONG_TEXT_LENGTH,
}
"""Type to the most characters, where the definition names none."""

NUMBERS: Final = frozenset({"number", "currency", "percentile"})
TIMES: Final = frozenset({"date", "date_time", "time"})
LISTS: Final = frozenset(
    {
        "select_many",
        "employee",
        "employee_many",
        "department",
        "department_many",
        "object_reference_many",
    }
)
REFERENCES: Final = frozenset({"object_reference", "master_detail"})
AREAS: Final = frozenset({"country", "province", "city", "district"})
"""Types of the area group; with the switch `areas` at `text` they are plain texts."""
DERIVED: Final = frozenset({"auto_number", "formula", "count", "quote"})
"""Types that nobody writes."""


@dataclass(slots=True)
class Field:
    """One field, with what a write needs at hand; `meta` is the rest of what describe answers."""

    name: str
    type: str
    label: str
    length: int | None = None
    decimals: int = 0
    required: bool = False
    unique: bool = False
    read_only: bool = False
    target: str | None = None
    options: dict[str, str] | None = None
    """Option values to labels."""
    system: bool = False
    meta: Json = field(default_factory=dict)

    def described(self, object_name: str, switches: Mapping[str, str]) -> Json:
        """What describe says of this field."""
        kind = self.type_now(switches)
        told: Json = {
            "api_name": self.name,
            "label": self.label,
            "type": kind,
            "describe_api_name": object_name,
            "define_type": "system" if self.system else self._origin(),
            "is_required": self.required,
            "is_unique": self.unique,
            "is_active": True,
            "is_index": True,
            "is_need_convert": False,
            "description": "",
            "default_value": "",
            **self.meta,
        }
        if self.type in NUMBERS:
            told["decimal_places"] = self.decimals
        if self.type == "currency":
            told["currency_unit"] = "￥"
        if self.type in ("date", "date_time"):
            told["date_format"] = "yyyy-MM-dd" + ("" if self.type == "date" else " HH:mm")
            told["time_zone"] = "GMT+8"
        if kind in LENGTHS and switches["describe_max_length"] == "yes":
            told["max_length"] = self.length_now(switches)
        if self.target is not None:
            told["target_api_name"] = self.target
        if self.options is not None:
            told["options"] = [
                {"label": label, "value": value, "not_usable": False}
                for value, label in self.options.items()
            ]
        return told

    def _origin(self) -> str:
        return "custom" if self.name.endswith(facts.CUSTOM_SUFFIX) else "package"

    def type_now(self, switches: Mapping[str, str]) -> str:
        """The type in force: an area may be a plain text."""
        return "text" if self.type in AREAS and switches["areas"] == "text" else self.type

    def length_now(self, switches: Mapping[str, str]) -> int | None:
        """The most characters, in UTF-16 units; None where there is no such limit."""
        return self.length if self.length is not None else LENGTHS.get(self.type_now(switches))


def define_field(given: Mapping[str, Any]) -> Field:
    """Complete a definition in the shape of describe; short ones will do.

    `options` may be a mapping of values to labels. Raises KeyError without `api_name` or `type`.

    >>> f = define_field({"api_name": "size__c", "type": "select_one", "options": {"s": "小"}})
    >>> f.options, f.described("x__c", {"areas": "text"})["define_type"]
    ({'s': '小'}, 'custom')
    """
    name, kind = str(given["api_name"]), str(given["type"])
    options = given.get("options")
    if isinstance(options, list):
        options = {one["value"]: one["label"] for one in options}
    known = {
        "api_name",
        "type",
        "label",
        "max_length",
        "decimal_places",
        "is_required",
        "is_unique",
        "read_only",
        "target_api_name",
        "options",
        "system",
    }
    return Field(
        name=name,
        type=kind,
        label=str(given.get("label") or name.removesuffix(facts.CUSTOM_SUFFIX).replace("_", " ")),
        length=given.get("max_length"),
        decimals=int(given.get("decimal_places", 0)),
        required=bool(given.get("is_required")),
        unique=bool(given.get("is_unique")),
        read_only=bool(given.get("read_only")) or kind in DERIVED,
        target=given.get("target_api_name"),
        options=dict(options) if options is not None else None,
        system=bool(given.get("system")),
        meta={key: value for key, value in given.items() if key not in known},
    )


def _system(name: str, kind: str, label: str, **more: Any) -> Json:
    return {"api_name": name, "type": kind, "label": label, "system": True, **more}


_READ: Final = {"read_only": True}

SYSTEM_FIELDS: Final[tuple[Json, ...]] = (
    _system("_id", "text", "编号", **_READ),
    _system("owner", "employee", "负责人"),
    _system("created_by", "employee", "创建人", **_READ),
    _system("last_modified_by", "employee", "最后修改人", **_READ),
    _system("create_time", "date_time", "创建时间", **_READ),
    _system("last_modified_time", "date_time", "最后修改时间", **_READ),
    _system(
        "record_type",
        "record_type",
        "业务类型",
        options={facts.DEFAULT_RECORD_TYPE: "预设业务类型"},
    ),
    _system(
        "life_status",
        "select_one",
        "生命状态",
        options=dict(
            zip(facts.LIFE_STATUSES, ["未生效", "审核中", "正常", "变更中", "作废"], strict=True)
        ),
        **_READ,
    ),
    _system("lock_status", "select_one", "锁定状态", options={"0": "未锁定", "1": "锁定"}, **_READ),
    _system("is_deleted", "true_or_false", "是否删除", **_READ),
    _system("version", "number", "版本", **_READ),
    _system("data_own_department", "department", "归属部门", **_READ),
    _system("relevant_team", "embedded_object_list", "相关团队", **_READ),
    _system("out_owner", "employee", "外部负责人", **_READ),
    _system("lock_user", "employee", "加锁人", **_READ),
    _system("lock_rule", "lock_rule", "锁定规则", **_READ),
    _system("life_status_before_invalid", "text", "作废前生命状态", **_READ),
)
"""Fields that every object has."""
