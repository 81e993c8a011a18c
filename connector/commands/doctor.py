"""`doctor`: check the installation and say how to mend it."""

from __future__ import annotations

from dataclasses import asdict

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.commands.missing import show_missing
from connector.doctor import Check, examine, exit_of

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
            show_missing(missing)
        output.say(_sum(checks))
    return code


def _print(check: Check) -> None:
    output.show(f"{_MARKS[check.state]}  {check.name}: {check.sentence}")
    if check.fix:
        output.show(f"      → {check.fix}")


def _sum(checks: list[Check]) -> str:
    failed = sum(check.state == "fail" for check in checks)
    warned = sum(check.state == "warn" for check in checks)
    return f"{len(checks)} checks: {failed} failed, {warned} to look at."
