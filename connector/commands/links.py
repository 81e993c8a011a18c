"""`links import`: take over the links of an earlier integration."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connector.commands import output
from connector.commands.choosing import KINDS
from connector.commands.group import json_option
from connector.commands.invocation import Invocation, chosen_connections
from connector.commands.progress import ProgressLines
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.sync.adopt import Adoption

SET_ASIDE = 5


@click.group()
def links() -> None:
    """Which row of the shop is which record of a vendor."""


@links.command("import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--connection", required=True, metavar="NAME", help="Whose records the map names.")
@click.option("--kind", required=True, type=click.Choice(KINDS), help="What they are.")
@click.option("--local-column", default="local_id", show_default=True, help="The rows' ids.")
@click.option("--remote-column", default="remote_id", show_default=True, help="The records' ids.")
@click.option(
    "--encoding",
    type=click.Choice(["utf-8", "gb18030"]),
    default="utf-8",
    show_default=True,
    help="How the file is written; it is never guessed.",
)
@click.option("--delimiter", default=",", show_default=True, help="The sign between two cells.")
@click.option("--dry-run", is_flag=True, help="Look at every pair, and link none.")
@json_option
@click.pass_obj
def import_(
    invocation: Invocation,
    file: Path,
    connection: str,
    kind: str,
    local_column: str,
    remote_column: str,
    encoding: str,
    delimiter: str,
    dry_run: bool,
) -> int:
    """Link the rows and records that an earlier integration's id map names as one.

    FILE is CSV with a header, or JSON Lines (.jsonl). Each pair is looked at on both sides; a line
    that cannot be used is named with the reason (exit 5), the others are linked. Neither side is
    written: the next sync meets both records as at first contact, by `first_contact`.
    """
    from connector.local.idmap import IdMap
    from connector.plugin import Kind

    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise UsageError("--delimiter takes one sign, such as ; or a tab.")
    with invocation.connector() as connector:
        chosen_connections(connector, (connection,))
        id_map = IdMap(
            file,
            local_column=local_column,
            remote_column=remote_column,
            encoding="gb18030" if encoding == "gb18030" else "utf-8",
            delimiter=delimiter,
        )
        lines = ProgressLines(invocation.stopping.check)
        with closing(id_map), lines as progress, invocation.stopping.deferred():
            done = connector.import_links(
                id_map, connection, Kind(kind), dry_run=dry_run, progress=progress
            )
    code = SET_ASIDE if done.bad else 0
    if invocation.as_json:
        output.document({**asdict(done), "dry_run": dry_run, "exit": code})
    else:
        _print(done, dry_run=dry_run)
    return code


def _print(done: Adoption, *, dry_run: bool) -> None:
    output.show(*(f"{one.place}: {one.text}" for one in done.bad))
    linked = "would be linked" if dry_run else "linked"
    output.table(
        ["connection", "kind", linked, "linked already", "not used"],
        [[done.connection, done.kind, done.linked, done.already, len(done.bad)]],
    )
    if dry_run:
        output.say("Nothing was linked.")
    elif done.linked:
        output.say("  → `crm-connector plan` shows what the next sync makes of them.")
