"""`keys init`: make the key ring and what it is wrapped with."""

from __future__ import annotations

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation


@click.group()
def keys() -> None:
    """The keys that seal people's data in the state database."""


@keys.command("init")
@json_option
@click.pass_obj
def init(invocation: Invocation) -> None:
    """Make the ring at [keys] path and its key-encrypting key; refused if the ring exists.

    Back up both, apart from the state database: without them the state cannot be read.
    """
    with invocation.connector() as connector:
        path = connector.make_keys()
    if invocation.as_json:
        output.document({"ring": str(path)})
        return
    output.show(f"The key ring {path} is made.")
    output.say("Back it up with its key-encrypting key, apart from the state database.")
