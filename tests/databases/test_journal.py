"""The journal on real servers: what triggers note, and how they are installed."""

from __future__ import annotations

from functools import partial

import pytest
import sqlalchemy as sa

from connector.errors import LocalError, SettingsError
from connector.local import capture, notes, triggers
from connector.local.contract import RowState
from connector.local.opening import open_local
from connector.local.shapes import KindTable
from connector.local.sql import SqlLocal
from connector.local.triggers import installed
from connector.plugin import Outcome
from tests.databases.people import (
    STORE,
    WATCHED,
    ZONE,
    C,
    create,
    local_of,
    noted,
    run,
)
from tests.racing import race

# --- the journal ----------------------------------------------------------------------------------


def test_every_change_is_noted_with_its_key(engine: sa.Engine, server_name: str) -> None:
    insert = "INSERT INTO people (id, name) VALUES (1, 'Ada')"
    run(engine, insert, "UPDATE people SET name = 'Bo'", "UPDATE people SET id = 2")
    run(engine, "DELETE FROM people")
    assert noted(engine) == [("1", "I"), ("1", "U"), ("2", "U"), ("1", "D"), ("2", "D")]
    if server_name == "mariadb":
        run(engine, "DELETE FROM " + notes.Tables.named(STORE).journal.name, insert)
        run(engine, "REPLACE INTO people (id, name) VALUES (1, 'Cy')")
        run(engine, insert + " ON DUPLICATE KEY UPDATE name = 'Di'")
        assert {key for key, _ in noted(engine)} == {"1"}
        assert noted(engine)[-1] == ("1", "U")


def test_a_bulk_load_is_noted_row_by_row(engine: sa.Engine, server_name: str) -> None:
    if server_name == "mariadb":
        run(engine, "INSERT INTO people (name) SELECT seq FROM seq_1_to_50")
    else:
        raw = engine.raw_connection()
        with raw.cursor().copy("COPY people (name) FROM STDIN") as copy:
            for number in range(50):
                copy.write_row([str(number)])
        raw.commit()
        raw.close()
    assert len(noted(engine)) == 50


def test_an_emptied_table_is_noted_where_the_database_tells(
    engine: sa.Engine, local: SqlLocal, server_name: str
) -> None:
    run(engine, "INSERT INTO people (name) VALUES ('Ada')", "TRUNCATE TABLE people")
    told = local.journal(C, 0, 10)
    assert told.keys == ["1"]
    assert told.everything is (server_name == "postgresql")


def test_a_change_of_a_transaction_that_commits_late_is_not_skipped(
    engine: sa.Engine, local: SqlLocal
) -> None:
    with engine.connect() as slow, slow.begin():
        slow.exec_driver_sql("INSERT INTO people (id, name) VALUES (1, 'Ada')")
        run(engine, "INSERT INTO people (id, name) VALUES (2, 'Bo')")
        first = local.journal(C, 0, 10)
        assert first.keys == ["2"]
        local.forget(C, first.entries)
    late = local.journal(C, 0, 10)
    assert late.keys == ["1"]
    assert late.entries[0] < first.entries[0]


def test_a_host_that_holds_a_row_is_not_in_our_way_nor_we_in_its(
    engine: sa.Engine, local: SqlLocal
) -> None:
    run(engine, "INSERT INTO people (id, name) VALUES (1, 'Ada')")
    entries = local.journal(C, 0, 10).entries
    with engine.connect() as host, host.begin():
        host.exec_driver_sql("UPDATE people SET name = 'Bo'")
        assert local.read(C, ["1"])["1"].values["name"] == "Ada"
        local.forget(C, entries)
        host.exec_driver_sql("UPDATE people SET name = 'Cy'")
    assert local.journal(C, 0, 10).keys == ["1"]


