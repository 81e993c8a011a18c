"""Fixtures of the tests on real database servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.local import capture
from connector.local.opening import open_local
from connector.local.sql import SqlLocal
from tests.databases.people import PEOPLE, STORE, WATCHED, ZONE, local_of
from tests.databases.server_story import ServerStory
from tests.servers import NAMES, database
from tests.story import Story, Tell, telling


@pytest.fixture(params=NAMES)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(server_name: str) -> Iterator[str]:
    """An empty database of this test's own on each server."""
    with database(server_name) as url:
        yield url


@pytest.fixture(params=["all on PostgreSQL", "shop on MariaDB"])
def tell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tell]:
    """As in `tests/sync`, on servers."""
    with ExitStack() as stack:

        def make(**how: Any) -> Story:
            if request.param == "shop on MariaDB":
                places = {"where": stack.enter_context(database("mariadb"))}
            else:
                places = {
                    name: stack.enter_context(database("postgresql"))
                    for name in ("where", "state_at")
                }
            return ServerStory(**places, **how)

        yield from telling(tmp_path, make)


@pytest.fixture
def story(tell: Tell) -> Story:
    return tell()


@pytest.fixture
def engine(server_name: str, url: str) -> Iterator[sa.Engine]:
    """A shop whose table of people is watched; see `people`."""
    engine = open_local(url, ZONE)
    with engine.begin() as tx:
        tx.exec_driver_sql(PEOPLE[server_name])
    with engine.begin() as tx:
        capture.install(tx, STORE, WATCHED, "here")
    yield engine
    engine.dispose()


@pytest.fixture
def local(engine: sa.Engine) -> SqlLocal:
    return local_of(engine)
