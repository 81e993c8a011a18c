"""`init` on untidy shops, and `doctor` on what it wrote and on each thing that may be wrong."""

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

from connector.demo.shop import LOCAL_SETTINGS, MAPPINGS
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
        (["--url", "postgresql://u:geheim@db/x"], 3, "not built yet"),
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


# --- doctor ---------------------------------------------------------------------------------------


def checks(rig: Rig, code: int) -> dict[str, tuple[str, str]]:
    """State and words by name, the worst of each name; the exit code is checked too."""
    ran = rig.run("doctor", "--json")
    assert ran.code == ran.json["exit"] == code, ran.out
    found: dict[str, tuple[str, str]] = {}
    for one in sorted(ran.json["checks"], key=lambda c: ("ok", "warn", "fail").index(c["state"])):
        found[one["name"]] = (one["state"], f"{one['sentence']} {one['fix']}")
    return found


def test_a_whole_installation_is_well(rig: Rig) -> None:
    rig.ready()
    found = checks(rig, 0)
    assert {state for state, _ in found.values()} == {"ok"}
    assert "connector" in found["program"][1]
    assert {"key ring", "state", "local capture", "zoho login", "zoho clock"} <= found.keys()
    assert {"zoho customer", "zoho customer mapping", "zoho customer key"} <= found.keys()


def test_the_doctor_writes_nothing_at_the_vendor(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    rig.sandbox.admin("calls", reset=True)
    checks(rig, 0)
    assert not {"insert", "update", "upsert", "delete", "purge"} & rig.sandbox.calls().keys()


def test_local_install_still_to_do_is_no_failure(rig: Rig) -> None:
    assert rig.run("keys", "init").code == 0
    state, words = checks(rig, 0)["local capture"]
    assert state == "warn"
    assert "Still to do" in words
    assert "crm-connector local install" in words


def test_without_a_settings_file_the_doctor_still_tells_of_the_program(rig: Rig) -> None:
    rig.config.unlink()
    found = checks(rig, 3)
    assert found["settings"][0] == "fail"
    assert found["program"][0] == found["plugins"][0] == "ok"


def test_without_a_ring_the_doctor_looks_at_the_rest(rig: Rig) -> None:
    found = checks(rig, 9)
    assert found["key ring"][0] == "fail"
    assert "crm-connector keys init" in found["key ring"][1]
    assert found["local customer"][0] == "ok"
    assert found["connections"][0] == "warn"


def test_a_broken_state_database_is_told(rig: Rig) -> None:
    rig.ready()
    (rig.folder / "state.db").write_bytes(b"geheim" * 1000)
    (rig.folder / "state.db-wal").unlink(missing_ok=True)
    state, words = checks(rig, 3)["state"]
    assert state == "fail"
    assert "geheim" not in words


def test_a_state_that_others_can_read_is_a_warning(rig: Rig) -> None:
    rig.ready()
    assert rig.run("status").code == 0
    (rig.folder / "state.db").chmod(0o644)
    assert checks(rig, 0)["state"][0] == "warn"


def test_keys_beside_what_they_seal_are_a_failure(rig: Rig) -> None:
    rig.write(head='[keys]\nsubjects = "sqlite:///state.db"')
    rig.ready()
    assert checks(rig, 3)["keys database"][0] == "fail"


def test_a_mapped_column_that_is_not_there_is_told(rig: Rig) -> None:
    rig.ready()
    rig.mapping("customer", MAPPINGS["customer"].replace("column: job", "column: hobby"))
    state, words = checks(rig, 3)["local customer"]
    assert state == "fail"
    assert "lacks: hobby" in words


def test_missing_triggers_are_a_failure(rig: Rig) -> None:
    rig.ready()
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    rig.shop.change(f"DROP TRIGGER {rig.shop.rows(query)[0]['name']}")
    state, words = checks(rig, 3)["local capture"]
    assert state == "fail"
    assert "crm-connector local install" in words


def test_a_database_of_another_installation_is_told(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    assert rig.run("local", "remove").code == 0
    assert rig.run("local", "install").code == 0
    state, words = checks(rig, 3)["local capture"]
    assert state == "fail"
    assert "another local database" in words


def test_another_account_is_told(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    with closing(sqlite3.connect(rig.folder / "state.db")) as connection, connection:
        connection.execute("UPDATE scope SET account = 'another' WHERE connection = 'zoho'")
    assert checks(rig, 3)["zoho account"][0] == "fail"


def test_wrong_credentials_are_exit_4(rig: Rig) -> None:
    rig.ready()
    (rig.folder / "mine").write_text("geheim-4711", encoding="utf-8")
    rig.write(client_secret="file:mine")
    found = checks(rig, 4)
    assert found["zoho login"][0] == "fail"
    assert "geheim" not in str(found)
    assert "zoho customer" not in found


def test_a_missing_field_there_only_switches_its_line_off(rig: Rig) -> None:
    rig.ready()
    rig.sandbox.admin("drop_field", module="Contacts", field="Occupation")
    state, words = checks(rig, 0)["zoho customer mapping"]
    assert state == "warn"
    assert "occupation" in words


def test_a_missing_external_key_is_a_failure(rig: Rig) -> None:
    rig.ready()
    rig.sandbox.admin("drop_field", module="Contacts", field="Connector_Key")
    state, words = checks(rig, 3)["zoho customer key"]
    assert state == "fail"
    assert "Connector_Key" in words


def test_a_mandatory_field_that_nothing_fills_is_a_warning(rig: Rig) -> None:
    rig.ready()
    field = {"api_name": "Branch", "data_type": "text", "system_mandatory": True}
    rig.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": [field]}])
    state, words = checks(rig, 0)["zoho customer mapping"]
    assert state == "warn"
    assert "demands Branch" in words


def test_a_vendors_clock_that_is_off_is_a_warning(rig: Rig) -> None:
    rig.ready()
    rig.sandbox.now(advance=600)
    state, words = checks(rig, 0)["zoho clock"]
    assert state == "warn"
    assert "NTP" in words


def test_a_plugin_that_is_not_installed_is_told(rig: Rig) -> None:
    rig.ready()
    rig.write(plugin="nosuch")
    assert checks(rig, 2)["plugin nosuch"][0] == "fail"


def test_the_doctor_for_a_person_prints_each_fix(rig: Rig) -> None:
    rig.write(LOCAL_SETTINGS)
    ran = rig.run("doctor")
    assert ran.code == 9
    assert "FAIL  key ring: " in ran.out
    assert "→ Run `crm-connector keys init`" in ran.out
    assert "1 failed" in ran.err
