"""`discover` and `describe` on a real installation: objects, rights, fields, mapping, drift."""

from __future__ import annotations

from typing import Any

import pytest

from connector.commands import output
from tests.system.rig import Rig


@pytest.fixture
def ready(rig: Rig) -> Rig:
    rig.ready()
    return rig


def objects(rig: Rig) -> dict[str, dict[str, Any]]:
    ran = rig.run("discover", "--json")
    assert ran.code == ran.json["exit"] == 0, ran.all
    (one,) = ran.json["connections"]
    assert (one["connection"], one["plugin"], one["whole"]) == ("zoho", "zoho", True)
    return {told["name"]: told for told in one["objects"]}


def fields(rig: Rig, *words: str) -> dict[str, dict[str, Any]]:
    ran = rig.run("describe", "zoho", *words, "--json")
    assert ran.code == 0, ran.all
    (one,) = ran.json["objects"]
    return {told["name"]: told for told in one["fields"]}


def test_objects_are_listed_with_their_kinds_rights_and_records(ready: Rig) -> None:
    ready.sandbox.seed("Contacts", [{"Last_Name": f"N{n}"} for n in range(3)])
    module = {"api_name": "Leads", "creatable": False}
    ready.sandbox.admin("define", modules=[module])
    found = objects(ready)
    assert (found["Contacts"]["kinds"], found["Contacts"]["records"]) == (["customer"], 3)
    assert found["Contacts"]["can_remove"] is True
    assert (found["Accounts"]["kinds"], found["Accounts"]["records"]) == ([], None)
    assert (found["Leads"]["can_create"], found["Leads"]["can_read"]) == (False, True)
    assert found["Memberships"]["custom"] is True
    assert next(iter(found)) == "Contacts"


def test_a_login_that_may_not_count_still_lists(ready: Rig) -> None:
    scopes = ["ZohoCRM.modules.ALL", "ZohoCRM.settings.ALL", "ZohoCRM.org.READ"]
    ready.sandbox.admin("grant", refresh_token="1000.few", scopes=scopes)
    (ready.folder / "refresh_token").write_text("1000.few", encoding="utf-8")
    assert objects(ready)["Contacts"]["records"] is None


def test_a_mapped_object_that_is_not_there_is_told(ready: Rig) -> None:
    (ready.folder / "mappings" / "crm").mkdir()
    text = "kind: customer\nobject: Persons\nfields:\n  names.family: {field: N, lens: text}\n"
    (ready.folder / "mappings" / "crm" / "customer.yaml").write_text(text, encoding="utf-8")
    ready.write(mappings="mappings/crm", kinds=["customer"])
    assert objects(ready)["Persons"]["there"] is False
    assert "which this account does not show" in ready.run("discover").out


def test_one_account_that_does_not_answer_does_not_hide_the_others(ready: Rig) -> None:
    ready.append(ready.connection(refresh_token="file:nothing").replace(".zoho]", ".other]"))
    (ready.folder / "nothing").write_text("1000.unknown", encoding="utf-8")
    ran = ready.run("discover", "--json")
    assert ran.code == ran.json["exit"] == 4
    assert [one["connection"] for one in ran.json["connections"]] == ["zoho"]
    assert ran.json["errors"][0]["code"] == "login_refused"


def test_an_unknown_connection_is_a_wrong_call(ready: Rig) -> None:
    assert ready.run("discover", "nosuch").code == 2
    assert ready.run("describe", "nosuch").code == 2


def test_fields_have_types_rights_and_what_the_mapping_makes_of_them(ready: Rig) -> None:
    found = fields(ready, "customer")
    assert found["Connector_Key"]["uses"][0]["canonical"] == "external_key"
    assert (found["Connector_Key"]["unique"], found["Connector_Key"]["external"]) == (True, True)
    (use,) = found["Mobile"]["uses"]
    assert (use["canonical"], use["lens"], use["direction"]) == ("phones.mobile", "phone", "both")
    assert found["Salutation"]["uses"] == []
    assert found["Customer_Stage"]["options_count"] == 4
    assert "options" not in found["Customer_Stage"]
    assert found["Full_Name"]["writable"] is False
    assert found["Last_Name"]["required"] is True


def test_an_object_that_no_kind_maps_is_described_by_its_name(ready: Rig) -> None:
    found = fields(ready, "Accounts", "--options")
    assert found["Account_Name"]["max_length"] == 200
    assert all(not one["uses"] for one in found.values())
    assert fields(ready, "Contacts", "--options")["Gender"]["options"] == ["男", "女", "未知"]


def test_an_object_that_is_not_there_is_exit_3(ready: Rig) -> None:
    assert ready.run("describe", "zoho", "Nothing").code == 3


def test_a_mapped_field_that_is_gone_or_lacks_an_option_is_told(ready: Rig) -> None:
    ready.sandbox.admin("drop_field", module="Contacts", field="Mobile")
    stage = {"api_name": "Customer_Stage", "data_type": "picklist", "pick_list_values": ["新客户"]}
    ready.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": [stage]}])
    found = fields(ready, "customer")
    assert found["Mobile"]["there"] is False
    assert "no field Mobile" in found["Mobile"]["uses"][0]["faults"][0]
    assert any("no option" in text for text in found["Customer_Stage"]["uses"][0]["faults"])
    assert "NOT THERE" in ready.run("describe", "zoho", "customer").out


def test_what_changed_since_a_sync_read_it_is_told(ready: Rig) -> None:
    assert "No sync has read" in ready.run("describe", "zoho", "customer").err
    assert ready.run("sync").code == 0
    assert "As a sync read it" in ready.run("describe", "zoho", "customer").err
    ready.sandbox.admin("drop_field", module="Contacts", field="Fax")
    field = {"api_name": "Title", "data_type": "text", "length": 60}
    ready.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": [field]}])
    ran = ready.run("describe", "zoho", "customer", "--json")
    drift = {one["text"] for one in ran.json["objects"][0]["drift"]}
    assert drift == {"Fax is gone", "Title: its room was 100 and is 60"}
    assert "Fax is gone" in ready.run("describe", "zoho", "customer").out


def test_neither_writes_at_the_vendor_nor_moves_what_a_sync_remembers(ready: Rig) -> None:
    assert ready.run("sync").code == 0
    before = ready.run("status", "--json").json["scopes"]
    ready.sandbox.admin("calls", reset=True)
    objects(ready)
    fields(ready, "customer")
    assert set(ready.sandbox.calls()) <= {"token", "org", "modules", "fields", "layouts", "count"}
    assert ready.run("status", "--json").json["scopes"] == before


def test_a_vendors_label_cannot_steer_the_terminal(ready: Rig) -> None:
    label = "nice\x1b]0;owned\x07\x9b2J\u202e"
    field = {"api_name": "Odd", "data_type": "picklist", "display_label": label}
    listed = {**field, "pick_list_values": ["a\x1b[2J"]}
    ready.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": [listed]}])
    told = ready.run("describe", "zoho", "customer", "--options").out
    assert "nice\\u001b]0;owned\\u0007\\u009b2J\\u202e" in told
    raw = ready.run("describe", "zoho", "customer", "--json").out
    for text in (told, raw):
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert fields(ready, "customer")["Odd"]["label"] == label


def test_lines_keep_their_ends_and_cells_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    output.show("a\n\tb\x1b")
    output.say("c\x9bd")
    output.table(["x"], [["e\nf"]])
    told = capsys.readouterr()
    assert told.out == "a\n\tb\\u001b\nx\ne\\u000af\n"
    assert told.err == "c\\u009bd\n"
