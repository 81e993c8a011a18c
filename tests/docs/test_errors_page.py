"""`docs/errors.md` lists every error class with its parent and exit code, and every exit code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from connector import errors
from connector.commands.group import EXIT_CODES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
ROW = re.compile(r"(?m)^\| `(\w+)` \| `(\w+)` \| (\d+) \| (.+?) \| (.+?) \|$")

CLASSES = {
    name: one
    for name, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, errors.ConnectorError)
}


def listed() -> dict[str, tuple[str, int]]:
    return {row[0]: (row[1], int(row[2])) for row in ROW.findall(PAGE)}


def test_every_error_class_is_listed_with_its_parent_and_exit_code() -> None:
    told = {name: (one.__mro__[1].__name__, one.exit_code) for name, one in CLASSES.items()}
    assert listed() == told


def test_every_error_says_what_it_is_and_what_to_do() -> None:
    assert all(len(says) > 10 and len(do) > 10 for _, _, _, says, do in ROW.findall(PAGE))


def test_the_page_lists_the_exit_codes_of_the_help() -> None:
    of_help = set(re.findall(r"(?m)^  (\d+) ", EXIT_CODES)) | {"143"}
    table = PAGE.split("## Error classes")[0]
    of_page = set(re.findall(r"(?m)^\| (\d+)(?:, (\d+))? \|", table))
    assert {code for pair in of_page for code in pair if code} == of_help


def test_the_order_of_several_reasons_is_the_one_of_the_code() -> None:
    assert f"the first of {', '.join(map(str, errors.EXIT_ORDER))} is its code" in PAGE


def test_the_drawing_in_the_code_names_every_class() -> None:
    drawing = inspect.getdoc(errors) or ""
    assert all(name in drawing for name in CLASSES)
