"""`privacy`: what the law gives a person, and what the policy decides."""

from __future__ import annotations

import click

from connector.commands.group import LazyGroup

VERBS = {
    "check": ("ruling:check", "Check the privacy policy against settings and mappings."),
    "explain": ("ruling:explain", "Say which rule decides each field that could go to a vendor."),
    "find": ("rights:find", "Say where a person stands, without values."),
    "export": ("rights:export", "Write all of a person's data into new files."),
    "rectify": ("rights:rectify", "Correct a person's data in the shop; a sync carries it on."),
    "restrict": ("rights:restrict", "Let a person's data only be stored."),
    "unrestrict": ("rights:unrestrict", "Let a restricted person's data travel again."),
    "erase": ("rights:erase", "Erase a person on all sides, or go on with an erasure."),
    "receipt": ("rights:receipt", "Print what became of an erasure."),
    "ledger": ("rights:ledger", "List all erasures."),
    "audit": ("auditing:audit", "Check that the log of events is as it was written."),
    "report": ("auditing:report", "Say which classes of data went to whom, of how many people."),
    "retention": ("retention:retention", "Erase what is over its term now, or count it."),
    "clock": ("clock:clock", "Compare the clocks with the log of events, or vouch for them."),
    "lift": ("rights:lift", "Let somebody who was erased come back as a new customer."),
}
"""Verb to its module, its function and its line in `--help`."""


@click.group(cls=LazyGroup, verbs=VERBS)
def privacy() -> None:
    """What the policy lets out of people's data, and one person's rights. A person is named by an
    id, or by values in a file or on standard input: what stands on a command line stays in
    histories and lists of processes."""
