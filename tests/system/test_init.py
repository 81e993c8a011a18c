"""`init` on an untidy shop: what it recognises, what it leaves open, what it never reads."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.rig import Rig, environment

SHOP = """
CREATE TABLE kehu (
  id INTEGER PRIMARY KEY, xingming TEXT NOT NULL, 手机号 TEXT, youxiang TEXT, xingbie TEXT,
  jieduan INTEGER, beizhu TEXT, 身份证号 TEXT, mima TEXT NOT NULL DEFAULT 'x', api_token TEXT,
  backup_contact TEXT, is_deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE huiyuanka (
  kahao TEXT PRIMARY KEY, kehu_id INTEGER, kazhong TEXT, jifen INTEGER, daoqiriqi TEXT);
CREATE TABLE liuyan (
  id INTEGER PRIMARY KEY, yonghu_id INTEGER, biaoti TEXT NOT NULL, neirong TEXT, pingfen INTEGER,
  branch TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, kehu_id INTEGER, amount REAL);
"""
SECRETS = ("mima", "api_token", "身份证号")


def untidy(folder: Path) -> Path:
    """A shop with pinyin and Chinese names, codes, and columns that must never be read."""
    file = folder / "untidy.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(SHOP)
        for n in range(1, 41):
            connection.execute(
                "INSERT INTO kehu VALUES (?,?,?,?,?,?,?,?,?,?,?,0)",
                (
                    n,
                    f"王小{n}",
                    f"1390000{n:04d}" if n % 8 else "无",
                    f"wang{n}@example.test",
                    "男" if n % 2 else "女",
                    n % 4,
                    f"贵宾留言{n}",
                    f"33010119900101{n:04d}",
                    f"secret-{n}",
                    f"token-{n}",
                    f"1370000{n:04d}",
                ),
            )
            kind = ("月卡", "年卡")[n % 2]
            connection.execute(
                "INSERT INTO huiyuanka VALUES (?,?,?,?,?)", (f"K{n}", n, kind, n * 10, "2027-01-31")
            )
            connection.execute(
                "INSERT INTO liuyan VALUES (?,?,?,?,?,?)",
                (n, n % 20, f"主题{n}", "很好", n % 5, "西湖店"),
            )
    return file


def written(folder: Path) -> dict[str, str]:
    files = [folder / "connector.toml", *sorted((folder / "mappings" / "local").glob("*.yaml"))]
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def values_of(file: Path) -> Iterator[str]:
    with closing(sqlite3.connect(file)) as connection:
        for row in connection.execute("SELECT * FROM kehu"):
            yield from (text for text in map(str, row) if len(text) > 2)
        yield from (row[0] for row in connection.execute("SELECT biaoti FROM liuyan"))
        yield from ("西湖店", "很好")


@pytest.fixture
def made(rig: Rig) -> Path:
    """A folder where `init` has written."""
    folder = rig.folder / "fresh"
    folder.mkdir()
    untidy(folder)
    ran = rig.run("init", "--dir", str(folder), "--url", "sqlite:///untidy.db", "--yes")
    assert ran.code == 0, ran.all
    return folder


def test_init_recognises_tables_and_columns_in_pinyin_and_chinese(made: Path) -> None:
    settings = tomllib.loads((made / "connector.toml").read_text(encoding="utf-8"))
    local = settings["local"]
    assert local["customer"]["table"] == "kehu"
    assert local["membership"]["table"] == "huiyuanka"
    assert local["feedback"]["table"] == "liuyan"
    assert (local["zone"], local["phone_region"]) == ("Asia/Shanghai", "CN")
    assert local["customer"]["deleted"] == {"column": "is_deleted", "equals": 1}
    customer = _fields(made, "customer")
    assert customer["names.full"] == {"column": "xingming", "lens": "text"}
    assert customer["phones.mobile"] == {"column": "手机号", "lens": "phone"}
    assert customer["emails.primary"]["column"] == "youxiang"
    gender = customer["gender"]["lens"]["choice"]
    assert gender == {"male": "男", "female": "女", "else": "refuse"}
    membership = _fields(made, "membership")
    assert membership["customer"]["lens"] == {"reference": {"kind": "customer"}}
    assert membership["plan"]["lens"]["choice"]["monthly"] == "月卡"
    assert membership["card_no"]["column"] == "kahao"
    assert membership["valid_to"] == {"column": "daoqiriqi", "lens": "date"}
    feedback = _fields(made, "feedback")
    assert feedback["customer"]["lens"] == {"reference": {"kind": "customer", "none": 0}}
    assert feedback["score"] == {"column": "pingfen", "lens": "integer"}


def _fields(folder: Path, kind: str) -> dict[str, Any]:
    text = (folder / "mappings" / "local" / f"{kind}.yaml").read_text(encoding="utf-8")
    fields: dict[str, Any] = yaml.safe_load(text)["fields"]
    return fields


def test_init_describes_values_and_copies_none(made: Path) -> None:
    whole = "\n".join(written(made).values())
    for value in values_of(made / "untidy.db"):
        assert value not in whole
    assert "looks like mainland mobile numbers, 88 % of 40" in whole


def test_init_neither_proposes_nor_names_secret_columns(made: Path) -> None:
    whole = "\n".join(written(made).values())
    assert all(column not in whole for column in SECRETS)
    assert "hold secrets: 3." in whole


def test_init_marks_what_it_cannot_decide(made: Path) -> None:
    files = written(made)
    assert "# DECIDE: jieduan, 4 different codes in 40" in files["customer.yaml"]
    assert "# DECIDE: column backup_contact looks like mainland mobile" in files["customer.yaml"]
    assert "# Not mapped: beizhu." in files["customer.yaml"]
    # A new feedback needs a branch, and a card's key is a text that nobody makes up.
    assert "# defaults = { branch = <value> }" in files["connector.toml"]
    assert files["connector.toml"].count("create = false") == 2
    assert 'client_secret = "env:ZOHO_CLIENT_SECRET"' in files["connector.toml"]


def test_init_never_overwrites(rig: Rig, made: Path) -> None:
    before = written(made)
    ran = rig.run("init", "--dir", str(made), "--url", "sqlite:///untidy.db", "--yes")
    assert ran.code == 2
    assert "never overwritten" in ran.err
    assert written(made) == before


def test_init_writes_all_files_or_none_and_for_their_owner_alone(rig: Rig, made: Path) -> None:
    modes = {file.stat().st_mode & 0o777 for file in made.rglob("*.*") if file.suffix != ".db"}
    assert modes == {0o600}
    folder = rig.folder / "blocked"
    folder.mkdir()
    untidy(folder)
    (folder / "mappings").write_text("in the way", encoding="utf-8")
    ran = rig.run("init", "--dir", str(folder), "--url", "sqlite:///untidy.db", "--yes")
    assert ran.code == 2
    assert "cannot be written" in ran.err
    assert not (folder / "connector.toml").exists()


def test_what_init_wrote_passes_the_doctor_and_syncs_once_its_gaps_are_filled(
    rig: Rig, made: Path
) -> None:
    toml = made / "connector.toml"
    text = toml.read_text(encoding="utf-8")
    head = text[: text.index("# DECIDE: your account with zoho")]
    toml.write_text(head + rig.connection(), encoding="utf-8")
    for key in ("client_id", "client_secret", "refresh_token"):
        (rig.folder / key).rename(made / key)
    file = made / "mappings" / "local" / "customer.yaml"
    text = file.read_text(encoding="utf-8")
    for code, value in enumerate(("prospect", "new", "loyal", "lost")):
        text = text.replace(f"{value}: <code>", f"{value}: {code}")
    text = re.sub(r"^  # (lifecycle: )", r"  \1", text, flags=re.M)
    assert "<code>" not in text
    file.write_text(text, encoding="utf-8")

    at = ("--config", str(toml))
    assert rig.run(*at, "keys", "init").code == 0
    ran = rig.run(*at, "doctor", "--json")
    assert ran.code == 0, ran.out
    assert [one["name"] for one in ran.json["checks"] if one["state"] == "warn"] == [
        "local capture"
    ]
    assert rig.run(*at, "local", "install").code == 0
    ran = rig.run(*at, "sync", "--json")
    assert ran.code == 0, ran.all
    assert [one["created"] for one in ran.json["passes"]] == [40, 40, 40]
    contact = rig.desk.where("customer", "emails.primary", "wang3@example.test")
    assert contact["Customer_Stage"] == "流失客户"


def test_init_takes_the_tables_it_is_told(rig: Rig) -> None:
    folder = rig.folder / "told"
    folder.mkdir()
    untidy(folder)
    given = ("--feedback", "none", "--membership", "none", "--tenant", "shop-a")
    ran = rig.run("init", "--dir", str(folder), "--url", "sqlite:///untidy.db", "--json", *given)
    assert ran.code == 0
    assert [one["kind"] for one in ran.json["kinds"]] == ["customer"]
    settings = tomllib.loads((folder / "connector.toml").read_text(encoding="utf-8"))
    assert settings["tenant"] == "shop-a"
    assert "feedback" not in settings["local"]


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["--url", "sqlite:///none.db"], 3, "no database file"),
        (["--url", "oracle://u:geheim@db/x"], 3, "oracle is not among the databases"),
        (["--url", "postgresql://u:geheim@127.0.0.1:1/x"], 6, "cannot be read"),
        (["--customer", "geheim"], 2, "no such table"),
        (["--tenant", "Geheim Ladé"], 2, "--tenant"),
    ],
)
def test_init_refuses_without_repeating_values(
    rig: Rig, argv: list[str], code: int, said: str
) -> None:
    folder = rig.folder / "refused"
    folder.mkdir()
    untidy(folder)
    ran = rig.run("init", "--dir", str(folder), "--url", "sqlite:///untidy.db", "--yes", *argv)
    assert ran.code == code
    assert said in ran.err
    assert "geheim" not in ran.all.casefold()
    assert not (folder / "connector.toml").exists()


def test_init_asks_on_a_terminal(rig: Rig) -> None:
    folder = rig.folder / "asked"
    folder.mkdir()
    untidy(folder)
    ours, theirs = os.openpty()
    answers = ["sqlite:///untidy.db", "shop-b", "", "none", ""]
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    done = subprocess.run(
        [sys.executable, "-m", "connector", "init", "--dir", str(folder)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        env=environment(),
        timeout=30,
    )
    asked = os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, asked
    assert "The table of customers (or `none`) [kehu]" in asked
    settings = tomllib.loads((folder / "connector.toml").read_text(encoding="utf-8"))
    assert settings["tenant"] == "shop-b"
    assert set(settings["local"]) >= {"customer", "feedback"}
    assert "membership" not in settings["local"]


def test_init_refuses_a_file_that_is_no_database(rig: Rig) -> None:
    (rig.folder / "odd.db").write_text("geheim" * 1000, encoding="utf-8")
    ran = rig.run("init", "--dir", str(rig.folder), "--url", "sqlite:///odd.db", "--yes")
    assert ran.code == 6
    assert "geheim" not in ran.all
