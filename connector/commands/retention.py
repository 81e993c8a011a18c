"""`privacy retention`: what is over the policy's terms, and erasing it now."""

from __future__ import annotations

from dataclasses import asdict

import click

from connector.commands import output
from connector.commands.choosing import safety_options
from connector.commands.group import json_option
from connector.commands.invocation import Invocation, limit
from connector.commands.sync import run_sync

_COLUMNS = ("entry", "line", "connection", "kind", "action", "after")


@click.command()
@safety_options
@click.option("--dry-run", is_flag=True, help="Only count; no vendor is asked.")
@json_option
@click.pass_obj
def retention(
    invocation: Invocation, max_delete: str | None, max_change: str | None, dry_run: bool
) -> int:
    """Erase what is over the terms of the policy's `retention`, as each day's first sync does.

    It is a sync that looks now, whenever it looked last: fields are emptied and records go on all
    sides, people are erased with a receipt. With --dry-run it says how many records stand how.
    """
    from connector.operating.retaining import look_now, standings, with_terms

    limit("--max-delete", max_delete)
    limit("--max-change", max_change)
    if not dry_run:
        with invocation.connector() as connector:
            with_terms(connector)
            look_now(connector)
        return run_sync(invocation, max_delete=max_delete, max_change=max_change)
    with invocation.connector() as connector:
        found = standings(connector)
    if invocation.as_json:
        output.document({"entries": [asdict(one) for one in found]})
        return 0
    output.table(
        [*_COLUMNS, "over", "kept", "no start", "ahead", "restricted"],
        [
            [*(str(asdict(one)[name]) for name in _COLUMNS)]
            + [str(count) for count in (*one.stands.values(), one.restricted)]
            for one in found
        ],
    )
    return 0
