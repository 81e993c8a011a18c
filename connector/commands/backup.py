"""`backup create | list | verify | restore | drill | forget`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.backup.manifest import Manifest

FAILED = 9
_FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))


@click.group()
def backup() -> None:
    """Backups of the state, which hold no keys, and short-lived ones of the keys alone."""


@backup.command("create")
@click.option("--keys", is_flag=True, help="Of the key ring and people's keys, not of the state.")
@json_option
@click.pass_obj
def create(invocation: Invocation, keys: bool) -> None:
    """Make a backup in [backup] folder while others work; those whose time is over are deleted.

    Never keep a backup of the keys where those of the state are: together they are the data.
    """
    from connector.backup.manifest import KEYS, STATE

    with invocation.connector() as connector:
        made = connector.backups(_Mib())
        made.prune()
        path = made.create(KEYS if keys else STATE)
    if invocation.as_json:
        output.document({"file": str(path), "content": KEYS if keys else STATE})
        return
    output.show(str(path))
    output.say("  → Copy it to another machine; `crm-connector backup drill` tries it.")


@backup.command("list")
@json_option
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List the backups that may still be put back; keys that one of them needs are kept."""
    with invocation.connector() as connector:
        found = connector.backups().list()
    if invocation.as_json:
        rows = [
            {
                "id": one.id,
                "content": one.content,
                "file": one.file,
                "made": one.made.isoformat(),
                "until": one.until.isoformat(),
                "there": one.there,
            }
            for one in found
        ]
        output.document({"backups": rows})
        return
    output.table(
        ["id", "content", "made", "until", "file"],
        [
            [
                one.id,
                one.content,
                one.made.isoformat(timespec="seconds"),
                one.until.isoformat(timespec="seconds"),
                one.file if one.there else f"{one.file} (not there)",
            ]
            for one in found
        ],
    )


@backup.command("verify")
@_FILE
@json_option
@click.pass_obj
def verify(invocation: Invocation, file: Path) -> None:
    """Read a backup to its end, and write nothing; exit 9 if it was altered or is not ours."""
    with invocation.connector() as connector:
        manifest, counts = connector.backups(_Mib()).verify(file)
    if invocation.as_json:
        output.document({**_told(manifest), "rows": dict(counts)})
        return
    _show(manifest, counts)
    output.show("It is whole.")


@backup.command("drill")
@_FILE
@json_option
@click.pass_obj
def drill(invocation: Invocation, file: Path) -> int:
    """Restore a backup into a place that is deleted again, and open a sample of what is in it."""
    from connector.operating.keeping import drill_backup

    with invocation.connector() as connector:
        found = drill_backup(connector, file, _Mib())
    code = FAILED if found.failed else 0
    if invocation.as_json:
        told = {"opened": found.opened, "erased": found.erased, "failed": found.failed}
        output.document({**_told(found.manifest), "rows": dict(found.counts), **told, "exit": code})
        return code
    _show(found.manifest, found.counts)
    output.show(
        f"Documents opened: {found.opened}; links of erased people: {found.erased};"
        f" failed: {found.failed}."
    )
    if found.failed:
        output.say("  → People's keys are missing: restore a backup of the keys.")
    return code


@backup.command("restore")
@_FILE
@click.option("--yes", is_flag=True, help="Do it: the present state is replaced.")
@json_option
@click.pass_obj
def restore(invocation: Invocation, file: Path, yes: bool) -> None:
    """Put a backup in place of the present state; or give the present keys what they lack.

    The backup is read to its end first; one that was altered, or is of another tenant, ring or
    state, is refused before anything is replaced. Stop all workers before. What was there is kept
    as a backup. People erased since stay erased.
    """
    if not yes:
        raise UsageError(
            "A restore replaces what is there.",
            hint="Look with `crm-connector backup drill FILE`, then add --yes.",
        )
    from connector.operating.keeping import restore_backup

    with invocation.connector() as connector:
        done = restore_backup(connector, file, _Mib())
    if invocation.as_json:
        aside = str(done.aside) if done.aside is not None else None
        told = {"rows": dict(done.counts), "erased": done.erased, "aside": aside}
        output.document({**_told(done.manifest), **told})
        return
    _show(done.manifest, done.counts)
    output.show(f"It is put back. Taken out again, because erased since: {done.erased}.")
    if done.aside is not None:
        output.show(f"What was there is in {done.aside}.")
    output.say("  → `crm-connector plan`; if it says so, `crm-connector reconcile`, then `sync`.")


@backup.command("forget")
@click.argument("id_", metavar="ID")
@json_option
@click.pass_obj
def forget(invocation: Invocation, id_: str) -> None:
    """Note that a backup exists nowhere any more, so that no key is kept for it."""
    with invocation.connector() as connector:
        connector.backups().forget(id_)
    if invocation.as_json:
        output.document({"forgotten": id_})
        return
    output.show("No key is kept for it any more.")


class _Mib:
    """A line on stderr for every 100 MiB."""

    def __init__(self) -> None:
        self._next = 100

    def __call__(self, what: str, mib: int) -> None:
        if mib >= self._next:
            self._next = mib - mib % 100 + 100
            output.say(f"{what}: {mib} MiB …")


def _told(manifest: Manifest) -> dict[str, Any]:
    return {
        "id": manifest.id,
        "content": manifest.content,
        "store_id": manifest.store_id,
        "generation": manifest.generation,
        "made": manifest.made,
        "until": manifest.until,
        "keys": list(manifest.kids),
    }


def _show(manifest: Manifest, counts: Mapping[str, int]) -> None:
    made = dt.datetime.fromisoformat(manifest.made).isoformat(timespec="seconds")
    output.show(f"{manifest.content} of {made}, store {manifest.store_id}")
    output.table(["table", "rows"], [[name, count] for name, count in counts.items()])
