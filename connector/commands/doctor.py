"""`doctor`: check the installation and say how to mend it."""

from __future__ import annotations

from dataclasses import asdict

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.doctor import Check, examine, exit_of

_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@click.command()
@json_option
@click.pass_obj
def doctor(invocation: Invocation) -> int:
    """Check settings, keys, databases, and what each vendor account may do.

    It reads vendors and never writes to them. Warnings do not fail; of failures the worst is the
    exit code.
    """
    from connector.commands.stopping import StoppableClock

    checks: list[Check] = []
    invocation.register_secrets()
    for check in examine(invocation.config, StoppableClock(invocation.stopping)):
        checks.append(check)
        if not invocation.as_json:
            _print(check)
    code = exit_of(checks)
    if invocation.as_json:
        shown = [
            {name: value for name, value in asdict(one).items() if name != "exit_code"}
            for one in checks
        ]
        output.document({"checks": shown, "exit": code})
    else:
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
