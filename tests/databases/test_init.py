"""`init` on the mall (MariaDB), the clinic (PostgreSQL) and an untidy club (SQLite).

What it proposes, and that it passes the doctor and syncs once the gaps it names are filled.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.drivers import server_url
from connector.proposing.facts import Database
from tests.databases.proposed import Proposed
from tests.databases.test_mall import EXAMPLES, load
from tests.servers import database

KINDS = ["customer", "membership", "feedback"]


@pytest.fixture
def proposed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Proposed:
    folder = tmp_path / "fresh"
    folder.mkdir(mode=0o700)
    return Proposed(folder, capsys)


@contextmanager
def example(name: str, server: str) -> Iterator[tuple[str, sa.Engine]]:
    """An example's database on a real server."""
    with database(server) as url:
        engine = sa.create_engine(server_url(url, "url"), poolclass=sa.NullPool)
        load(engine, EXAMPLES / name / f"{name}.sql")
        yield url, engine
        engine.dispose()


@pytest.fixture
def mall() -> Iterator[tuple[str, sa.Engine]]:
    with example("mall", "mariadb") as made:
        yield made


@pytest.fixture
def clinic() -> Iterator[tuple[str, sa.Engine]]:
    with example("clinic", "postgresql") as made:
        yield made


CLUB = """
CREATE TABLE ranks (id INTEGER PRIMARY KEY, rank_name TEXT NOT NULL UNIQUE);
INSERT INTO ranks VALUES (1, 'bronze'), (2, 'silver');
CREATE TABLE people (
  branch TEXT NOT NULL, no INTEGER NOT NULL, full_name TEXT NOT NULL, mobile TEXT, mail TEXT,
  passwd TEXT, deleted TEXT NOT NULL DEFAULT 'N', PRIMARY KEY (branch, no));
INSERT INTO people VALUES ('north', 1, 'Ada Novak', '+34600000001', 'ada@example.test', 'x', 'N'),
  ('north', 2, 'Bo Lind', '+34600000002', 'bo@example.test', 'x', 'N'),
  ('south', 1, 'Cy Ruiz', '+34600000003', 'cy@example.test', 'x', 'Y');
CREATE TABLE cards (
  card_no TEXT PRIMARY KEY, mail TEXT NOT NULL, tier_id INTEGER REFERENCES ranks (id),
  points INTEGER NOT NULL DEFAULT 0, valid_to TEXT);
INSERT INTO cards VALUES ('C-1', 'ada@example.test', 1, 10, '2027-01-31'),
  ('C-2', 'bo@example.test', 2, 20, '2027-02-28');
CREATE TABLE complaints (
  id INTEGER PRIMARY KEY, mobile TEXT, subject TEXT NOT NULL, body TEXT, state TEXT);
INSERT INTO complaints VALUES (1, '+34600000001', 'Cold water', 'Again.', 'x1'),
  (2, '+34600000002', 'Late', NULL, 'x2');
"""


@pytest.fixture
def club(tmp_path: Path) -> Path:
    """A club with keys of two columns, cards that know an address, complaints that know a phone."""
    file = tmp_path / "club.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(CLUB)
    return file


def passes(proposed: Proposed, created: list[int]) -> None:
    """The doctor has nothing but `local install` to ask for, and a sync makes these records."""
    with proposed.connected(KINDS):
        assert proposed.run("keys", "init").code == 0
        ran = proposed.run("doctor", "--json")
        assert ran.code == 0, ran.out
        local = {one["name"]: one for one in ran.json["checks"] if one["name"].startswith("local")}
        assert [n for n, one in local.items() if one["state"] != "ok"] == ["local capture"]
        assert {f"local {kind}" for kind in KINDS} <= set(local)
        assert proposed.run("local", "install").code == 0
        ran = proposed.run("sync", "--json")
        assert ran.code == 0, ran.all
        made = {(p["connection"], p["kind"]): p["created"] for p in ran.json["passes"]}
        for name in ("zoho", "fxiaoke"):
            assert [made[name, kind] for kind in KINDS] == created


