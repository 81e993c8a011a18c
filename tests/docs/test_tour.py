"""Pages print what they show, and name its own verbs and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.commands.group import VERBS
from tools import site, tour

OF_PAGES = [page for page in tour.PAGES if page != tour.PLUGIN]
"""The other one is played where the example's plugin is installed."""
PLAIN = [*tour.PAGES, tour.ROOT / "README.zh-CN.md", tour.ROOT / "docs" / "embedding.md"]


@pytest.mark.slow
@pytest.mark.parametrize("page", OF_PAGES, ids=lambda page: str(page.stem))
def test_a_page_prints_what_it_shows(tmp_path: Path, page: Path) -> None:
    played = tour.play(page.read_text(encoding="utf-8"), tmp_path)
    assert played
    for shown, now in played:
        assert tour.stable(now.output) == tour.stable(shown.output), shown.command


def test_no_page_names_a_verb_that_is_not_there() -> None:
    named = {
        (verb, page)
        for page in site.pages()
        for verb in re.findall(
            r"crm-connector ([a-z]\w*)", (site.ROOT / page).read_text(encoding="utf-8")
        )
    }
    assert len({page for _, page in named}) > 20
    assert [one for one in named if one[0] not in VERBS] == []


@pytest.mark.parametrize("page", PLAIN, ids=lambda page: str(page.stem))
def test_a_page_shows_no_path_of_a_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.…])/(?:tmp|home|root|work|usr|var)\b", text) == []
