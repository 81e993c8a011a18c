"""What a table may look like: keys of several columns, odd names, other schemas, views."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import SettingsError
from connector.local import capture
from connector.local.contract import LocalWrite, RowState
from connector.local.opening import open_local
from connector.local.shapes import Condition, KindTable
from connector.local.sql import SqlLocal
from connector.plugin import Kind, Op, Outcome
from tests.servers import NAMES, database

C, STORE = Kind.CUSTOMER, "1a2b3c4d"


@pytest.fixture(params=["sqlite", *NAMES])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database of this test's own, on each kind of server."""
    if request.param == "sqlite":
        (tmp_path / "shop.db").touch()
        engine = open_local(f"sqlite:///{tmp_path}/shop.db")
        yield engine
        engine.dispose()
        return
    with database(str(request.param)) as url:
        engine = open_local(url)
        yield engine
        engine.dispose()


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as tx:
        for statement in statements:
            tx.exec_driver_sql(
                statement.replace("%", "%%") if engine.name != "sqlite" else statement
            )


@contextmanager
def watching(engine: sa.Engine, spec: KindTable, *columns: str) -> Iterator[SqlLocal]:
    local = SqlLocal(engine, {C: spec}, STORE)
    local.observe(C, columns)
    with local.changing() as tx:
        capture.install(tx, STORE, capture.watched([spec]), "here")
    yield local
    with local.changing() as tx:
        capture.remove(tx, STORE)


def made(local: SqlLocal, **values: Any) -> str:
    write = LocalWrite(id="i1", op=Op.CREATE, key=None, values=values, old={})
    (told,) = local.write(C, [write])
    assert told.outcome is Outcome.APPLIED and told.row is not None, told.reason
    return told.row.key


def change(local: SqlLocal, key: str, old: dict[str, Any], new: dict[str, Any]) -> Outcome:
    write = LocalWrite(id=f"u{key[:8]}", op=Op.UPDATE, key=key, values=new, old=old)
    return local.write(C, [write])[0].outcome


def quoted(engine: sa.Engine, name: str) -> str:
    return engine.dialect.identifier_preparer.quote_identifier(name)


def test_a_key_of_several_columns_has_one_text_form_everywhere(place: sa.Engine) -> None:
    run(
        place,
        "CREATE TABLE people (shop VARCHAR(20) NOT NULL, no INT NOT NULL, name VARCHAR(40),"
        " PRIMARY KEY (shop, no))",
        "INSERT INTO people VALUES ('a/b%', 1, 'Ada'), ('a', 10, 'Bob'), ('a', 9, 'Cleo')",
    )
    with watching(place, KindTable("people", ("shop", "no")), "name") as local:
        rows = local.scan(C, None, 2)
        rows = [*rows, *local.scan(C, rows[-1].key, 2)]
        assert [row.key for row in rows] == ["a/9", "a/10", "a%2Fb%25/1"]
        run(place, "UPDATE people SET name = 'Anna' WHERE shop = 'a/b%'")
        assert local.journal(C, 0, 9).keys == ["a%2Fb%25/1"]
        assert local.read(C, ["a%2Fb%25/1", "x", "a/x"])["a%2Fb%25/1"].values == {"name": "Anna"}
        assert change(local, "a%2Fb%25/1", {"name": "Anna"}, {"name": "Ann"}) is Outcome.APPLIED
        assert made(local, shop="c", no=3, name="Dan") == "c/3"
        assert local.present(C, ["c/3", "c/4"]) == {"c/3"}


def test_reserved_words_and_odd_names_are_names(place: sa.Engine) -> None:
    table, key, column = (quoted(place, name) for name in ("order", "group", "select"))
    run(place, f"CREATE TABLE {table} ({key} VARCHAR(40) PRIMARY KEY, {column} VARCHAR(40))")
    with watching(place, KindTable("order", "group"), "select") as local:
        run(place, f"INSERT INTO {table} VALUES ('007', 'x')")
        assert local.journal(C, 0, 9).keys == ["007"]
        assert local.read(C, ["007", "7"])["007"].values == {"select": "x"}
        assert change(local, "007", {"select": "x"}, {"select": "y"}) is Outcome.APPLIED


