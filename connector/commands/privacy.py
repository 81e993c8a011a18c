"""`privacy`: the verbs about people's data, by a table of their own."""

from __future__ import annotations

import click

from connector.commands.group import LazyGroup

VERBS = {
    "check": ("ruling:check", "Check the privacy policy against settings and mappings."),
    "explain": ("ruling:explain", "Say which rule decides each field that could go to a vendor."),
}
"""Verb to its module, its function and its line in `--help`."""


@click.group(cls=LazyGroup, verbs=VERBS)
def privacy() -> None:
    """People's data: what the policy lets out, and why."""
