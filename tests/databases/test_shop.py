"""The shop's tables on real servers: what is read, what is written, what is noted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import LocalError, SettingsError
from connector.local import capture, notes, triggers
from connector.local.contract import LocalWrite, RowState
from connector.local.opening import open_local
from connector.local.shapes import Condition, KindTable
from connector.local.sql import SqlLocal
from connector.local.triggers import installed
from connector.plugin import Op, Outcome
from connector.proposing.facts import Database
from connector.records import Kind
from tests.racing import race

C = Kind.CUSTOMER
STORE = "1a2b3c4d"
ZONE = "Asia/Shanghai"
TABLE = KindTable("people", "id", deleted=Condition("dead", "equals", 1), defaults={"source": 3})
WATCHED = [triggers.Captured("people", "id")]

PEOPLE = {
    "postgresql": """CREATE TABLE people (id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL,
        mail VARCHAR(60) UNIQUE, password TEXT DEFAULT 'hash', dead SMALLINT NOT NULL DEFAULT 0,
        source INTEGER, born DATE, seen TIMESTAMP, met TIMESTAMPTZ, balance NUMERIC(12, 2),
        active BOOLEAN, score REAL, mark UUID, notes JSONB, opens TIME, "order" VARCHAR(20))""",
    "mariadb": """CREATE TABLE people (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
        name VARCHAR(80) NOT NULL, mail VARCHAR(60) UNIQUE, password TEXT DEFAULT 'hash',
        dead TINYINT(1) NOT NULL DEFAULT 0, source INT, born DATE, seen DATETIME,
        met TIMESTAMP NULL, balance DECIMAL(12, 2), active BIT(1), score FLOAT, mark UUID,
        notes JSON, opens TIME, `order` VARCHAR(20) CHARACTER SET utf8mb3)""",
}
COLUMNS = ["name", "mail", "balance", "active", "score", "mark", "notes", "opens", "order"]
COLUMNS += ["born", "seen", "met"]


@pytest.fixture
def engine(server_name: str, url: str) -> Iterator[sa.Engine]:
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


def local_of(engine: sa.Engine, table: KindTable = TABLE) -> SqlLocal:
    local = SqlLocal(engine, {C: table}, STORE)
    local.observe(C, COLUMNS)
    return local


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as tx:
        for statement in statements:
            tx.exec_driver_sql(statement)


def create(id_: str, **values: Any) -> LocalWrite:
    return LocalWrite(id=id_, op=Op.CREATE, key=None, values=values, old={})


def update(id_: str, key: str, old: Mapping[str, Any], **values: Any) -> LocalWrite:
    return LocalWrite(id=id_, op=Op.UPDATE, key=key, values=values, old=old)


def made(local: SqlLocal, **values: Any) -> str:
    """The key of a new row."""
    [told] = local.write(C, [create(f"i{len(values)}{values['name']}", **values)])
    assert told.row is not None, told.reason
    return told.row.key


def noted(engine: sa.Engine) -> list[tuple[str, str]]:
    journal = notes.Tables.named(STORE).journal.c
    with engine.begin() as tx:
        rows = tx.execute(sa.select(journal.key, journal.op).order_by(journal.id))
        return [tuple(row) for row in rows]


# --- values ---------------------------------------------------------------------------------------

VALUES: dict[str, Any] = {
    "born": dt.date(1990, 2, 28),
    "seen": dt.datetime.fromisoformat("2026-03-01T12:30:01"),
    "met": dt.datetime.fromisoformat("2026-03-01T12:30:01"),
    "balance": Decimal("12.50"),
    "active": True,
    "score": 1.1,
    "mark": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    "notes": '{"a": 1}',
    "opens": "09:30:00",
    "order": "next",
    "mail": "ada@example.test",
}


@pytest.mark.parametrize("column", VALUES)
def test_a_value_goes_in_comes_back_and_guards_the_next_write(local: SqlLocal, column: str) -> None:
    key = made(local, name="Ada", **{column: VALUES[column]})
    held = local.read(C, [key])[key].values[column]
    told = [
        *local.write(C, [update("u1", key, {column: held}, **{column: None})]),
        *local.write(C, [update("u2", key, {column: None}, **{column: VALUES[column]})]),
    ]
    assert [one.outcome for one in told] == [Outcome.APPLIED] * 2
    assert local.read(C, [key])[key].values[column] == held
    [late] = local.write(C, [update("u3", key, {column: None}, name="Bo")])
    assert late.outcome is Outcome.STALE


def test_a_moment_without_zone_is_the_shops_own_whatever_the_column_keeps(
    local: SqlLocal, engine: sa.Engine
) -> None:
    noon = dt.datetime.fromisoformat("2026-07-01T12:00")
    key = made(local, name="Ada", seen=noon, met=noon)
    row = local.read(C, [key])[key].values
    assert row["seen"] == noon
    assert row["met"].astimezone(dt.UTC) == dt.datetime(2026, 7, 1, 4, tzinfo=dt.UTC)
    other = open_local(engine.url.render_as_string(hide_password=False), "America/New_York")
    there = SqlLocal(other, {C: TABLE}, STORE)
    there.observe(C, ["met"])
    assert there.read(C, [key])[key].values["met"] == row["met"]
    other.dispose()


def test_old_text_is_matched_letter_by_letter(local: SqlLocal) -> None:
    key = made(local, name="Ada")
    for number, old in enumerate(("ada", "Ada ", "Àda")):
        [told] = local.write(C, [update(f"u{number}", key, {"name": old}, name="Bo")])
        assert told.outcome is Outcome.STALE
    [told] = local.write(C, [update("u", key, {"name": "Ada"}, name="王芳 😀")])
    assert told.row is not None
    assert told.row.values["name"] == "王芳 😀"


def test_a_key_of_64_bits_is_found_again(local: SqlLocal, engine: sa.Engine) -> None:
    big = 2**63 - 1 if engine.dialect.name == "postgresql" else 2**64 - 1
    run(engine, f"INSERT INTO people (id, name) VALUES ({big}, 'Ada')")
    assert list(local.read(C, [str(big), str(2**65), "x"])) == [str(big)]
    assert local.journal(C, 0, 10).keys == [str(big)]


# --- refusals -------------------------------------------------------------------------------------


def test_a_row_that_the_table_refuses_is_a_refusal_without_values(
    local: SqlLocal, engine: sa.Engine
) -> None:
    made(local, name="Ada", mail="ada@example.test")
    told = local.write(
        C,
        [
            create("r1", name="Bo", mail="ada@example.test"),
            create("r2", name=None),
            create("r3", name="Di", mail="d" * 61),
            create("r4", name="Ed", balance=Decimal("1e15")),
            create("ok", name="Cy"),
        ],
    )
    assert [one.outcome for one in told] == [*[Outcome.REFUSED] * 4, Outcome.APPLIED]
    texts = [one.reason.text for one in told if one.reason]
    for text, name in zip(texts, ("mail", "name", "", ""), strict=True):
        assert name in text
        assert "example.test" not in text and "ddd" not in text and "1e" not in text.lower()


def test_an_emoji_that_a_column_cannot_hold_is_refused_and_never_cut(
    local: SqlLocal, engine: sa.Engine, server_name: str
) -> None:
    [told] = local.write(C, [create("i", name="Ada", order="so 😀")])
    if server_name == "postgresql":
        assert told.outcome is Outcome.APPLIED
        return
    assert told.outcome is Outcome.REFUSED
    assert told.reason is not None
    assert "order" in told.reason.text


def test_a_trigger_of_the_shops_may_say_no(
    local: SqlLocal, engine: sa.Engine, server_name: str
) -> None:
    if server_name == "postgresql":
        run(
            engine,
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'never %%', NEW.name; END $$",
            "CREATE TRIGGER no BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION no()",
        )
    else:
        run(
            engine,
            "CREATE TRIGGER no BEFORE INSERT ON people FOR EACH ROW"
            " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'never Ada'",
        )
    [told] = local.write(C, [create("i", name="Ada")])
    assert told.reason is not None
    assert "Ada" not in told.reason.text


def test_a_server_that_is_not_there_is_an_error_without_the_password(server_name: str) -> None:
    backend = "mysql" if server_name == "mariadb" else server_name
    engine = open_local(f"{backend}://shop:do-not-tell@127.0.0.1:1/shop")
    with pytest.raises(LocalError) as told:
        SqlLocal(engine, {C: TABLE}, STORE)
    assert "do-not-tell" not in str(told.value)


# --- what is asked --------------------------------------------------------------------------------


def test_no_statement_names_an_unmapped_column_or_all_of_them(engine: sa.Engine) -> None:
    seen: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(conn: Any, cursor: Any, statement: str, *more: Any) -> None:
        seen.append(statement)

    local = local_of(engine)
    key = made(local, name="Ada")
    local.write(C, [update("i2", key, {"name": "Ada"}, name="Bo")])
    local.scan(C, None, 10)
    local.read(C, [key])
    local.journal(C, 0, 10)
    local.landed(C, ["i1"])
    local.origin(C, [key])
    removal = LocalWrite(id="i3", op=Op.REMOVE, key=key, values={}, old={"name": "Bo"})
    purge = LocalWrite(id="i4", op=Op.PURGE, key=key, values={}, old={"name": "Bo"})
    assert [one.outcome for one in local.write(C, [removal, purge])] == [Outcome.APPLIED] * 2
    about = [s for s in seen if " people" in s or "`people`" in s]
    about = [s for s in about if not s.startswith(("SHOW", "SELECT pg_catalog", "DESCRIBE"))]
    assert len(about) > 6
    assert not [s for s in about if "password" in s or "*" in s]


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


def test_a_view_cannot_be_watched_and_can_be_read(engine: sa.Engine) -> None:
    run(engine, "CREATE VIEW grown AS SELECT id, name FROM people")
    with pytest.raises(SettingsError, match="is a view"), engine.begin() as tx:
        capture.install(tx, STORE, [triggers.Captured("grown", "id")], "here")


def test_names_that_need_quotes_are_watched_too(engine: sa.Engine, server_name: str) -> None:
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


@pytest.mark.parametrize("server_name", ["mariadb"], indirect=True)
def test_the_servers_own_log_shows_no_unmapped_column(engine: sa.Engine) -> None:
    """What SQLAlchemy and the driver add by themselves is in it too. (PostgreSQL's own log is not
    within a test's reach; the statements above are.)"""
    admin = sa.create_engine(engine.url, isolation_level="AUTOCOMMIT")
    local = local_of(engine)
    with admin.connect() as tx:
        tx.exec_driver_sql("SET GLOBAL log_output = 'TABLE'")
        tx.exec_driver_sql("SET GLOBAL general_log = 1")
        key = made(local, name="Ada")
        local.write(C, [update("i2", key, {"name": "Ada"}, name="Bo")])
        local.scan(C, None, 10)
        local_of(engine).read(C, [key])
        tx.exec_driver_sql("SET GLOBAL general_log = 0")
        rows = tx.exec_driver_sql("SELECT argument FROM mysql.general_log").all()
        tx.exec_driver_sql("TRUNCATE TABLE mysql.general_log")
    admin.dispose()
    said = [str(row[0].decode() if isinstance(row[0], bytes) else row[0]) for row in rows]
    about = [one for one in said if "people" in one]
    assert len(about) > 4
    assert not [one for one in about if "password" in one or "*" in one]


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


def test_init_looks_into_a_server_and_at_no_secret_column(engine: sa.Engine, url: str) -> None:
    run(engine, "INSERT INTO people (name, mail) VALUES ('Ada', 'ada@example.test')")
    with Database(url) as database:
        [people] = [one for one in database.tables() if one.name == "people"]
    looked = {name for name, column in people.columns.items() if column.look is not None}
    assert people.key == "id"
    assert looked == {*people.columns} - {"password"}


def test_workers_may_note_the_number_of_their_runs_at_once(
    engine: sa.Engine, server_name: str, url: str
) -> None:
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
