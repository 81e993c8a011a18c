"""The shop's tables on real servers: what is read, what is written, what is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import LocalError
from connector.local.contract import LocalWrite
from connector.local.opening import open_local
from connector.local.sql import SqlLocal
from connector.plugin import Op, Outcome
from connector.proposing.facts import Database
from tests.databases.people import (
    STORE,
    TABLE,
    C,
    create,
    local_of,
    made,
    run,
    update,
)

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
    assert list(local.read(C, [str(big), str(2**64), "x"])) == [str(big)]
    assert local.journal(C, 0, 10).keys == [str(big)]
    [told] = local.write(C, [update("u", str(big), {"name": "Ada"}, name="Bo")])
    assert told.outcome is Outcome.APPLIED


# --- refusals -------------------------------------------------------------------------------------


def test_a_row_that_the_table_refuses_is_a_refusal_without_values(local: SqlLocal) -> None:
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
    local: SqlLocal, server_name: str
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
    assert told.outcome is Outcome.REFUSED
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


def test_init_looks_into_a_server_and_at_no_secret_column(engine: sa.Engine, url: str) -> None:
    run(engine, "INSERT INTO people (name, mail) VALUES ('Ada', 'ada@example.test')")
    with Database(url) as database:
        [people] = [one for one in database.tables() if one.name == "people"]
    looked = {name for name, column in people.columns.items() if column.look is not None}
    assert people.key == "id"
    assert looked == {*people.columns} - {"password"}
