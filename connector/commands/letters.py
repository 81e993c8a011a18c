"""`letters`: records and writes that were set aside, each with its reason."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.choosing import KINDS
from connector.commands.group import json_option
from connector.commands.invocation import Invocation

if TYPE_CHECKING:
    from connector.sync.letters import Letter


def _where(command: Any) -> Any:
    """The filter that `list` and `retry-all` share."""
    for option in (
        click.option("--connection", metavar="NAME", help="Only of this connection."),
        click.option("--kind", type=click.Choice(KINDS), help="Only of this kind."),
        click.option("--code", metavar="CODE", help="Only with this reason."),
    ):
        command = option(command)
    return command


@click.group()
def letters() -> None:
    """Records and writes that were set aside for a person, with the reason."""


@letters.command("list")
@_where
@json_option
@click.pass_obj
def list_(
    invocation: Invocation, connection: str | None, kind: str | None, code: str | None
) -> None:
    """List them, without values."""
    from connector.sync.review import Where

    with invocation.connector() as connector:
        found = connector.letters(Where(connection=connection, kind=kind, code=code))
    if invocation.as_json:
        output.document({"letters": [asdict(one) for one in found]})
        return
    if not found:
        output.show("No letter waits.")
        return
    for one in found:
        output.show(*_lines(one), "")
    output.say(
        "  → Mend the record, then `crm-connector letters retry ID`; or `letters drop ID`:",
        "    both sides then stay as they are until somebody edits the record.",
    )


@letters.command()
@click.argument("id")
@json_option
@click.pass_obj
def show(invocation: Invocation, id: str) -> None:
    """Show one letter: which record was set aside, since when, and why."""
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


@letters.command("retry-all")
@_where
@click.option("--dry-run", is_flag=True, help="Only count them.")
@json_option
@click.pass_obj
def retry_all(
    invocation: Invocation,
    connection: str | None,
    kind: str | None,
    code: str | None,
    dry_run: bool,
) -> None:
    """Let the next sync try every letter again that the options mean.

    What still cannot go in becomes a letter again; nothing is written that a sync would not write.
    """
    from connector.sync.review import Where

    where = Where(connection=connection, kind=kind, code=code)
    with invocation.connector() as connector:
        found = connector.letters(where)
        if not dry_run:
            connector.retry_letters(found)
    if invocation.as_json:
        ids = [one.id for one in found]
        output.document({"retried": not dry_run, "count": len(ids), "ids": ids})
        return
    if not found:
        output.show("No such letter waits.")
        return
    keys = ((one.connection, one.kind, one.side, one.code) for one in found)
    output.counts(["connection", "kind", "side", "code"], keys, "letters")
    output.show("Nothing was changed." if dry_run else "The next sync tries them again.")


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
    output.show(*_lines(one), f"  {state}")


def _lines(one: Letter) -> list[str]:
    since = f"  since {one.since}" if one.since else ""
    field = f", field {one.field}" if one.field else ""
    tries = f", tried {one.attempts} times" if one.attempts > 1 else ""
    trace = [f"  the vendor's request id: {one.trace}"] if one.trace else []
    return [
        f"{one.id}{since}",
        f"  {one.connection}/{one.kind}, {one.side} record {one.record}{field}{tries}",
        f"  {one.reason} ({one.code})",
        *trace,
    ]
