"""The host's tables: only mapped columns are read, and a write lands once, on what was known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import LocalError, SettingsError
from connector.local import capture, notes, triggers
from connector.local.contract import LocalWrite, RowState
from connector.local.opening import open_local
from connector.local.shapes import Condition, KindTable
from connector.local.sql import SqlLocal
from connector.plugin import Op, Outcome
from connector.records import Kind
from tests.databases.people import run, update

C = Kind.CUSTOMER
TABLE = KindTable(
    "people",
    "id",
    where=Condition("status", "not_in", [9]),
    deleted=Condition("dead", "equals", 1),
    defaults={"source": 3},
)
STORE = "1a2b"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[sa.Engine]:
    """A shop's database without a table, opened as the connector opens it."""
    (tmp_path / "shop.db").touch()
    engine = open_local(f"sqlite:///{tmp_path}/shop.db")
    yield engine
    engine.dispose()


@pytest.fixture
def engine(place: sa.Engine) -> sa.Engine:
    with place.begin() as tx:
        tx.exec_driver_sql(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT UNIQUE,"
            " password TEXT DEFAULT 'hash', status INTEGER, dead INTEGER NOT NULL DEFAULT 0,"
            " source INTEGER)"
        )
        capture.install(tx, STORE, [triggers.Captured("people", "id")], "here")
    return place


@pytest.fixture
def statements(engine: sa.Engine) -> list[str]:
    """Every statement that reaches the database from here on."""
    seen: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(conn: Any, cursor: Any, statement: str, *more: Any) -> None:
        seen.append(statement)

    return seen


@pytest.fixture
def local(engine: sa.Engine) -> SqlLocal:
    local = SqlLocal(engine, {C: TABLE}, STORE)
    local.observe(C, ["name", "mail"])
    return local


def rows(engine: sa.Engine, what: str = "name, mail, password, source, dead") -> list[Any]:
    with engine.begin() as tx:
        return [tuple(r) for r in tx.exec_driver_sql(f"SELECT {what} FROM people ORDER BY id")]


def create(id_: str, name: str | None, mail: str | None = None) -> LocalWrite:
    return LocalWrite(id=id_, op=Op.CREATE, key=None, values={"name": name, "mail": mail}, old={})


# --- reading --------------------------------------------------------------------------------------


def test_an_id_that_cannot_be_a_key_is_no_row(local: SqlLocal, engine: sa.Engine) -> None:
    with engine.begin() as tx:
        tx.exec_driver_sql("INSERT INTO people (name) VALUES ('Ada')")
    strange = ["65e4c0ffee", "9" * 24, "01", "", "1.0"]
    assert list(local.read(C, [*strange, "1"])) == ["1"]


def test_no_statement_ever_names_an_unmapped_column_or_all_of_them(
    statements: list[str], engine: sa.Engine
) -> None:
    local = SqlLocal(engine, {C: TABLE}, STORE)
    local.observe(C, ["name", "mail"])
    [made] = local.write(C, [create("i1", "Ada", "ada@example.test")])
    assert made.row is not None
    local.write(C, [update("i2", made.row.key, {"name": "Ada"}, name="Bo")])
    local.scan(C, None, 10)
    local.read(C, [made.row.key])
    local.journal(C, 0, 10)
    local.landed(C, ["i1"])
    local.origin(C, [made.row.key])
    removal = LocalWrite(id="i3", op=Op.REMOVE, key=made.row.key, values={}, old={"name": "Bo"})
    purge = LocalWrite(id="i4", op=Op.PURGE, key=made.row.key, values={}, old={"name": "Bo"})
    assert [r.outcome for r in local.write(C, [removal, purge])] == [Outcome.APPLIED] * 2
    about = [s for s in statements if "people" in s and "PRAGMA" not in s and "sqlite" not in s]
    assert len(about) > 6
    for statement in about:
        assert "password" not in statement
        assert "*" not in statement


@pytest.mark.parametrize(
    ("column", "value", "state"),
    [
        ("dead", 0, RowState.LIVE),
        ("dead", 1, RowState.DELETED),
        ("status", 9, RowState.OUT),
        ("status", 1, RowState.LIVE),
        ("status", None, RowState.LIVE),
    ],
)
def test_a_row_is_live_out_of_scope_or_deleted(
    engine: sa.Engine, local: SqlLocal, column: str, value: int | None, state: RowState
) -> None:
    run(engine, "INSERT INTO people (id, name) VALUES (1, 'Ada')")
    with engine.begin() as tx:
        tx.execute(sa.text(f"UPDATE people SET {column} = :v"), {"v": value})
    assert local.read(C, ["1", "2"])["1"].state is state
    assert list(local.read(C, ["1", "2"])) == ["1"]


def test_a_scan_goes_on_behind_a_key_in_the_keys_own_order(
    engine: sa.Engine, local: SqlLocal
) -> None:
    run(engine, *(f"INSERT INTO people (id, name) VALUES ({n}, 'x')" for n in (9, 10, 100)))
    assert [r.key for r in local.scan(C, None, 2)] == ["9", "10"]
    assert [r.key for r in local.scan(C, "10", 2)] == ["100"]


