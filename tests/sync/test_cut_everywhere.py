"""A process may die at any point: at each commit and each call, before it and after it.

The same story of 30 records is stopped at every such point, one after the other, and run again
until nothing moves. Whatever the point, both sides end as they do when nothing ever stops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connector.plugin import Kind, Ref
from connector.sync.counts import Limits
from connector.sync.setup import Setup
from connector.testing.weather import Phase, Trouble
from tests.copies import World
from tests.stopping import unlike
from tests.story import C, Died, F, M, Story
from tests.sync.hub import written

WIDE = Limits(100, 1000)


class Cut(Story):
    """A story whose process dies at its n-th point. A dead process releases no lease."""

    def __init__(self, folder: Path) -> None:
        self.fuse = -1
        self.passed: list[str] = []
        self.at_calls = False
        self.first_run = 0
        self.deaths = 0
        super().__init__(
            folder=folder,
            setup=Setup("Asia/Shanghai", "CN", WIDE, WIDE),
            first_contact="fill_blank",
        )
        self.hook = self.engine_point
        self.vendor.weather = self.call

    def point(self, name: str) -> None:
        self.passed.append(name)
        if self.fuse == len(self.passed):
            self.dead = True
            self.deaths += 1
            raise Died(name)

    def engine_point(self, name: str) -> None:
        if not self.at_calls:
            self.point(name)

    def call(self, operation: str, phase: Phase) -> Trouble | None:
        if self.at_calls:
            self.point(f"{phase} {operation}, at the vendor")
        return None

    def until_quiet(self) -> None:
        """Run, and run again after each death, until a run writes nothing."""
        for _ in range(8):
            died = False
            before = written(self)
            try:
                report = self.runner().run()
            except Died:
                died, self.dead = True, False
            else:
                assert not report.errors, report.errors
            self.first_run = self.first_run or len(self.passed)
            # The dead process's lease ends, and no request of its still lands.
            self.later(seconds=100)
            if not died and written(self) == before:
                return
        raise AssertionError("it never came to rest")

    # --- the story --------------------------------------------------------------------------------

    def before(self) -> None:
        """Everything that was there, in step, before the run that is cut."""
        for n in range(8):
            self.client(f"Client{n}", mail=f"c{n}@example.test", job="baker", tags="a")
        for n in range(2):
            self.vendor.create(C, {"Last": f"Person{n}", "Mail": f"p{n}@example.test"})
        for n in range(1, 5):
            self.sql("INSERT INTO cards (client, card, points) VALUES (:c, :k, 5)", c=n, k=f"K{n}")
            self.sql("INSERT INTO remarks (client, title) VALUES (:c, :t)", c=n, t=f"Note {n}")
        self.until_quiet()

    def edits(self) -> None:
        """What people do on both sides before that run: new, changed, cleared and deleted."""
        refs = {d["fields"]["Last"]: d["ref"] for d in self.vendor.dump(C)}
        for n in range(3):
            made = self.client(f"New{n}", mail=f"n{n}@example.test")
            self.sql(
                "INSERT INTO cards (client, card, points) VALUES (:c, :k, 1)", c=made, k=f"N{n}"
            )
        self.sql("INSERT INTO remarks (client, title) VALUES (NULL, 'Anonymous')")
        arrived = self.vendor.create(C, {"Last": "Arrived", "Mail": "a@example.test"})
        self.vendor.create(M, {"Name": "A1", "Person": {"id": arrived}, "Points": 3})
        self.vendor.create(F, {"Name": "Praise", "Person": {"id": refs["Client1"]}, "Body": "good"})
        self.sql("UPDATE clients SET job = 'smith' WHERE no = 1")
        self.vendor.edit(C, refs["Client1"], {"City": "Harbour"})
        self.sql("UPDATE clients SET tags = 'a,b' WHERE no = 3")
        self.vendor.edit(C, refs["Client2"], {"Tags": ["a", "c"]})
        self.vendor.edit(C, refs["Client3"], {"Job": None, "Opt_Out": True})
        self.sql("UPDATE clients SET mail = 'moved@example.test' WHERE no = 5")
        self.vendor.edit(M, self.card("K1"), {"Points": 9})
        self.sql("UPDATE cards SET points = 7 WHERE card = 'K2'")
        self.sql("UPDATE clients SET is_deleted = 1 WHERE no = 6")
        self.vendor.remove(C, refs["Client6"])
        self.sql("DELETE FROM remarks WHERE title = 'Note 4'")
        self.vendor.remove(M, self.card("K4"))

    def card(self, name: str) -> Ref:
        found: list[Ref] = [d["ref"] for d in self.vendor.dump(M) if d["fields"]["Name"] == name]
        return found[0]

    # --- the end state ----------------------------------------------------------------------------

    def end(self) -> dict[str, list[Any]]:
        """Both sides whole, without ids and versions; references by what they point to."""
        people = {d["ref"]: d["fields"]["Mail"] for d in self.vendor.dump(C)}

        def plain(kind: Kind) -> list[Any]:
            return sorted(
                sorted(
                    (k, str(people.get(v["id"]) if k == "Person" else v))
                    for k, v in d["fields"].items()
                )
                for d in self.vendor.dump(kind)
            )

        def rows(query: str) -> list[Any]:
            return sorted([str(v) for v in row.values()] for row in self.sql(query))

        columns = "full_name, mobile, mail, city, street, job, tags, no_mail, is_deleted"
        joined = "LEFT JOIN clients c ON c.no = x.client"
        return {
            "people": plain(C),
            "cards": plain(M),
            "voices": plain(F),
            "clients": rows(f"SELECT {columns} FROM clients"),
            "shop cards": rows(f"SELECT c.mail, card, kind, points, ends FROM cards x {joined}"),
            "remarks": rows(f"SELECT c.mail, title, body, score FROM remarks x {joined}"),
            "left over": rows_left(self),
        }


def rows_left(story: Cut) -> list[Any]:
    """What the state still holds open; at rest nothing."""
    with story.state_engine.connect() as tx:
        tx = tx.execution_options(reading=True)
        counted = [
            (name, tx.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one())
            for name in ("staged", "intent", "conflict")
        ]
    return [(name, n) for name, n in counted if n]


def play(story: Cut, world: World, stop_at: int, *, at_calls: bool) -> None:
    """The same run from the same world, stopped at one point (0: never), then run until quiet."""
    world.put_back()
    story.passed.clear()
    story.first_run = 0
    story.at_calls = at_calls
    story.fuse = stop_at
    story.until_quiet()


def stopped_everywhere(folder: Path, *, at_calls: bool) -> int:
    """Stop at each point in turn where that differs from the one before; how many those are."""
    story = Cut(folder)
    story.before()
    story.edits()
    world = World(story)
    play(story, world, 0, at_calls=at_calls)
    wanted, places = story.end(), unlike(story.passed[: story.first_run])
    assert not wanted["left over"], "the whole story comes to rest"
    for deaths, at in enumerate(places, start=1):
        play(story, world, at + 1, at_calls=at_calls)
        assert story.deaths == deaths, "it died once in each play"
        assert story.end() == wanted, f"stopped at {at + 1}, {story.passed[at]}"
    story.close()
    return len(places)


def test_a_stop_at_any_commit_or_call_changes_nothing_in_the_end(tmp_path: Path) -> None:
    count = stopped_everywhere(tmp_path, at_calls=False)
    print(f"\nstopped at each of {count} points: the end is always the same")
    assert count > 50


def test_a_stop_inside_the_vendors_calls_changes_nothing_in_the_end(tmp_path: Path) -> None:
    """Before the vendor does anything, and after it did and before its answer is read."""
    count = stopped_everywhere(tmp_path, at_calls=True)
    print(f"\nstopped in each of {count} calls: the end is always the same")
    assert count > 20
