"""Stories that are closed when they have been told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.story import Story, Tell, telling


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Tell]:
    """Make a story; `capabilities`, `mapping`, `first_contact` and the like as `Story` takes."""
    yield from telling(tmp_path, Story)


@pytest.fixture
def story(tell: Tell) -> Story:
    return tell()
