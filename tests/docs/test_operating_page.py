"""The operator's page runs as it is printed, and names every cause that an event may have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.commands.group import VERBS
from connector.sync.causes import SENTENCES
from tools import tour

TEXT = tour.OPERATING.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    for shown, now in tour.play(TEXT, tmp_path):
        assert tour.stable(now.output) == tour.stable(shown.output), shown.command


def test_the_table_of_causes_is_that_of_the_code() -> None:
    assert dict(re.findall(r"(?m)^\| `([a-z_:*]+)` \| (.+) \|$", TEXT)) == SENTENCES


def test_the_page_names_no_verb_that_is_not_there() -> None:
    assert set(re.findall(r"crm-connector ([a-z]\w*)", TEXT)) - set(VERBS) == set()


def test_the_page_shows_every_verb_of_the_operator() -> None:
    shown = " ".join(step.command for step in tour.steps(TEXT))
    for verb in ("explain", "conflicts", "letters", "resync", "pause", "resume", "status"):
        assert f"crm-connector {verb}" in shown


def test_the_page_shows_no_path_of_a_machine() -> None:
    assert re.findall(r"(?<![\w.…])/(?:tmp|home|root|work|usr|var)\b", TEXT) == []
