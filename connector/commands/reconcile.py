"""`reconcile`: after a database was put back from an older copy."""

from __future__ import annotations

from dataclasses import asdict

import click

from connector.commands import output
from connector.commands.choosing import scope_options
from connector.commands.group import json_option
from connector.commands.invocation import Invocation, chosen_connections, chosen_kinds
from connector.commands.plan import show_plan
from connector.commands.progress import ProgressLines
from connector.errors import worst
from connector.sync.place import sentence
from connector.sync.report import RunReport


@click.command()
@scope_options
@click.option("--dry-run", is_flag=True, help="Show what a reconcile and a sync after it would do.")
@json_option
@click.pass_obj
def reconcile(
    invocation: Invocation, connections: tuple[str, ...], kinds: tuple[str, ...], dry_run: bool
) -> int:
    """Go on after the state, the keys or the shop's database was put back from an older copy.

    Both sides are read from scratch, and records that belong together are joined again. Nothing is
    written to either side: that is the next sync's, under the limits of [safety].
    """
    if dry_run:
        return show_plan(invocation, connections, kinds, None, None)
    with invocation.connector() as connector:
        chosen = chosen_connections(connector, connections)
        lines = ProgressLines(invocation.stopping.check, done="reconciled")
        with lines as progress, invocation.stopping.deferred():
            report = connector.reconcile(
                connections=chosen, kinds=chosen_kinds(kinds), progress=progress
            )
    code = worst(error.exit_code for error in report.errors)
    if invocation.as_json:
        output.document(
            {
                "run": report.run,
                "reconciled": [asdict(one) for one in report.reconciled],
                "letters": report.letters,
                "conflicts": report.conflicts,
                "errors": [output.told(error) for error in report.errors],
                "skipped": report.skipped,
                "exit": code,
            }
        )
    else:
        _print(report)
    return code


def _print(report: RunReport) -> None:
    for one in report.reconciled:
        output.show(f"{one.connection}/{one.kind}: {sentence(one.doubt)}.")
        output.show(f"  joined again: {one.joined}; the rest is as the state knew it")
    if report.reconciled:
        output.say("  → Look at `crm-connector plan`, then run `crm-connector sync`.")
    elif not report.errors and not report.skipped:
        output.show("Nothing to reconcile: no database went back in time.")
    output.say_what_failed(report.skipped, report.errors)
