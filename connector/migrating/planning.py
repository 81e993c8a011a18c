"""A plan: the engine's passes on a copy of the state, counted, and what they would cost."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from connector.bulk import BulkWrites
from connector.estimates import Estimates, Workload
from connector.migrating.kept import ScopePlan, Way
from connector.migrating.route import Leg
from connector.plugin import Kind, Remote
from connector.store import tally
from connector.store.tally import Linked
from connector.sync.counts import Counts, PlannedWrite
from connector.sync.report import RunReport

Key = tuple[str, str, str, str]
"""Connection, kind, side, operation."""


class Tally(list[PlannedWrite]):
    """Counts what would be written, and keeps none of it: a plan of a million records is small."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[Key] = Counter()

    def append(self, one: PlannedWrite) -> None:
        self.counts[one.connection, str(one.kind), one.side, str(one.op)] += 1


def scope_plan(
    tx: sa.Connection, leg: Leg, kind: Kind, before: Linked, counts: Counts, writes: Counter[Key]
) -> ScopePlan:
    """What the passes have shown of one scope, which was as `before`; `tx` reads the copy they ran
    on."""
    after = tally.linked(tx, leg.connection, kind)
    plan = ScopePlan(leg.connection, str(kind), leg.source)
    ours, theirs = after.only_local, after.only_remote
    if leg.source == "remote":
        ours, theirs = theirs, ours
    plan.records = after.both + ours
    plan.already = before.agreed
    plan.create = writes[leg.connection, kind, leg.target, "create"]
    plan.update = writes[leg.connection, kind, leg.target, "update"]
    plan.adopt = counts.adopted
    plan.conflict = tally.disputed(tx, leg.connection, kind)
    plan.refuse = dict(tally.set_aside(tx, leg.connection, kind, leg.source))
    plan.wait, plan.left = tally.waiting(tx, leg.connection, kind, leg.source)
    plan.target_only = theirs
    return plan


def unreadable(report: RunReport, kind: Kind) -> int:
    """Rows of a file that nobody can read; those that a vendor will not take are letters."""
    lines = {
        (bad.file, bad.line)
        for bad in report.bad_rows
        if bad.kind == kind and bad.connection is None
    }
    return len(lines)


def reckon(remote: Remote, leg: Leg, kind: Kind, plan: ScopePlan) -> None:
    """Say what the plan's work costs at the vendor by each way, which is taken, and why."""
    plan.there = _records_there(leg, plan)
    load = Workload(read=plan.there)
    if leg.target == "remote":
        load = Workload(read=load.read, create=plan.create, update=plan.update)
    by_calls = _way(remote, kind, load, "calls")
    in_bulk = None
    if leg.target == "local":
        plan.why = "the vendor is only read"
    elif not isinstance(remote, BulkWrites):
        plan.why = "the vendor has no way in bulk"
    else:
        in_bulk = _way(remote, kind, load, "bulk")
        above = remote.bulk_write_terms(kind).pays_above
        plan.why = f"a job is taken only above {above} new records"
        if isinstance(remote, Estimates) and in_bulk is None:
            plan.why = "the settings do not let a job begin"
        elif plan.create > above:
            plan.way, plan.why = "bulk", f"for more than {above} new records jobs are taken"
    plan.ways = [way for way in (by_calls, in_bulk) if way is not None]


def _records_there(leg: Leg, plan: ScopePlan) -> int:
    """How many records the vendor has before the migration, as far as this plan has seen."""
    if leg.source == "remote":
        return plan.records
    return plan.already + plan.adopt + plan.update + plan.conflict + plan.target_only


def _way(remote: Remote, kind: Kind, load: Workload, name: str) -> Way | None:
    if not isinstance(remote, Estimates):
        return None
    found = remote.estimate(kind, load, bulk=name == "bulk")
    if found is None:
        return None
    return Way(
        name,
        found.calls,
        found.cost,
        found.unit,
        round(found.takes.total_seconds() / 3600, 2),
        [(fact.text, fact.certainty) for fact in found.facts],
    )
