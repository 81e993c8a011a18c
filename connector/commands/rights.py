"""The verbs of `privacy` that are about one person."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.choosing import confirmed
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.rights.facade import FoundPerson, Receipt
    from connector.rights.who import Who


_IDS = ("local/", "remote/", "key/")
"""How the names of suppressed ids begin; the others are values."""


def _names_person(command: Any) -> Any:
    """Give a verb the ways of naming a person."""
    for option in (
        click.option(
            "--yes-argv", is_flag=True, help="The id looks like a number or an address, and is one."
        ),
        click.option(
            "--person-file",
            metavar="FILE",
            help="JSON of canonical fields, or lines with an e-mail, number or resident's number;"
            " - is standard input.",
        ),
        click.option("--subject", metavar="ID", help="The person's own id, as `find` tells it."),
        click.option("--local", metavar="ID", multiple=True, help="The key of a customer's row."),
    ):
        command = option(command)
    return command


def _who(
    local: tuple[str, ...], subject: str | None, person_file: str | None, yes_argv: bool
) -> Who:
    from connector.rights.who import Who, looks_personal

    given = [bool(local), subject is not None, person_file is not None]
    if sum(given) != 1:
        raise UsageError("Name the person by --local, --subject or --person-file, one of them.")
    for text in (*local, subject or ""):
        if looks_personal(text) and not yes_argv:
            raise UsageError(
                "This id looks like somebody's address or number, and arguments can be read by"
                " others.",
                hint="Put it into a file for --person-file; or say --yes-argv if it is a key.",
            )
    return Who(local, subject, None if person_file is None else _read(person_file))


def _read(name: str) -> str:
    try:
        if name == "-":
            return sys.stdin.read()
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read ({type(error).__name__}).") from None


def _reason(command: Any) -> Any:
    return click.option(
        "--reason", required=True, metavar="TEXT", help="Why; it is noted. No names, no values."
    )(command)


@click.command()
@_names_person
@json_option
@click.pass_obj
def find(invocation: Invocation, /, **named: Any) -> None:
    """Say where a person stands: rows, records, what waits; no values. Asks no vendor."""
    who = _who(**named)
    with invocation.connector() as connector:
        people = connector.rights.find(who)
    if invocation.as_json:
        output.document({"people": [asdict(one) for one in people]})
        return
    if not people:
        output.show("Nobody is known by that.")
    for one in people:
        _print_person(one)


def _print_person(one: FoundPerson) -> None:
    states = [f"{s} ({state})" for s, state in zip(one.subjects, one.states, strict=True)]
    output.show(f"person {', '.join(states) or 'in no sync yet'}")
    output.table(
        ["where", "kind", "id", "state"],
        [[place.where, place.kind, place.id, place.state] for place in one.places],
    )
    output.show(f"letters {one.letters}, conflicts {one.conflicts}")


@click.command()
@_names_person
@_reason
@click.option("--to", required=True, metavar="FILE", help="FILE.json and FILE.csv are made.")
@click.option("--recipient", required=True, metavar="TEXT", help="Who gets it; it is noted.")
@json_option
@click.pass_obj
def export(invocation: Invocation, /, to: str, reason: str, recipient: str, **named: Any) -> None:
    """Write all of a person's data, from every side and from the state, into two new files.

    They are readable by their owner alone, and hold the person's data in clear.
    """
    who = _who(**named)
    with invocation.connector() as connector:
        files = connector.rights.export(who, Path(to), reason=reason, recipient=recipient)
    if invocation.as_json:
        output.document({"files": [str(file) for file in files]})
        return
    for file in files:
        output.show(f"written: {file}")


@click.command()
@_names_person
@_reason
@click.option(
    "--fields", required=True, metavar="FILE", help="JSON of canonical fields; - is standard input."
)
@json_option
@click.pass_obj
def rectify(invocation: Invocation, /, fields: str, reason: str, **named: Any) -> None:
    """Correct fields of the customer in the shop; the next sync carries them on."""
    who = _who(**named)
    text = _read(fields)
    with invocation.connector() as connector:
        changed = connector.rights.rectify(who, text, reason=reason)
    if invocation.as_json:
        output.document({"columns": changed})
    elif changed:
        output.show(f"corrected: {', '.join(changed)}. The next sync carries it on.")
    else:
        output.show("It stands so already.")


@click.command()
@_names_person
@_reason
@json_option
@click.pass_obj
def restrict(invocation: Invocation, /, reason: str, **named: Any) -> None:
    """Let a person's data only be stored: nothing of theirs travels until `unrestrict`."""
    _restrict(invocation, _who(**named), reason, restricted=True)


@click.command()
@_names_person
@_reason
@json_option
@click.pass_obj
def unrestrict(invocation: Invocation, /, reason: str, **named: Any) -> None:
    """Let a restricted person's data travel again."""
    _restrict(invocation, _who(**named), reason, restricted=False)


