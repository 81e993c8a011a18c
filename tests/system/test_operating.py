"""The operator's verbs by the command, between a real shop database and the vendor's sandbox."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from typing import Any

from connector import open_connector
from connector.demo.shop import MAPPINGS
from connector.operating.finding import find_links
from tests.system.rig import PEOPLE, Rig, environment


def in_step(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0


def test_a_paused_kind_is_left_out_with_a_sentence_until_it_is_resumed(rig: Rig) -> None:
    in_step(rig)
    assert "zoho/customer: paused" in rig.run("pause", "zoho", "customer").out
    rig.shop.change("UPDATE clients SET job = 'pilot' WHERE client_no = 1")
    ran = rig.run("sync", "--json")
    assert ran.code == 0
    assert ran.json["skipped"] == [
        "zoho/customer is paused: what changes waits until `crm-connector resume zoho customer`."
    ]
    assert "zoho/customer is paused" in rig.run("plan").err
    told = rig.run("status", "--json").json["scopes"]
    assert {one["kind"]: one["paused"] for one in told} == {
        "customer": True,
        "membership": False,
        "feedback": False,
    }
    assert "paused" in rig.run("status").out
    assert rig.run("resume", "zoho", "--json").json == {
        "paused": False,
        "scopes": [
            {"connection": "zoho", "kind": "customer", "changed": True},
            {"connection": "zoho", "kind": "membership", "changed": False},
            {"connection": "zoho", "kind": "feedback", "changed": False},
        ],
    }
    ran = rig.run("sync", "--json")
    assert [one["updated"] for one in ran.json["passes"]] == [1, 0, 0]


def test_pausing_what_is_not_there_is_a_wrong_call(rig: Rig) -> None:
    in_step(rig)
    assert rig.run("pause", "nowhere").code == 2
    assert rig.run("pause", "zoho", "invoice").code == 2


def test_after_a_resync_a_sync_reads_again_and_writes_nothing(rig: Rig) -> None:
    in_step(rig)
    ran = rig.run("resync", "--since", "2026-01-01", "--json")
    assert ran.code == 0
    assert all(one["after"] < one["before"] for one in ran.json["scopes"])
    ran = rig.run("sync", "--json")
    assert [one["created"] + one["updated"] + one["removed"] for one in ran.json["passes"]] == [
        0,
        0,
        0,
    ]
    assert ran.json["passes"][0]["read"] == PEOPLE
    assert "there, as before" in rig.run("resync", "--since", "0m").out


def test_single_records_are_read_again_by_either_id(rig: Rig) -> None:
    in_step(rig)
    ref = rig.sandbox.records("Contacts")[0]["id"]
    chosen = ("--connection", "zoho", "--kind", "customer")
    assert rig.run("resync", *chosen, "--ids", f"2,{ref},999", "--json").json == {
        "connection": "zoho",
        "kind": "customer",
        "linked": ["2", ref],
        "new": ["999"],
    }
    assert rig.run("sync").code == 0
    assert rig.run("letters", "list", "--json").json == {"letters": []}


def test_a_resync_that_does_not_say_what_is_a_wrong_call(rig: Rig) -> None:
    in_step(rig)
    for words in ((), ("--since", "yesterday"), ("--ids", "1"), ("--since", "1d", "--ids", "1")):
        assert rig.run("resync", *words).code == 2


def both_changed(rig: Rig) -> str:
    """Customer 2 has two mobile numbers and another job; returns the vendor's id of it."""
    in_step(rig)
    rig.shop.change("UPDATE clients SET mobile = '13900000001', job = 'pilot' WHERE client_no = 2")
    record = rig.desk.where("customer", "emails.primary", "client0002@example.test")
    rig.desk.edit("customer", record, {"phones.mobile": "13900000002"})
    return str(record["id"])


def explained(rig: Rig, *words: str) -> Any:
    ran = rig.run("explain", *words, "--json")
    assert ran.code == 0, ran.err
    (one,) = ran.json["records"]
    return one


def field(one: Any, name: str) -> Any:
    return next(view for view in one["fields"] if view["name"] == name)


def test_a_record_is_explained_from_observation_to_answer(rig: Rig) -> None:
    ref = both_changed(rig)
    before = explained(rig, "zoho/customer/2")
    assert field(before, "occupation")["cause"] == "local_edit"
    assert field(before, "name")["cause"] == "nothing"
    assert rig.run("sync").code == 5
    one = explained(rig, "zoho/customer/2", "phones.mobile")
    (view,) = one["fields"]
    assert view["cause"] == "conflict"
    assert view["rule"]["policy"] == "manual"
    assert view["rule"]["direction"] == "both"
    assert (view["rule"]["columns"], view["rule"]["remote_fields"]) == (["mobile"], ["Mobile"])
    assert view["base_local"] == {"phones.mobile": "861****0002"}
    assert view["local"] == {"phones.mobile": "861****0001"}
    assert view["remote"] == {"phones.mobile": "861****0002"}
    assert [(w["what"], w["field"]) for w in one["open"]] == [("conflict", "phones.mobile")]
    assert [event["cause"] for event in one["events"]] == [
        "create_remote",
        "conflict",
        "update_remote",
    ]
    assert one["remote_id"] == ref


