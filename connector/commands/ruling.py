"""`privacy check` and `privacy explain`: what the policy says, with class names and no values."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.choosing import KINDS
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.operating.ruling import Ruled

_MOST = 1 << 20


@click.command()
@json_option
@click.pass_obj
def check(invocation: Invocation) -> None:
    """Check the policy that [privacy] names, against its own rules, the settings and the mappings.

    Every fault is told with its file and line (exit 3). What has ended is told too; it stops only
    the records that need it.
    """
    from connector.operating.ruling import check as checked

    with invocation.connector() as connector:
        path, digest, past = checked(connector)
    if invocation.as_json:
        output.document({"policy": path, "hash": digest, "ended": past})
        return
    output.show(f"{path} can be used. Its hash is {digest}.")
    output.say(*past)


@click.command()
@click.argument("person", required=False, type=click.Choice(["-"]))
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="customer",
    show_default=True,
    help="What kind of record it is.",
)
@click.option("--to", required=True, metavar="CONNECTION", help="To whom it would go.")
@click.option("--record", metavar="ID", help="A record of the shop, by its key.")
@click.option(
    "--person-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A person told as JSON: our names of a customer's fields to values.",
)
@json_option
@click.pass_obj
def explain(
    invocation: Invocation,
    person: str | None,
    kind: str,
    to: str,
    record: str | None,
    person_file: Path | None,
) -> None:
    """Say what the policy lets out of a person's record, and which rule decided each field.

    The person is a record of the shop, or told in a file, or with - on standard input; else
    somebody of whom nothing is known. No value is printed, and no vendor is asked.
    """
    from connector.operating.ruling import ruled
    from connector.plugin import Kind

    if sum(one is not None for one in (person, record, person_file)) > 1:
        raise UsageError("Name the person once: --record, --person-file, or - for standard input.")
    told = _told(person_file) if person_file is not None or person is not None else None
    with invocation.connector() as connector:
        found = ruled(connector, Kind(kind), to, record=record, person=told)
    if invocation.as_json:
        output.document(_document(found))
        return
    _print(found)


def _told(file: Path | None) -> dict[str, Any]:
    """The person's fields. Raises: UsageError, which quotes nothing."""
    try:
        text = sys.stdin.read(_MOST) if file is None else file.read_text(encoding="utf-8-sig")
        found = json.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        raise UsageError("The person cannot be read as JSON.") from None
    if not isinstance(found, dict):
        raise UsageError('The person must be a JSON table such as {"address.country": "CN"}.')
    return found


def _document(found: Ruled) -> dict[str, Any]:
    return {
        "connection": found.connection,
        "country": found.country,
        "kind": found.kind,
        "stopped": found.stopped,
        "rules": list(found.rules),
        "person": dict(found.person),
        "fields": [
            {
                "field": one.name,
                "own": list(one.own),
                "class": one.class_,
                "action": one.action,
                "with": one.how,
                "rules": list(one.rules),
                "read_back": one.read_back,
            }
            for one in found.fields
        ],
    }


def _print(found: Ruled) -> None:
    where = f"{found.kind} to {found.connection}, in {found.country}"
    person = found.person
    country = person["country"] or "not known"
    age = "a minor" if person["minor"] else "of age"
    output.show(f"{where}: a person whose country is {country}, {age}.")
    if found.stopped is not None:
        ids = f" ({', '.join(found.rules)})" if found.rules else ""
        output.show(f"Nothing goes there: {found.stopped}{ids}.")
        return
    output.table(
        ["field", "vendor's", "class", "action", "decided by", "read back"],
        [
            [
                one.name,
                ", ".join(one.own) or "-",
                one.class_,
                f"{one.action} {one.how}" if one.how else one.action,
                ", ".join(one.rules) or "-",
                "yes" if one.read_back else "no",
            ]
            for one in found.fields
        ],
    )
