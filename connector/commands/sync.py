"""`sync`: the main job."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from connector.commands import output
from connector.commands.choosing import safety_options, scope_options
from connector.commands.group import json_option
from connector.commands.invocation import (
    Invocation,
    chosen_connections,
    chosen_kinds,
    limit,
)
from connector.commands.plan import bad_row_lines, show_plan
from connector.commands.progress import ProgressLines
from connector.sync.report import PassReport, RunReport

_COLUMNS = ("read", "created", "updated", "removed", "adopted", "conflicts", "letters")
_SELDOM = {
    "waiting": "wait for another record",
    "unknown": "writes without an answer; the next sync looks what became of them",
    "postponed": "put off by the vendor; the next sync goes on",
    "held": "held back by a safety stop",
    "left_there": "records would change the source; that is left to the next sync",
    "late": "changes came later than the feed promises; raise `feed_lag_s` if that repeats",
    "silent": "records differed from what was agreed, without any news; they were read anew",
    "clock_back_s": "seconds back went the vendor's clock; edits meanwhile are found within a day",
    "against_direction": "edits stay on their side (`direction` in the mapping, or a file)",
}


@click.command()
@scope_options
@safety_options
@click.option("--dry-run", is_flag=True, help="The same as `plan`: write nothing.")
@click.option("--fail-if-locked", is_flag=True, help="Exit 7 if another run is at work, not 0.")
@json_option
@click.pass_obj
def sync(
    invocation: Invocation,
    connections: tuple[str, ...],
    kinds: tuple[str, ...],
    max_delete: str | None,
    max_change: str | None,
    dry_run: bool,
    fail_if_locked: bool,
) -> int:
    """Bring the shop and the vendors in step, both ways.

    It goes on where the last one stopped. Records that cannot be written are set aside and do not
    stop it (exit 5).
    """
    limit("--max-delete", max_delete)
    limit("--max-change", max_change)
    if dry_run:
        return show_plan(invocation, connections, kinds, max_delete, max_change)
    return run_sync(
        invocation, connections, kinds, max_delete, max_change, fail_if_locked=fail_if_locked
    )


def run_sync(
    invocation: Invocation,
    connections: tuple[str, ...] = (),
    kinds: tuple[str, ...] = (),
    max_delete: str | None = None,
    max_change: str | None = None,
    *,
    fail_if_locked: bool = False,
) -> int:
    """One sync, with its report printed; the exit code."""
    stopping = invocation.stopping
    with invocation.connector() as connector:
        chosen = chosen_connections(connector, connections)
        with ProgressLines(stopping.check) as progress, stopping.deferred():
            report = connector.sync(
                connections=chosen,
                kinds=chosen_kinds(kinds),
                fail_if_locked=fail_if_locked,
                max_delete=max_delete,
                max_change=max_change,
                progress=progress,
            )
    if invocation.as_json:
        output.document(as_document(report))
    else:
        print_report(report)
    return report.exit


def as_document(report: RunReport) -> dict[str, Any]:
    """The report as `sync --json` prints it."""
    return {
        "run": report.run,
        "passes": [
            {
                "connection": one.connection,
                "kind": str(one.kind),
                **one.counts.as_dict(),
            }
            for one in report.passes
        ],
        "bad_rows": [asdict(one) for one in report.bad_rows],
        "letters": report.letters,
        "conflicts": report.conflicts,
        "people_erased": report.people_erased,
        "off": report.off,
        "errors": [output.told(error) for error in report.errors],
        "skipped": report.skipped,
        "exit": report.exit,
    }


def print_report(report: RunReport) -> None:
    """What a run did, for a person."""
    output.table(
        ["connection", "kind", *_COLUMNS],
        [
            [one.connection, one.kind, *(one.counts.as_dict()[name] for name in _COLUMNS)]
            for one in report.passes
        ],
    )
    for one in report.passes:
        output.say(*_notes(one))
    if report.bad_rows:
        output.say(f"rows that were not used: {len(report.bad_rows)}")
        output.say(*(f"  {line}" for line in bad_row_lines(report, 20)))
    if report.letters:
        output.say(f"set aside for a person: {report.letters}", "  → `crm-connector letters list`")
    if report.conflicts:
        output.say(
            f"conflicts for a person: {report.conflicts}", "  → `crm-connector conflicts list`"
        )
    if report.people_erased:
        output.say(f"people erased, as they were over their term: {report.people_erased}")
    output.say(*report.off)
    output.say_what_failed(report.skipped, report.errors)


def _notes(one: PassReport) -> list[str]:
    counts = one.counts.as_dict()
    where = f"{one.connection}/{one.kind}"
    return [f"{where}: {counts[name]} {said}" for name, said in _SELDOM.items() if counts[name]]
