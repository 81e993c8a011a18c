"""`letters`: records and writes that were set aside, each with its reason."""

from __future__ import annotations

from dataclasses import asdict

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.sync.review import Letter


@click.group()
def letters() -> None:
    """Records and writes that were set aside for a person, with the reason."""


@letters.command("list")
@json_option
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List them, without values."""
    with invocation.connector() as connector:
        found = connector.letters()
    if invocation.as_json:
        output.document({"letters": [asdict(one) for one in found]})
        return
    if not found:
        output.show("No letter waits.")
        return
    output.table(
        ["id", "connection", "kind", "side", "record", "field", "reason"],
        [
            [one.id, one.connection, one.kind, one.side, one.record, one.field, one.reason]
            for one in found
        ],
    )
    output.say("  → Mend the record, then `crm-connector letters retry ID`; or `letters drop ID`.")


@letters.command()
@click.argument("id")
@json_option
@click.pass_obj
def show(invocation: Invocation, id: str) -> None:
    """Show one letter."""
    with invocation.connector() as connector:
        one = connector.letter(id)
    _print(invocation, one, "waits for a person")


@letters.command()
@click.argument("id")
@click.option(
    "--as-new", is_flag=True, help="It is a record of its own, whatever it shares with others."
)
@json_option
@click.pass_obj
def retry(invocation: Invocation, id: str, as_new: bool) -> None:
    """Let the next sync decide the record again, read afresh on both sides."""
    with invocation.connector() as connector:
        one = connector.retry_letter(id, as_new=as_new)
    _print(invocation, one, "the next sync tries it again")


@letters.command()
@click.argument("id")
@json_option
@click.pass_obj
def drop(invocation: Invocation, id: str) -> None:
    """Forget the letter; neither side changes until somebody edits the record again."""
    with invocation.connector() as connector:
        one = connector.drop_letter(id)
    _print(invocation, one, "dropped")


def _print(invocation: Invocation, one: Letter, state: str) -> None:
    if invocation.as_json:
        output.document({**asdict(one), "state": state})
        return
    field = f", field {one.field}" if one.field else ""
    output.show(
        f"{one.id}: {one.connection}/{one.kind}, {one.side} record {one.record}{field}: {state}",
        f"  {one.reason} ({one.code})",
    )
