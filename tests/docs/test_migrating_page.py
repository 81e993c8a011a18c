"""The consultant's page runs as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.commands.group import VERBS
from tools import tour

TEXT = tour.MIGRATING.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    for shown, now in tour.play(TEXT, tmp_path):
        assert tour.stable(now.output) == tour.stable(shown.output), shown.command


def test_another_line_of_a_bad_row_is_noticed() -> None:
    (told,) = (s for s in tour.steps(TEXT) if s.command.startswith("crm-connector plan;"))
    assert any(line.startswith("export.csv:5: ") for line in told.output)


def test_the_page_names_no_verb_that_is_not_there() -> None:
    assert set(re.findall(r"crm-connector ([a-z]\w*)", TEXT)) - set(VERBS) == set()


def test_the_page_shows_no_path_of_a_machine() -> None:
    assert re.findall(r"(?<![\w.…])/(?:tmp|home|root|work|usr|var)\b", TEXT) == []
