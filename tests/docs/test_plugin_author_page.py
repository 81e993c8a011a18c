"""The page for authors of plugins is made of the example, which is installed apart and works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector import bulk, plugin
from connector.plugin import Outcome
from tools import tour
from tools.third_vendor import EXAMPLE, Environment

TEXT = tour.PLUGIN.read_text(encoding="utf-8")
CODE = re.findall(r"(?ms)^```(?:python|toml|yaml)\n(.*?)^```$", TEXT)
TEST = EXAMPLE / "test_ledgerly.py"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("third"))


def test_every_piece_of_code_stands_in_the_example() -> None:
    files = [one for one in EXAMPLE.rglob("*") if one.suffix in (".py", ".toml", ".yaml")]
    told = "\n".join(file.read_text(encoding="utf-8") for file in files)
    assert len(CODE) > 8
    assert [piece for piece in CODE if piece not in told] == []


def test_the_examples_test_has_fewer_than_25_lines() -> None:
    assert len(TEST.read_text(encoding="utf-8").splitlines()) < 25


def test_every_optional_protocol_stands_in_the_table() -> None:
    there_are = {
        name
        for module in (plugin, bulk)
        for name, one in vars(module).items()
        if getattr(one, "_is_runtime_protocol", False)
    }
    assert set(re.findall(r"(?m)^\| `([A-Z]\w+)` \|", TEXT)) == there_are


def test_every_outcome_stands_in_the_table() -> None:
    assert re.findall(r"(?m)^\| `([a-z]+)` \|", TEXT) == [str(one) for one in Outcome]


@pytest.mark.slow
def test_the_installed_example_keeps_the_plugin_contract(there: Environment) -> None:
    for ended in (there.contract(), there.tested("test_answers.py")):
        assert ended["passed"] > 20
        assert ended["failed"] == ended["error"] == 0


@pytest.mark.slow
def test_installing_a_vendor_changes_nothing_of_the_connector(there: Environment) -> None:
    assert there.changed() == []
    spoiled = there.site / "connector" / "version.py"
    text = spoiled.read_bytes()
    spoiled.write_bytes(text + b"#")
    assert there.changed() == ["connector/version.py"]
    spoiled.write_bytes(text)


@pytest.mark.slow
def test_the_connector_finds_it_and_syncs_with_it(there: Environment, tmp_path: Path) -> None:
    for shown, now in tour.play(TEXT, tmp_path, there.python):
        assert tour.stable(now.output) == tour.stable(shown.output), shown.command
