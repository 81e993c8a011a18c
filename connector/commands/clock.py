"""`privacy clock`: whether our clocks can be believed, and a person's word that they can."""

from __future__ import annotations

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.errors import UsageError


@click.command()
@click.option("--accept", "accepted", is_flag=True, help="The clocks are right as they are now.")
@click.option("--reason", metavar="TEXT", help="Why they went back; it is noted. With --accept.")
@json_option
@click.pass_obj
def clock(invocation: Invocation, accepted: bool, reason: str | None) -> int:
    """Compare this machine's clock and the state database's with the last entry of the log.

    Under a policy a sync stops (exit 9) where a clock is more than five minutes before that entry.
    Look first why it is: with --accept whatever depends on the day is decided by the clocks as they
    are.
    """
    from connector.sync.clocks import accept, clocks_of

    if accepted and not (reason or "").strip():
        raise UsageError("--accept needs a --reason: it is noted.")
    with invocation.connector() as connector:
        store = connector.store
        if accepted:
            accept(store, store.new_id(), reason or "")
        found = clocks_of(store, connector.now())
    if invocation.as_json:
        output.document(
            {
                "machine": found.ours.isoformat(timespec="seconds"),
                "database": found.database.isoformat(timespec="seconds"),
                "last_entry": found.last_entry.isoformat(timespec="seconds")
                if found.last_entry is not None
                else None,
                "behind_s": int(found.behind.total_seconds()),
                "believed": not found.went_back,
            }
        )
    else:
        output.show(f"this machine: {found.ours:%Y-%m-%d %H:%M:%S}")
        output.show(f"the state's database: {found.database:%Y-%m-%d %H:%M:%S}")
        last = found.last_entry
        output.show(f"last entry of the log: {last:%Y-%m-%d %H:%M:%S}" if last else "no entry yet")
        output.show("They are not believed." if found.went_back else "They are believed.")
    return 9 if found.went_back else 0
