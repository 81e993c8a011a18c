"""A story on disk with a person to erase: shop, two vendors, state and keys in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.plugin import Capabilities, Ref
from connector.privacy.keys import Purpose
from connector.privacy.ledger import Entry
from connector.privacy.ring_changes import activate, add_pending
from connector.rights import erasing
from connector.rights.erasing import How
from connector.rights.finding import Finder
from connector.rights.person import Person
from connector.rights.rows import RowRule
from connector.store import tables as t
from connector.store.database import open_engine
from connector.sync.report import RunReport
from connector.testing.world import PERFECT
from tests.privacy.canary import Canary
from tests.story import C, F, M, Story


class Persons(Story):
    """A story in which people are erased."""

    def settle(self, **span: float) -> RunReport:
        """Two quiet runs."""
        super().settle(**(span or {"seconds": 400}))
        return super().settle(**(span or {"seconds": 400}))

    def erase(self, key: int, how: How | None = None, basis: str = "") -> Entry:
        beside = self.beside()
        person = Finder(beside).by_rows([str(key)])
        return erasing.begin(beside, person, how or How(), basis=basis).run()

    def go_on(self, how: How | None = None) -> list[Entry]:
        beside = self.beside()
        beside.ports.vault.refresh()
        open_ = [e for e in beside.ports.vault.ledger.entries() if e.state == "open"]
        return [erasing.go_on(beside, entry, how or How()).run() for entry in open_]

    def rotate_suppress(self) -> None:
        """A new suppression key; the earlier one stays, as its tokens cannot be made anew."""
        path, kek = self.folder / "ring.json", "file:kek.bin"
        kid = add_pending(path, kek, "story", self.clock.now(), Purpose.SUPPRESS)
        activate(path, kek, "story", self.clock.now(), kid)
        self.vault.close()
        self.vault = self.open_vault()


class OnDisk(Persons):
    """One whose state is a file, as it is in an installation."""

    def open_state(self) -> sa.Engine:
        return open_engine(f"sqlite:///{self.folder}/state.db")

    def back_up_state(self) -> bytes:
        raw: Any = self.state_engine.raw_connection().driver_connection
        return bytes(raw.serialize())

    def put_state_back(self, copy: bytes) -> None:
        self.state_engine.dispose()
        for end in ("-wal", "-shm"):
            (self.folder / f"state.db{end}").unlink(missing_ok=True)
        (self.folder / "state.db").write_bytes(copy)
        self.state_engine = self.open_state()


@dataclass
class Known:
    """A person in step on all sides, and what the state held of them before anything was erased."""

    key: int
    ann: Canary
    refs: Mapping[tuple[str, str], set[str]]
    raw: set[bytes]
    """Ids, keys, digests and blind indexes."""


def ann_everywhere(story: Persons, number: int = 1) -> Known:
    """A customer with a membership and feedback in the shop and at each vendor, with a letter, an
    open conflict and a value that lost; Bob beside her, who shares nothing."""
    ann, bob = Canary(number), Canary(number + 500)
    key = story.client(
        ann.name, mail=ann.email, mobile=ann.mobile, street=ann.street, job="baker", city="Harbour"
    )
    story.client(bob.name, mail=bob.email, mobile=bob.mobile)
    story.sql("INSERT INTO cards (client, card, points) VALUES (:c, :k, 5)", c=key, k="K-0001-1")
    story.sql(
        "INSERT INTO remarks (client, title, body) VALUES (:c, :t, :b)",
        c=key,
        t=ann.note,
        b=f"{ann.note} body",
    )
    story.settle()
    # A conflict, a value that loses by rule, and a membership that nobody can take.
    story.sql("UPDATE clients SET city = :v, job = :j WHERE no = :n", v=ann.street, j="x", n=key)
    for name in story.names:
        [ref] = [
            d["ref"] for d in story.vendors[name].dump(C) if d["fields"].get("Mail") == ann.email
        ]
        story.vendors[name].edit(C, ref, {"City": f"{ann.street} 2", "Job": f"{ann.note} lost"})
    story.sql("INSERT INTO cards (client, card, kind) VALUES (:c, :k, 'odd')", c=key, k="K-0001-2")
    story.settle()
    beside = story.beside()
    person = Finder(beside).by_rows([str(key)])
    return Known(key, ann, dict(person.records), traces_of(story, person, Finder(beside)))


def traces_of(story: Persons, person: Person, finder: Finder) -> set[bytes]:
    raw = set(finder.traces(person))
    raw |= {ref.encode() for refs in person.records.values() for ref in refs}
    raw |= {key.encode() for keys in person.keys.values() for key in keys}
    raw |= {digest for one in person.identifiers for digest in story.vault.blind(*one)}
    return raw


def is_gone(story: Persons, known: Known) -> list[str]:
    """What is left of the person at the vendors, in the shop, and in the state's columns."""
    left = []
    for name, vendor in story.vendors.items():
        for kind in (C, M, F):
            refs = known.refs.get((name, kind), set())
            left += [f"{name} {kind}" for d in vendor.dump(kind) if d["ref"] in refs]
    for table, column in (("clients", "no"), ("cards", "client"), ("remarks", "client")):
        found = story.sql(f"SELECT {column} FROM {table} WHERE {column} = :n", n=known.key)
        left += [table for _ in found]
    # Another vendor may have given the same id to somebody else.
    gone = {(*where, ref) for where, refs in known.refs.items() for ref in refs}
    row_of = (C, str(known.key))
    for row in story.rows(t.link):
        mine = (row["connection"], row["kind"], row["remote_id"]) in gone
        if mine or (row["kind"], row["local_id"]) == row_of:
            left.append(f"link {row['id']}")
    for row in story.rows(t.staged):
        here, there = row["side"] == "local", (row["connection"], row["kind"], row["record"])
        if there in gone if not here else (row["kind"], row["record"]) == row_of:
            left.append(f"staged {row['record']}")
    return left


def deletions(story: Story) -> dict[str, int]:
    """Calls that delete, at each vendor."""
    return {n: v.calls["remove"] + v.calls["purge"] for n, v in story.vendors.items()}


def ref_of(story: Story, name: str, mail: str) -> Ref:
    [ref] = [d["ref"] for d in story.vendors[name].dump(C) if d["fields"].get("Mail") == mail]
    return Ref(str(ref))


TWO: Mapping[str, Capabilities] = {"fx": PERFECT}
BLANK = How(RowRule.BLANK)
