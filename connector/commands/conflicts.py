"""`conflicts`: fields that both sides changed, and a person's choice."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation

_VALUES = ("base", "local", "remote")


@click.group()
def conflicts() -> None:
    """Fields, or whole records, that both sides changed since they last agreed."""


@conflicts.command("list")
@json_option
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List the open ones, without values."""
    with invocation.connector() as connector:
        found = connector.conflicts()
    if invocation.as_json:
        output.document({"conflicts": [_plain(asdict(one)) for one in found]})
        return
    if not found:
        output.show("No conflict is open.")
        return
    output.table(
        ["id", "connection", "kind", "local id", "remote id", "field", "rule", "state", "since"],
        [
            [
                one.id,
                one.connection,
                one.kind,
                one.local_id,
                one.remote_id,
                one.field,
                one.rule,
                one.state,
                one.since,
            ]
            for one in found
        ],
    )
    output.say(
        "  → `crm-connector conflicts show ID`, then `crm-connector conflicts resolve ID"
        " local|remote`"
    )


@conflicts.command()
@click.argument("id")
@json_option
@click.pass_obj
def show(invocation: Invocation, id: str) -> None:
    """Show one, its values masked."""
    with invocation.connector() as connector:
        one = connector.conflict(id)
    if invocation.as_json:
        output.document(asdict(one))
        return
    where = (
        f"{one.connection}/{one.kind}, local {one.local_id or '-'}, remote {one.remote_id or '-'}"
    )
    output.show(f"{one.id}: {where}, field {one.field}, since {one.since} ({one.state})")
    names = list(dict.fromkeys(name for side in _VALUES for name in getattr(one, side)))
    if names:
        output.table(
            ["field", "when both agreed", "local now", "remote now"],
            [[name, *(getattr(one, side).get(name, "-") for side in _VALUES)] for name in names],
        )


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
        output.show(f"{one.field}: the {take} side stands. The next sync writes it.")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _VALUES}
