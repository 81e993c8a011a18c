"""Installations and stories on disk that are closed when they have been told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.privacy.invariants")

from tests.privacy.installed import Installed, Worker, fill  # noqa: E402 - after the line above
from tests.privacy.persons import TWO, OnDisk, Persons  # noqa: E402 - as that
from tests.story import telling  # noqa: E402 - as that


@pytest.fixture
def home(tmp_path: Path) -> Installed:
    """An installation that is still empty."""
    (tmp_path / "home").mkdir()
    return Installed(tmp_path / "home").make()


@pytest.fixture
def worker(home: Installed) -> Iterator[Worker]:
    """One of its processes, which has done a batch."""
    worker = Worker(home, "crm")
    assert worker.try_a_batch()
    yield worker
    worker.close()


@pytest.fixture
def filled(home: Installed) -> Iterator[Worker]:
    """One of its processes, with something in each table of the state."""
    worker = fill(home)
    yield worker
    worker.close()


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Make a story with two vendors; `on_disk`: with its state in a file."""

    def make(*, on_disk: bool = False, **how: Any) -> Persons:
        made = OnDisk if on_disk else Persons
        return made(**{"others": TWO, **how})

    yield from telling(tmp_path, make)
