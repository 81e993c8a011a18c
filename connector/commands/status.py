"""`status`: how each connection and kind stands."""

from __future__ import annotations

from dataclasses import asdict

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation

_COLUMNS = {
    "connection": "connection",
    "kind": "kind",
    "last_success": "last success",
    "read_until": "read until",
    "links": "links",
    "staged": "staged",
    "waiting": "waiting",
    "unknown": "unknown",
}


@click.command()
@json_option
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Show last successes, counts and what waits; asks no vendor and opens no person's data."""
    with invocation.connector() as connector:
        found = connector.status()
    scopes = [one for one in found.scopes if "/" not in one.kind and one.connection != "local"]
    if invocation.as_json:
        output.document(
            {
                "scopes": [asdict(one) for one in scopes],
                "letters": found.letters,
                "conflicts": found.conflicts,
            }
        )
        return
    if not scopes:
        output.show("No sync has run yet.")
        return
    rows = [[asdict(one)[name] for name in _COLUMNS] + [_running(one.running)] for one in scopes]
    for row in rows:
        row[2], row[3] = row[2] or "never", row[3] or "-"
    output.table([*_COLUMNS.values(), ""], rows)
    output.show(f"letters: {found.letters}, conflicts: {found.conflicts}")
    if found.letters:
        output.say("  → `crm-connector letters list`")
    if found.conflicts:
        output.say("  → `crm-connector conflicts list`")


def _running(running: bool) -> str:
    return "running" if running else ""