def test_a_record_is_found_by_the_id_of_either_side(rig: Rig) -> None:
    ref = both_changed(rig)
    assert explained(rig, ref)["local_id"] == "2"
    assert explained(rig, "2", "--kind", "customer")["remote_id"] == ref
    ran = rig.run("explain", "2")
    assert ran.code == 2
    assert "zoho/customer/2, zoho/feedback/2, zoho/membership/2" in ran.err


def test_a_field_is_found_by_the_name_of_either_side(rig: Rig) -> None:
    both_changed(rig)
    for name in ("phones.mobile", "mobile", "Mobile"):
        (view,) = explained(rig, "zoho/customer/2", name)["fields"]
        assert view["name"] == "phones.mobile"


def test_what_is_not_known_ends_with_a_sentence(rig: Rig) -> None:
    in_step(rig)
    for words in (("someone@example.test",), ("zoho/customer/2", "shoe_size")):
        ran = rig.run("explain", *words)
        assert ran.code == 2
        assert ran.err.startswith("error: ")
        assert words[-1] not in ran.all


def test_an_explanation_shows_nobody_unless_it_is_asked_to(rig: Rig) -> None:
    both_changed(rig)
    rig.run("sync")
    silent = (
        rig.run("explain", "zoho/customer/2").all
        + rig.run("explain", "zoho/customer/2", "--json").out
    )
    for value in ("13900000001", "13900000002", "client0002@example.test", "pilot"):
        assert value not in silent
    shown = rig.run("explain", "zoho/customer/2", "phones.mobile", "--show").out
    assert "+8613900000001" in shown
    assert "+8613900000002" in shown
    assert explained(rig, "zoho/customer/2")["events"][-1]["cause"] == "shown"


def test_whose_key_is_destroyed_is_not_shown_however_one_asks(rig: Rig) -> None:
    both_changed(rig)
    rig.run("sync")
    with open_connector(rig.config) as connector:
        (link,) = find_links(connector, "zoho/customer/2")
        assert link.subject is not None
        connector.vault.subjects.shred([link.subject])
    one = explained(rig, "zoho/customer/2", "mobile", "--show")
    assert one["sealed"]
    assert one["fields"][0]["local"] == {"phones.mobile": "861****0001"}
    assert one["fields"][0]["base_local"] == {}
    assert "shown" not in [event["cause"] for event in one["events"]]
    assert "key does not open" in rig.run("explain", "zoho/customer/2").out
    (rig.folder / "keyring.json").rename(rig.folder / "away")
    one = explained(rig, "zoho/customer/3", "mobile", "--show")
    assert one["fields"][0]["local"] == {"phones.mobile": "861****0003"}


def test_the_vendor_is_asked_only_when_told_to(rig: Rig) -> None:
    both_changed(rig)
    before = rig.sandbox.calls()
    assert field(explained(rig, "zoho/customer/2"), "phones.mobile")["cause"] == "local_edit"
    assert rig.sandbox.calls() == before
    one = explained(rig, "zoho/customer/2", "--live")
    assert one["remote_from"] == "now"
    assert field(one, "phones.mobile")["cause"] == "conflict"


def test_a_field_that_does_not_travel_is_explained_too(rig: Rig) -> None:
    rig.mapping(
        "customer", MAPPINGS["customer"] + "  custom.secret: {column: password_hash, lens: text}\n"
    )
    in_step(rig)
    (view,) = explained(rig, "zoho/customer/2", "password_hash")["fields"]
    assert "privacy class" in view["sentence"]
    assert view["local"] == {}


def test_an_explanation_fits_a_terminal_of_80_columns(rig: Rig) -> None:
    both_changed(rig)
    rig.run("sync")
    for words in (("zoho/customer/2",), ("zoho/customer/2", "mobile"), ("zoho/membership/2",)):
        lines = rig.run("explain", *words).out.splitlines()
        assert [line for line in lines if len(line) > 80] == []


def many_conflicts(rig: Rig) -> None:
    """Customers 1 to 4 have two mobile numbers each, and 5 is gone at the vendor."""
    in_step(rig)
    for n in range(1, 5):
        rig.shop.change(f"UPDATE clients SET mobile = '1390000000{n}' WHERE client_no = {n}")
        record = rig.desk.where("customer", "emails.primary", f"client000{n}@example.test")
        rig.desk.edit("customer", record, {"phones.mobile": f"1390000001{n}"})
    record = rig.desk.where("customer", "emails.primary", "client0005@example.test")
    rig.desk.remove("customer", record)
    ran = rig.run("sync")
    assert ran.code == 5, ran.all


def listed(rig: Rig, *words: str) -> Any:
    return rig.run("conflicts", "list", *words, "--json").json["conflicts"]