def test_a_column_that_demands_a_value_and_gets_none_is_named_with_the_way_out(
    place: sa.Engine,
) -> None:
    auto = {"sqlite": "INTEGER PRIMARY KEY", "postgresql": "SERIAL PRIMARY KEY"}
    key = auto.get(place.name, "INT AUTO_INCREMENT PRIMARY KEY")
    run(place, f"CREATE TABLE people (id {key}, name VARCHAR(40), source INT NOT NULL)")
    lacking = KindTable("people", "id", written=frozenset({"name"}))
    with pytest.raises(SettingsError, match="needs a value for source,") as told:
        SqlLocal(place, {C: lacking}, STORE)
    assert "defaults" in (told.value.hint or "")
    whole = KindTable("people", "id", written=frozenset({"name"}), defaults={"source": 3})
    with watching(place, whole, "name") as local:
        assert made(local, name="Ada") == "1"


def test_a_view_is_read_and_writes_to_one_that_takes_none_are_refused(place: sa.Engine) -> None:
    run(
        place,
        "CREATE TABLE people (id VARCHAR(20) PRIMARY KEY, name VARCHAR(40))",
        "INSERT INTO people VALUES ('1', 'Ada'), ('2', 'Ada')",
        "CREATE VIEW adas AS SELECT id, upper(name) AS name FROM people GROUP BY id, name",
    )
    local = SqlLocal(place, {C: KindTable("adas", "id", create=False)}, STORE)
    local.observe(C, ["name"])
    assert [row.values["name"] for row in local.scan(C, None, 9)] == ["ADA", "ADA"]
    with local.changing() as tx:
        capture.install(tx, STORE, [], "here")
    write = LocalWrite(id="w", op=Op.UPDATE, key="1", values={"name": "x"}, old={})
    (told,) = local.write(C, [write])
    assert told.outcome is Outcome.REFUSED
    assert told.reason is not None and told.reason.text == "adas is a view that takes no writes"


def test_a_table_of_another_schema_is_watched_and_written(place: sa.Engine) -> None:
    if place.name == "sqlite":
        pytest.skip("SQLite has one schema for each file")
    schema = f"{place.url.database}_crm"
    run(
        place,
        f"CREATE SCHEMA {schema}",
        f"CREATE TABLE {schema}.people (id VARCHAR(20) PRIMARY KEY, name VARCHAR(40), dead INT)",
    )
    try:
        spec = KindTable(f"{schema}.people", "id", deleted=Condition("dead", "equals", 1))
        with watching(place, spec, "name") as local:
            run(place, f"INSERT INTO {schema}.people VALUES ('7', 'Ada', 0)")
            assert local.journal(C, 0, 9).keys == ["7"]
            assert change(local, "7", {"name": "Ada"}, {"name": "Ann"}) is Outcome.APPLIED
            assert local.read(C, ["7"])["7"].state is RowState.LIVE
            assert local.lacking() == []
        run(place, f"INSERT INTO {schema}.people VALUES ('8', 'Bob', 0)")
    finally:
        cascade = " CASCADE" if place.name == "postgresql" else ""
        run(place, f"DROP SCHEMA {schema}{cascade}")


def test_a_uuid_that_the_database_makes_is_a_key() -> None:
    with database("postgresql") as url:
        engine = open_local(url)
        run(
            engine,
            "CREATE TABLE people (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)",
        )
        with watching(engine, KindTable("people", "id"), "name") as local:
            key = made(local, name="Ada")
            assert local.journal(C, 0, 9).keys == [key]
            assert local.read(C, [key, "no key", key.upper()])[key].values == {"name": "Ada"}
            assert change(local, key, {"name": "Ada"}, {"name": "Ann"}) is Outcome.APPLIED
            assert [row.key for row in local.scan(C, None, 9)] == [key]
            assert local.scan(C, key, 9) == []
        engine.dispose()
