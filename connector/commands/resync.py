"""`resync`: have the next sync look again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.choosing import scope_options
from connector.commands.group import json_option
from connector.commands.invocation import Invocation, chosen_connections, chosen_kinds
from connector.commands.spans import SPAN, moment
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.sync.resync import Marked, Rewound


@click.command()
@scope_options
@click.option(
    "--since",
    metavar="TIME",
    help=f"All that changed since a date, a time, or a span back from now ({SPAN}).",
)
@click.option(
    "--ids",
    metavar="ID[,ID...]",
    help="These records, by their ids on either side; with one --connection and one --kind.",
)
@json_option
@click.pass_obj
def resync(
    invocation: Invocation,
    connections: tuple[str, ...],
    kinds: tuple[str, ...],
    since: str | None,
    ids: str | None,
) -> None:
    """Have the next sync look again, at all since a time or at single records.

    Only the marks of how far was read are moved: no link and no value changes, and what the next
    sync finds equal it leaves as it is.
    """
    if (since is None) == (ids is None):
        raise UsageError("Say either --since or --ids.")
    if ids is not None:
        _by_ids(invocation, connections, kinds, ids)
    elif since is not None:
        _since(invocation, connections, kinds, since)


def _since(
    invocation: Invocation, connections: tuple[str, ...], kinds: tuple[str, ...], since: str
) -> None:
    from connector.operating.resync import resync_since

    with invocation.connector() as connector:
        start = moment("--since", since, connector.now(), connector.settings.local.zone)
        found = resync_since(
            connector,
            start,
            connections=chosen_connections(connector, connections),
            kinds=chosen_kinds(kinds),
        )
    if invocation.as_json:
        output.document({"scopes": [_document(one) for one in found]})
        return
    output.table(
        ["connection", "kind", "was read until", "is read again from"],
        [[one.connection, str(one.kind), *_told(one)] for one in found],
    )
    output.say(
        "  → The shop's rows of these kinds are all compared again. Now `crm-connector sync`."
    )


def _by_ids(
    invocation: Invocation, connections: tuple[str, ...], kinds: tuple[str, ...], ids: str
) -> None:
    from connector.operating.resync import resync_ids
    from connector.plugin import Kind

    wanted = [one for one in (part.strip() for part in ids.split(",")) if one]
    if len(connections) != 1 or len(kinds) != 1 or not wanted:
        raise UsageError("--ids takes ids, and needs one --connection and one --kind.")
    with invocation.connector() as connector:
        found = resync_ids(connector, connections[0], Kind(kinds[0]), wanted)
    if invocation.as_json:
        output.document(
            {
                "connection": found.connection,
                "kind": str(found.kind),
                "linked": found.linked,
                "new": found.new,
            }
        )
        return
    output.show(_marked(found))
    output.say("  → Now `crm-connector sync`.")


def _document(one: Rewound) -> dict[str, Any]:
    from connector.sync.moments import moment as shown

    return {
        "connection": one.connection,
        "kind": str(one.kind),
        "before": shown(one.before),
        "after": shown(one.after),
    }


def _told(one: Rewound) -> tuple[str, str]:
    document = _document(one)
    if one.before is None:
        return "never", "the beginning"
    return document["before"], document["after"] if one.after != one.before else "there, as before"


def _marked(found: Marked) -> str:
    where = f"{found.connection}/{found.kind}"
    sentence = f"{where}: the next sync reads {len(found.linked) + len(found.new)} by id"
    if found.new:
        sentence += f"; {len(found.new)} of them no link knows yet"
    return sentence + "."