def _restrict(invocation: Invocation, who: Who, reason: str, *, restricted: bool) -> None:
    with invocation.connector() as connector:
        person = connector.rights.restrict(who, reason, restricted=restricted)
    if invocation.as_json:
        output.document({"person": asdict(person)})
    else:
        _print_person(person)


@click.command()
@_names_person
@click.option("--keep-basis", metavar="TEXT", default="", help="The law by which the rows stay.")
@click.option(
    "--give-up",
    metavar="CONNECTION=REASON",
    multiple=True,
    help="A vendor that cannot be reached for good; what it holds is noted as impossible.",
)
@click.option("--resume", is_flag=True, help="Go on with every erasure that was broken off.")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased, as `find` does.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def erase(
    invocation: Invocation,
    /,
    keep_basis: str,
    give_up: tuple[str, ...],
    resume: bool,
    dry_run: bool,
    yes: bool,
    **named: Any,
) -> int:
    """Erase a person: at the vendors, in the shop by [privacy] local_erasure, in the state, and
    their keys. They do not come back by a sync. It cannot be undone.

    Broken off, it goes on with --resume. With --keep-basis the shop's rows stay and do not travel.
    """
    given_up = dict(_given_up(one) for one in give_up)
    if resume:
        if dry_run or keep_basis or any(named.values()):
            raise UsageError(
                "--resume goes on with what was begun: it takes --give-up and no more."
            )
        return _resume(invocation, given_up)
    who = _who(**named)
    from connector.rights.who import Who

    with invocation.connector() as connector:
        rights = connector.rights
        person = rights.find_one(who)
        if dry_run:
            return _would_erase(invocation, person)
        if not yes and not invocation.as_json:
            _print_person(person)
        if not confirmed(invocation, "This person is erased for good.", yes=yes):
            output.say("Nobody was erased.")
            return 0
        if person.subjects:
            # Who was shown, whomever the values of a file may mean by now.
            who = Who(subject=person.subjects[0])
        receipt = rights.erase(who, basis=keep_basis, given_up=given_up)
    return _print_receipts(invocation, [receipt])


def _would_erase(invocation: Invocation, person: FoundPerson) -> int:
    if invocation.as_json:
        output.document({"person": asdict(person), "erased": False})
    else:
        _print_person(person)
    return 0


def _given_up(text: str) -> tuple[str, str]:
    name, equals, reason = text.partition("=")
    if not (name and equals and reason):
        raise UsageError("--give-up takes CONNECTION=REASON.")
    return name, f"given_up: {reason}"


def _resume(invocation: Invocation, given_up: dict[str, str]) -> int:
    with invocation.connector() as connector:
        receipts = connector.rights.resume(given_up=given_up)
    if not receipts and not invocation.as_json:
        output.show("No erasure is under way.")
    return _print_receipts(invocation, receipts)


@click.command()
@click.argument("id")
@json_option
@click.pass_obj
def receipt(invocation: Invocation, id: str) -> None:
    """Print what became of an erasure: counts and states, no value and no id of the person."""
    with invocation.connector() as connector:
        one = connector.rights.receipt(id)
    _print_receipts(invocation, [one])


@click.command()
@json_option
@click.pass_obj
def ledger(invocation: Invocation) -> None:
    """List all erasures, the oldest first."""
    with invocation.connector() as connector:
        entries = connector.rights.ledger()
    if invocation.as_json:
        output.document({"erasures": [asdict(one) for one in entries]})
        return
    if not entries:
        output.show("Nobody was erased.")
        return
    output.table(
        ["erasure", "begun", "ended", "state"],
        [[one.id, one.begun, one.ended or f"before {one.step}", one.state] for one in entries],
    )


@click.command()
@click.argument("id")
@_reason
@json_option
@click.pass_obj
def lift(invocation: Invocation, id: str, reason: str) -> None:
    """Let somebody who was erased come back: as a new customer, by their own doing."""
    with invocation.connector() as connector:
        one = connector.rights.lift(id, reason)
    _print_receipts(invocation, [one])


def _print_receipts(invocation: Invocation, receipts: list[Receipt]) -> int:
    if invocation.as_json:
        output.document({"receipts": [asdict(one) for one in receipts]})
    else:
        for one in receipts:
            _print_receipt(one)
    left = any(p.state == "impossible" for one in receipts for p in one.places)
    return 5 if left else 0


def _print_receipt(one: Receipt) -> None:
    output.show(f"erasure {one.id}: {one.state}")
    output.show(f"  begun {one.begun}, ended {one.ended or '-'}")
    if one.basis:
        output.show(f"  the shop's rows stay: {one.basis}")
    output.table(
        ["where", "kind", "state", "records"],
        [
            [p.place, p.kind, p.state + (f" ({p.reason})" if p.reason else ""), p.records]
            for p in one.places
        ],
    )
    values = sum(n for kind, n in one.suppressed.items() if not kind.startswith(_IDS))
    ids = sum(one.suppressed.values()) - values
    output.show(f"  known again by {values} values and {ids} ids")
