"""A state machine over a shop and two vendors: whatever people and faults do, in whatever order.

The rules are the steps of the simulation, each with a chance of its own; a story that goes wrong is
cut down to the fewest steps that still do.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.simulation import endings, oracles
from tests.simulation.stage import OPERATIONS, Stage, Step

EDITS = sorted(
    name
    for name in OPERATIONS
    if name.startswith(("new_", "edit_", "clear_", "delete_", "restore_", "merge_"))
    or name in ("opt_out", "remark", "card", "typed_twice", "touch_vendor")
)
TROUBLES = sorted(set(OPERATIONS) - set(EDITS) - {"sync", "wait"})
ON_MEMORY = 1
"""A seed whose vendors are drawn from their capabilities; its number decides nothing else here."""
chances = st.integers(1, 10**6)


class ShopAndVendors(RuleBasedStateMachine):
    """One shop, two vendors in memory, the real engine."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="machine-")
        self.stage = Stage(ON_MEMORY, Path(self.folder.name))
        self.weather = 0.0

    @rule(name=st.sampled_from(EDITS), chance=chances)
    def somebody_acts(self, name: str, chance: int) -> None:
        self.take(name, chance)

    @rule(chance=chances)
    def a_sync_runs(self, chance: int) -> None:
        self.take("sync", chance)

    @rule(chance=chances)
    def time_passes(self, chance: int) -> None:
        self.take("wait", chance)

    @precondition(lambda self: self.stage.steps > 0)
    @rule(name=st.sampled_from(TROUBLES), chance=chances)
    def there_is_trouble(self, name: str, chance: int) -> None:
        self.take(name, chance)

    @rule(weather=st.sampled_from([0.0, 0.05, 0.15]))
    def the_weather_changes(self, weather: float) -> None:
        self.weather = weather

    def take(self, name: str, chance: int) -> None:
        self.stage.bad_weather = self.weather
        self.stage.take(Step(chance, name))
        self.stage.later(milliseconds=7)

    @invariant()
    def nothing_is_wrong_on_the_way(self) -> None:
        assert oracles.during(self.stage) == [], self.stage.lines

    def teardown(self) -> None:
        """Edits stop, then faults; what is under way arrives, and both sides agree."""
        try:
            self.stage.calm_down()
            self.stage.drain()
            found = [*endings.at_the_end(self.stage), *endings.is_silent(self.stage)]
            assert found == [], self.stage.lines
        finally:
            self.stage.close()
            self.folder.cleanup()


TestShopAndVendors = ShopAndVendors.TestCase
TestShopAndVendors.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
