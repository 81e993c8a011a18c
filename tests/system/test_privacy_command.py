"""The command under a privacy policy, against a sandbox: doctor, plan, sync, explain."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from connector.demo.shop import MAPPINGS
from connector.mapping.load import packaged
from tests.policies import head
from tests.system.rig import Rig

POLICY = (
    head("test")
    + """\
destinations:
  zoho: {plugin: zoho, country: CN, role: processor}
purposes:
  service: {basis: contract}
rules:
  - {id: surname, when: {field: "customer.names.*"}, action: mask, with: name_surname}
  - {id: no-street, when: {field: customer.address.street}, action: drop_field}
"""
)


def ruled(rig: Rig, policy: str = POLICY) -> None:
    rig.write(head='[privacy]\npolicy = "privacy.yaml"')
    (rig.folder / "privacy.yaml").write_text(policy, encoding="utf-8")


def test_doctor_plan_and_sync_obey_the_policy_and_explain_tells_why(rig: Rig) -> None:
    rig.ready()
    ruled(rig)
    doctor = rig.run("doctor")
    assert "ok    privacy policy: " in doctor.all, doctor.all
    told = rig.run("plan")
    assert "What would be told, and to whom:" in told.out
    plan = rig.run("plan", "--json").json
    names = [d for d in plan["disclosed"] if d["class"] == "person.name"]
    assert [d["changed"] for d in names] == ["mask"]
    assert names[0]["records"] == plan["counts"][0]["records"]
    assert rig.run("sync").code in (0, 5)
    people = rig.sandbox.records("Contacts")
    assert people and all("*" in one["Last_Name"] for one in people)
    assert all(not one.get("Mailing_Street") for one in people)
    seen = rig.run("explain", "1", "names.family", "--kind", "customer", "--json").json
    assert {one["cause"] for found in seen["records"] for one in found["fields"]} == {
        "privacy_policy"
    }
    why = rig.run("privacy", "explain", "--to", "zoho", "--record", "1", "--json").json
    decided = {one["field"]: one for one in why["fields"]}
    assert decided["names.family"]["rules"] == ["surname"]
    assert decided["names.family"]["read_back"] is False
    assert decided["names.family"]["own"] == ["Last_Name"]


def test_a_mask_that_the_vendors_field_does_not_take_is_told_by_the_doctor(rig: Rig) -> None:
    rig.ready()
    mask = "  - {id: phones, when: {class: contact.phone}, action: mask, with: phone_keep3_4}\n"
    ruled(rig, POLICY + mask)
    said = rig.run("doctor")
    assert said.code == 3
    assert "`phones`: zoho: Contacts.Mobile does not take it" in said.out
    ran = rig.run("sync")
    assert ran.code == 3 and "Contacts.Mobile does not take it" in ran.err
    assert rig.sandbox.records("Contacts") == []


def test_a_policy_that_cannot_be_used_stops_before_anything_is_sent(rig: Rig) -> None:
    rig.ready()
    ruled(rig, POLICY.replace("  zoho: {", "  other: {"))
    for verb in ("sync", "plan"):
        ran = rig.run(verb)
        assert ran.code == 3, ran.all
        assert "privacy.yaml:9: there is no destination `zoho`" in ran.err
    assert rig.sandbox.records("Contacts") == []
    assert "privacy policy: The policy does not fit the settings" in rig.run("doctor").all


def test_the_log_of_events_is_checked_and_the_first_broken_entry_is_named(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code in (0, 5)
    whole = rig.run("privacy", "audit", "verify", "--json")
    assert whole.code == 0, whole.all
    assert whole.json["entries"] > 2
    assert (whole.json["older"], whole.json["broken"], whole.json["missing"]) == (0, None, [])
    assert rig.run("privacy", "audit", "verify").out == (
        f"{whole.json['entries']} entries are whole.\n"
    )
    with closing(sqlite3.connect(rig.folder / "state.db")) as state, state:
        [(last,)] = state.execute("SELECT max(seq) FROM event").fetchall()
        taken = state.execute("SELECT * FROM event WHERE seq = ?", (last,)).fetchall()
        state.execute("DELETE FROM event WHERE seq = ?", (last,))
    cut = rig.run("privacy", "audit", "verify", "--json")
    assert (cut.code, cut.json["broken"]) == (8, None)
    assert [one["entry"] for one in cut.json["missing"]] == [last]
    assert f"Older than the head: entry {last}," in rig.run("privacy", "audit", "verify").out
    with closing(sqlite3.connect(rig.folder / "state.db")) as state, state:
        marks = ",".join("?" * len(taken[0]))
        state.execute(f"INSERT INTO event VALUES ({marks})", taken[0])
        state.execute("UPDATE event SET at_us = at_us + 1 WHERE seq = 2")
    broken = rig.run("privacy", "audit", "verify", "--json")
    assert (broken.code, broken.json["broken"], broken.json["entries"]) == (9, 2, 1)
    assert "Entry 2 is not as it was written" in rig.run("privacy", "audit", "verify").out


def test_the_report_says_which_classes_went_to_whom_and_what_for(rig: Rig) -> None:
    rig.ready()
    ruled(rig)
    assert rig.run("privacy", "report").out == "Nothing went to any connection.\n"
    assert rig.run("sync").code in (0, 5)
    people = rig.sandbox.records("Contacts")
    found = rig.run("privacy", "report", "--json").json["told"]
    names = {one["class"]: one for one in found}
    assert names["person.name"]["people"] == len(people) > 0
    mailed = [one for one in people if one.get("Email")]
    assert names["contact.email"]["people"] == len(mailed)
    assert names["contact.email"]["purposes"] == ["service"]
    assert {one["connection"] for one in found} == {"zoho"}
    assert "contact.email" in rig.run("privacy", "report", "--since", "1d").out
    assert rig.run("privacy", "report", "--since", "2999-01-01", "--json").json["told"] == []
    assert rig.run("privacy", "report", "--since", "soon").code == 2
    shown = rig.run("privacy", "report").out
    assert not any(str(one["id"]) in shown for one in people)
    rig.shop.change("UPDATE clients SET mobile = '13900000001' WHERE client_no = 2")
    assert rig.run("sync").code in (0, 5)
    again = {one["class"]: one for one in rig.run("privacy", "report", "--json").json["told"]}
    before, after = names["contact.phone"], again["contact.phone"]
    assert after["writes"] == before["writes"] + 1
    assert after["people"] == before["people"], "a person counts once, however often told"
    assert rig.run("privacy", "audit", "verify").code == 0


HEAD = "Data_Processing_Basis_Details"


def test_a_no_travels_both_ways_through_zohos_consent_object(rig: Rig) -> None:
    """The parts of that object which nobody mapped stay as they are."""
    field = {"api_name": HEAD, "data_type": "consent_lookup"}
    rig.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": [field]}])
    with closing(sqlite3.connect(rig.folder / "shop.db")) as shop:
        shop.execute("ALTER TABLE clients ADD COLUMN no_calls INTEGER DEFAULT 0")
        shop.commit()
    rig.mapping(
        "customer",
        MAPPINGS["customer"] + "  consent.marketing.phone:"
        " {column: no_calls, lens: {flag: {true: withdrawn, false: unknown}}}\n",
    )
    folder = rig.folder / "mappings" / "remote"
    folder.mkdir(parents=True)
    for kind in MAPPINGS:
        text = (packaged("zoho") / f"{kind}.yaml").read_text(encoding="utf-8")
        if kind == "customer":
            text += (
                f"  consent.marketing.phone: {{field: {HEAD}.Contact_Through_Phone,"
                " lens: {flag: {true: granted, false: denied}}, policy: most_restrictive}\n"
            )
        (folder / f"{kind}.yaml").write_text(text, encoding="utf-8")
    rig.write(mappings="mappings/remote")
    rig.ready()
    assert rig.run("sync").code == 0

    def in_shop(statement: str) -> list[int]:
        with closing(sqlite3.connect(rig.folder / "shop.db")) as database:
            found = [row[0] for row in database.execute(statement)]
            database.commit()
        return found

    [one, two] = sorted(rig.sandbox.records("Contacts"), key=lambda r: str(r["id"]))[:2]
    yes = {"Contact_Through_Phone": True, "Contact_Through_Email": True}
    for record in (one, two):
        rig.sandbox.edit("Contacts", record["id"], {HEAD: yes})
    assert rig.run("sync").code == 0
    in_shop("UPDATE clients SET no_calls = 1 WHERE client_no = 1")
    rig.sandbox.edit("Contacts", two["id"], {HEAD: {**yes, "Contact_Through_Phone": False}})
    rig.sandbox.now(advance=120)
    assert rig.run("sync").code == 0
    held = {row["id"]: row.get(HEAD) for row in rig.sandbox.records("Contacts")}
    assert held[one["id"]] == {**yes, "Contact_Through_Phone": False}
    assert in_shop("SELECT no_calls FROM clients WHERE client_no <= 2 ORDER BY client_no") == [1, 1]
