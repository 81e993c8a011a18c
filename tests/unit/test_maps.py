"""The packages whose first page is a map of their modules: none is left out, none is made up."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["sync", "store", "local", "proposing"])
def test_a_packages_map_names_each_of_its_modules(name: str) -> None:
    package = import_module(f"connector.{name}")
    named = set(re.findall(r"`(\w+)`", package.__doc__ or ""))
    folder = ROOT / "connector" / name
    there = {file.stem for file in folder.glob("*.py")} | {
        file.parent.name for file in folder.glob("*/__init__.py")
    }
    assert named == there - {"__init__"}


def test_the_page_of_the_house_names_each_package_and_no_file_that_is_not_there() -> None:
    text = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:connector|plugins|mappings|tests)/[\w/.-]*)`", text))
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    packages = {f"connector/{file.parent.name}/" for file in ROOT.glob("connector/*/__init__.py")}
    assert packages - paths == set()
