"""The catalogue of deliberate bugs fits the tree: a bug that cannot be planted proves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.catalogue import BUGS, Bug

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("bug", BUGS.values(), ids=list(BUGS))
def test_a_bug_can_be_planted_in_one_place(bug: Bug) -> None:
    text = (ROOT / bug.file).read_text(encoding="utf-8")
    assert text.count(bug.old) == 1
    assert bug.seeds or bug.stories
    for story in bug.stories:
        assert (ROOT / story).is_file()