def test_the_mall_on_mariadb_passes_the_doctor_once_its_gaps_are_filled(
    proposed: Proposed, mall: tuple[str, sa.Engine]
) -> None:
    ran = proposed.init(mall[0])
    assert ran.code == 0, ran.all
    customer, membership = proposed.fields("customer"), proposed.fields("membership")
    assert customer["names.full"] == {"column": "nickname", "lens": "text"}
    assert customer["gender"]["lens"] == {
        "choice": {"male": 1, "female": 2, "unknown": 0, "else": "refuse"}
    }
    assert proposed.local("customer")["capture"] == "journal"
    inner = proposed.local("membership")
    assert (inner["part_of"], "table" in inner) == ("customer", False)
    assert inner["exists"] == {"column": "member_level_id", "is_null": False}
    assert membership["tier"]["lookup"] == {
        "table": "ums_member_level",
        "key": "id",
        "value": "name",
    }
    assert membership["points"] == {"column": "integration", "lens": "integer", "direction": "push"}
    assert proposed.fields("feedback")["customer"]["match"] == "names.full"
    proposed.fill(
        [
            ("connector.toml", "the time zone", 'zone = "Asia/Shanghai"'),
            (
                "connector.toml",
                "show_status",
                'where = { column = "show_status", equals = 1 }',
            ),
            ("customer.yaml", "source_type", ""),
            (
                "membership.yaml",
                "no column is a card number",
                "card_no: {column: username, lens: text, direction: push}",
            ),
        ]
    )
    passes(proposed, [23, 22, 31])


def test_the_clinic_on_postgresql_passes_the_doctor_once_its_gaps_are_filled(
    proposed: Proposed, clinic: tuple[str, sa.Engine]
) -> None:
    ran = proposed.init(clinic[0])
    assert ran.code == 0, ran.all
    assert proposed.local("customer")["deleted"] == {"column": "deleted_at", "is_null": False}
    assert proposed.fields("membership")["points"] == {
        "sum": {"table": "points", "column": "points", "key": "card_id"},
        "lens": "integer",
    }
    status = proposed.fields("feedback")["status"]["lens"]["choice"]
    assert (status["classified"], status["collected"]) == ("triaged", "new")
    proposed.fill(
        [
            ("connector.toml", "the time zone", 'zone = "Europe/Madrid"'),
            ("connector.toml", "the country of numbers", 'phone_region = "ES"'),
        ]
    )
    passes(proposed, [3, 2, 2])


def test_a_club_on_sqlite_passes_the_doctor_once_its_gaps_are_filled(
    proposed: Proposed, club: Path
) -> None:
    ran = proposed.init(f"sqlite:///{club}")
    assert ran.code == 0, ran.all
    assert proposed.local("customer")["key"] == ["branch", "no"]
    assert proposed.local("customer")["deleted"] == {"column": "deleted", "equals": "Y"}
    assert proposed.local("customer")["create"] is False
    cards = proposed.fields("membership")
    assert cards["customer"]["match"] == "emails.primary"
    assert cards["tier"]["lookup"] == {"table": "ranks", "key": "id", "value": "rank_name"}
    assert cards["card_no"]["direction"] == "push"
    assert proposed.fields("feedback")["customer"]["match"] == "phones.mobile"
    proposed.fill(
        [
            ("connector.toml", "the time zone", 'zone = "Europe/Madrid"'),
            ("connector.toml", "the country of numbers", 'phone_region = "ES"'),
            ("connector.toml", "the database gives new rows no key", "create = false"),
            ("connector.toml", "the database gives new rows no key", "create = false"),
            (
                "feedback.yaml",
                "write which code is which",
                "status: {column: state, lens: {choice: {collected: x1, else: refuse}}}",
            ),
        ]
    )
    passes(proposed, [2, 2, 2])


