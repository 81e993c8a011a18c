"""`doctor` on a whole installation and on each thing that may be wrong with one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from connector.demo.shop import LOCAL_SETTINGS, MAPPINGS
from connector.mapping.load import packaged
from tests.system.rig import Rig


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


def test_fields_to_be_made_are_listed_for_an_administrator(rig: Rig) -> None:
    rig.ready()
    rig.sandbox.admin("drop_field", module="Contacts", field="Occupation")
    rig.sandbox.admin("drop_field", module="Memberships", field="Plan")
    state, words = checks(rig, 0)["zoho membership fields"]
    assert state == "warn"
    assert "Plan" in words
    job, plan = rig.run("doctor", "--json").json["missing_fields"]
    assert (job["connection"], job["object"], job["name"]) == ("zoho", "Contacts", "Occupation")
    assert (job["label_zh"], job["type_en"], job["max_length"]) == ("职业", "Single Line", 255)
    assert (job["required_by"], job["unique"], job["options"]) == (["occupation"], False, [])
    assert plan["options"][0] == {"value": "月卡", "label_en": "Monthly", "label_zh": "月卡"}
    shown = rig.run("doctor").out
    assert "Fields to be made at the vendor / 需要在 CRM 中新建的字段" in shown
    assert "职业 / Occupation" in shown


def test_an_object_that_is_not_there_is_told_with_all_its_fields(rig: Rig) -> None:
    rig.ready()
    (rig.folder / "mappings" / "crm").mkdir()
    for kind in MAPPINGS:
        text = (packaged("zoho") / f"{kind}.yaml").read_text(encoding="utf-8")
        mapping = text.replace("object: Memberships", "object: Cards")
        (rig.folder / "mappings" / "crm" / f"{kind}.yaml").write_text(mapping, encoding="utf-8")
    rig.write(mappings="mappings/crm")
    ran = rig.run("doctor", "--json")
    assert ran.code == ran.json["exit"] != 0
    fields = ran.json["missing_fields"]
    assert {one["object"] for one in fields} == {"Cards"}
    assert [one["name"] for one in fields if one["unique"]] == ["Connector_Key"]
    customer = next(one for one in fields if one["name"] == "Customer")
    assert customer["target"] == "Contacts"


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
