"""One story, step by step: any of its steps can be left out and the rest stay the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.simulation.erasures import Erasures, when_erased

OPERATIONS = {
    "new_client": 4,
    "new_person": 3,
    "typed_twice": 3,
    "edit_shop": 8,
    "edit_vendor": 8,
    "edit_both": 4,
    "edit_everywhere": 2,
    "clear_shop": 1,
    "clear_vendor": 1,
    "opt_out": 2,
    "remark": 2,
    "card": 3,
    "touch_vendor": 5,
    "household": 1,
    "delete_shop": 1,
    "delete_vendor": 1,
    "restore_vendor": 1,
    "merge_vendor": 1,
    "hide": 1,
    "withhold": 1,
    "drop_field": 1,
    "require": 1,
    "lock_out": 1,
    "wait": 5,
    "sync": 8,
    "sync_dying": 5,
    "sync_frozen": 2,
    "sync_racing": 1,
    "sync_locked": 1,
    "sync_full": 1,
    "plan": 1,
    "back_up": 2,
    "put_back": 2,
}
"""What a step may be and how often. `NAME` is `do_NAME` of `People`, `Troubles` or `Copies`."""

STEPS = 48


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Its chance is its own: it does not depend on the steps before it."""

    number: int
    name: str


def steps_of(seed: int, count: int = STEPS) -> list[Step]:
    """The story that a seed tells."""
    names, weights = list(OPERATIONS), list(OPERATIONS.values())
    drawn = Random(f"story {seed}").choices(names, weights, k=count)
    told = [Step(number, name) for number, name in enumerate(drawn, 1)]
    # Put between the others, with numbers of its own: all other stories are as they were.
    for nth, after in enumerate(when_erased(seed, count)):
        told.insert(after + nth, Step(count + 1 + nth, "erase"))
    return told


class Stage(Erasures):
    """Plays steps, then lets edits stop, then faults, then drains."""

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed, folder)
        self.steps = 0
        self.lines: list[str] = []
        """What was played, a line for each step."""

    def _chance(self, of: object) -> None:
        self.dice = Random(f"{self.seed} {of}")
        if self.plugins is not None:
            self.plugins.network.rng = self.dice

    def play(self, steps: Sequence[Step], judge: Callable[[Any], list[str]]) -> list[str]:
        """Edits and faults; then edits stop; then faults stop. Judged after every step."""
        self._chance("weather")
        weather = self.dice.choice([0.02, 0.08, 0.15])
        for step in steps:
            self.bad_weather = weather
            self.take(step)
            violations = judge(self)
            if violations:
                return [*violations, f"(after step {step.number}: {step.name})"]
            self.later(milliseconds=self.dice.randrange(1, 900))
        self.calm_down()
        return []

    def take(self, step: Step) -> None:
        """Play one step in the weather of the moment."""
        self._chance(step.number)
        self.said = []
        getattr(self, f"do_{step.name}")()
        self.steps += 1
        self.lines.append(f"step {step.number}: {step.name} {'; '.join(self.said)}".rstrip())

    def calm_down(self) -> None:
        """Edits stop; then faults stop."""
        self._chance("end")
        self.undisturbed = True
        for _ in range(3):
            self.attempt()
            self.later(seconds=100)
        self.bad_weather, self.standing, self.trap = 0.0, set(), None

    def drain(self) -> None:
        """Fine days until all has arrived."""
        for turn in range(8):
            # Where no feed tells of removals, the next day's listing does. The first whole read
            # counts as one and looks for nobody: where it came late, it is the day after.
            self.later(seconds=100_000 if turn in (1, 2) else 700)
            self.end_doubt()
            if self.erased:
                self.end_erasures()
            self.attempt()