def test_the_page_about_init_shows_what_it_says_and_writes_about_the_mall(
    proposed: Proposed, mall: tuple[str, sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (EXAMPLES.parent / "docs" / "init.md").read_text(encoding="utf-8")
    monkeypatch.chdir(proposed.folder)
    ran = proposed.run("init", "--url", mall[0], "--tenant", "mall", "--yes")
    (shown,) = re.findall(r"(?ms)^```console\n\$ [^\n]*\n(.*?)^```$", page)
    assert shown == ran.out + ran.err
    (settings,) = re.findall(r"(?ms)^```toml\n(.*?)^```$", page)
    assert settings in proposed.texts()["connector.toml"]
    (mapping,) = re.findall(r"(?ms)^```yaml\n(.*?)^```$", page)
    assert mapping == proposed.texts()["membership.yaml"]


# --- samples are described, never copied --------------------------------------------------------

MARKS = ("kanari", "1990420")
"""In every text that is planted; the second is the beginning of planted numbers."""


def plant(engine: sa.Engine) -> int:
    """Put a value of nobody's into every text of every table, in the column's own shape."""
    planted = 0
    with engine.begin() as tx:
        inspector = sa.inspect(tx)
        for name in inspector.get_table_names():
            described = {c["name"]: c["type"] for c in inspector.get_columns(name)}
            key, *_ = inspector.get_pk_constraint(name)["constrained_columns"]
            table = sa.table(name, *(sa.column(n) for n in described))
            told = [n for n, t in described.items() if isinstance(t, sa.String) and n != key]
            bound = {"plan", "status"}  # a CHECK says what they may hold
            for row, held in enumerate(list(tx.scalars(sa.select(table.c[key]))), 1):
                values = {n: _shaped(n, row) for n in told if n not in bound}
                if values:
                    tx.execute(sa.update(table).where(table.c[key] == held).values(values))
                    planted += len(values)
    return planted


def _shaped(column: str, row: int) -> str:
    if "phone" in column or "mobile" in column:
        return f"1990420{row:04d}"
    if "mail" in column:
        return f"kanari{row}@example.test"
    return f"Kanari{row % 3}" if column in ("city", "job", "state") else f"Kanari {row}"


@pytest.fixture(params=["mall", "clinic", "club"])
def planted(request: pytest.FixtureRequest) -> str:
    """The URL of a database whose every text holds a mark."""
    if request.param == "club":
        url = f"sqlite:///{request.getfixturevalue('club')}"
        engine = sa.create_engine(url)
    else:
        url, engine = request.getfixturevalue(request.param)
    assert plant(engine) > 10
    return url


def test_no_value_of_any_text_is_in_what_init_writes_prints_or_logs(
    proposed: Proposed, planted: str
) -> None:
    for verb in (["--json"], []):
        for file in proposed.folder.rglob("*.*"):
            file.unlink()
        ran = proposed.run(
            *("--log-level", "debug", "init", "--url", planted, "--yes"),
            *("--dir", str(proposed.folder), *verb),
        )
        assert ran.code == 0, ran.all
        whole = "\n".join([*proposed.texts().values(), *proposed.printed]).casefold()
        assert "looks like" in whole
        assert [mark for mark in MARKS if mark in whole] == []


def test_init_selects_no_column_that_its_name_or_its_comment_calls_a_secret(
    mall: tuple[str, sa.Engine],
) -> None:
    url, engine = mall
    with engine.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE ums_member ADD kl VARCHAR(9) COMMENT '口令，登录用'")
    asked: list[str] = []
    with Database(url) as looked:

        @sa.event.listens_for(looked._engine, "before_cursor_execute")
        def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
            asked.append(statement)

        (people,) = [one for one in looked.tables() if one.name == "ums_member"]
    assert people.columns["kl"].secret and people.columns["password"].secret
    assert any("nickname" in one for one in asked)
    assert not [one for one in asked if ".kl" in one or "password" in one or "*" in one]


def test_what_is_to_decide_is_told_with_its_place(proposed: Proposed, club: Path) -> None:
    ran = proposed.init(f"sqlite:///{club}", "--json")
    assert ran.json["gaps"]
    for gap in ran.json["gaps"]:
        text = (proposed.folder / gap["file"]).read_text(encoding="utf-8")
        assert text.splitlines()[gap["line"] - 1].strip() == f"# DECIDE: {gap['sentence']}"
    whole = "".join(proposed.texts().values())
    assert whole.count("# DECIDE: ") == len(ran.json["gaps"])


# --- what the account may do --------------------------------------------------------------------


@contextmanager
def account(url: str, engine: sa.Engine, grants: list[str]) -> Iterator[str]:
    """The URL for an account that has these rights and no others; `{me}` is its name."""
    postgres = engine.dialect.name == "postgresql"
    me = "looker_" + str(engine.url.database)[-8:]
    named = me if postgres else f"{me}@'%'"
    made = "LOGIN" if postgres else ""
    with engine.begin() as tx:
        tx.exec_driver_sql(
            f"CREATE {'ROLE' if postgres else 'USER'} {named} {made}".replace("%", "%%")
        )
        for grant in grants:
            tx.exec_driver_sql(grant.format(me=named).replace("%", "%%"))
    try:
        theirs = sa.make_url(url).set(username=me)
        yield theirs.render_as_string(hide_password=False)
    finally:
        with engine.begin() as tx:
            if postgres:
                tx.exec_driver_sql(f"DROP OWNED BY {me}")
            kind = "ROLE" if postgres else "USER"
            tx.exec_driver_sql(f"DROP {kind} {named}".replace("%", "%%"))


def test_rights_on_postgresql_decide_capture_directions_and_what_is_looked_at(
    proposed: Proposed, clinic: tuple[str, sa.Engine]
) -> None:
    url, engine = clinic
    grants = [
        "GRANT SELECT (id, family_name, given_name, email, city, updated_at), UPDATE (phone, city)"
        " ON patients TO {me}",
        "GRANT SELECT ON cards TO {me}",
    ]
    with account(url, engine, grants) as theirs:
        ran = proposed.init(theirs)
    assert ran.code == 0, ran.all
    customer = proposed.fields("customer")
    assert customer["phones.mobile"]["direction"] == "pull", "it may be written, not read"
    assert customer["names.family"]["direction"] == "push", "it may be read, not written"
    assert "direction" not in customer["address.city"]
    assert "birth_date" not in customer
    local = proposed.local("customer")
    assert (local["capture"], local["modified"]) == ("column", "updated_at")
    assert local["create"] is False
    assert proposed.local("membership")["capture"] == "scan"
    assert "complaints" in proposed.texts()["connector.toml"], "told that it was not looked at"
    assert [k for k in KINDS if f"{k}.yaml" in proposed.texts()] == ["customer", "membership"]


@pytest.mark.parametrize(
    ("more", "capture"),
    [(", CREATE", "scan"), (", TRIGGER", "scan"), (", CREATE, TRIGGER", "journal")],
)
def test_an_account_that_only_reads_on_mariadb_gets_read_only_lines(
    proposed: Proposed, mall: tuple[str, sa.Engine], more: str, capture: str
) -> None:
    url, engine = mall
    grants = [f"GRANT SELECT{more} ON {engine.url.database}.* TO {{me}}"]
    with account(url, engine, grants) as theirs:
        ran = proposed.init(theirs)
    assert ran.code == 0, ran.all
    assert proposed.local("customer")["capture"] == capture
    assert proposed.local("customer")["create"] is False
    assert {one.get("direction") for one in proposed.fields("customer").values()} == {"push"}


def test_tables_of_another_database_are_taken_on_mariadb_where_they_are_named(
    proposed: Proposed, mall: tuple[str, sa.Engine]
) -> None:
    home = mall[1].url.database
    named = ("--customer", f"{home}.ums_member", "--membership", f"{home}.ums_member")
    with database("mariadb") as empty:
        assert proposed.init(empty, *named).code == 0
    assert proposed.local("customer")["table"] == f"{home}.ums_member"
    assert proposed.local("membership")["part_of"] == "customer"
    tier = proposed.fields("membership")["tier"]
    assert tier["lookup"]["table"] == f"{home}.ums_member_level"


def test_tables_of_another_schema_are_found_on_postgresql(
    proposed: Proposed, clinic: tuple[str, sa.Engine]
) -> None:
    url, engine = clinic
    with engine.begin() as tx:
        tx.exec_driver_sql("CREATE SCHEMA desk")
        for table in ("patients", "cards", "points", "complaints"):
            tx.exec_driver_sql(f"ALTER TABLE {table} SET SCHEMA desk")
    assert proposed.init(url).code == 0
    assert proposed.local("customer")["table"] == "desk.patients"
    assert proposed.fields("membership")["points"]["sum"]["table"] == "desk.points"
    assert proposed.fields("membership")["customer"]["column"] == "patient_id"
