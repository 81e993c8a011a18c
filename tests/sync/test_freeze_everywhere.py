"""A process may freeze at any point until its lease has ended, and wake when others went on.

The same story is frozen at every point in turn: people edit meanwhile, another worker does a whole
run, then the first one wakes up and goes on as if nothing had happened. Whatever the point, the
end is that of a story in which nobody froze. Two points are left out: within a transaction of its
own a sleeper locks the others out, and between proving its lease and the first byte that leaves
nothing can be closed (docs/promise.md).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from connector.errors import ConnectorError
from connector.plugin import Capabilities, Ref
from connector.testing.world import PERFECT
from tests.copies import World
from tests.story import C
from tests.sync.hub import COUNTING
from tests.sync.test_cut_everywhere import Cut

WRITES = ("create", "update", "remove")
PLAIN = replace(COUNTING, reports_removals=True, removal="recycle")


class Frozen(Cut):
    """A story whose first worker sleeps at its n-th point."""

    def __init__(self, folder: Path, capabilities: Capabilities) -> None:
        self.asleep = False
        self.slept = 0
        super().__init__(folder)
        self.vendor.capabilities = capabilities

    def point(self, name: str) -> None:
        if self.asleep:
            return
        self.passed.append(name)
        if self.fuse != len(self.passed) or not can_freeze(name):
            return
        self.asleep, self.slept = True, self.slept + 1
        self.later(seconds=200)
        self.meanwhile()
        report = self.runner().run()
        assert not report.errors, report.errors
        self.later(seconds=5)
        self.asleep = False

    def meanwhile(self) -> None:
        """What people do while the first worker sleeps, on records that it works at too."""
        self.sql("UPDATE clients SET street = 'Long Lane' WHERE no = 1")
        self.sql("UPDATE clients SET job = 'cook' WHERE no = 3")
        self.vendor.edit(C, self.who("Client2"), {"City": "Lund"})
        self.vendor.edit(C, self.who("Arrived"), {"Job": "miller"})

    def who(self, name: str) -> Ref:
        [found] = [d["ref"] for d in self.vendor.dump(C) if d["fields"]["Last"] == name]
        return Ref(found)

    def play(self, world: World, at: int) -> None:
        """The run from the same world with a sleep at one point, then runs until nothing moves."""
        world.put_back()
        self.passed.clear()
        self.fuse = at
        with suppress(ConnectorError):  # it may wake up and be told that its lease is another's
            self.runner().run()
        self.first_run = len(self.passed)
        self.later(seconds=100)
        if self.slept == 0:
            self.meanwhile()
        self.fuse = -1
        self.until_quiet()


def can_freeze(name: str) -> bool:
    if name.startswith("before commit") or name == "after commit: sending":
        return False
    return name not in {f"before {op}, at the vendor" for op in WRITES}


@pytest.mark.parametrize(
    ("caps", "at_calls", "step"),
    [
        pytest.param(PERFECT, False, 1, id="unique-engine"),
        pytest.param(PERFECT, True, 1, id="unique-calls"),
        # The points that a plain key has besides lie at its calls; of the others some will do.
        pytest.param(PLAIN, False, 3, id="plain-engine"),
        pytest.param(PLAIN, True, 1, id="plain-calls"),
    ],
)
def test_a_sleep_at_any_point_changes_nothing_in_the_end(
    tmp_path: Path, caps: Capabilities, at_calls: bool, step: int
) -> None:
    story = Frozen(tmp_path, caps)
    story.before()
    story.edits()
    story.at_calls = at_calls
    world = World(story)
    story.play(world, 0)
    wanted, points = story.end(), story.first_run
    assert not wanted["left over"], "the whole story comes to rest"
    frozen = 0
    for at in range(1, points + 1, step):
        story.slept = 0
        story.play(world, at)
        if story.slept:
            frozen += 1
            name = story.passed[at - 1]
            end = story.end()
            for part in wanted:
                assert end[part] == wanted[part], f"frozen at {at}, {name}: {part}"
    print(f"\nfrozen at each of {frozen} points: the end is always the same")
    assert frozen > (10 if at_calls else 60) // step
    story.close()
