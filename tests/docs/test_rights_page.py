"""The page on a person's rights runs as it is printed, and names every verb of theirs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.commands.group import VERBS
from connector.commands.privacy import VERBS as OF_PRIVACY
from tools import tour

TEXT = tour.RIGHTS.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    for shown, now in tour.play(TEXT, tmp_path):
        assert tour.stable(now.output) == tour.stable(shown.output), shown.command


def test_the_page_names_no_verb_that_is_not_there_and_every_one_that_is() -> None:
    assert set(re.findall(r"crm-connector ([a-z]\w*)", TEXT)) - set(VERBS) == set()
    named = set(re.findall(r"crm-connector privacy ([a-z]\w*)", TEXT))
    told = {
        verb
        for verb, (where, _) in OF_PRIVACY.items()
        if where.startswith(("rights:", "auditing:"))
    }
    assert named == told


def test_the_page_shows_no_path_of_a_machine() -> None:
    assert re.findall(r"(?<![\w.…])/(?:tmp|home|root|work|usr|var)\b", TEXT) == []
