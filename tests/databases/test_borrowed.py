"""The kit of local sides on servers, by our own engine and by a host's; and the host's session, as
it was when its line comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from connector.drivers import server_url
from connector.errors import SettingsError
from connector.local.borrowed import began, borrow
from connector.local.contract import LocalWrite
from connector.local.opening import open_local
from connector.local.sql import SqlLocal
from connector.plugin import Kind, Op, Outcome
from connector.testing.local_contract import Open
from tests.contract.test_local_sql import TABLE, OnTables
from tests.servers import database

SESSION = {
    "postgresql": "SELECT current_setting('TimeZone'), current_setting('transaction_isolation')",
    "mariadb": "SELECT @@session.time_zone, @@session.sql_mode, @@session.tx_isolation",
}
SCHEMAS = {
    "postgresql": "CREATE TABLE people (id SERIAL PRIMARY KEY, name TEXT NOT NULL,"
    " mail TEXT UNIQUE, note TEXT, points INTEGER, dead INTEGER NOT NULL DEFAULT 0)",
    "mariadb": "CREATE TABLE people (id INTEGER PRIMARY KEY AUTO_INCREMENT, name TEXT NOT NULL,"
    " mail VARCHAR(200) UNIQUE, note VARCHAR(9), points INTEGER, dead INTEGER NOT NULL DEFAULT 0)",
}


def hosts_engine(url: str, server_name: str, **how: Any) -> sa.Engine:
    """One line, so that whoever comes next gets the one we had; sessions as no user of ours has."""
    engine = sa.create_engine(
        server_url(url, "url"),
        pool_size=1,
        max_overflow=0,
        isolation_level="REPEATABLE READ",
        **how,
    )

    @sa.event.listens_for(engine, "connect")
    def connect(dbapi: Any, record: Any) -> None:
        with dbapi.cursor() as cursor:
            if server_name == "postgresql":
                cursor.execute("SET TIME ZONE 'Asia/Tokyo'")
            else:
                cursor.execute("SET SESSION time_zone = '+09:00', sql_mode = 'NO_ZERO_DATE'")
        dbapi.commit()

    return engine


class OnServers(OnTables):
    @pytest.fixture
    def engine(self, url: str, server_name: str) -> Iterator[sa.Engine]:
        engine = sa.create_engine(server_url(url, "url"), isolation_level="SERIALIZABLE")
        with engine.begin() as tx:
            tx.exec_driver_sql(SCHEMAS[server_name])
        yield engine
        engine.dispose()

    @pytest.fixture
    def url(self, server_name: str) -> Iterator[str]:
        with database(server_name) as url:
            yield url


class TestOwn(OnServers):
    @pytest.fixture
    def opened(self, engine: sa.Engine, url: str) -> Iterator[Open]:
        ours = open_local(url)
        yield lambda: SqlLocal(ours, {Kind.CUSTOMER: TABLE}, "1a2b", borrowed=True)
        ours.dispose()


class TestBorrowed(OnServers):
    @pytest.fixture
    def opened(self, engine: sa.Engine) -> Open:
        lent = borrow(engine, "UTC")
        return lambda: SqlLocal(lent, {Kind.CUSTOMER: TABLE}, "1a2b", borrowed=True)


def create(values: Mapping[str, Any]) -> LocalWrite:
    return LocalWrite(id=f"i-{values['mail']}", op=Op.CREATE, key=None, values=values, old={})


def test_a_line_comes_back_with_the_session_it_had(url: str, server_name: str) -> None:
    engine = hosts_engine(url, server_name)
    with engine.begin() as tx:
        tx.exec_driver_sql(SCHEMAS[server_name])
        before = tx.exec_driver_sql(SESSION[server_name]).one()
    lent = borrow(engine, "Europe/Madrid")
    local = SqlLocal(lent, {Kind.CUSTOMER: TABLE}, "1a2b", borrowed=True)
    local.install("here")
    local.observe(Kind.CUSTOMER, ["name", "mail", "note"])
    with lent.connect() as tx, tx.begin():
        began(tx)
        assert tx.exec_driver_sql(SESSION[server_name]).one() != before
    one = {"name": "Ada", "mail": "ada@example.test"}
    told = local.write(Kind.CUSTOMER, [create(one), create({**one, "mail": "b", "name": None})])
    assert [t.outcome for t in told] == [Outcome.APPLIED, Outcome.REFUSED]
    with pytest.raises(RuntimeError), local.changing():
        raise RuntimeError  # a rollback, too
    with engine.begin() as tx:
        assert tx.exec_driver_sql(SESSION[server_name]).one() == before
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool
    local.close()
    engine.dispose()


def test_a_lax_session_of_the_hosts_cuts_no_value_of_ours(url: str, server_name: str) -> None:
    if server_name != "mariadb":
        pytest.skip("only MariaDB has lax sessions")
    engine = hosts_engine(url, server_name)
    with engine.begin() as tx:
        tx.exec_driver_sql(SCHEMAS[server_name])
    local = SqlLocal(borrow(engine, "UTC"), {Kind.CUSTOMER: TABLE}, "1a2b", borrowed=True)
    local.install("here")
    long = {"name": "Ada", "mail": "ada@example.test", "note": "longer than nine"}
    [told] = local.write(Kind.CUSTOMER, [create(long)])
    assert told.outcome is Outcome.REFUSED
    engine.dispose()


def test_a_mariadb_line_that_cannot_say_every_name_is_refused(url: str, server_name: str) -> None:
    if server_name != "mariadb":
        pytest.skip("a PostgreSQL line speaks UTF-8")
    engine = hosts_engine(url, server_name, connect_args={"charset": "latin1"})
    with pytest.raises(SettingsError, match="latin1"):
        SqlLocal(borrow(engine, "UTC"), {}, "1a2b", borrowed=True)
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool
    engine.dispose()
