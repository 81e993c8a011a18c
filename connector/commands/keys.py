"""`keys init | status | rotate | retire | destroy`: the ring, and changing its keys."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.commands.spans import moment
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.keeping.status import KeyLine

KEK = "kek"
PURPOSES = (
    *("wrap", "secrets", "staging", "digest", "ref"),
    *("index", "suppress", "audit", "backup", "pseudonym", "disclose"),
)
"""Those of the ring, written out: importing them is what `--help` should not pay for."""


@click.group()
def keys() -> None:
    """The keys that seal people's data in the state database; docs/keys.md says how they live."""


@keys.command("init")
@json_option
@click.pass_obj
def init(invocation: Invocation) -> None:
    """Make the ring at [keys] path and its key-encrypting key; refused if the ring exists.

    Back up both, apart from the state database: without them the state cannot be read.
    """
    with invocation.connector() as connector:
        path = connector.make_keys()
    if invocation.as_json:
        output.document({"ring": str(path)})
        return
    output.show(f"The key ring {path} is made.")
    output.say("Back it up with its key-encrypting key, apart from the state database.")


@keys.command("status")
@json_option
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Show each key of the ring, its age, what lies under it, and what is due."""
    from connector.operating.keeping import keys_status

    with invocation.connector() as connector:
        found, now = keys_status(connector), connector.now()
    if invocation.as_json:
        told = asdict(found)
        told["keys"] = [_told(line, now) for line in found.keys]
        output.document(told)
        return
    output.show(f"ring: epoch {found.epoch}, wrapped by {found.provider}")
    columns = ["key", "purpose", "state", "days", "rows", "backups"]
    rows = [
        [line.kid, line.purpose, line.state, _days(line, now), line.rows, line.backups or None]
        for line in found.keys
    ]
    output.table(columns, rows)
    for hint in found.hints:
        output.say(f"  → {hint}")


def _days(line: KeyLine, now: dt.datetime) -> int:
    return (now - line.created).days


def _told(line: KeyLine, now: dt.datetime) -> dict[str, Any]:
    plain = asdict(line)
    times = {name: one.isoformat() for name, one in plain.items() if isinstance(one, dt.datetime)}
    return {**plain, **times, "age_days": _days(line, now)}


@keys.command("rotate")
@click.argument("what", type=click.Choice([KEK, *PURPOSES]))
@json_option
@click.pass_obj
def rotate(invocation: Invocation, what: str) -> None:
    """Put a new key in place of the active one of a purpose, and seal anew what lies under the old.

    `kek` wraps the ring anew by the provider of the settings; name the one before under
    [keys.previous] meanwhile. Others may work all the time. Stopped anywhere, it goes on when it is
    called again; it waits for runs that began before it.
    """
    from connector.keeping.rotation import FOLLOWS
    from connector.operating.keeping import rotation
    from connector.privacy.keys import Purpose

    lines = _Lines()
    with invocation.connector() as connector:
        if what == KEK:
            epoch = rotation(connector).rewrap().epoch
            if invocation.as_json:
                output.document({"rotated": KEK, "epoch": epoch})
            else:
                output.show("The ring is wrapped anew.")
                output.say("  → Keep the old key-encrypting key as long as backups of that ring.")
            return
        done = rotation(connector, lines).rotate(Purpose(what))
    if invocation.as_json:
        output.document(
            {
                "rotated": what,
                "key": done.kid,
                "old": list(done.old),
                "moved": done.moved,
                "resumed": done.resumed,
            }
        )
        return
    begun = "An earlier rotation is ended" if done.resumed else f"Key {done.kid} is active"
    output.show(f"{begun}: {FOLLOWS[done.purpose]}. Moved: {done.moved}.")
    if done.resumed:
        output.say(f"  → For a new key, run `crm-connector keys rotate {what}` again.")
    output.say("  → `crm-connector keys status` says what may follow.")


class _Lines:
    """One line on stderr for each step, not for each page."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, step: str, done: int) -> None:
        if step != self._said:
            self._said = step
            output.say(f"{step} …")


@keys.command("retire")
@click.argument("key", type=int)
@click.option("--undo", is_flag=True, help="Let a retired key open again.")
@json_option
@click.pass_obj
def retire(invocation: Invocation, key: int, undo: bool) -> None:
    """Use an old key for nothing any more; refused while a row or a backup needs it.

    A retired key is still in the ring: if something is missed now, --undo brings it back.
    """
    from connector.operating.keeping import rotation

    with invocation.connector() as connector:
        ring = rotation(connector)
        (ring.revive if undo else ring.retire)(key)
    state = "draining" if undo else "retired"
    if invocation.as_json:
        output.document({"key": key, "state": state})
        return
    output.show(f"Key {key} is {state}.")
    if not undo:
        output.say(f"  → `crm-connector keys destroy {key} --after DATE`, a day ahead or more.")


@keys.command("destroy")
@click.argument("key", type=int)
@click.option(
    "--after", metavar="DATE", help="Note from when it may be destroyed; destroy nothing."
)
@click.option("--keep", is_flag=True, help="Take that date back.")
@json_option
@click.pass_obj
def destroy(invocation: Invocation, key: int, after: str | None, keep: bool) -> None:
    """Destroy a retired key for good, once the date has come that an earlier call noted.

    The two calls lie a day or more apart, and `keys status` shows the date between them: what one
    person asks for, another can see and stop.
    """
    if keep and after is not None:
        raise UsageError("--keep and --after exclude each other.")
    from connector.operating.keeping import rotation

    with invocation.connector() as connector:
        ring = rotation(connector)
        if keep:
            ring.keep(key)
            state, said = "retired", f"Key {key} is kept."
        else:
            now, zone = connector.now(), connector.settings.local.zone
            date = moment("--after", after, now, zone) if after is not None else None
            done = ring.destroy(key, after=date)
            state = "destroyed" if done else "retired"
            said = f"Key {key} is destroyed." if done else f"Key {key} may be destroyed later."
    if invocation.as_json:
        output.document({"key": key, "state": state})
        return
    output.show(said)
