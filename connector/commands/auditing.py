"""`privacy audit` and `privacy report`: the log of events, whole or not, and whom it says what was
told."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from connector.commands import output
from connector.commands.group import LazyGroup, json_option
from connector.commands.invocation import Invocation
from connector.commands.spans import SPAN, moment
from connector.commands.status import look_document, look_line

if TYPE_CHECKING:
    from connector.operating.disclosing import Disclosed

VERBS = {"verify": ("auditing:verify", "Check every entry, and that none was cut off.")}
"""Verb to its module, its function and its line in `--help`."""


@click.group(cls=LazyGroup, verbs=VERBS)
def audit() -> None:
    """The log of events, in which each entry vouches for all before it."""


@click.command()
@json_option
@click.pass_obj
def verify(invocation: Invocation) -> int:
    """Walk through the log of events from its first entry. Exit 9 names the first entry that was
    changed, put in, taken out or moved. Exit 8: the log no longer holds the end that a run noted
    in the keys database, so its tail was cut, or the state was put back from an older copy, but not
    by `backup restore`, which accounts for what it cuts."""
    from connector.sync.audit import verify as verified

    with invocation.connector() as connector:
        found = verified(connector.store, connector.vault)
    if invocation.as_json:
        output.document(
            {
                "entries": found.entries,
                "older": found.older,
                "broken": found.broken,
                "missing": [{"entry": one.seq, "at": _when(one.at_us)} for one in found.missing],
                "restored": [
                    {"entry": one.end[0], "at": _when(one.at_us), "copy_of": one.made}
                    for one in found.restored
                ],
            }
        )
        return found.exit
    if found.older:
        output.show(f"{found.older} entries are of an older release: nothing vouches for them.")
    if found.broken is not None:
        output.show(f"Entry {found.broken} is not as it was written, or not where it was.")
        output.show(f"{found.entries} entries before it are whole.")
        return found.exit
    output.show(f"{found.entries} entries are whole.")
    for one in found.missing:
        output.show(
            f"Older than the head: entry {one.seq}, the last one at {_when(one.at_us)},"
            " is not in it."
        )
    for back in found.restored:
        output.show(
            f"Restored at {_when(back.at_us)} from a copy of {back.made}, whose last entry is"
            f" {back.end[0]}; whole since."
        )
    return found.exit


def _when(us: int) -> str:
    moment = dt.datetime.fromtimestamp(us / 1e6, dt.UTC)
    return moment.isoformat(timespec="seconds")


@click.command()
@click.option("--since", metavar="TIME", help=f"Since a date, a time, or a span back ({SPAN}).")
@json_option
@click.pass_obj
def report(invocation: Invocation, since: str | None) -> None:
    """Say which classes of data of how many people went to which connection, and what for.

    It is read from the log of events: writes that landed. No value and no id is printed.
    """
    from connector.operating.disclosing import disclosed
    from connector.operating.retaining import looks

    with invocation.connector() as connector:
        zone = connector.settings.local.zone
        start = None if since is None else moment("--since", since, connector.now(), zone)
        found = disclosed(connector, start)
        looked = looks(connector)
    if invocation.as_json:
        output.document(
            {
                "since": start.isoformat() if start else None,
                "told": [_document(one) for one in found],
                "retention": [look_document(one) for one in looked],
            }
        )
        return
    output.show(*(look_line(one) for one in looked))
    if not found:
        output.show("Nothing went to any connection.")
        return
    output.table(
        ["connection", "class", "people", "writes", "first", "last", "for"],
        [
            [
                one.connection,
                one.class_,
                one.people,
                one.writes,
                f"{one.first:%Y-%m-%d %H:%M}",
                f"{one.last:%Y-%m-%d %H:%M}",
                ", ".join(one.purposes) or "-",
            ]
            for one in found
        ],
    )


def _document(one: Disclosed) -> dict[str, object]:
    return {
        "connection": one.connection,
        "class": one.class_,
        "people": one.people,
        "writes": one.writes,
        "first": one.first.isoformat(timespec="seconds"),
        "last": one.last.isoformat(timespec="seconds"),
        "purposes": list(one.purposes),
    }
