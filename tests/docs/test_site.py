"""The navigation lists every page, every link holds, and a built page loads nothing from elsewhere.

Building is `make docs`; here its parts are looked at without one.
"""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import site

CONFIG: dict[str, Any] = yaml.safe_load((site.ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
LISTS = "docs/decisions/index.md"


def entries(nav: list[Any]) -> Iterator[str]:
    """The pages of a navigation, however deep."""
    for one in nav:
        inner = one if isinstance(one, str) else next(iter(one.values()))
        if isinstance(inner, str):
            yield inner
        else:
            yield from entries(inner)


def unlisted(nav: list[Any], pages: list[Path]) -> list[str]:
    """The pages that a reader of the site would never come by; examples are linked where used."""
    shown = set(entries(nav))
    own = [str(page) for page in pages if page.parts[0] != "examples"]
    return [page for page in own if page not in shown and not page.startswith("docs/decisions/0")]


def test_the_navigation_lists_every_page() -> None:
    assert unlisted(CONFIG["nav"], site.pages()) == [], "add it under `nav` in mkdocs.yml"


def test_a_page_that_is_not_listed_is_noticed() -> None:
    nav = [one for one in CONFIG["nav"] if "Tutorial" not in one]
    assert unlisted(nav, site.pages()) == ["docs/tutorial.md"]


def test_the_navigation_names_no_page_twice_and_none_that_is_not_there() -> None:
    shown = list(entries(CONFIG["nav"]))
    assert len(shown) == len(set(shown))
    assert [one for one in shown if one != LISTS and not (site.ROOT / one).is_file()] == []


def test_the_navigation_has_the_five_ways_in() -> None:
    heads = [head for one in CONFIG["nav"] for head in one]
    assert heads == ["Start", "Tutorial", "How-to", "Reference", "Explanation", "Decisions"]


@pytest.mark.parametrize("page", site.pages(), ids=str)
def test_every_link_of_the_page_holds(page: Path) -> None:
    assert [str(link) for link in site.links(page) if not (site.ROOT / link).exists()] == []


def test_the_mirror_has_every_page_and_all_that_they_link_to(tmp_path: Path) -> None:
    site.mirror(tmp_path)
    assert [one for one in entries(CONFIG["nav"]) if not (tmp_path / one).is_file()] == []
    broken = [
        f"{page}: {target}"
        for page in site.pages()
        for target, _ in site.LINK.findall(site.without_code((tmp_path / page).read_text("utf-8")))
        if not ((tmp_path / page).parent / target).is_file()
    ]
    assert broken == []
    listed = (tmp_path / LISTS).read_text(encoding="utf-8")
    made = [page.name for page in site.pages() if page.parent.name == "decisions"]
    assert re.findall(r"\]\((.+?)\)", listed) == made


def test_what_a_page_would_load_from_elsewhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text('<a href="https://example.test/"><img src="a.png">', encoding="utf-8")
    assert site.foreign(tmp_path) == []
    page.write_text('<script src="https://example.test/a.js"></script>', encoding="utf-8")
    assert site.foreign(tmp_path) == ["https://example.test/a.js"]
    page.write_text('<link rel="stylesheet" href="https://example.test/a.css">', encoding="utf-8")
    assert len(site.foreign(tmp_path)) == 1


def test_the_theme_takes_no_font_and_no_plugin_that_downloads() -> None:
    assert CONFIG["theme"]["font"] is False
    assert CONFIG["plugins"] == ["search"]


def test_the_examples_of_the_tool_are_true() -> None:
    assert doctest.testmod(site).failed == 0
