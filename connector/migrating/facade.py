"""`Connector.migrations`: plan a one-off migration, run it, see how it stands, prove it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from connector.assembly import parts
from connector.errors import ConnectorError, SettingsError, UsageError
from connector.installation import Installation
from connector.migrating import kept as keeping
from connector.migrating.hub import make_hub
from connector.migrating.kept import Kept, Plan, Proof, RunKept
from connector.migrating.planning import Tally, reckon, scope_plan, unreadable
from connector.migrating.report import Told, page
from connector.migrating.route import Route, route
from connector.migrating.verifying import prove
from connector.plugin import Kind
from connector.store import tally
from connector.store.database import Hook, Store, no_hook
from connector.sync.beside import Beside
from connector.sync.counts import Limits
from connector.sync.ports import Ports, Progress, no_progress
from connector.sync.report import RunReport
from connector.sync.run import Runner
from connector.sync.setup import Connection, Setup

SAMPLE = 300
"""Records compared of each kind unless told: with none that differs, under 1 % of all do."""
_ANY = Limits(100, 10**12)
"""The plan was shown to a person, and `run` demands that it fits: it stands for `max_change`."""
_FINE_US = 1_000_000
_STEPS_S = (1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)
_SLOTS = 120
"""Steps of time that a chart has room for, and how long they may be."""
_KEEP_S = 5.0
"""How often a run notes what it has spent."""


@dataclass(slots=True)
class Standing:
    """How a migration stands. `left`: by (connection, kind), the writes still to come."""

    way: Route
    kept: Kept
    fits: bool
    done: dict[tuple[str, str], dict[str, int]]
    """By (connection, kind): created, updated, joined; from the log of events."""

    def left(self, connection: str, kind: str) -> int:
        """Writes of the plan that no run has made yet."""
        plan = next(
            s for s in self.kept.plan.scopes if (s.connection, s.kind) == (connection, kind)
        )
        made = self.done.get((connection, kind), {})
        return max(0, plan.to_write - made.get("created", 0) - made.get("updated", 0))


@dataclass(slots=True)
class Migrations:
    """One-off migrations of an installation. Made anew for each use; see `Connector.migrations`."""

    of: Installation
    hook: Hook = no_hook

    def make_hub(self, folder: Path) -> str:
        """Make a scratch database to migrate through; the `[local]` lines for the settings.

        Raises: UsageError if the folder holds anything.
        """
        return make_hub(self.of, folder)

    # --- before -----------------------------------------------------------------------------------

    def plan(
        self,
        start: str,
        end: str,
        *,
        kinds: Iterable[Kind] | None = None,
        progress: Progress = no_progress,
    ) -> Kept:
        """Look at both sides, count what a migration would do, and keep that. Writes to neither.

        Planning anew keeps the runs that were made. Raises: UsageError, and as `Connector.plan`.
        """
        way = route(self.of, start, end, kinds)
        with self.of.copy_of_store() as copy:
            scopes = self._planned(way, copy, progress)
        now = self.of.clock.now().isoformat(timespec="seconds")
        plan = Plan(now, keeping.digest_of(self.of, way), [str(k) for k in way.kinds], scopes)
        before = keeping.load(self.of.store, way)
        kept = Kept(start, end, plan, before.runs if before is not None else [])
        keeping.save(self.of.store, way, kept)
        return kept

    def _planned(self, way: Route, copy: Store, progress: Progress) -> list[keeping.ScopePlan]:
        noted = Tally()
        ports, setup, opened = self._parts(way, copy, progress, noted)
        with copy.read() as tx:
            before = {
                (leg.connection, kind): tally.linked(tx, leg.connection, kind)
                for leg, kind in way.scopes
            }
        report = Runner(ports, setup, opened).run()
        _stop_if_partly(report)
        counts = {(one.connection, one.kind): one.counts for one in report.passes}
        found = []
        for leg, kind in way.scopes:
            with copy.read() as tx:
                here = leg.connection, kind
                plan = scope_plan(tx, leg, kind, before[here], counts[here], noted.counts)
            plan.unreadable = unreadable(report, kind) if leg.source == "local" else 0
            reckon(self.of.remote(leg.connection), leg, kind, plan)
            found.append(plan)
        return found

    # --- the migration ----------------------------------------------------------------------------

    def run(self, start: str, end: str, *, progress: Progress = no_progress) -> RunReport:
        """Carry a plan out, or go on with it. Nothing is written to the source, nothing removed.

        Raises: UsageError without a plan, SettingsError if it does not fit any more, LeaseHeldError
        if another run is at work, and as `Connector.sync`.
        """
        way, kept = self._kept(start, end)
        if keeping.digest_of(self.of, way) != kept.plan.digest:
            raise SettingsError(
                "Settings, a mapping or the policy have changed since the migration was planned.",
                hint=f"Plan again: `crm-connector migrate plan --from {start} --to {end}`.",
            )
        clock = self.of.clock
        noted_at = clock.now()

        def noting(connection: str, kind: str, phase: str, count: int) -> None:
            nonlocal noted_at
            if (clock.now() - noted_at).total_seconds() >= _KEEP_S:
                noted_at = clock.now()
                self._note(way, kept)
            progress(connection, kind, phase, count)

        ports, setup, opened = self._parts(way, self.of.store, noting, None)
        there = {(one.connection, one.kind): one.there for one in kept.plan.scopes}
        opened = [
            replace(one, expected={kind: there.get((one.name, kind), 0) for kind in way.kinds})
            for one in opened
        ]
        kept.runs.append(RunKept(ports.run, clock.now().isoformat(timespec="seconds")))
        kept.proof = None
        self._note(way, kept)
        try:
            report = Runner(ports, setup, opened).run(fail_if_locked=True)
            kept.runs[-1].exit = report.exit
        except ConnectorError as error:
            kept.runs[-1].exit = error.exit_code
            raise
        finally:
            kept.runs[-1].ended = clock.now().isoformat(timespec="seconds")
            self._note(way, kept)
        return report

    def _note(self, way: Route, kept: Kept) -> None:
        if kept.runs:
            kept.runs[-1].spent = self.of.spent()
        keeping.save(self.of.store, way, kept)

    # --- after ------------------------------------------------------------------------------------

    def verify(
        self,
        start: str,
        end: str,
        *,
        sample: int = SAMPLE,
        seed: int = 1,
        progress: Progress = no_progress,
    ) -> Proof:
        """Read both sides afresh: counts, and a sample field by field. Keeps what it has shown.

        Raises: UsageError without a plan, LeaseHeldError, VendorError, LocalError.
        """
        way, kept = self._kept(start, end)
        rng = Random(seed)  # noqa: S311 - a sample that can be drawn again, no secret
        proof = Proof(self.of.clock.now().isoformat(timespec="seconds"), seed, [], [])
        beside = Beside(*self._parts(way, self.of.store, progress, None))
        beside.ports.vault.refresh()
        with ExitStack() as leases:
            held = beside.hold(leases)
            for leg, kind in way.scopes:
                scope = beside.scope(leg.connection, kind, held[leg.connection, str(kind)])
                one, differences = prove(scope, leg, sample, rng)
                proof.scopes.append(one)
                proof.differences += differences
        kept.proof = proof
        keeping.save(self.of.store, way, kept)
        return proof

    def standing(self, start: str, end: str) -> Standing:
        """How it stands, from the state alone. Raises: UsageError without a plan."""
        way, kept = self._kept(start, end)
        with self.of.store.read() as tx:
            causes = tally.causes(tx, [one.run for one in kept.runs])
        done: dict[tuple[str, str], dict[str, int]] = {}
        for leg, kind in way.scopes:
            here = leg.connection, str(kind)
            done[here] = {
                "created": causes[(*here, f"create_{leg.target}")],
                "updated": causes[(*here, f"update_{leg.target}")],
                "joined": causes[(*here, "bound")],
            }
        return Standing(way, kept, keeping.digest_of(self.of, way) == kept.plan.digest, done)

    def report(self, start: str, end: str) -> str:
        """One HTML file to show a customer: numbers and charts, no values, no network.

        Raises: UsageError without a plan.
        """
        standing = self.standing(start, end)
        runs = [one.run for one in standing.kept.runs]
        refused = {}
        with self.of.store.read() as tx:
            for leg, kind in standing.way.scopes:
                found = tally.set_aside(tx, leg.connection, kind, leg.source)
                refused[leg.connection, str(kind)] = found
            steps = tally.pace(tx, runs, _FINE_US)
        step_us, steps = coarser(steps)
        at = self.of.clock.now().isoformat(timespec="seconds")
        return page(Told(standing.kept, standing.done, refused, steps, step_us, at))

    # --- parts ------------------------------------------------------------------------------------

    def _kept(self, start: str, end: str) -> tuple[Route, Kept]:
        way = route(self.of, start, end)
        kept = keeping.load(self.of.store, way)
        if kept is None:
            raise UsageError(
                f"No migration from {start} to {end} was planned.",
                hint=f"First: `crm-connector migrate plan --from {start} --to {end}`.",
            )
        return route(self.of, start, end, [Kind(kind) for kind in kept.plan.kinds]), kept

    def _parts(
        self, way: Route, store: Store, progress: Progress, noted: Tally | None
    ) -> tuple[Ports, Setup, list[Connection]]:
        ports, setup, opened = parts(
            self.of,
            store,
            self.of.local,
            [leg.connection for leg in way.legs],
            way.kinds,
            (None, None),
            progress,
            dry=noted,
            hook=self.hook,
        )
        sourced = [
            replace(
                one,
                source=way.leg(one.name).source,
                bulk=way.leg(one.name).target == "remote",
                # The proof lists and compares; a migration reads each side once.
                sweep_every=None,
                compare_daily=0,
            )
            for one in opened
        ]
        return ports, replace(setup, max_change=_ANY), sourced


def coarser(steps: list[tuple[int, int]]) -> tuple[int, list[tuple[int, int]]]:
    """The same steps, so long that a chart has room for them.

    >>> coarser([(0, 1), (5_000_000, 2), (3_600_000_000, 4)])
    (60000000, [(0, 3), (3600000000, 4)])
    """
    span = steps[-1][0] - steps[0][0] if steps else 0
    wide = next(s for s in (*_STEPS_S, 10**9) if span <= s * 1_000_000 * _SLOTS) * 1_000_000
    found: dict[int, int] = {}
    for at, number in steps:
        found[at - at % wide] = found.get(at - at % wide, 0) + number
    return wide, list(found.items())


def _stop_if_partly(report: RunReport) -> None:
    """A plan of a part would be no plan. Raises what stopped the passes."""
    if report.errors:
        raise report.errors[0]
    if report.skipped:
        raise UsageError(
            f"This cannot be planned now: {report.skipped[0]}",
            hint="`crm-connector resume` lets what is paused take part again.",
        )