def test_an_account_without_rights_on_our_tables_still_writes_its_own(
    engine: sa.Engine, local: SqlLocal, server_name: str
) -> None:
    who = f"app_{engine.url.database}"[:30]
    if server_name == "postgresql":
        run(engine, f"CREATE ROLE {who}", f"GRANT INSERT, SELECT ON people TO {who}")
        run(engine, f"GRANT USAGE ON SEQUENCE people_id_seq TO {who}")
        run(engine, f"SET LOCAL ROLE {who}", "INSERT INTO people (name) VALUES ('Ada')")
        run(engine, f"DROP OWNED BY {who}", f"DROP ROLE {who}")
    else:
        run(engine, f"CREATE USER {who} IDENTIFIED BY 'x'", f"GRANT INSERT ON people TO {who}")
        host = sa.create_engine(engine.url.set(username=who, password="x"))
        run(host, "INSERT INTO people (name) VALUES ('Ada')")
        host.dispose()
        run(engine, f"DROP USER {who}")
    assert local.journal(C, 0, 10).keys == ["1"]


# --- installing -----------------------------------------------------------------------------------


def schema(engine: sa.Engine) -> set[str]:
    with engine.begin() as tx:
        found = {t.name for t in installed(tx, STORE)} | set(sa.inspect(tx).get_table_names())
        if engine.dialect.name == "postgresql":
            rows = tx.exec_driver_sql("SELECT proname FROM pg_proc WHERE proname LIKE 'crm%%'")
            found |= {f"function {row[0]}" for row in rows}
    return found


def test_installing_twice_changes_nothing_and_removing_leaves_nothing(engine: sa.Engine) -> None:
    before = schema(engine)
    with engine.begin() as tx:
        capture.install(tx, STORE, WATCHED, "another name")
        assert notes.identity_of(tx, STORE) == "here"
    assert schema(engine) == before
    assert noted(engine) == []
    with engine.begin() as tx:
        capture.remove(tx, STORE)
    assert schema(engine) == {"people"}
    run(engine, "INSERT INTO people (name) VALUES ('Ada')")


def test_triggers_that_went_missing_are_made_again_and_all_rows_looked_at(
    engine: sa.Engine, local: SqlLocal, server_name: str
) -> None:
    with engine.begin() as tx:
        name = installed(tx, STORE)[0].name
        if server_name == "postgresql":
            tx.exec_driver_sql(f"ALTER TABLE people DISABLE TRIGGER {name}")
        else:
            tx.exec_driver_sql(f"DROP TRIGGER {name}")
    with engine.begin() as tx:
        assert capture.missing_triggers(tx, STORE, WATCHED) == {"people": [name]}
        capture.install(tx, STORE, WATCHED, "here")
        assert capture.missing_triggers(tx, STORE, WATCHED) == {}
    assert local.journal(C, 0, 10).everything


def test_a_table_that_is_not_watched_any_more_loses_its_triggers(engine: sa.Engine) -> None:
    with engine.begin() as tx:
        capture.install(tx, STORE, [], "here")
        assert installed(tx, STORE) == []


def test_a_view_cannot_be_watched(engine: sa.Engine) -> None:
    run(engine, "CREATE VIEW grown AS SELECT id, name FROM people")
    with pytest.raises(SettingsError, match="is a view"), engine.begin() as tx:
        capture.install(tx, STORE, [triggers.Captured("grown", "id")], "here")


def test_names_that_need_quotes_are_watched_too(engine: sa.Engine) -> None:
    quote = engine.dialect.identifier_preparer.quote
    table, key = "the people's 100% order " + "x" * 30, "group"
    run(
        engine,
        f"CREATE TABLE {quote(table)} ({quote(key)} VARCHAR(20) PRIMARY KEY, n INTEGER)",
    )
    with engine.begin() as tx:
        capture.install(tx, STORE, [*WATCHED, triggers.Captured(table, key)], "here")
    local = SqlLocal(engine, {C: KindTable(table, key)}, STORE)
    local.observe(C, [key, "n"])
    run(engine, "DELETE FROM " + notes.Tables.named(STORE).journal.name)
    [told] = local.write(C, [create("i1", group="A b", n=1)])
    assert told.outcome is Outcome.APPLIED
    assert local.journal(C, 0, 10).keys == ["A b"]
    assert local.read(C, ["A b"])["A b"].state is RowState.LIVE


