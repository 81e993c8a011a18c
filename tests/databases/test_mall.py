"""`examples/mall`: an untidy shop on MariaDB in step with both vendors, by files alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.app import Connector, open_connector
from connector.drivers import server_url
from connector.plugin import SandboxHandle
from connector.sync.report import RunReport
from tests.databases.vendors import VENDORS, connected
from tests.servers import database

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
KINDS = ["customer", "membership", "feedback"]


class Place:
    """An example's shop on a real server, the real command's parts, and both sandboxes."""

    def __init__(
        self, engine: sa.Engine, connector: Connector, boxes: dict[str, SandboxHandle]
    ) -> None:
        self.engine, self.connector, self.boxes = engine, connector, boxes

    def sql(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.engine.begin() as tx:
            done = tx.execute(sa.text(statement), values)
            return [dict(row) for row in done.mappings()] if done.returns_rows else []

    def sync(self) -> RunReport:
        report = self.connector.sync()
        assert report.errors == []
        return report

    def written(self) -> int:
        return sum(p.counts.written for p in self.sync().passes)


def load(engine: sa.Engine, file: Path) -> None:
    """Run a file of statements, as the database's own client would."""
    text = re.sub(r"(?m)^--.*$", "", file.read_text(encoding="utf-8"))
    with engine.begin() as tx:
        for statement in re.split(r";\s*$", text, flags=re.M):
            if statement.strip():
                tx.exec_driver_sql(statement.replace("%", "%%"))


@contextmanager
def opened(example: str, server: str, folder: Path) -> Iterator[Place]:
    """The example copied to a folder, with this machine's addresses in place of its own."""
    shutil.copytree(EXAMPLES / example, folder, dirs_exist_ok=True)
    with ExitStack() as stack:
        url = stack.enter_context(database(server))
        engine = sa.create_engine(server_url(url, "url"), poolclass=sa.NullPool)
        load(engine, folder / f"{example}.sql")
        boxes: dict[str, SandboxHandle] = {}
        text = (folder / "connector.toml").read_text(encoding="utf-8")
        parts = [re.sub(r'(?m)^url = "(mariadb|postgresql):.*"$', f'url = "{url}"', text)]
        for name in VENDORS:
            own = {"mappings": name} if (folder / name).is_dir() else {}
            boxes[name], table = connected(stack, name, folder, kinds=KINDS, **own)
            parts.append(table)
        (folder / "connector.toml").write_text("\n".join(parts), encoding="utf-8")
        connector = stack.enter_context(open_connector(folder / "connector.toml"))
        connector.make_keys()
        connector.install_local()
        yield Place(engine, connector, boxes)
        engine.dispose()


@pytest.fixture
def mall(tmp_path: Path) -> Iterator[Place]:
    with opened("mall", "mariadb", tmp_path) as place:
        yield place


def members(mall: Place) -> dict[str, dict[str, Any]]:
    """Zoho's memberships by card number."""
    return {str(r["Name"]): r for r in mall.boxes["zoho"].records("Memberships")}


def links_of_comments(mall: Place) -> dict[str, str]:
    """The ids of the contacts that Zoho's feedback is linked to; "" of nobody's."""
    told = mall.boxes["zoho"].records("Feedbacks")
    return {str(r["Name"]): str((r.get("Customer") or {}).get("id", "")) for r in told}


def test_the_mall_comes_into_step_with_both_vendors_and_is_quiet(mall: Place) -> None:
    report = mall.sync()
    assert {(p.connection, p.kind): p.counts.created for p in report.passes} == {
        ("zoho", "customer"): 23,
        ("zoho", "membership"): 22,
        ("zoho", "feedback"): 31,
        ("fxiaoke", "customer"): 23,
        ("fxiaoke", "membership"): 22,
        ("fxiaoke", "feedback"): 31,
    }
    assert report.letters == 0 and report.conflicts == 0
    left = {(p.connection, p.kind): p.counts.left_out for p in report.passes}
    assert left["zoho", "membership"] == 1, "a level that is no option"
    assert members(mall)["user21"].get("Tier") is None
    assert members(mall)["user01"]["Tier"] == "白金会员"
    assert mall.written() == 0
    assert mall.written() == 0


def test_comments_are_linked_by_a_nickname_that_one_customer_has(mall: Place) -> None:
    mall.sync()
    people = {r["id"]: r["Last_Name"] for r in mall.boxes["zoho"].records("Contacts")}
    told = links_of_comments(mall)
    named = {name: people.get(link) for name, link in told.items()}
    assert named["商品2"] == "Li Na"
    assert named["商品1"] is None, "two members have that nickname"
    assert named["商品31"] is None, "nobody has it"
    mall.sql("UPDATE ums_member SET nickname = '王伟二' WHERE id = 21")
    mall.sql("UPDATE ums_member SET nickname = 'Li Na' WHERE id = 3")
    mall.sql("UPDATE pms_comment SET star = 4")
    mall.sync()
    assert links_of_comments(mall) == told


def test_a_membership_that_ends_in_a_crm_leaves_the_customer(mall: Place) -> None:
    mall.sync()
    mall.boxes["zoho"].remove("Memberships", members(mall)["user01"]["id"])
    mall.sync()
    (row,) = mall.sql("SELECT member_level_id, nickname, integration FROM ums_member WHERE id = 1")
    assert row == {"member_level_id": None, "nickname": "林晓", "integration": 791}
    assert len(mall.boxes["fxiaoke"].records("membership__c")) == 21
    assert mall.written() == 0


def test_the_password_is_in_no_query_and_no_trigger(mall: Place) -> None:
    """Every statement that the server got, from the first look to the last write."""
    (before,) = mall.sql("SELECT @@global.general_log AS logs, @@global.log_output AS place")
    mall.sql("SET GLOBAL log_output = 'TABLE'")
    mall.sql("TRUNCATE mysql.general_log")
    mall.sql("SET GLOBAL general_log = 1")
    try:
        mall.sync()
        mall.sql("UPDATE ums_member SET city = '上海' WHERE id = 1")
        mall.boxes["zoho"].remove("Memberships", members(mall)["user02"]["id"])
        mall.sync()
        mall.connector.remove_local()
        mall.connector.install_local()
    finally:
        mall.sql("SET GLOBAL general_log = :logs", logs=before["logs"])
        mall.sql("SET GLOBAL log_output = :place", place=before["place"])
    said = [str(row["said"]) for row in mall.sql(LOGGED, table="%ums_member%")]
    for verb in ("SELECT", "UPDATE", "CREATE TRIGGER"):
        assert any(verb in one for one in said), f"the log has a {verb}"
    assert not [one for one in said if "password" in one.lower()]
    assert not [one for one in said if "*" in one]


LOGGED = (
    "SELECT DISTINCT CONVERT(argument USING utf8mb4) AS said FROM mysql.general_log"
    " WHERE command_type = 'Query' AND argument LIKE :table"
)
