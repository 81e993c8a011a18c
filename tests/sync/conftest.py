"""Stories that are closed when they have been told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.story import Story


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Callable[..., Story]]:
    """Make a story; `capabilities`, `mapping`, `first_contact` and the like as `Story` takes."""
    told: list[Story] = []

    def make(**how: Any) -> Story:
        folder = tmp_path / str(len(told))
        folder.mkdir()
        told.append(Story(folder=folder, **how))
        return told[-1]

    yield make
    for story in told:
        story.close()


@pytest.fixture
def story(tell: Callable[..., Story]) -> Story:
    return tell()
