"""What backups do to a story: the state or the keys are put back from an older copy."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.privacy.subjects import MISSING
from connector.store import tables
from tests.simulation.fates import RECONCILING
from tests.simulation.troubles import Troubles
from tests.story import C

TRIES = 4
"""Runs of `reconcile` in the weather of the moment; one on a fine day follows."""


class Copies(Troubles):
    """Backups of the connector's own databases, and what an operator does after one is put back."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._copy: tuple[sqlite3.Connection, Path, Counter[str]] | None = None
        """State and keys as they were at one moment, and what we had written by then."""
        self._then = 0
        """Which run was the last then."""
        self._told: dict[str, set[str]] = defaultdict(set)
        """What events said that a restored state has forgotten."""

    def do_back_up(self) -> None:
        """Somebody copies state and keys, whatever is under way."""
        if self._copy is not None:
            self._copy[0].close()
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        self._with_state(lambda raw: raw.backup(copy))
        self._copy = copy, self.back_up_keys(), self.our_writes()
        self._then = self._generation()

    def do_put_back(self) -> None:
        """State, keys or both are put back: the next sync must write nothing, and say why."""
        if self._copy is None:
            return
        state, keys, written = self._copy
        which = self.dice.choice(["state", "state", "keys", "both"])
        before = self._generation()
        if which == "keys" and before - self._then == 1:
            return  # one run since, which died: nothing tells such a copy from a stop
        self._told = self.lost_by_rule()
        if which != "keys":
            self._with_state(state.backup)
        if which != "state":
            self.put_keys_back(keys)
        self._forget_clears()
        self.restored(which)
        runs = before - self._generation()
        self.say(which, f"as {runs} runs ago" if which != "keys" else "")
        self.fired["fault restored copy"] += 1
        self.later(seconds=100)  # the copy may hold the lease of a run that was at work
        # A run that died before it told anybody of itself, and wrote nothing, cannot be missed.
        if which != "keys" and runs > 0 and self.our_writes() != written:
            self._writes_nothing()
        self.standing.update(self.dice.sample(RECONCILING, 4))
        for _ in range(TRIES):
            report = self.attempt(only_reconcile=True)
            if report is not None and not report.errors and not self._in_doubt():
                break
            self.later(seconds=100)
        self.standing.difference_update(RECONCILING)
        with self.fine():
            self.end_doubt()
            # Where the base is lost nobody can tell a field that is emptied now from one that was
            # always empty: all meet before people go on.
            self.later(seconds=100)
            self.attempt()

    def our_writes(self) -> Counter[str]:
        """What we wrote so far, by side and operation."""
        counted: Counter[str] = Counter()
        for name, house in self.houses.items():
            counted.update({f"{name} {op}": n for op, n in house.writes().items()})
        tables_like = "SELECT name FROM sqlite_master WHERE name LIKE 'crm_connector_applied%'"
        names = [row["name"] for row in self.sql(tables_like)]
        [applied] = [name for name in names if not name.endswith("key")]
        counted["local"] = self.sql(f"SELECT count(*) AS n FROM {applied}")[0]["n"]
        return counted

    def end_doubt(self) -> None:
        """What an operator does who is told to: a vendor's day may have to end first."""
        if self._in_doubt():
            self.attempt(only_reconcile=True)

    def restored(self, which: str) -> None:
        """State, keys or both are as they were when the copy was made."""

    def _forget_clears(self) -> None:
        based = Counter(
            row["local_id"]
            for row in self.rows(tables.link)
            if row["kind"] == C
            and row["base"]
            and self.vault.subject_state(row["subject"]) != MISSING
        )
        rows = {str(row["no"]): person for person, row in self.shop_rows().items()}
        whole = {rows.get(key) for key, many in based.items() if many == len(self.houses)}
        self.history.forget_clears({edit.person for edit in self.history.edits} - whole)

    def _writes_nothing(self) -> None:
        before = {name: house.writes() for name, house in self.houses.items()}
        self.attempt()
        for name, house in self.houses.items():
            if house.writes() != before[name]:
                self.wrong.append(f"O7 {name} was written to by a state that is an older copy")

    def _in_doubt(self) -> bool:
        with self.state_engine.connect() as tx:
            tx = tx.execution_options(reading=True)
            doubted = sa.select(tables.scope.c.kind).where(tables.scope.c.doubt.is_not(None))
            return tx.execute(doubted).first() is not None

    def _generation(self) -> int:
        with self.state_engine.connect() as tx:
            tx = tx.execution_options(reading=True)
            meta = tables.meta.c
            found = tx.execute(sa.select(meta.value).where(meta.key == "generation")).scalar()
        return int(found or 0)

    def _with_state(self, work: Any) -> None:
        with self.state_engine.connect() as tx:
            work(tx.connection.driver_connection)

    # --- what the state said of lost values -------------------------------------------------------

    def lost_by_rule(self) -> dict[str, set[str]]:
        """Person to the units of which a value lost by a rule, with an event that says so."""
        by_row = {
            str(r["no"]): r["mail"].partition("@")[0]
            for r in self.sql("SELECT no, mail FROM clients")
        }
        by_ref = {
            (name, ref): str(record.now.fields.get(vendor.mail, "")).partition("@")[0]
            for name, vendor in self.houses.items()
            for ref, record in vendor.records.items()
        }
        with self.state_engine.connect() as tx:
            tx = tx.execution_options(reading=True)
            events = list(tx.execute(sa.select(tables.event)).mappings())
            links = {row["id"]: row for row in tx.execute(sa.select(tables.link)).mappings()}
        found: dict[str, set[str]] = defaultdict(set)
        found.update({person: set(units) for person, units in self._told.items()})
        for row in events:
            link = links.get(row["link"])
            if link is not None and row["cause"].startswith(("lost_", "possibly_overwritten")):
                person = (
                    by_row.get(link["local_id"])
                    or by_ref.get((link["connection"], link["remote_id"]))
                    or ""
                )
                found[person].add(row["field"])
        return found
