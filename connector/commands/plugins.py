"""`plugins`: which vendor plugins are installed."""

from __future__ import annotations

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation


@click.command()
@json_option
@click.pass_obj
def plugins(invocation: Invocation) -> None:
    """List the installed plugins, and which of them ship a sandbox."""
    from connector import registry
    from connector.plugin import Sandboxed

    found = [
        {"name": name, "sandbox": isinstance(registry.load(name), Sandboxed)}
        for name in registry.names()
    ]
    if invocation.as_json:
        output.document({"plugins": found})
    else:
        output.table(
            ["plugin", "sandbox"], [[p["name"], "yes" if p["sandbox"] else "no"] for p in found]
        )
