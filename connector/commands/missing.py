"""The list of fields to be made, for the vendor's administrator, who reads Chinese or English."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.account import MissingField
from connector.commands import output


def show_missing(missing: Sequence[MissingField]) -> None:
    """Print it, with each field's type, room, options, and what of the shop lies in it."""
    output.show("", "Fields to be made at the vendor / 需要在 CRM 中新建的字段:")
    output.table(
        ["object 对象", "field 字段", "label 名称", "type 类型", "more 说明", "for 用于"],
        [
            (
                one.object,
                one.name,
                f"{one.label_zh} / {one.label_en}",
                f"{one.type_zh} / {one.type_en}" if one.type_zh else one.type,
                "; ".join(_more(one)),
                ", ".join(one.required_by),
            )
            for one in missing
        ],
    )


def _more(one: MissingField) -> Iterator[str]:
    if one.unique:
        yield "unique 唯一"
    if one.max_length is not None:
        yield f"length 长度 {one.max_length}"
    if one.decimals is not None:
        yield f"decimals 小数位 {one.decimals}"
    if one.target is not None:
        yield f"points to 关联 {one.target}"
    if one.options:
        yield "options 选项 " + ", ".join(
            o.value
            if o.value in (o.label_zh, o.label_en)
            else f"{o.label_zh}/{o.label_en}={o.value}"
            for o in one.options
        )
    if one.type == "tags":
        yield "options: the shop's tags 选项为店铺标签"
