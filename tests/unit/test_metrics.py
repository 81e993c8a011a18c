"""The exposition: strict in its form, without anything of a person, replaced at once."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from connector.errors import UsageError
from connector.operating.metrics import exposition, write_exposition
from connector.operating.standing import Standing
from connector.sync.budgets import Budget
from connector.sync.status import ScopeStatus, Status

NOW = "2026-11-23T09:00:00+00:00"
SCOPE = ScopeStatus(
    *("crm", "customer", 5, 2, 1, 0, NOW, NOW, True), False, "a reason", ("off",), 1.5, 90.0
)
BUDGET = Budget("crm", "api", "80/20s", 4, 3, 0.263, 0.0)
STATUS = Status([SCOPE], 1, 2, (), (BUDGET,), NOW)

_LABELS = r'\{(?:[a-z_]+="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)+\}'
_SAMPLE = re.compile(rf"([a-z_]+)({_LABELS})? (-?\d+(?:\.\d+)?)")


def parsed(text: str) -> dict[tuple[str, str], float]:
    """Name and labels to value; fails where the text breaks a rule of the format."""
    assert text.endswith("\n")
    found: dict[tuple[str, str], float] = {}
    helped: list[str] = []
    typed: list[str] = []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped.append(line.split(" ", 3)[2])
            assert line.split(" ", 3)[3]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            typed.append(name)
            assert kind == "gauge"
        else:
            match = _SAMPLE.fullmatch(line)
            assert match is not None, line
            assert match[1] == typed[-1] == helped[-1], "samples follow the lines about them"
            assert (match[1], match[2] or "") not in found, "each sample comes once"
            found[match[1], match[2] or ""] = float(match[3])
    assert len(typed) == len(set(typed)) == len(helped)
    return found


def standing(connection: str = "crm", *, stale: bool = True) -> Standing:
    return Standing(connection=connection, kind="customer", scope=SCOPE, age_s=60.0, stale=stale)


def test_every_gauge_is_there_once_with_its_value() -> None:
    found = parsed(exposition(STATUS, [standing()]))
    own = '{connection="crm",kind="customer"}'
    told = {
        name.removeprefix("crm_connector_"): v for (name, label), v in found.items() if label == own
    }
    assert told == {
        "stale": 1,
        "last_success_timestamp_seconds": 1795424400,
        "read_until_timestamp_seconds": 1795424400,
        "last_success_duration_seconds": 1.5,
        "lag_seconds": 90,
        "links": 5,
        "staged": 2,
        "waiting": 1,
        "unknown": 0,
        "running": 1,
        "paused": 0,
        "doubt": 1,
        "fields_off": 1,
    }
    assert found["crm_connector_letters", ""] == 1
    assert found["crm_connector_conflicts", ""] == 2
    assert found["crm_connector_budget_left_units", '{connection="crm",budget="api"}'] == 3


def test_what_never_ran_is_stale_and_has_no_times() -> None:
    never = Standing(connection="crm", kind="customer", scope=None, age_s=None, stale=True)
    found = parsed(exposition(Status([], 0, 0, now=NOW), [never]))
    assert {name for name, label in found if label} == {"crm_connector_stale"}


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", 'a"} 1\nevil 2', "纷享"])
def test_a_name_cannot_break_out_of_its_label(name: str) -> None:
    found = parsed(exposition(Status([], 0, 0, now=NOW), [standing(name)]))
    assert all(key.startswith("crm_connector_") for key, _ in found)


@pytest.mark.parametrize("bad", ["x 1", "# TYPE a gauge\nb 1\n", 'a{b="c} 1\n', "a 1 2 3\n"])
def test_the_parser_of_this_test_is_strict(bad: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        parsed(bad)


def test_the_file_is_replaced_whole_and_may_be_read_by_the_collector(tmp_path: Path) -> None:
    file = tmp_path / "crm.prom"
    umask = os.umask(0o077)
    try:
        write_exposition(file, "a 1\n")
        before = file.stat().st_ino
        write_exposition(file, "a 2\n")
    finally:
        os.umask(umask)
    assert file.read_text(encoding="utf-8") == "a 2\n"
    assert file.stat().st_ino != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["crm.prom"]


def test_a_file_that_cannot_be_written_is_a_wrong_call_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder.prom").mkdir()
    for file in (tmp_path / "nowhere" / "crm.prom", tmp_path / "folder.prom"):
        with pytest.raises(UsageError, match="cannot be written"):
            write_exposition(file, "a 1\n")
    assert [one.name for one in tmp_path.iterdir()] == ["folder.prom"]
