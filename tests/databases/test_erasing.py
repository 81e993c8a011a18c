"""A person is erased where shop, state and keys lie on real servers."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from connector.privacy.vault import Vault, open_vault
from connector.rights.erasing import How
from connector.rights.rows import RowRule
from connector.store import tables as t
from connector.testing.world import PERFECT
from tests.databases.server_story import ServerStory
from tests.privacy.persons import Persons, ann_everywhere, is_gone
from tests.servers import database
from tests.story import C


class OnServers(ServerStory, Persons):
    """`keys_at`: the URL of an empty database for people's keys."""

    def __init__(self, *, keys_at: str, **how: Any) -> None:
        self._keys_at = keys_at
        super().__init__(**how)

    def open_vault(self) -> Vault:
        return open_vault(
            ring_path=self.folder / "ring.json",
            kek="file:kek.bin",
            subjects_url=self._keys_at,
            tenant="story",
            clock_now=self.clock.now,
        )


@pytest.mark.parametrize("server", ["postgresql", "mariadb"])
@pytest.mark.parametrize("rule", [RowRule.DELETE, RowRule.BLANK])
def test_the_erased_are_gone_from_servers_and_stay_out(
    server: str, rule: RowRule, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        where = stack.enter_context(database(server))
        state, keys = (stack.enter_context(database("postgresql")) for _ in range(2))
        story = OnServers(
            where=where, state_at=state, keys_at=keys, folder=tmp_path, others={"fx": PERFECT}
        )
        stack.callback(story.close)
        known = ann_everywhere(story)
        entry = story.erase(known.key, How(rule))
        assert entry.state == "done"
        assert {one.state for one in entry.vendors} == {"verified"}
        if rule is RowRule.DELETE:
            assert is_gone(story, known) == []
        else:
            [row] = story.sql("SELECT * FROM clients WHERE no = :n", n=known.key)
            assert not {known.ann.name, known.ann.email, known.ann.mobile} & set(row.values())
        story.client("Someone", mail=known.ann.email.upper())
        story.settle()
        assert len(story.vendor.dump(C)) == 1, "Bob alone"
        erased = [row for row in story.rows(t.link) if row["state"] == "erased"]
        assert {(row["remote_id"], row["base"]) for row in erased} == {(None, None)}
