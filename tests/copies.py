"""A story as it is at one moment, to be put back: one of its databases, or everything there is."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping

import sqlalchemy as sa

from connector.plugin import Kind, Ref
from connector.testing.world import Record
from tests.story import Story


class Copies:
    """Copies of the three databases, taken at one moment."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._state = _raw(story.state_engine).serialize()
        self._shop = _raw(story.shop_engine).serialize()
        self._keys = story.back_up_keys()

    def put_back(self, which: str) -> None:
        if which == "state":
            _raw(self._story.state_engine).deserialize(self._state)
        elif which == "shop":
            _raw(self._story.shop_engine).deserialize(self._shop)
        else:
            self._story.put_keys_back(self._keys)


class World:
    """Everything there is at one moment, to be put back as often as wanted."""

    def __init__(self, story: Story) -> None:
        self._story, self._copies = story, Copies(story)
        self._vendors = {
            name: (_copied(one.records), Counter(one.calls), one.rng.getstate())
            for name, one in story.vendors.items()
        }
        self._moment, self._chance = story.clock.now(), story.rng.getstate()

    def put_back(self) -> None:
        story = self._story
        for which in ("shop", "state", "keys"):
            self._copies.put_back(which)
        for name, (records, calls, chance) in self._vendors.items():
            vendor = story.vendors[name]
            vendor.records, vendor.calls = _copied(records), Counter(calls)
            vendor.rng.setstate(chance)
        story.clock.move(self._moment - story.clock.now())
        story.rng.setstate(self._chance)


def _raw(engine: sa.Engine) -> sqlite3.Connection:
    found = engine.raw_connection().driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


def _copied(records: Mapping[Kind, Mapping[Ref, Record]]) -> dict[Kind, dict[Ref, Record]]:
    """Commits never change; only the lists of them do."""
    return {
        kind: {ref: Record(ref, list(r.commits), r.hidden) for ref, r in many.items()}
        for kind, many in records.items()
    }
