"""`doctor`: check the installation and say how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.doctor import Check, MissingField, examine, exit_of

_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@click.command()
@json_option
@click.pass_obj
def doctor(invocation: Invocation) -> int:
    """Check settings, keys, databases, and what each vendor account may do and still lacks.

    It reads vendors and never writes to them. Warnings do not fail; of failures the worst is the
    exit code.
    """
    from connector.commands.stopping import StoppableClock

    checks: list[Check] = []
    clock = StoppableClock(invocation.stopping)
    for check in examine(lambda: invocation.open(clock), clock):
        checks.append(check)
        if not invocation.as_json:
            _print(check)
    code = exit_of(checks)
    missing = [field for check in checks for field in check.missing]
    if invocation.as_json:
        shown = [
            {k: v for k, v in asdict(one).items() if k not in ("exit_code", "missing")}
            for one in checks
        ]
        fields = [asdict(one) for one in missing]
        output.document({"checks": shown, "missing_fields": fields, "exit": code})
    else:
        if missing:
            _print_missing(missing)
        output.say(_sum(checks))
    return code


def _print(check: Check) -> None:
    output.show(f"{_MARKS[check.state]}  {check.name}: {check.sentence}")
    if check.fix:
        output.show(f"      → {check.fix}")


def _print_missing(missing: list[MissingField]) -> None:
    """The list for the vendor's administrator, who reads Chinese or English."""
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


def _sum(checks: list[Check]) -> str:
    failed = sum(check.state == "fail" for check in checks)
    warned = sum(check.state == "warn" for check in checks)
    return f"{len(checks)} checks: {failed} failed, {warned} to look at."
