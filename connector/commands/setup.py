"""`setup`: make the fields that the mappings need at a vendor, or list them for a person."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.choosing import confirmed
from connector.commands.group import json_option
from connector.commands.invocation import Invocation, chosen_connections
from connector.commands.missing import show_missing
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.account import Made, MissingField
    from connector.operating.setting_up import SetupPlan

BY_HAND = 5
"""The exit code while something is left for a person to do."""


@click.command()
@click.argument("connection")
@click.option("--dry-run", is_flag=True, help="Only say what would be made, and what by hand.")
@click.option("--apply", "really", is_flag=True, help="Make what the vendor's API can make.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def setup(invocation: Invocation, connection: str, dry_run: bool, really: bool, yes: bool) -> int:
    """Make the fields at CONNECTION's vendor that the mappings need and the account lacks.

    Each is made by one call and looked at afterwards, so it may be stopped and repeated anywhere.
    What the API cannot make is listed for the vendor's administrator (exit 5 with --apply).
    """
    from connector.operating.setting_up import plan_setup, set_up

    if dry_run == really:
        raise UsageError("setup takes one of --dry-run and --apply.")
    with invocation.connector() as connector:
        chosen_connections(connector, (connection,))
        plan = plan_setup(connector, connection)
        if not invocation.as_json:
            _show(plan)
        done: list[tuple[MissingField, Made]] = []
        if really and plan.ours:
            question = f"{len(plan.ours)} fields are made in the account {plan.account}."
            if not confirmed(invocation, question, yes=yes):
                output.say("Nothing was made.")
                return 0
            for field, made in set_up(connector, plan):
                done.append((field, made))
                _tell(invocation, field, made)
                invocation.stopping.check()
    left = bool(plan.theirs or plan.notes or any(m.state == "by_hand" for _, m in done))
    code = BY_HAND if really and left else 0
    if invocation.as_json:
        output.document(_as_document(plan, done, dry_run=dry_run, code=code))
    else:
        if dry_run and plan.ours:
            output.say(f"  → `crm-connector setup {connection} --apply` makes them.")
        if left:
            output.say("  → When the rest is done by hand: `crm-connector doctor`.")
    return code


def _as_document(
    plan: SetupPlan, done: list[tuple[MissingField, Made]], *, dry_run: bool, code: int
) -> dict[str, Any]:
    return {
        "connection": plan.connection,
        "account": plan.account,
        "steps": [{**asdict(step.field), "by_hand": step.why} for step in plan.steps],
        "notes": list(plan.notes),
        "done": [{"object": f.object, "name": f.name, **asdict(made)} for f, made in done],
        "dry_run": dry_run,
        "exit": code,
    }


def _show(plan: SetupPlan) -> None:
    if not plan.steps and not plan.notes:
        output.show(f"{plan.connection}: the account {plan.account} has all that is mapped.")
        return
    if plan.ours:
        output.show("By the vendor's API:")
        output.show(*(f"  make {field.object}.{field.name} ({field.type})" for field in plan.ours))
    reasons = dict.fromkeys(step.why for step in plan.steps if step.why)
    if reasons:
        output.show("By hand, because:", *(f"  {why}" for why in reasons))
        show_missing(plan.theirs)
    if plan.notes:
        output.show("To be set at the vendor / 需要在 CRM 中设置:", *(f"  {n}" for n in plan.notes))


def _tell(invocation: Invocation, field: MissingField, made: Made) -> None:
    tell = output.say if invocation.as_json else output.show
    tell(
        f"{field.object}.{field.name}: {made.text}", *([f"  → {made.click}"] if made.click else [])
    )
