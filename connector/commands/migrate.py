"""`migrate`: one-off migrations, from one side to another, planned before and proved after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.choosing import KINDS
from connector.commands.group import json_option
from connector.commands.invocation import Invocation, chosen_kinds
from connector.commands.pace import PaceLines
from connector.commands.progress import ProgressLines
from connector.commands.sync import as_document, print_report
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.migrating.facade import Standing
    from connector.migrating.kept import Kept, Proof, ScopePlan

WAITS = 5


def _way(command: Any) -> Any:
    """`--from` and `--to`."""
    for option, name, said in (("--to", "end", "Where to"), ("--from", "start", "Where from")):
        help_ = f"{said}: local, or a connection."
        command = click.option(option, name, required=True, metavar="SIDE", help=help_)(command)
    return command


@click.group()
def migrate() -> None:
    """Move a company's records once, from one side to another.

    `--from local` is the shop, its files too; another name is a connection's. Nothing is written to
    the source, and nothing is removed anywhere. docs/migrating.md tells it step by step.
    """


@migrate.command()
@_way
@click.option(
    "--kinds", "kinds", metavar="KIND,…", help="Only these kinds; all that both sides have."
)
@json_option
@click.pass_obj
def plan(invocation: Invocation, start: str, end: str, kinds: str | None) -> int:
    """Look at both sides and count what a migration would do; write to neither."""
    chosen = _kinds(kinds)
    lines = ProgressLines(invocation.stopping.check, done="planned")
    with invocation.connector() as connector, lines as progress, invocation.stopping.deferred():
        kept = connector.migrations.plan(start, end, kinds=chosen_kinds(chosen), progress=progress)
    code = WAITS if any(_waits(one) for one in kept.plan.scopes) else 0
    if invocation.as_json:
        output.document({**asdict(kept.plan), "from": start, "to": end, "exit": code})
    else:
        _print_plan(kept)
    return code


def _kinds(told: str | None) -> tuple[str, ...]:
    kinds = tuple(one.strip() for one in told.split(",")) if told else ()
    if any(one not in KINDS for one in kinds):
        raise UsageError(f"--kinds takes {', '.join(KINDS)}, with commas between.")
    return kinds


def _waits(one: ScopePlan) -> bool:
    return bool(one.conflict or one.refuse or one.unreadable or one.wait)


def _print_plan(kept: Kept) -> None:
    names = ("records", "already", "create", "update", "adopt", "conflict")
    output.table(
        ["connection", "kind", *names, "refuse", "wait", "left"],
        [
            [
                one.connection,
                one.kind,
                *(getattr(one, name) for name in names),
                sum(one.refuse.values()) + one.unreadable,
                one.wait,
                one.left,
            ]
            for one in kept.plan.scopes
        ],
    )
    reasons = [
        (one.connection, one.kind, code, number)
        for one in kept.plan.scopes
        for code, number in (*one.refuse.items(), ("unreadable", one.unreadable))
        if number
    ]
    if reasons:
        output.show("", "Why refused:")
        output.table(["connection", "kind", "reason", "records"], reasons)
    ways = [(one, way) for one in kept.plan.scopes for way in one.ways]
    if ways:
        output.show("", "What it takes, as the plugins reckon it:")
        output.table(
            ["connection", "kind", "way", "calls", "cost", "hours", "taken"],
            [
                [
                    one.connection,
                    one.kind,
                    way.name,
                    way.calls,
                    f"{way.cost} {way.unit}",
                    way.hours,
                    one.why if way.name == one.way else "",
                ]
                for one, way in ways
            ],
        )
        for fact in dict.fromkeys((text, sure) for _, way in ways for text, sure in way.facts):
            output.say(f"  {fact[0]} ({fact[1]})")
    for one in kept.plan.scopes:
        if one.target_only:
            output.say(f"{one.connection}/{one.kind}: {one.target_only} {_ONLY}")
        if one.left:
            output.say(f"{one.connection}/{one.kind}: {one.left} {_LEFT}")
    start, end = kept.start, kept.end
    output.say(f"  → `crm-connector migrate run --from {start} --to {end}` carries it out.")


_ONLY = "records are at the target alone; they stay as they are"
_LEFT = "records would change the source; that is left to the next sync"


@migrate.command()
@_way
@json_option
@click.pass_obj
def run(invocation: Invocation, start: str, end: str) -> int:
    """Carry the plan out, or go on where the last run stopped.

    It demands a plan that still fits settings, mappings and policy.
    """
    with invocation.connector() as connector:
        migrations = connector.migrations
        standing = migrations.standing(start, end)
        totals = {
            (one.connection, one.kind): standing.left(one.connection, one.kind)
            for one in standing.kept.plan.scopes
        }
        lines = PaceLines(invocation.stopping.check, totals)
        with lines as progress, invocation.stopping.deferred():
            report = migrations.run(start, end, progress=progress)
    if invocation.as_json:
        output.document(as_document(report))
    else:
        print_report(report)
        if report.exit in (0, WAITS):
            output.say(f"  → `crm-connector migrate verify --from {start} --to {end}` proves it.")
    return report.exit


@migrate.command()
@_way
@json_option
@click.pass_obj
def status(invocation: Invocation, start: str, end: str) -> int:
    """Show how far a migration is, from the state alone."""
    with invocation.connector() as connector:
        standing = connector.migrations.standing(start, end)
    if invocation.as_json:
        output.document(_standing(standing))
        return 0
    kept = standing.kept
    output.show(f"planned {kept.plan.at}" + ("" if standing.fits else "; it fits no more"))
    for one in kept.runs:
        end_ = (
            f"ended {one.ended}, exit {one.exit}" if one.ended else "has not ended, or was killed"
        )
        output.show(f"run {one.run} began {one.began}, {end_}")
    output.table(
        ["connection", "kind", "to write", "created", "updated", "joined", "still"],
        [
            [
                one.connection,
                one.kind,
                one.to_write,
                *standing.done[one.connection, one.kind].values(),
                standing.left(one.connection, one.kind),
            ]
            for one in kept.plan.scopes
        ],
    )
    proof = kept.proof
    output.show("not verified yet" if proof is None else f"verified {proof.at}: {_word(proof)}")
    return 0


def _word(proof: Proof) -> str:
    return "good" if proof.good else "not good"


def _standing(standing: Standing) -> dict[str, Any]:
    kept = standing.kept
    return {
        "from": kept.start,
        "to": kept.end,
        "plan": asdict(kept.plan),
        "fits": standing.fits,
        "runs": [asdict(one) for one in kept.runs],
        "done": [
            {"connection": connection, "kind": kind, **numbers}
            for (connection, kind), numbers in standing.done.items()
        ],
        "proof": asdict(kept.proof) if kept.proof is not None else None,
        "exit": 0,
    }


@migrate.command()
@_way
@click.option(
    "--sample",
    type=click.IntRange(1, 1_000_000),
    default=300,
    show_default=True,
    help="Records of each kind to compare field by field.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Which ones chance picks.")
@json_option
@click.pass_obj
def verify(invocation: Invocation, start: str, end: str, sample: int, seed: int) -> int:
    """Count both sides afresh and compare a sample field by field; exit 5 if anything differs."""
    with (
        invocation.connector() as connector,
        ProgressLines(invocation.stopping.check) as progress,
        invocation.stopping.deferred(),
    ):
        proof = connector.migrations.verify(start, end, sample=sample, seed=seed, progress=progress)
    code = 0 if proof.good else WAITS
    if invocation.as_json:
        output.document({**asdict(proof), "good": proof.good, "exit": code})
    else:
        _print_proof(proof)
    return code


def _print_proof(proof: Proof) -> None:
    names = ("records", "migrated", "target", "missing", "set_aside", "unexplained")
    seen = ("sampled", "compared", "differing")
    output.table(
        ["connection", "kind", *(n.replace("_", " ") for n in (*names, *seen)), "at most"],
        [
            [
                one.connection,
                one.kind,
                *(getattr(one, name) for name in (*names, *seen)),
                f"{one.most:.2%}",
            ]
            for one in proof.scopes
        ],
    )
    for one in proof.differences:
        where = f"{one.connection}/{one.kind}: local {one.local_id}, remote {one.remote_id}"
        output.show(f"{where}: {_fields(one.fields)}")
    output.say("With 95 % confidence no greater share of all migrated records differs: `at most`.")
    output.say("Both sides agree." if proof.good else "The two sides do not agree.")


def _fields(names: Sequence[str]) -> str:
    return "it is not on both sides" if "*" in names else ", ".join(names)


@migrate.command()
@_way
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.pass_obj
def report(invocation: Invocation, start: str, end: str, file: Path) -> int:
    """Write FILE: a page to show a customer, with numbers and charts and nobody's values."""
    with invocation.connector() as connector:
        text = connector.migrations.report(start, end)
    file.write_text(text, encoding="utf-8")
    output.say(f"{file} is written.")
    return 0


@migrate.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def hub(invocation: Invocation, folder: Path) -> int:
    """Make FOLDER with a scratch database to migrate through, for who has no shop.

    It prints the `[local]` tables that the settings then need in place of their own.
    """
    with invocation.connector() as connector:
        lines = connector.migrations.make_hub(folder)
    output.show(lines)
    return 0
