"""Stories on disk that are closed when they have been told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.privacy.persons import TWO, OnDisk, Persons


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Make a story with two vendors; `on_disk`: with its state in a file."""
    told: list[Persons] = []

    def make(*, on_disk: bool = False, **how: Any) -> Persons:
        folder = tmp_path / str(len(told))
        folder.mkdir()
        made = OnDisk if on_disk else Persons
        told.append(made(folder=folder, **{"others": TWO, **how}))
        return told[-1]

    yield make
    for story in told:
        story.close()
