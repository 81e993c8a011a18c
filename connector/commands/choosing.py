"""Options that several verbs share."""

from __future__ import annotations

from typing import Any

import click


def scope_options(command: Any) -> Any:
    """`--connection` and `--kind`, each as often as wanted."""
    command = click.option(
        "--kind",
        "kinds",
        multiple=True,
        type=click.Choice(["customer", "membership", "feedback"]),
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
