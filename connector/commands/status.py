"""`status`: how each connection and kind stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.sync.place import WAY_OUT
from connector.sync.scope import moment

if TYPE_CHECKING:
    from connector.sync.retaining import LastLook
    from connector.sync.status import ScopeStatus

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
                "retention": [look_document(one) for one in found.retention],
            }
        )
        return
    if not scopes:
        output.show("No sync has run yet.")
        return
    rows = [[asdict(one)[name] for name in _COLUMNS] + [_running(one)] for one in scopes]
    for row in rows:
        row[2], row[3] = row[2] or "never", row[3] or "-"
    output.table([*_COLUMNS.values(), ""], rows)
    for one in scopes:
        if one.doubt is not None:
            output.show(f"{one.connection}/{one.kind}: nothing is written, because {one.doubt}.")
    output.show(*(told for one in scopes for told in one.off))
    if any(one.doubt is not None for one in scopes):
        output.say(f"  → {WAY_OUT}")
    output.show(*(look_line(one) for one in found.retention))
    output.show(f"letters: {found.letters}, conflicts: {found.conflicts}")
    if found.letters:
        output.say("  → `crm-connector letters list`")
    if found.conflicts:
        output.say("  → `crm-connector conflicts list`")


def look_document(one: LastLook) -> dict[str, object]:
    """When one scope was looked at for terms that are over, and the counts, by entry from 1."""
    counts = {str(int(number) + 1): dict(many) for number, many in one.counts.items()}
    return {
        "connection": one.connection,
        "kind": one.kind,
        "last": moment(one.at_us),
        "waits": one.waits,
        "entries": counts,
    }


def look_line(one: LastLook) -> str:
    """The same for people."""
    when = moment(one.at_us) or "not yet; the next sync does"
    return f"{one.connection}/{one.kind}: terms last looked at {when}, over and due: {one.waits}"


def _running(one: ScopeStatus) -> str:
    return "running" if one.running else "paused" if one.paused else ""
