"""The host's engine is used as it is, and left as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from connector.errors import LocalError, SettingsError
from connector.local.borrowed import borrow
from connector.local.contract import LocalWrite
from connector.local.opening import open_local
from connector.local.shapes import KindTable
from connector.local.sql import SqlLocal
from connector.plugin import Kind, Op, Outcome

C = Kind.CUSTOMER
SCHEMA = "CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL)"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url)
    with engine.begin() as tx:
        tx.exec_driver_sql(SCHEMA)
    yield engine
    engine.dispose()


def side(engine: sa.Engine) -> SqlLocal:
    local = SqlLocal(borrow(engine, "UTC"), {C: KindTable("people", "id")}, "1a2b", borrowed=True)
    local.install("here")
    local.observe(C, ["name"])
    return local


def create(name: str | None) -> LocalWrite:
    return LocalWrite(id=f"i-{name}", op=Op.CREATE, key=None, values={"name": name}, old={})


def test_the_hosts_pool_listeners_and_way_to_begin_are_as_they_were(engine: sa.Engine) -> None:
    began: list[str] = []
    event.listen(engine, "begin", lambda connection: began.append("theirs"))

    @event.listens_for(engine, "before_cursor_execute")
    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        began.append(statement)

    local = side(engine)
    local.write(C, [create("Ada")])
    local.close()
    began.clear()
    with engine.begin() as tx:
        raw = tx.connection.dbapi_connection
        assert raw is not None
        assert (raw.isolation_level, raw.in_transaction) == ("", False)
        tx.exec_driver_sql("INSERT INTO people (name) VALUES ('Bo')")
    assert began == ["theirs", "INSERT INTO people (name) VALUES ('Bo')"]
    assert engine.hide_parameters is False
    assert isinstance(engine.logger, logging.Logger)
    assert engine.get_execution_options() == {}


def test_closing_leaves_the_hosts_lines_open(engine: sa.Engine) -> None:
    with engine.connect() as tx:
        line = tx.connection.dbapi_connection
    side(engine).close()
    with engine.connect() as tx:
        assert tx.connection.dbapi_connection is line


def test_every_line_is_given_back(engine: sa.Engine) -> None:
    local = side(engine)
    local.write(C, [create("Ada"), create(None)])
    local.scan(C, None, 10)
    assert isinstance(engine.pool, sa.QueuePool)
    assert engine.pool.checkedout() == 0


def test_a_transaction_that_the_host_has_open_is_not_ours(engine: sa.Engine) -> None:
    """What the host has not committed is neither read by us nor committed by our commit."""
    local = side(engine)
    with engine.connect() as theirs:
        theirs.exec_driver_sql("BEGIN")
        assert local.scan(C, None, 10) == []
        [told] = local.write(C, [create("Ada")])
        assert told.outcome is Outcome.APPLIED
        theirs.rollback()
    assert [row.values["name"] for row in local.scan(C, None, 10)] == ["Ada"]


def test_a_host_that_begins_by_itself_is_no_obstacle(engine: sa.Engine) -> None:
    """SQLAlchemy's own recipe for SQLite: a BEGIN by a listener, and none by the driver."""

    @event.listens_for(engine, "connect")
    def connect(dbapi: Any, record: Any) -> None:
        dbapi.isolation_level = None

    engine.dispose()  # so that the line is a new one
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    local = side(engine)
    [told] = local.write(C, [create("Ada")])
    assert told.outcome is Outcome.APPLIED
    with engine.begin() as tx:
        raw = tx.connection.dbapi_connection
        assert raw is not None
        assert raw.isolation_level is None


@pytest.mark.parametrize("whose", ["the host's", "ours"])
def test_a_log_of_statements_shows_no_value_of_ours(
    url: str, engine: sa.Engine, whose: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A host that has SQLAlchemy log its statements means its own."""
    with caplog.at_level(logging.DEBUG, "sqlalchemy"):
        theirs = sa.create_engine(url)
        ours = borrow(theirs, "UTC") if whose == "the host's" else open_local(url)
        local = SqlLocal(ours, {C: KindTable("people", "id")}, "1a2b")
        local.install("here")
        local.observe(C, ["name"])
        [told] = local.write(C, [create("Ada-in-the-log")])
        assert [row.values["name"] for row in local.scan(C, None, 9)] == ["Ada-in-the-log"]
        local.close()
    assert told.outcome is Outcome.APPLIED
    assert "INSERT INTO" in caplog.text
    assert "Ada-in-the-log" not in caplog.text


def test_an_engine_whose_users_share_one_line_is_refused() -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with pytest.raises(SettingsError, match="StaticPool"):
        borrow(engine, "UTC")
    engine.dispose()


def test_an_engine_with_an_untested_driver_is_refused_by_name() -> None:
    engine = sa.create_engine("sqlite+pysqlcipher://", module=_Driver())
    with pytest.raises(SettingsError, match=r"sqlite\+pysqlcipher"):
        borrow(engine, "UTC")


class _Driver:
    """As much of a driver as making an engine asks for."""

    paramstyle = "qmark"
    version = sqlite_version_info = (3, 40, 0)
    sqlite_version = "3.40.0"


def test_a_busy_database_is_no_lost_write(engine: sa.Engine, url: str) -> None:
    """The host's own time-out counts; then the write surely did not happen, and is told so."""
    impatient = sa.create_engine(url, connect_args={"timeout": 0.05})
    local = side(impatient)
    with engine.connect() as theirs:
        theirs.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(LocalError):
            local.write(C, [create("Ada")])
        theirs.rollback()
    assert local.scan(C, None, 10) == []
    impatient.dispose()


def test_we_begin_as_a_writer_only_where_we_write(engine: sa.Engine) -> None:
    """A reader that turns writer midway may find that another one came first, and fail."""
    local = side(engine)
    statements: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    local.scan(C, None, 10)
    local.write(C, [create("Ada")])
    assert [one for one in statements if one.startswith("BEGIN")] == ["BEGIN", "BEGIN IMMEDIATE"]
