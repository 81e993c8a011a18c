"""A migration from a file by the real command: planned, killed in the middle, and run again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from connector_zoho.sandbox.handle import ZohoSandbox

from tests.killing import kill_when
from tests.system.from_file import FromFile, bad_lines, person


def test_a_plan_reports_every_bad_row_with_its_line_and_writes_nothing(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(tmp_path, sandbox)
    long = "x" * 101  # a vendor's e-mail has 100 signs at most
    inst.people(
        [
            person(1),
            "2,Planted",
            ",Planted,p@example.test,",
            person(4),
            person(4),
            f"5,Person5,{long}@example.test,",
            "6,,p6@example.test,",
        ]
    )
    code, document = inst.told("plan")
    assert code == 5
    assert bad_lines(document) == [
        (3, "fields", None),
        (4, "key_empty", "id"),
        (5, "key_twice", None),
        (6, "key_twice", None),
        (7, "too_long", "email"),
        (8, "required", "name"),
    ]
    assert [one["sent"] for one in document["bad_rows"]] == [False] * 4 + [True, False]
    assert [(one["op"], one["local_id"]) for one in document["writes"]] == [
        ("create", "1"),
        ("create", "5"),
    ]
    assert inst.writes() == 0


def test_a_value_that_a_lens_will_not_take_is_told_with_line_column_and_lens(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(tmp_path, sandbox)
    with (tmp_path / "customer.yaml").open("a", encoding="utf-8") as mapping:
        mapping.write("  birth_date: {column: born, lens: date}\n")
    inst.people(
        [
            "1,Ann,a@example.test,,1980-02-30",
            '2,"B\no",b@example.test,Planted,',
            "3,Cy,,,1980-02-28",
        ],
        head="id,name,email,phone,born\n",
    )
    code, document = inst.told("plan")
    assert code == 5
    told = [
        (one["line"], one["last"], one["column"], one["field"], one["lens"], one["sent"])
        for one in document["bad_rows"]
    ]
    assert told == [
        (2, None, "born", "Date_of_Birth", "date", True),
    ]
    code, document = inst.told("sync")
    assert len(sandbox.records("Contacts")) == 3
    code, document = inst.told("letters", "list")
    assert [(one["record"], one["field"]) for one in document["letters"]] == [
        ("1", "Date_of_Birth")
    ]


def test_the_good_rows_go_and_a_second_sync_writes_nothing(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(tmp_path, sandbox)
    inst.people([person(1), "2,Planted", person(3)])
    code, document = inst.told("sync")
    assert code == 5
    assert bad_lines(document) == [(3, "fields", None)]
    assert inst.at_vendor() == Counter({"p1@example.test": 1, "p3@example.test": 1})
    before = inst.writes()
    code, document = inst.told("sync")
    assert (code, inst.writes()) == (5, before)
    inst.people([person(1), person(2), person(3, "Renamed")])
    code, document = inst.told("sync")
    assert (code, document["bad_rows"]) == (0, [])
    (done,) = document["passes"]
    assert (done["created"], done["updated"]) == (1, 1)


def test_a_row_that_vanished_from_the_file_is_no_removal(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(tmp_path, sandbox)
    inst.people([person(n) for n in range(1, 4)])
    inst.command("sync")
    inst.people([person(1)])
    inst.command("sync")
    record = next(r for r in sandbox.records("Contacts") if r["Email"] == "p2@example.test")
    sandbox.edit("Contacts", record["id"], {"Last_Name": "Edited"})
    inst.command("sync")
    inst.command("sync")
    assert len(sandbox.records("Contacts")) == 3
    inst.people([person(1), person(2, "Back"), person(3)])
    inst.command("sync")
    assert len(sandbox.records("Contacts")) == 3
    assert "Back" in {r["Last_Name"] for r in sandbox.records("Contacts")}


def test_with_missing_remove_a_row_that_vanished_is_one(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(tmp_path, sandbox, 'missing = "remove"')
    inst.people([person(n) for n in range(1, 4)])
    inst.command("sync")
    inst.people([person(1), "2,Planted"])
    inst.start("sync").wait(timeout=120)
    assert len(sandbox.records("Contacts")) == 3  # the bad row may be any of the two
    inst.people([person(1), person(2)])
    inst.command("sync")
    assert inst.at_vendor() == Counter({"p1@example.test": 1, "p2@example.test": 1})


def test_what_is_edited_at_the_vendor_stays_there_and_is_counted(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(tmp_path, sandbox)
    inst.people([person(1), person(2)])
    inst.command("sync")
    text = (tmp_path / "customers.csv").read_bytes()
    first = next(r for r in sandbox.records("Contacts") if r["Email"] == "p1@example.test")
    sandbox.edit("Contacts", first["id"], {"Last_Name": "Edited"})
    sandbox.seed("Contacts", [{"Last_Name": "Stranger", "Email": "s@example.test"}])
    code, document = inst.told("sync")
    (done,) = document["passes"]
    assert (code, done["against_direction"], done["updated"], done["created"]) == (0, 1, 0, 0)
    code, document = inst.told("sync")
    assert document["passes"][0]["updated"] == 0
    assert (tmp_path / "customers.csv").read_bytes() == text
    assert "Edited" in {r["Last_Name"] for r in sandbox.records("Contacts")}


def test_a_record_removed_at_the_vendor_is_not_made_again_and_the_file_stays(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(tmp_path, sandbox)
    inst.people([person(1), person(2)])
    inst.command("sync")
    gone = next(r for r in sandbox.records("Contacts") if r["Email"] == "p1@example.test")
    sandbox.remove("Contacts", gone["id"])
    for _ in range(2):
        inst.command("sync")
    assert inst.at_vendor() == Counter({"p2@example.test": 1})


@pytest.mark.parametrize("rule", ["remote", "fill_blank"])
def test_no_rule_of_first_contact_writes_into_the_file(
    rule: str, tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(tmp_path, sandbox, f'first_contact = "{rule}"')
    sandbox.seed("Contacts", [{"Last_Name": "Vendor", "Email": "p1@example.test"}])
    inst.people([person(1)])
    text = (tmp_path / "customers.csv").read_bytes()
    codes = [inst.start("sync").wait(timeout=120) for _ in range(2)]
    assert (tmp_path / "customers.csv").read_bytes() == text
    (record,) = sandbox.records("Contacts")
    if rule == "remote":
        assert codes == [0, 0]
        assert record["Last_Name"] == "Vendor"
    else:
        assert codes[-1] == 5  # two names: a person decides
        assert record["Mobile"]


@pytest.mark.slow
def test_a_killed_migration_ends_with_each_customer_once(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    rows = 1000
    inst = FromFile(tmp_path, sandbox)
    inst.people([person(n) for n in range(rows)])
    sandbox.fault("slow", operation="insert", seconds=0.05, count=1000)
    process = inst.start("sync")
    kill_when(lambda: sandbox.calls().get("insert", 0) >= 4, process)
    inst.command("sync")
    assert inst.at_vendor() == Counter({f"p{n}@example.test": 1 for n in range(rows)})
    before = inst.writes()
    inst.command("sync")
    assert inst.writes() == before


def test_a_vendor_that_lets_nobody_in_is_no_reason_to_say_nothing_of_the_file(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(tmp_path, sandbox)
    inst.people([person(1), "2,Planted"])
    inst.environment["VENDOR_REFRESH_TOKEN"] = "wrong"
    code, document = inst.told("plan")
    assert code == 4
    assert bad_lines(document) == [(3, "fields", None)]


def test_doctor_looks_at_the_file_and_local_install_has_nothing_to_do(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(tmp_path, sandbox)
    inst.people([person(1), "2,Planted"])
    code, document = inst.told("doctor")
    assert code == 0
    (check,) = (one for one in document["checks"] if one["name"] == "local customer")
    assert check["state"] == "warn"
    assert "cannot be used: 1" in check["sentence"]
    code, document = inst.told("local", "install")
    assert (code, document["error"]["code"]) == (2, "usage")


def test_a_membership_finds_its_customer_in_the_other_file(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = FromFile(
        tmp_path,
        sandbox,
        '[local.membership]\nfile = "cards.jsonl"\nmapping = "membership.yaml"',
    )
    text = inst.folder / "connector.toml"
    text.write_text(text.read_text().replace('["customer"]', '["customer", "membership"]'))
    (tmp_path / "membership.yaml").write_text(
        "kind: membership\n"
        "fields:\n"
        "  customer: {column: client, lens: {reference: {kind: customer}}}\n"
        "  card_no: {column: card, lens: text}\n"
        "  plan: {column: plan, lens: {choice: {monthly: M, yearly: Y, else: refuse}}}\n"
    )
    inst.people([person(1), person(2), "3,Planted"])
    cards = [
        {"id": 1, "client": 1, "card": "C-1", "plan": "M"},
        {"id": 2, "client": 3, "card": "C-2", "plan": "Y"},  # whose row cannot be read yet
    ]
    (tmp_path / "cards.jsonl").write_text("\n".join(json.dumps(one) for one in cards))
    code, document = inst.told("plan")
    assert code == 5
    assert bad_lines(document) == [(4, "fields", None)]
    code, document = inst.told("sync")
    assert code == 5
    ids = {r["Email"]: r["id"] for r in sandbox.records("Contacts")}
    (card,) = sandbox.records("Memberships")
    assert card["Customer"]["id"] == ids["p1@example.test"]
    inst.people([person(1), person(2), person(3)])
    inst.until_well()
    ids = {r["Email"]: r["id"] for r in sandbox.records("Contacts")}
    held = {r["Name"]: r["Customer"]["id"] for r in sandbox.records("Memberships")}
    assert held == {"C-1": ids["p1@example.test"], "C-2": ids["p3@example.test"]}
