"""The tutorial shows the daily work, and the pages that share its first steps agree."""

from __future__ import annotations

import re
from dataclasses import replace

from tools import tour

TEXT = tour.TUTORIAL.read_text(encoding="utf-8")
CHINESE = (tour.ROOT / "README.zh-CN.md").read_text(encoding="utf-8")


def test_another_count_in_the_tutorial_is_noticed() -> None:
    told = next(s for s in tour.steps(TEXT) if s.command == "crm-connector sync")
    changed = replace(told, output=tuple(x.replace(" 3 ", " 2 ") for x in told.output))
    assert tour.stable(changed.output) != tour.stable(told.output)


def test_the_tutorial_shows_the_verbs_of_daily_work() -> None:
    shown = " ".join(step.command for step in tour.steps(TEXT))
    for verb in ("init", "keys init", "local install", "doctor", "plan", "sync"):
        assert f"crm-connector {verb}" in shown
    assert "letters retry" in shown
    assert "conflicts resolve" in shown


def test_the_script_of_the_first_half_runs_the_tutorials_commands() -> None:
    script = (tour.ROOT / "docs" / "tour" / "ready.sh").read_text(encoding="utf-8")
    first = [s.command for s in tour.steps(TEXT)][: len(script.splitlines())]
    for line in script.splitlines():
        plain = line.replace('"$PORT"', tour.PORT)
        if not line.startswith(("#", "echo 'record_url")):
            assert plain in first, line


def test_the_chinese_page_has_the_commands_of_the_readme() -> None:
    readme = tour.README.read_text(encoding="utf-8")
    ours = [step.command for step in tour.steps(CHINESE)]
    assert ours
    assert ours == [step.command for step in tour.steps(readme)]
    blocks = [re.findall(r"(?m)^(?:make|\.|TOUR)[^#\n]*", text) for text in (CHINESE, readme)]
    assert [line.strip() for line in blocks[0]] == [line.strip() for line in blocks[1]]
