"""`pause` and `resume`: leave a connection, or one kind of it, out of every sync for a while."""

from __future__ import annotations

from typing import Any

import click

from connector.commands import output
from connector.commands.choosing import KINDS
from connector.commands.group import json_option
from connector.commands.invocation import Invocation


def _one_scope(command: Any) -> Any:
    command = click.argument("kind", required=False, type=click.Choice(KINDS))(command)
    return click.argument("connection")(command)


@click.command()
@_one_scope
@json_option
@click.pass_obj
def pause(invocation: Invocation, connection: str, kind: str | None) -> None:
    """Leave CONNECTION, or one KIND of it, out of every sync until `resume`.

    What changes meanwhile waits, on both sides. So does a person's no to being contacted: keep a
    pause short.
    """
    _set(invocation, connection, kind, paused=True)


@click.command()
@_one_scope
@json_option
@click.pass_obj
def resume(invocation: Invocation, connection: str, kind: str | None) -> None:
    """Let CONNECTION, or one KIND of it, take part in syncs again."""
    _set(invocation, connection, kind, paused=False)


def _set(invocation: Invocation, connection: str, kind: str | None, *, paused: bool) -> None:
    from connector.operating.pausing import set_paused
    from connector.plugin import Kind

    with invocation.connector() as connector:
        found = set_paused(connector, connection, Kind(kind) if kind else None, paused=paused)
    if invocation.as_json:
        output.document(
            {
                "paused": paused,
                "scopes": [
                    {"connection": connection, "kind": str(one), "changed": changed}
                    for one, changed in found.items()
                ],
            }
        )
        return
    now = "paused" if paused else "takes part in the next sync"
    for one, changed in found.items():
        output.show(f"{connection}/{one}: {now}" + ("" if changed else ", as before"))
    if paused:
        output.say(
            "  → What changes waits, a person's no to being contacted too.",
            f"    `crm-connector resume {connection}` lets it go on.",
        )