def test_a_mapping_of_a_column_that_is_not_there_is_refused(local: SqlLocal) -> None:
    with pytest.raises(SettingsError, match="nickname"):
        local.observe(C, ["nickname"])


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (KindTable("nobody", "id"), "no table"),
        (KindTable("people", "no"), "no column 'no'"),
        (KindTable("people", "name"), "neither its primary key nor unique"),
        (KindTable("people", "id", defaults={"nose": 1}), "no column 'nose'"),
    ],
)
def test_a_table_that_is_not_as_the_settings_say_is_refused(
    engine: sa.Engine, table: KindTable, complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        SqlLocal(engine, {C: table}, STORE)


def test_a_key_that_is_unique_in_some_rows_only_is_refused(engine: sa.Engine) -> None:
    with engine.begin() as tx:
        tx.exec_driver_sql("CREATE UNIQUE INDEX living ON people (name) WHERE dead = 0")
    with pytest.raises(SettingsError) as caught:
        SqlLocal(engine, {C: KindTable("people", "name")}, STORE)
    assert "neither its primary key nor unique" in str(caught.value.faults)


# --- writing --------------------------------------------------------------------------------------


def test_a_new_row_gets_the_settings_defaults_and_the_tables_own(
    engine: sa.Engine, local: SqlLocal
) -> None:
    [made] = local.write(C, [create("i1", "Ada", "ada@example.test")])
    assert rows(engine) == [("Ada", "ada@example.test", "hash", 3, 0)]
    assert made.row is not None
    assert made.row.values == {"name": "Ada", "mail": "ada@example.test"}


def test_a_repeat_of_a_write_does_nothing_and_says_what_it_did(
    engine: sa.Engine, local: SqlLocal
) -> None:
    first = local.write(C, [create("i1", "Ada")])
    again = local.write(C, [create("i1", "Ada"), create("i2", "Bo")])
    assert again[0] == replace(first[0], repeated=True)
    assert [r[0] for r in rows(engine)] == ["Ada", "Bo"]
    assert local.landed(C, ["i1", "i2", "i3"]) == {"i1": "1", "i2": "2"}
    assert local.origin(C, ["1", "2"]) == {"1": "i1", "2": "i2"}


@pytest.mark.parametrize("old", ["Bo", None, "ada"])
def test_a_row_that_no_longer_holds_the_old_value_is_left_alone(
    engine: sa.Engine, local: SqlLocal, old: str | None
) -> None:
    local.write(C, [create("i1", "Ada")])
    [told] = local.write(C, [update("i2", "1", {"name": old}, name="Cy")])
    assert told.outcome is Outcome.STALE
    assert rows(engine, "name") == [("Ada",)]
    assert local.landed(C, ["i2"]) == {}


def test_an_empty_old_value_is_matched_by_an_empty_column(local: SqlLocal) -> None:
    local.write(C, [create("i1", "Ada")])
    [told] = local.write(C, [update("i2", "1", {"mail": None}, mail="ada@example.test")])
    assert told.outcome is Outcome.APPLIED


def test_a_row_edited_since_is_not_removed(engine: sa.Engine, local: SqlLocal) -> None:
    local.write(C, [create("i1", "Ada")])
    run(engine, "UPDATE people SET name = 'Bo'")
    for op in (Op.REMOVE, Op.PURGE):
        write = LocalWrite(id=f"i-{op}", op=op, key="1", values={}, old={"name": "Ada"})
        assert local.write(C, [write])[0].outcome is Outcome.STALE
    assert rows(engine, "name, dead") == [("Bo", 0)]


def test_one_bad_row_in_a_batch_does_not_stop_the_rest_and_tells_no_value(
    engine: sa.Engine, local: SqlLocal
) -> None:
    writes = [
        create("i1", "Ada", "one@example.test"),
        create("i2", "Bo", "one@example.test"),
        create("i3", None),
        create("i4", "Di", "four@example.test"),
    ]
    told = local.write(C, writes)
    assert [t.id for t in told] == ["i1", "i2", "i3", "i4"]
    assert [t.outcome for t in told] == [
        Outcome.APPLIED,
        Outcome.REFUSED,
        Outcome.REFUSED,
        Outcome.APPLIED,
    ]
    reasons = [t.reason.text for t in told if t.reason]
    assert "UNIQUE constraint failed people.mail" in reasons[0]
    assert "NOT NULL constraint failed people.name" in reasons[1]
    assert "example.test" not in "".join(reasons)
    assert [r[0] for r in rows(engine)] == ["Ada", "Di"]
    assert local.landed(C, ["i1", "i2", "i3", "i4"]).keys() == {"i1", "i4"}


def test_a_database_that_does_not_answer_is_an_error_without_values(
    engine: sa.Engine, local: SqlLocal
) -> None:
    run(engine, "DROP TABLE people")
    for act in (lambda: local.scan(C, None, 1), lambda: local.write(C, [create("i1", "Ada")])):
        with pytest.raises(LocalError) as told:
            act()
        assert "Ada" not in str(told.value)
        assert told.value.__cause__ is None


# --- the journal ----------------------------------------------------------------------------------


def noted(engine: sa.Engine) -> list[tuple[str, str]]:
    with engine.begin() as tx:
        found = tx.exec_driver_sql(f"SELECT key, op FROM crm_connector_journal_{STORE} ORDER BY id")
        return [tuple(r) for r in found]


@pytest.mark.parametrize(
    ("statement", "entries"),
    [
        ("UPDATE people SET name = 'Bo' WHERE id = 1", [("1", "U")]),
        ("DELETE FROM people WHERE id = 1", [("1", "D")]),
        ("UPDATE people SET id = 2 WHERE id = 1", [("2", "U"), ("1", "D")]),
        ("INSERT OR REPLACE INTO people (id, name) VALUES (1, 'Bo')", [("1", "I")]),
        ("INSERT INTO people (id, name) VALUES (3, 'Cy')", [("3", "I")]),
    ],
    ids=["update", "delete", "new key", "replace", "insert"],
)
def test_every_change_of_a_row_is_noted_with_its_key(
    engine: sa.Engine, statement: str, entries: list[tuple[str, str]]
) -> None:
    run(engine, "INSERT INTO people (id, name) VALUES (1, 'Ada')")
    run(engine, f"DELETE FROM crm_connector_journal_{STORE}", statement)
    assert noted(engine) == entries


def test_a_change_that_is_rolled_back_is_not_noted(engine: sa.Engine) -> None:
    with pytest.raises(RuntimeError), engine.begin() as tx:
        tx.exec_driver_sql("INSERT INTO people (name) VALUES ('Ada')")
        raise RuntimeError
    assert noted(engine) == []


def test_exactly_the_journal_rows_that_were_read_are_forgotten(
    engine: sa.Engine, local: SqlLocal
) -> None:
    run(engine, "INSERT INTO people (id, name) VALUES (1, 'Ada')")
    read = local.journal(C, 0, 10)
    run(engine, "UPDATE people SET name = 'Bo'")
    local.forget(C, read.entries)
    after = local.journal(C, 0, 10)
    assert (read.keys, after.keys, len(after.entries)) == (["1"], ["1"], 1)
    assert set(read.entries).isdisjoint(after.entries)


def test_installing_twice_changes_nothing_and_removing_leaves_nothing(engine: sa.Engine) -> None:
    def schema() -> set[str]:
        with engine.begin() as tx:
            return {r[0] for r in tx.exec_driver_sql("SELECT name FROM sqlite_master")}

    watched = [triggers.Captured("people", "id")]
    before = schema()
    with engine.begin() as tx:
        capture.install(tx, STORE, watched, "another name")
        assert notes.identity_of(tx, STORE) == "here"
        assert capture.missing_triggers(tx, STORE, watched) == {}
    assert schema() == before
    run(engine, "CREATE TRIGGER theirs AFTER INSERT ON people BEGIN SELECT 1; END")
    with engine.begin() as tx:
        capture.install(tx, "9f9f", watched, "second installation")
        dropped = capture.remove(tx, STORE)
        assert len(dropped) == 5
        assert notes.identity_of(tx, STORE) is None
    left = schema()
    assert "theirs" in left
    assert not [name for name in left if STORE in name]
    assert [name for name in left if "9f9f" in name]


def test_a_table_with_an_odd_name_is_watched_too(place: sa.Engine) -> None:
    with place.begin() as tx:
        tx.exec_driver_sql('CREATE TABLE "the people\'s" ("key no" INTEGER PRIMARY KEY, n TEXT)')
        watched = [triggers.Captured("the people's", "key no")]
        capture.install(tx, STORE, watched, "here")
        tx.exec_driver_sql("INSERT INTO \"the people's\" (n) VALUES ('x')")
        found = tx.exec_driver_sql(f"SELECT tbl, key, op FROM crm_connector_journal_{STORE}").all()
    assert [tuple(r) for r in found] == [("the people's", "1", "I")]


# --- emptying -------------------------------------------------------------------------------------


def test_a_column_that_the_database_computes_is_emptied_with_what_it_is_made_of(
    engine: sa.Engine,
) -> None:
    run(
        engine,
        "CREATE TABLE signed (id INTEGER PRIMARY KEY, name TEXT, badge TEXT NOT NULL,"
        " sign TEXT GENERATED ALWAYS AS ('Hello ' || name))",
        "INSERT INTO signed (id, name, badge) VALUES (1, 'Ada', 'A')",
    )
    side = SqlLocal(engine, {C: KindTable("signed", "id")}, STORE)
    asked = ["id", "name", "badge", "sign"]
    side.observe(C, asked)
    for _ in range(2):
        assert side.blank(C, "1", asked) is None
        held = side.read(C, ["1"])["1"].values
        assert held == {"id": 1, "name": None, "badge": "", "sign": None}
    assert side.blank(C, "2", asked) is None, "a row that is not there is blank"
