"""The reference pages are what the code says, and nothing on them is without its sentence."""

from __future__ import annotations

import doctest
import re

import click
import pytest

from connector.commands.group import cli
from connector.mapping.lenses import BUILDERS
from connector.mapping.schema import POLICIES
from connector.settings import SafetySettings
from tools.reference import commands, mapping, settings, source, table
from tools.reference.pages import FOLDER, pages

PAGES = pages()


def without_sentence(text: str) -> list[str]:
    """The first cells of rows whose last cell is empty."""
    return [row.split(" | ")[0] for row in re.findall(r"(?m)^\| (.*) \|  \|$", text)]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    told = (FOLDER / name).read_text(encoding="utf-8")
    assert told == PAGES[name], "run `python -m tools.reference`"


def test_no_page_stands_there_that_nobody_makes() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(PAGES)


@pytest.mark.parametrize("name", ["settings.md", "commands.md", "plugins.md"])
def test_every_setting_option_and_capability_has_its_sentence(name: str) -> None:
    assert without_sentence(PAGES[name]) == []


def test_a_row_without_its_sentence_is_noticed() -> None:
    shown = table.table(["key", "is"], [["`a`", "What."], ["`b`", ""]])
    assert without_sentence(shown) == ["`b`"]
    bare = settings.Section("[x]", "nowhere", SafetySettings)
    assert settings.says(bare, "max_delete", {}) == ""


def test_every_command_says_what_it_does_and_every_option_too() -> None:
    context = click.Context(cli)
    found = dict(commands.commands(cli, context))
    assert len(found) > 40
    mute = [" ".join(path) for path, one in found.items() if len(one.help or "") < 20]
    assert mute == []
    silent = [
        f"{' '.join(path)} {param.opts[-1]}"
        for path, one in found.items()
        for param in one.params
        if isinstance(param, click.Option) and not param.help
    ]
    assert silent == []


def test_every_verb_and_every_policy_has_its_place() -> None:
    heads = re.findall(r"(?m)^##+ (.+)$", PAGES["commands.md"])
    paths = [" ".join(path) for path, _ in commands.commands(cli, click.Context(cli))]
    assert heads == [*paths, "Exit codes"]
    assert all(f"| `{name}` |" in PAGES["mapping.md"] for name in (*POLICIES, *BUILDERS))


@pytest.mark.parametrize("lens", BUILDERS)
def test_every_option_of_a_lens_is_explained(lens: str) -> None:
    says = (BUILDERS[lens].__doc__ or "").lower()
    assert len(says) > 15
    for option in mapping.options(lens):
        assert all(word.lower() in says for word in re.findall(r"\w+", option)), option


def test_the_examples_of_the_tool_are_true() -> None:
    for module in (settings, source, table):
        assert doctest.testmod(module).failed == 0
