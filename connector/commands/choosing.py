"""Options that several verbs share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.commands.invocation import Invocation

KINDS = ("customer", "membership", "feedback")


def scope_options(command: Any) -> Any:
    """`--connection` and `--kind`, each as often as wanted."""
    command = click.option(
        "--kind",
        "kinds",
        multiple=True,
        type=click.Choice(KINDS),
        help="Only this kind; may be repeated.",
    )(command)
    return click.option(
        "--connection",
        "connections",
        multiple=True,
        metavar="NAME",
        help="Only this connection; may be repeated.",
    )(command)


def safety_options(command: Any) -> Any:
    """`--max-delete` and `--max-change`."""
    command = click.option(
        "--max-change",
        metavar='"N% or M"',
        help="For this run in place of [safety] max_change.",
    )(command)
    return click.option(
        "--max-delete",
        metavar='"N% or M"',
        help="For this run in place of [safety] max_delete.",
    )(command)


def confirmed(invocation: Invocation, question: str, *, yes: bool) -> bool:
    """Ask before what concerns many; `--yes` is the answer where nobody can be asked.

    Raises: UsageError where there is neither.
    """
    if yes:
        return True
    if invocation.as_json or not sys.stdin.isatty():
        raise UsageError("Nobody can be asked here.", hint="Say --yes, or --dry-run to only count.")
    output.say(f"{question} Type yes.")
    return sys.stdin.readline().strip() == "yes"
