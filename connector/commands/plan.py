"""`plan`: what a sync would do now, field by field, values masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from connector.commands import output
from connector.commands.choosing import safety_options, scope_options
from connector.commands.group import json_option
from connector.commands.invocation import Invocation, chosen_connections, chosen_kinds, limit
from connector.commands.progress import ProgressLines
from connector.errors import worst
from connector.privacy.masking import mask
from connector.sync.badrows import BadRow
from connector.sync.counts import PlannedWrite
from connector.sync.report import RunReport

CHANGES_PENDING = 10


@click.command()
@scope_options
@safety_options
@click.option("--detailed-exitcode", is_flag=True, help="Exit 10 if a sync would write anything.")
@json_option
@click.pass_obj
def plan(
    invocation: Invocation,
    connections: tuple[str, ...],
    kinds: tuple[str, ...],
    max_delete: str | None,
    max_change: str | None,
    detailed_exitcode: bool,
) -> int:
    """Show what a sync would write, on both sides. It reads both sides and writes nothing."""
    return show_plan(
        invocation, connections, kinds, max_delete, max_change, detailed=detailed_exitcode
    )


def show_plan(
    invocation: Invocation,
    connections: tuple[str, ...],
    kinds: tuple[str, ...],
    max_delete: str | None,
    max_change: str | None,
    *,
    detailed: bool = False,
) -> int:
    """Plan and print; returns the exit code. `sync --dry-run` comes here too."""
    limit("--max-delete", max_delete)
    limit("--max-change", max_change)
    with invocation.connector() as connector:
        chosen = chosen_connections(connector, connections)
        lines = ProgressLines(invocation.stopping.check, done="planned")
        with lines as progress, invocation.stopping.deferred():
            report = connector.plan(
                connections=chosen,
                kinds=chosen_kinds(kinds),
                max_delete=max_delete,
                max_change=max_change,
                progress=progress,
            )
    codes = [error.exit_code for error in report.errors]
    code = worst([*codes, 5] if report.bad_rows else codes)
    if code == 0 and detailed and report.writes:
        code = CHANGES_PENDING
    if invocation.as_json:
        output.document(_as_document(report, code))
    else:
        _print(report)
    return code


def masked(write: PlannedWrite) -> dict[str, tuple[str, str]]:
    """The fields of a planned write, each before and after, masked."""
    return {name: (_mask(before), _mask(after)) for name, (before, after) in write.fields.items()}


def _mask(value: Any) -> str:
    # A reference is written as a table with the other record's id: no person's data.
    if isinstance(value, Mapping):
        ref = str(value.get("id", "…"))
        return "→ a record not made yet" if ref.startswith("planned-") else f"→ {ref}"
    return mask(value)


def _counts(report: RunReport) -> Counter[tuple[str, str, str, str]]:
    return Counter((w.connection, str(w.kind), w.side, w.op) for w in report.writes)


def _as_document(report: RunReport, code: int) -> dict[str, Any]:
    return {
        "writes": [
            {
                "connection": one.connection,
                "kind": str(one.kind),
                "side": one.side,
                "op": str(one.op),
                "local_id": one.local_id,
                "remote_id": one.remote_id,
                "fields": {
                    name: {"before": before, "after": after}
                    for name, (before, after) in masked(one).items()
                },
            }
            for one in report.writes
        ],
        "counts": [
            {"connection": c, "kind": k, "side": side, "op": str(op), "records": n}
            for (c, k, side, op), n in _counts(report).items()
        ],
        "disclosed": [
            {
                "connection": one.connection,
                "class": one.class_,
                "changed": one.how or None,
                "records": one.records,
                "values": one.values,
            }
            for one in report.disclosed
        ],
        "bad_rows": [asdict(one) for one in report.bad_rows],
        "letters": report.letters,
        "conflicts": report.conflicts,
        "errors": [output.told(error) for error in report.errors],
        "skipped": report.skipped,
        "exit": code,
    }


def _print(report: RunReport) -> None:
    for one in report.writes:
        output.show(_headline(one))
        output.show(*(f"    {n}: {_change(one, *values)}" for n, values in masked(one).items()))
    if report.writes:
        output.show("")
        output.table(
            ["connection", "kind", "side", "operation", "records"],
            [[*key, number] for key, number in _counts(report).items()],
        )
        if report.ruled and report.disclosed:
            output.show("", "What would be told, and to whom:")
            output.table(
                ["connection", "class", "changed", "records", "values"],
                [[d.connection, d.class_, d.how, d.records, d.values] for d in report.disclosed],
            )
    elif not report.errors and not report.skipped and not report.bad_rows:
        output.show("Nothing to do: both sides are in step.")
    if report.bad_rows:
        output.show("", *bad_row_lines(report), "")
        output.counts(
            ["file", "reason", "goes without it"],
            [(one.file, one.code, "yes" if one.sent else "") for one in report.bad_rows],
            "rows",
        )
    if report.letters or report.conflicts:
        output.say(
            f"After it would wait for a person: letters {report.letters}, conflicts"
            f" {report.conflicts}."
        )
    output.say_what_failed(report.skipped, report.errors)


def bad_row_lines(report: RunReport, most: int | None = None) -> list[str]:
    """Each bad row with its place and the reason, the first `most` of them."""
    some = report.bad_rows[:most]
    more = len(report.bad_rows) - len(some)
    return [_bad_row(one) for one in some] + ([f"… and {more} more"] if more else [])


def _bad_row(one: BadRow) -> str:
    where = f" for {one.connection}" if one.connection is not None else ""
    lens = f" (lens {one.lens})" if one.lens is not None else ""
    column = f" column {one.column}:" if one.connection is not None and one.column else ""
    left = "; the rest of the row goes" if one.sent else ""
    return f"{one.place}:{column} {one.text}{lens}{where}{left}"


def _headline(one: PlannedWrite) -> str:
    ids = [
        f"{side} {id_}"
        for side, id_ in (("local", one.local_id), ("remote", one.remote_id))
        if id_ is not None
    ]
    return f"{one.op} {one.connection}/{one.kind} on the {one.side} side ({', '.join(ids)})"


def _change(one: PlannedWrite, before: str, after: str) -> str:
    return after if one.op == "create" else f"{before} → {after}"