def test_an_account_that_may_not_install_is_told_what_to_grant(
    engine: sa.Engine, server_name: str
) -> None:
    who = f"poor_{engine.url.database}"[:30]
    database = engine.url.database
    if server_name == "postgresql":
        run(engine, f"CREATE ROLE {who} LOGIN", f"GRANT SELECT, INSERT ON people TO {who}")
        run(engine, f"GRANT CREATE ON SCHEMA public TO {who}")
    else:
        run(engine, f"CREATE USER {who}")
        run(engine, f"GRANT SELECT, INSERT, CREATE ON {database}.* TO {who}")
    poor = sa.create_engine(engine.url.set(username=who, password=None))
    with pytest.raises(SettingsError, match="may not install") as told, poor.begin() as tx:
        capture.install(tx, "9f9f9f9f", WATCHED, "there")
    assert "TRIGGER ON" in str(told.value.hint)
    with engine.begin() as tx:
        assert notes.identity_of(tx, "9f9f9f9f") is None
    poor.dispose()
    if server_name == "postgresql":
        run(engine, f"DROP OWNED BY {who}", f"DROP ROLE {who}")
    else:
        run(engine, f"DROP USER {who}")


def test_a_key_too_long_for_us_is_no_hindrance_to_the_host(engine: sa.Engine) -> None:
    words = KindTable("words", "word")
    run(engine, "CREATE TABLE words (word VARCHAR(400) PRIMARY KEY, name VARCHAR(20))")
    with engine.begin() as tx:
        capture.install(tx, STORE, [*WATCHED, triggers.Captured("words", "word")], "here")
    local = SqlLocal(engine, {C: words}, STORE)
    local.observe(C, ["name"])
    run(engine, f"INSERT INTO words VALUES ('{'k' * 255}', 'Ada')")
    assert local.journal(C, 0, 10).keys == ["k" * 255]
    run(engine, f"INSERT INTO words VALUES ('{'q' * 300}', 'Bo')")
    with pytest.raises(LocalError, match="A row of words has a key of more than 255") as told:
        local.journal(C, 0, 10)
    assert "qqq" not in f"{told.value}{told.value.hint}"


def test_what_triggers_do_not_see_is_said_so(
    engine: sa.Engine, local: SqlLocal, server_name: str
) -> None:
    key = "BIGINT UNSIGNED" if server_name == "mariadb" else "BIGINT"
    run(
        engine,
        f"CREATE TABLE cards (id {key} PRIMARY KEY, owner {key},"
        " CONSTRAINT its_owner FOREIGN KEY (owner) REFERENCES people (id) ON DELETE CASCADE)",
    )
    cards = SqlLocal(engine, {C: KindTable("cards", "id")}, STORE)
    assert cards.lacking() == ["cards"]
    assert local.lacking() == []
    if server_name == "mariadb":
        assert local.unseen(C) == ["TRUNCATE"]
        assert cards.unseen(C) == ["TRUNCATE", "what the foreign key its_owner does"]
    else:
        assert cards.unseen(C) == []
        with engine.begin() as tx:
            capture.install(tx, STORE, [*WATCHED, triggers.Captured("cards", "id")], "here")
        run(engine, "INSERT INTO people (id, name) VALUES (1, 'Ada')")
        run(engine, "INSERT INTO cards VALUES (7, 1)", "DELETE FROM people")
        assert cards.journal(C, 0, 10).keys == ["7"]


def test_workers_may_note_the_number_of_their_runs_at_once(engine: sa.Engine, url: str) -> None:
    ended: list[int] = []

    def note(first: int) -> None:
        own = open_local(url, ZONE)
        for number in range(first, 41, 4):
            local_of(own).set_generation(number)
        own.dispose()
        ended.append(first)

    race([partial(note, first) for first in (1, 2, 3, 4)])
    assert sorted(ended) == [1, 2, 3, 4]
    assert local_of(engine).generation() == 40
