"""What administrators and machines do: rights, rules, stops, two workers, a full disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from connector.plugin import Ref
from connector.store import tables
from tests.simulation.fates import STOPS, points_to
from tests.simulation.ground import Trap
from tests.simulation.people import People

CAUSES = {f"{op}_{side}" for op in ("update", "remove", "purge") for side in ("local", "remote")}
"""The events that tell of a write to a record that was known before."""
OPTIONAL = ("job", "street")


class Troubles(People):
    """Faults that last a while, and the syncs that meet them."""

    def do_sync(self) -> None:
        self.attempt()

    def _trapped(self, mode: str, most: int) -> None:
        self.trap = Trap(mode, self.dice.randrange(most))
        try:
            self.attempt()
        finally:
            self.trap = None

    def do_sync_dying(self) -> None:
        if self.dice.random() < 0.5:
            self._trapped("die", self.dice.choice([20, 120]))
        else:
            # Where it is so rare a point that this run does not pass it, a later one will.
            point = self.dice.choice(STOPS)
            self.standing.update(points_to(point))
            self.say("at", point)
            self.attempt()

    def do_sync_frozen(self) -> None:
        self._trapped("freeze", 60)

    def do_sync_racing(self) -> None:
        """A second worker begins while the first is at work."""
        self._trapped("race", 60)

    def do_sync_locked(self) -> None:
        """Another program locks the state or the shop; one in memory nobody can."""
        self._trapped("lock" if self.on_file else "fill", 60)
        self.mended()

    def do_sync_full(self) -> None:
        """The state's disk runs full in the middle of a run, and is cleared."""
        self._trapped("fill", 60)
        self.mended()

    def do_wait(self) -> None:
        seconds = self.dice.choice([0.2, 0.5, 1, 5, 30, 200, 2000, 100_000, 100_000])
        self.later(seconds=seconds)
        self.say(f"{seconds} s")

    # --- rights and definitions -------------------------------------------------------------------

    @contextmanager
    def _seen_by_all(self, name: str) -> Iterator[None]:
        """All edits are known before something is hidden, and are saved once more after it.

        An edit that nobody has seen yet would stay unseen, and a later one of the shop's would
        rightly go over it: that is not what this is about. And no feed tells of a right given back.
        """
        self.later(seconds=150)
        with self.fine():
            self.attempt()
        was, self.undisturbed = self.undisturbed, True
        try:
            yield
        finally:
            self.undisturbed = was
        self.later(milliseconds=7)
        self._save_all(name)

    def _save_all(self, name: str) -> None:
        house = self.houses[name]
        for record in self.vendor_records(name).values():
            house.edit(record["ref"], {house.city: record["fields"].get(house.city)})

    def do_hide(self) -> None:
        """An administrator hides a record for a while; a run meanwhile must not delete it."""
        name = self.somewhere()
        house, records = self.houses[name], self.vendor_records(name)
        if records:
            person = self.dice.choice(sorted(records))
            ref, city = records[person]["ref"], records[person]["fields"].get(house.city)
            was, self.undisturbed = self.undisturbed, True
            house.hide(ref)
            self.ever_hidden.add((name, ref))
            self.attempt()
            house.hide(ref, hidden=False)
            house.edit(ref, {house.city: city})
            self.undisturbed = was
            self.fired["fault hidden record"] += 1
            self.say(name, person)

    def do_withhold(self) -> None:
        """Our user loses the right to see a field for a while: it is missing, not empty."""
        name = self.somewhere()
        field = self.houses[name].fields[self.dice.choice(OPTIONAL)]
        with self._seen_by_all(name):
            self.houses[name].withhold(field)
            self._save_all(name)
            self.later(seconds=150)
            self.attempt()
            self.houses[name].withhold(field, on=False)
        self.fired["fault field withheld"] += 1
        self.say(name, field)

    def do_drop_field(self) -> None:
        """A mapped field vanishes from the vendor, the shop edits it meanwhile, and it returns."""
        name, column = self.somewhere(), self.dice.choice(OPTIONAL)
        field = self.houses[name].fields[column]
        with self._seen_by_all(name):
            self.houses[name].drop(field)
            self._save_all(name)
            self.later(seconds=150)
            self.attempt()
            self.houses[name].drop(field, on=False)
        self.fired["fault field gone"] += 1
        self.say(name, field)

    def do_require(self) -> None:
        """A field is mandatory for a while, and a new customer comes who has none."""
        name, column = self.somewhere(), "street"
        field = self.houses[name].fields[column]
        was, self.undisturbed = self.undisturbed, True
        self.houses[name].require(field)
        self.do_new_client()
        self.later(seconds=150)
        self.attempt()
        self.houses[name].require(field, on=False)
        self.undisturbed = was
        self.fired["fault required field"] += 1
        self.say(name, field)

    def do_lock_out(self) -> None:
        """Our user loses its rights for the time of a run."""
        name = self.somewhere()
        self.houses[name].lock_out()
        self.attempt()
        self.houses[name].lock_out(on=False)
        self.fired["fault lost permission"] += 1
        self.say(name)

    # --- a plan -----------------------------------------------------------------------------------

    def do_plan(self) -> None:
        """O9: a plan shows the writes of the sync that follows, if nothing happens in between."""
        self.later(seconds=200)
        with self.fine():
            self.attempt()
            self.do_edit_shop()
            self.do_edit_vendor()
            self.later(seconds=200)
            known = [row for row in self._links() if row["local_id"] and row["remote_id"]]
            before = {row["id"]: row for row in known}
            others = self._commits_of_others()
            told = self.plan()
            planned = {
                (w.connection, w.kind, f"{w.op}_{w.side}", w.local_id)
                for w in told.writes
                if w.local_id and w.remote_id
            }
            report = self.attempt()
        if report is None or report.errors or told.errors:
            return
        # Nobody edits on a fine day: it was a workflow, struck by a write of this very run. Or the
        # vendor stored a value in its own form.
        struck = self._commits_of_others() - others
        own = {name for name, vendor in self.vendors.items() if vendor.normalise}
        with self.state_engine.connect() as tx:
            event = tables.event.c
            rows = tx.execution_options(reading=True).execute(
                sa.select(event.link, event.cause).where(event.run == report.run)
            )
            done, refused = set(), set()
            for link, cause in rows:
                if (row := before.get(link)) is None:
                    continue
                if cause in CAUSES:
                    done.add((row["connection"], row["kind"], cause, row["local_id"]))
                elif cause.startswith("letter:"):
                    # Only whoever writes learns that the record is gone, or that it is refused.
                    refused.add((row["connection"], row["kind"], row["local_id"]))
        self.fired["plan"] += 1
        self.wrong += [
            f"O9 planned and not done: {one}"
            for one in planned - done
            if (*one[:2], one[3]) not in refused
        ]
        echoed = {
            (row["kind"], row["local_id"])
            for row in before.values()
            if (row["connection"], row["remote_id"]) in struck
            or (
                row["connection"] in own
                and (row["connection"], row["kind"], "update_remote", row["local_id"]) in done
            )
        }
        self.wrong += [
            f"O9 done and not planned: {one}"
            for one in done - planned
            if not (one[2].startswith("update") and (one[1], one[3]) in echoed)
        ]

    def _commits_of_others(self) -> Counter[tuple[str, Ref]]:
        """How often each customer's record was committed by anybody but us."""
        return Counter(
            {
                (name, ref): sum(not one.by_us for one in record.commits)
                for name, house in self.houses.items()
                for ref, record in house.records.items()
            }
        )

    def _links(self) -> list[sa.RowMapping]:
        with self.state_engine.connect() as tx:
            tx = tx.execution_options(reading=True)
            return list(tx.execute(sa.select(tables.link)).mappings())
