"""Whole runs by the command, between a real shop database and the vendor's sandbox."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from connector.plugin import Kind
from tests.system.rig import CARDS, PEOPLE, REMARKS, Rig, environment

COUNTS = ("read", "created", "updated", "removed", "conflicts", "letters")


def values_of(rig: Rig) -> Iterator[str]:
    """Everything personal the shop holds, and the secrets."""
    for row in rig.shop.rows("SELECT mobile, mail, street, birthday, password_hash FROM clients"):
        yield from (str(value) for value in row.values() if value)
    yield from (row["body"] for row in rig.shop.rows("SELECT body FROM remarks"))
    for key in ("client_secret", "refresh_token"):
        yield rig.sandbox.settings[key]


def assert_silent(rig: Rig, text: str) -> None:
    for value in values_of(rig):
        assert value not in text


def test_a_sync_as_json_is_one_document_with_a_pass_for_each_scope(rig: Rig) -> None:
    rig.ready()
    ran = rig.run("sync", "--json")
    assert ran.code == ran.json["exit"] == 0
    passes = {one["kind"]: one for one in ran.json["passes"]}
    assert list(passes) == [str(kind) for kind in Kind]
    assert [one["created"] for one in passes.values()] == [PEOPLE, CARDS, REMARKS]
    for one in passes.values():
        assert one["connection"] == "zoho"
        assert all(isinstance(one[name], int) for name in COUNTS)
    assert ran.json["errors"] == []
    assert len(rig.sandbox.records("Contacts")) == PEOPLE


def test_piped_progress_is_one_line_for_each_phase_of_a_scope(rig: Rig) -> None:
    rig.ready()
    ran = rig.run("sync")
    lines = [line for line in ran.err.splitlines() if line.startswith("zoho/customer")]
    assert lines[0] == "zoho/customer: reading"
    assert lines[-1] == f"zoho/customer: done, {PEOPLE} written"
    assert len(lines) == len(set(lines))
    assert "\x1b" not in ran.all
    assert re.search(rf"zoho +customer +0 +{PEOPLE} +0", ran.out)
    rig.write(query_page=2)  # many pages, one line
    again = rig.run("sync").err.splitlines()
    assert again.count("zoho/customer: reading") == 1
    assert len(again) == len(set(again))


def test_only_the_named_kind_is_synced(rig: Rig) -> None:
    rig.ready()
    ran = rig.run("sync", "--json", "--kind", "customer", "--connection", "zoho")
    assert [one["kind"] for one in ran.json["passes"]] == ["customer"]
    assert rig.sandbox.records("Memberships") == []


def test_no_log_line_of_a_run_holds_anybody(rig: Rig) -> None:
    rig.ready()
    rig.desk.create("customer", {"names.family": "Lin", "emails.primary": "lin@example.test"})
    for _ in range(2):
        ran = rig.run("--log-level", "debug", "sync")
        assert ran.code == 0
        assert_silent(rig, ran.all)
        assert "lin@example.test" not in ran.all


def test_a_plan_shows_each_field_masked_and_writes_nothing(rig: Rig) -> None:
    rig.ready()
    writes_before = sum(rig.sandbox.calls().get(name, 0) for name in ("insert", "update"))
    ran = rig.run("plan")
    assert ran.code == 0
    assert "create zoho/customer on the remote side (local 1)" in ran.out
    assert "    Email: c***@example.test" in ran.out
    assert re.search(rf"zoho +customer +remote +create +{PEOPLE}", ran.out)
    for row in rig.shop.rows("SELECT mobile, mail, street FROM clients"):
        assert all(str(value) not in ran.all for value in row.values() if value)
    assert sum(rig.sandbox.calls().get(n, 0) for n in ("insert", "update")) == writes_before
    assert rig.run("sync", "--dry-run").out == ran.out


def test_a_plan_tells_by_its_exit_code_whether_there_is_work(rig: Rig) -> None:
    rig.ready()
    ran = rig.run("plan", "--detailed-exitcode", "--json")
    assert ran.code == ran.json["exit"] == 10
    assert len(ran.json["writes"]) == PEOPLE + CARDS + REMARKS
    assert ran.json["counts"][0]["records"] == PEOPLE
    assert rig.run("plan", "--json").code == 0
    assert rig.run("sync").code == 0
    ran = rig.run("plan", "--detailed-exitcode")
    assert ran.code == 0
    assert "Nothing to do" in ran.out


def test_too_many_deletions_are_held_back_until_the_limit_is_raised(rig: Rig) -> None:
    rig.ready()
    rig.write(head='[safety]\nmax_delete = "1% or 1"')
    assert rig.run("sync").code == 0
    rig.shop.change("DELETE FROM remarks WHERE remark_id < 3")
    plan = rig.run("plan", "--json")
    assert plan.code == plan.json["exit"] == 8
    ran = rig.run("sync", "--json")
    assert ran.code == ran.json["exit"] == 8
    assert ran.json["errors"][0]["code"] == "safety_stop"
    assert len(rig.sandbox.records("Feedbacks")) == REMARKS
    assert len(rig.run("plan", "--json", "--max-delete", "0% or 2").json["writes"]) == 2
    assert rig.run("sync", "--max-delete", "0% or 2").code == 0
    assert len(rig.sandbox.records("Feedbacks")) == REMARKS - 2


def test_a_conflict_is_listed_shown_masked_and_resolved(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    rig.shop.change("UPDATE clients SET mobile = '13900000001' WHERE client_no = 2")
    record = rig.desk.where("customer", "emails.primary", "client0002@example.test")
    rig.desk.edit("customer", record, {"phones.mobile": "13900000002"})
    ran = rig.run("sync")
    assert ran.code == 5
    assert "crm-connector conflicts list" in ran.err
    listed = rig.run("conflicts", "list", "--json").json["conflicts"]
    assert [(one["kind"], one["local_id"], one["field"]) for one in listed] == [
        ("customer", "2", "phones.mobile")
    ]
    assert {"id", "connection"} <= listed[0].keys()
    one = listed[0]["id"]
    assert one in rig.run("conflicts", "list").out
    shown = rig.run("conflicts", "show", one)
    assert "phones.mobile" in shown.out
    assert "13900000001" not in shown.all
    assert (
        rig.run("conflicts", "show", one, "--json").json["local"]["phones.mobile"] == "861****0001"
    )
    assert rig.run("conflicts", "show", "nosuch").code == 2
    assert rig.run("conflicts", "resolve", one, "local").code == 0
    assert rig.run("sync").code == 0
    assert rig.desk.where("customer", "phones.mobile", "+8613900000001")["id"] == record["id"]
    assert rig.run("conflicts", "list", "--json").json == {"conflicts": []}


def test_a_letter_is_listed_shown_retried_and_dropped(rig: Rig) -> None:
    rig.ready()
    rig.shop.change("UPDATE clients SET surname = ? WHERE client_no = 3", "长" * 81)
    ran = rig.run("sync")
    assert ran.code == 5
    assert "crm-connector letters list" in ran.err
    letter = rig.run("letters", "list", "--json").json["letters"][0]
    assert (letter["connection"], letter["kind"], letter["side"]) == ("zoho", "customer", "local")
    assert letter["record"] == "3"
    assert "长" not in json.dumps(letter, ensure_ascii=False)
    assert letter["reason"] in rig.run("letters", "list").out
    assert letter["reason"] in rig.run("letters", "show", letter["id"]).out
    rig.shop.change("UPDATE clients SET surname = '长孙' WHERE client_no = 3")
    assert rig.run("letters", "retry", letter["id"]).code == 0
    assert rig.run("sync").code == 0
    assert rig.desk.where("customer", "names.family", "长孙")
    rig.shop.insert("clients", {"surname": "长" * 81})
    assert rig.run("sync").code == 5
    [again] = rig.run("letters", "list", "--json").json["letters"]
    assert rig.run("letters", "drop", again["id"], "--json").json["state"] == "dropped"
    assert rig.run("letters", "list", "--json").json == {"letters": []}
    assert rig.run("letters", "drop", again["id"]).code == 2


def test_local_install_and_remove_leave_the_shop_as_it_was(rig: Rig) -> None:
    query = (
        "SELECT type, name, sql FROM sqlite_master WHERE name <> 'sqlite_sequence' ORDER BY name"
    )
    before = rig.shop.rows(query)
    assert rig.run("local", "status", "--json").json["installed"] is False
    assert "crm-connector local install" in rig.run("local", "status").err
    assert rig.run("local", "install", "--json").json["installed"] is True
    assert len(rig.shop.rows(query)) > len(before)
    assert rig.run("local", "install").code == 0
    rig.shop.change("UPDATE clients SET job = 'x' WHERE client_no = 1")
    assert rig.run("local", "status", "--json").json["waiting"]["customer"] == 1
    rig.shop.change("DROP TRIGGER " + _trigger(rig))
    assert rig.run("local", "status", "--json").json["installed"] is False
    assert rig.run("local", "remove", "--json").json["dropped"]
    assert rig.shop.rows(query) == before


def _trigger(rig: Rig) -> str:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    name: str = rig.shop.rows(query)[0]["name"]
    return name


def test_status_shows_each_scope(rig: Rig) -> None:
    assert "No sync has run yet" in rig.run("status").out
    rig.ready()
    assert rig.run("sync").code == 0
    told = rig.run("status", "--json").json
    assert [(one["kind"], one["links"]) for one in told["scopes"]] == [
        ("customer", PEOPLE),
        ("feedback", REMARKS),
        ("membership", CARDS),
    ]
    assert all(one["last_success"] and not one["running"] for one in told["scopes"])
    assert (told["letters"], told["conflicts"]) == (0, 0)
    assert "last success" in rig.run("status").out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_sync_lets_go_and_the_next_one_goes_on(
    rig: Rig, number: signal.Signals, code: int
) -> None:
    rig.ready()
    rig.sandbox.limits(latency_s=0.3)
    process = rig.start("sync", "--json")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("zoho/customer: reading"):
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    rig.sandbox.limits(latency_s=0.0)
    assert process.returncode == code, err
    assert json.loads(out) == {
        "error": {
            "code": "stopped",
            "sentence": "Stopped. What is done is done; run it again to go on.",
        },
        "exit": code,
    }
    scopes = rig.run("status", "--json").json["scopes"]
    assert not any(one["running"] for one in scopes)
    assert rig.run("sync", "--fail-if-locked").code == 0
    assert len(rig.sandbox.records("Contacts")) == PEOPLE


def status(url: str) -> int:
    """The HTTP status of a call without a token."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_sandbox_keeps_its_rate_and_runs_until_it_is_stopped() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", "sandbox", "zoho", "--rate", "1/600s", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told["url"].startswith("http://127.0.0.1:")
    assert told["settings"]["client_secret"] == "env:SANDBOX_ZOHO_CLIENT_SECRET"
    assert "SANDBOX_ZOHO_CLIENT_SECRET" in told["environment"]
    assert [status(f"{told['url']}/crm/v8/org") for _ in range(2)] == [401, 429]
    process.terminate()
    process.communicate(timeout=15)
    assert process.returncode == 143
