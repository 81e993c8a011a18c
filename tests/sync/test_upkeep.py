"""What waits for long outlives the keys it was sealed under, and those keys do end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from connector.privacy import ring_changes
from connector.privacy.keys import Purpose
from connector.store import tables as t
from connector.sync.report import RunReport
from tests.story import C, M, Story, Tell


def reopen(story: Story) -> None:
    """As a new process does: it finds the staging key a week old and makes another."""
    story.vault.close()
    story.vault = story.open_vault()


def payload_of(story: Story) -> bytes:
    with story.state_engine.begin() as tx:
        sealed = tx.execute(sa.select(t.staged.c.payload).where(t.staged.c.side == "remote"))
        return bytes(sealed.scalar_one())


def staging_states(folder: Path) -> list[str]:
    keys = json.loads((folder / "ring.json").read_text())["keys"]
    return [key["state"] for key in keys if key["purpose"] == "staging"]


def run_without_new_clients(story: Story) -> RunReport:
    """A run in a shop that takes no new customers from the vendor: their cards wait."""
    runner = story.runner()
    (connection,) = runner._connections
    kinds = {
        kind: replace(setup, create_local=kind is not C) for kind, setup in connection.kinds.items()
    }
    runner._connections = [replace(connection, kinds=kinds)]
    return runner.run()


def test_what_waits_is_sealed_anew_before_its_key_is_destroyed(tell: Tell) -> None:
    story = tell(kinds=(C, M))
    person = story.vendor.create(C, {"Last": "One", "Mail": "one@example.test"})
    story.vendor.create(M, {"Name": "card-1", "Person": {"id": person}})
    run_without_new_clients(story)
    first = story.vault.staging_key(payload_of(story))
    for _ in range(3):
        story.later(days=8)
        reopen(story)
        run_without_new_clients(story)
    sealed = payload_of(story)
    assert story.vault.staging_key(sealed) != first
    assert story.vault.is_staging_current(sealed)
    assert "destroyed" in staging_states(story.folder)


def test_a_run_seals_under_a_key_that_came_before_its_lease(story: Story) -> None:
    """A rotation waits for the leases it finds, and for none that is taken later."""
    story.vendor.create(C, {"Last": "One", "Mail": "one@example.test"})
    at = (story.folder / "ring.json", "file:kek.bin", "story")
    made: list[int] = []

    def rotate(point: str) -> None:
        if point == "after commit: generation in the keys" and not made:
            made.append(ring_changes.add_pending(*at, story.clock.now(), Purpose.WRAP))
            ring_changes.activate(*at, story.clock.now(), made[0])

    story.hook = rotate
    story.runner().run()
    assert story.vault.subjects.wrapped_under() == {made[0]: 1}
