"""`status`: how each connection and kind stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.commands.spans import SPAN, Span
from connector.spans import spoken
from connector.sync.moments import moment
from connector.sync.place import WAY_OUT

if TYPE_CHECKING:
    from connector.operating.standing import Standing
    from connector.sync.retaining import LastLook
    from connector.sync.status import ScopeStatus, Status

_COLUMNS = {
    "connection": "connection",
    "kind": "kind",
    "last_success": "last success",
    "read_until": "read until",
    "links": "links",
    "staged": "staged",
    "waiting": "waiting",
    "unknown": "unknown",
}


STALE = 6
"""The exit code while something is stale: a run is due, and may be repeated."""


@click.command()
@click.option(
    "--stale-after",
    type=Span(),
    metavar="SPAN",
    help=f"Exit 6 if a kind had no success for so long ({SPAN}).",
)
@click.option("--fail-if-stale", is_flag=True, help="The same, with [status] stale_after.")
@click.option(
    "--prometheus",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the figures there too, in Prometheus' text format, for everybody to read.",
)
@json_option
@click.pass_obj
def status(
    invocation: Invocation,
    stale_after: dt.timedelta | None,
    fail_if_stale: bool,
    prometheus: Path | None,
) -> int:
    """Show last successes, counts and what waits; asks no vendor and opens no person's data."""
    from connector.operating.metrics import exposition, write_exposition
    from connector.operating.standing import standings

    with invocation.connector() as connector:
        found = connector.status()
        stands = standings(connector, found, stale_after)
        allowed = stale_after or connector.settings.status.stale
    stale = [one for one in stands if one.stale]
    code = STALE if stale and (fail_if_stale or stale_after is not None) else 0
    if prometheus is not None:
        write_exposition(prometheus, exposition(found, stands))
    if invocation.as_json:
        output.document({**_as_document(found, stands), "exit": code})
    else:
        _show(found)
        asked = fail_if_stale or stale_after is not None
        _show_standing(found, stale if asked else _lapsed(stale), allowed)
    return code


def _of_people(found: Status) -> list[ScopeStatus]:
    return [one for one in found.scopes if "/" not in one.kind and one.connection != "local"]


def _as_document(found: Status, stands: Sequence[Standing]) -> dict[str, Any]:
    return {
        "scopes": [asdict(one) for one in _of_people(found)],
        "letters": found.letters,
        "conflicts": found.conflicts,
        "retention": [look_document(one) for one in found.retention],
        "budgets": [asdict(one) for one in found.budgets],
        "standing": [
            {
                "connection": one.connection,
                "kind": one.kind,
                "age_s": one.age_s,
                "stale": one.stale,
            }
            for one in stands
        ],
        "now": found.now,
    }


def _lapsed(stale: Sequence[Standing]) -> list[Standing]:
    """Those that worked once: what was never run is no news to who only looks."""
    return [one for one in stale if one.age_s is not None]


def _show_standing(found: Status, stale: Sequence[Standing], allowed: dt.timedelta) -> None:
    """What is not as it should be of ages and budgets; nothing where all is well."""
    limit = spoken(allowed.total_seconds())
    for one in stale:
        past = f"for {spoken(one.age_s)}" if one.age_s is not None and one.age_s > 0 else "yet"
        output.show(f"{one.connection}/{one.kind}: stale, no success {past} (allowed: {limit})")
    for scope in _of_people(found):
        if scope.lag_s is not None:
            behind = spoken(scope.lag_s)
            output.show(f"{scope.connection}/{scope.kind}: the oldest record waits for {behind}")
    for budget in found.budgets:
        name = f"{budget.connection} budget {budget.name} ({budget.rate})"
        if budget.rests_s:
            output.show(f"{name}: left alone for {spoken(budget.rests_s)}, as the vendor asked")
        elif not budget.left:
            output.show(f"{name}: spent, whole again in {spoken(budget.whole_in_s)}")
    if stale:
        output.say("  → `crm-connector sync`; `crm-connector doctor` says what stands in its way")


def _show(found: Status) -> None:
    scopes = _of_people(found)
    if not scopes:
        output.show("No sync has run yet.")
        return
    rows = [[asdict(one)[name] for name in _COLUMNS] + [_running(one)] for one in scopes]
    for row in rows:
        row[2], row[3] = row[2] or "never", row[3] or "-"
    output.table([*_COLUMNS.values(), ""], rows)
    for one in scopes:
        if one.doubt is not None:
            output.show(f"{one.connection}/{one.kind}: nothing is written, because {one.doubt}.")
    output.show(*(told for one in scopes for told in one.off))
    if any(one.doubt is not None for one in scopes):
        output.say(f"  → {WAY_OUT}")
    output.show(*(look_line(one) for one in found.retention))
    output.show(f"letters: {found.letters}, conflicts: {found.conflicts}")
    if found.letters:
        output.say("  → `crm-connector letters list`")
    if found.conflicts:
        output.say("  → `crm-connector conflicts list`")


def look_document(one: LastLook) -> dict[str, object]:
    """When one scope was looked at for terms that are over, and the counts, by entry from 1."""
    counts = {str(int(number) + 1): dict(many) for number, many in one.counts.items()}
    return {
        "connection": one.connection,
        "kind": one.kind,
        "last": moment(one.at_us),
        "waits": one.waits,
        "entries": counts,
    }


def look_line(one: LastLook) -> str:
    """The same for people."""
    when = moment(one.at_us) or "not yet; the next sync does"
    return f"{one.connection}/{one.kind}: terms last looked at {when}, over and due: {one.waits}"


def _running(one: ScopeStatus) -> str:
    return "running" if one.running else "paused" if one.paused else ""
