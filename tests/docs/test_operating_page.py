"""The operator's page shows each verb of theirs, and every cause that an event may have."""

from __future__ import annotations

import re

from connector.sync.causes import SENTENCES
from tools import tour

TEXT = tour.OPERATING.read_text(encoding="utf-8")


def test_the_table_of_causes_is_that_of_the_code() -> None:
    assert dict(re.findall(r"(?m)^\| `([a-z_:*]+)` \| (.+) \|$", TEXT)) == SENTENCES


def test_the_page_shows_every_verb_of_the_operator() -> None:
    shown = " ".join(step.command for step in tour.steps(TEXT))
    for verb in ("explain", "conflicts", "letters", "resync", "pause", "resume", "status"):
        assert f"crm-connector {verb}" in shown
