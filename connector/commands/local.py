"""`local`: our two tables and triggers in the shop's database."""

from __future__ import annotations

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.local.status import LocalStatus


@click.group()
def local() -> None:
    """How changes in the shop's own database are noticed."""


@local.command()
@json_option
@click.pass_obj
def install(invocation: Invocation) -> None:
    """Make two tables and three triggers for each mapped table; again changes nothing."""
    with invocation.connector() as connector:
        status = connector.install_local()
    _print(invocation, status)


@local.command()
@json_option
@click.pass_obj
def remove(invocation: Invocation) -> None:
    """Drop them; the shop's own tables are as they were."""
    with invocation.connector() as connector:
        dropped = connector.remove_local()
    if invocation.as_json:
        output.document({"dropped": dropped})
    else:
        output.show(*(f"dropped {name}" for name in dropped))
        output.say("" if dropped else "Nothing was installed.")


@local.command()
@json_option
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Show whether they are there, and how many changes wait to be read."""
    with invocation.connector() as connector:
        found = connector.local_status()
    _print(invocation, found)


def _print(invocation: Invocation, status: LocalStatus) -> None:
    whole = status.installed and not status.missing
    if invocation.as_json:
        output.document(
            {
                "installed": whole,
                "missing": {table: list(names) for table, names in status.missing.items()},
                "waiting": dict(status.waiting),
            }
        )
        return
    if whole:
        output.show("Changes in the shop's database are noticed.")
        output.table(["kind", "changes waiting"], [[k, n] for k, n in status.waiting.items()])
        return
    output.show("Changes in the shop's database are not noticed yet.")
    for table, names in status.missing.items():
        output.show(f"  table {table} lacks {len(names)} triggers")
    output.say("  → Run `crm-connector local install`.")
