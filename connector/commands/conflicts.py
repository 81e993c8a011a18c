"""`conflicts`: fields that both sides changed, and a person's choice."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.choosing import KINDS, confirmed
from connector.commands.group import json_option, reason_option
from connector.commands.invocation import Invocation
from connector.commands.spans import SPAN, Span

if TYPE_CHECKING:
    from connector.sync.review import OpenConflict

_VALUES = {"base": "when both agreed", "local": "local now", "remote": "remote now"}
_RECORD = "*"


def _where(command: Any) -> Any:
    """The filter that `list` and `resolve-all` share."""
    for option in (
        click.option("--connection", metavar="NAME", help="Only of this connection."),
        click.option("--kind", type=click.Choice(KINDS), help="Only of this kind."),
        click.option("--field", metavar="FIELD", help='Only about this field; "*": whole records.'),
        click.option("--rule", metavar="RULE", help="Only where the mapping's policy is this one."),
        click.option(
            "--older-than", metavar="SPAN", type=Span(), help=f"Only found so long ago: {SPAN}."
        ),
    ):
        command = option(command)
    return command


@click.group()
def conflicts() -> None:
    """Fields, or whole records, that both sides changed since they last agreed."""


@conflicts.command("list")
@_where
@json_option
@click.pass_obj
def list_(
    invocation: Invocation,
    connection: str | None,
    kind: str | None,
    field: str | None,
    rule: str | None,
    older_than: timedelta | None,
) -> None:
    """List the open ones with both values and the one that both had agreed on, masked."""
    from connector.sync.review import Where

    where = Where(connection=connection, kind=kind, field=field, rule=rule, older_than=older_than)
    with invocation.connector() as connector:
        found = connector.conflicts(where)
    if invocation.as_json:
        output.document({"conflicts": [asdict(one) for one in found]})
        return
    if not found:
        output.show("No conflict is open." if where == Where() else "No such conflict is open.")
        return
    for one in found:
        _print(one)
        output.show("")
    output.say("  → `crm-connector conflicts resolve ID local|remote`; `explain` says more.")


@conflicts.command()
@click.argument("id")
@click.option("--show", "clear", is_flag=True, help="Values unmasked; the record's events note it.")
@reason_option
@json_option
@click.pass_obj
def show(invocation: Invocation, id: str, clear: bool, reason: str) -> None:
    """Show one; its values are masked without --show."""
    with invocation.connector() as connector:
        one = connector.conflict(id, show=clear, reason=reason)
        editor = connector.edited_by(one.connection, one.kind, one.remote_id or "")
    if invocation.as_json:
        output.document({**asdict(one), "edited_by": editor})
        return
    _print(one)
    if editor:
        output.show(f"  the vendor's record was last saved by its user {editor}")


@conflicts.command()
@click.argument("id")
@click.argument("take", type=click.Choice(["local", "remote"]))
@json_option
@click.pass_obj
def resolve(invocation: Invocation, id: str, take: str) -> None:
    """Choose whose value stands; the next sync writes it to the other side."""
    with invocation.connector() as connector:
        one = connector.resolve_conflict(id, take)
    if invocation.as_json:
        output.document({"id": one.id, "take": take})
    else:
        output.show(f"{_subject(one)}: the {take} side stands. The next sync writes it.")


@conflicts.command("resolve-all")
@click.argument("take", type=click.Choice(["local", "remote"]))
@_where
@click.option("--dry-run", is_flag=True, help="Only count them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def resolve_all(
    invocation: Invocation,
    take: str,
    connection: str | None,
    kind: str | None,
    field: str | None,
    rule: str | None,
    older_than: timedelta | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Choose one side for every conflict that the options mean; asks first.

    Conflicts about whole records, where one side is gone, are only meant by --field "*": choosing
    the side that is gone removes the other side's record.
    """
    from connector.sync.review import Where

    where = Where(connection=connection, kind=kind, field=field, rule=rule, older_than=older_than)
    with invocation.connector() as connector:
        found = connector.resolvable_conflicts(where)
        _count(invocation, found, take)
        question = f"Let the {take} side stand in {len(found)}?"
        done = bool(found) and not dry_run and confirmed(invocation, question, yes=yes)
        if done:
            connector.resolve_conflicts(found, take)
    if invocation.as_json:
        ids = [one.id for one in found]
        output.document({"take": take, "resolved": done, "count": len(ids), "ids": ids})
    elif done:
        output.show(f"{len(found)}: the {take} side stands. The next sync writes it.")
    elif found:
        output.show("Nothing was resolved.")


def _count(invocation: Invocation, found: list[OpenConflict], take: str) -> None:
    if invocation.as_json:
        return
    if not found:
        output.show("No such conflict is open.")
        return
    keys = ((one.connection, one.kind, one.field, one.rule) for one in found)
    output.counts(["connection", "kind", "field", "rule"], keys, "conflicts")
    removed = sum(one.field == _RECORD and one.rule == f"{take}_gone" for one in found)
    if removed:
        output.say(f"In {removed} of them the record of the other side would be removed.")


def _subject(one: OpenConflict) -> str:
    return "the whole record" if one.field == _RECORD else one.field


def _print(one: OpenConflict) -> None:
    chosen = f"; {one.who or 'a person'} chose {one.rule}" if one.state == "chosen" else ""
    output.show(
        f"{one.id}  {one.state} since {one.since}",
        f"  {one.connection}/{one.kind}, local {one.local_id or '-'},"
        f" remote {one.remote_id or '-'}",
        f"  {_subject(one)}, rule {one.rule}{chosen}",
    )
    if one.remote_changed:
        output.show(f"  the vendor's record was last edited {one.remote_changed}")
    if one.url:
        output.show(f"  {one.url}")
    if one.sealed:
        output.show("  The person's key does not open: the values are not shown.")
    names = dict.fromkeys(name for side in _VALUES for name in getattr(one, side))
    for name in names:
        if len(names) > 1:
            output.show(f"  {name}")
        for side, said in _VALUES.items():
            output.show(f"    {said:<16}  {getattr(one, side).get(name, '-')}")