def test_conflicts_are_listed_with_both_values_and_the_base_masked(rig: Rig) -> None:
    rig.write(record_url="https://crm.example.test/tab/{object}/{ref}")
    many_conflicts(rig)
    one = next(row for row in listed(rig) if row["local_id"] == "2")
    assert one["base"] == {"phones.mobile": "861****0002"}
    assert one["local"] == {"phones.mobile": "861****0002"}
    assert one["remote"] == {"phones.mobile": "861****0012"}
    assert one["remote_changed"] >= one["since"][:10]
    assert one["url"] == f"https://crm.example.test/tab/Contacts/{one['remote_id']}"
    told = rig.run("conflicts", "list").out
    assert one["url"] in told
    assert "861****0012" in told
    assert "13900000012" not in told
    assert [line for line in told.splitlines() if len(line) > 80] == []


def test_conflicts_are_resolved_by_a_filter_after_a_yes(rig: Rig) -> None:
    many_conflicts(rig)
    assert len(listed(rig)) == 5
    assert len(listed(rig, "--field", "phones.mobile", "--rule", "manual")) == 4
    assert listed(rig, "--older-than", "1d") == []
    words = ("conflicts", "resolve-all", "remote")
    dry = rig.run(*words, "--dry-run", "--json").json
    assert (dry["count"], dry["resolved"]) == (4, False), "the whole record is not meant"
    refused = rig.run(*words)
    assert refused.code == 2
    assert "--yes" in refused.err
    assert all(one["state"] == "open" for one in listed(rig))
    done = rig.run(*words, "--kind", "customer", "--yes", "--json").json
    assert (done["count"], done["resolved"]) == (4, True)
    rig.run("sync")
    assert [one["field"] for one in listed(rig)] == ["*"]
    mobiles = rig.shop.rows("SELECT mobile FROM clients WHERE client_no < 5 ORDER BY client_no")
    assert [row["mobile"][-2:] for row in mobiles] == ["11", "12", "13", "14"]


def test_whole_records_are_resolved_by_a_filter_only_when_they_are_named(rig: Rig) -> None:
    many_conflicts(rig)
    words = ("conflicts", "resolve-all", "remote", "--field", "*")
    told = rig.run(*words, "--dry-run")
    assert "1 of them the record of the other side would be removed" in told.err
    assert rig.run(*words, "--yes", "--json").json["count"] == 1
    rig.run("sync")
    assert rig.shop.rows("SELECT 1 FROM clients WHERE client_no = 5 AND is_deleted = 0") == []


def test_one_conflict_is_shown_in_clear_when_asked_and_that_is_noted(rig: Rig) -> None:
    many_conflicts(rig)
    one = next(row for row in listed(rig) if row["local_id"] == "2")
    shown = rig.run("conflicts", "show", one["id"], "--show", "--json").json
    assert shown["remote"] == {"phones.mobile": "+8613900000012"}
    last = explained(rig, "zoho/customer/2")["events"][-1]
    assert (last["cause"], last["field"]) == ("shown", "phones.mobile")
    assert shown["edited_by"].isdigit()
    said = rig.run("conflicts", "show", one["id"]).out
    assert f"the vendor's record was last saved by its user {shown['edited_by']}" in said


def test_letters_are_filtered_and_retried_together(rig: Rig) -> None:
    rig.ready()
    rig.shop.change("UPDATE clients SET surname = ? WHERE client_no < 3", "长" * 81)
    assert rig.run("sync").code == 5
    waiting = rig.run("letters", "list", "--json").json["letters"]
    assert len(waiting) >= 2
    code = waiting[0]["code"]
    assert waiting[0]["attempts"] >= 1
    assert all(one["since"] for one in waiting)
    assert rig.run("letters", "list", "--code", "nothing", "--json").json == {"letters": []}
    some = rig.run("letters", "retry-all", "--code", code, "--dry-run", "--json").json
    assert (some["retried"], some["count"] >= 2) == (False, True)
    rig.shop.change("UPDATE clients SET surname = '长孙' WHERE client_no < 3")
    assert rig.run("letters", "retry-all", "--code", code).code == 0
    assert rig.run("sync").code == 0
    assert rig.run("letters", "list").out == "No letter waits.\n"


def on_a_terminal(rig: Rig, *words: str, columns: int) -> str:
    """What a person sees on a terminal of this width."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    argv = [sys.executable, "-m", "connector", "--config", str(rig.config), *words]
    # Nobody can ask a terminal that calls itself dumb, and nobody asks one whose width is told.
    env = {**environment(), "TERM": "xterm"}
    env.pop("COLUMNS", None)
    done = subprocess.run(argv, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    assert done.returncode == 0
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        return terminal.read(65536).decode()


def test_a_table_wider_than_the_terminal_is_not_cut(rig: Rig) -> None:
    in_step(rig)
    narrow = on_a_terminal(rig, "status", columns=80)
    assert "…" not in narrow
    assert "┃" not in narrow
    assert "membership" in narrow
    assert "┃" in on_a_terminal(rig, "status", columns=160)
