"""One person's rights by the command, on a real shop and a vendor's sandbox over HTTP."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from connector_zoho.sandbox.handle import ZohoSandbox

from connector.app import open_connector
from connector.errors import UsageError
from connector.rights.erasing import STEPS
from connector.rights.facade import Rights
from connector.rights.portable import unguarded
from connector.rights.who import Who
from tests.privacy.canary import Canary, Scanner
from tests.system.rig import PEOPLE, Rig

ANN = Canary(21)
ERASED = '[privacy]\nlocal_erasure = "delete"\n'


@pytest.fixture
def known(rig: Rig) -> Rig:
    """Ann is customer 1 of the shop, with card and remark 1, and all is in step."""
    with closing(sqlite3.connect(rig.folder / "shop.db")) as shop:
        shop.execute(
            "UPDATE clients SET surname = ?, mail = ?, mobile = ? WHERE client_no = 1",
            (ANN.name, ANN.email, ANN.mobile),
        )
        shop.execute("UPDATE remarks SET client_no = 1 WHERE remark_id = 1")
        shop.commit()
    rig.write(local=_local())
    rig.ready()
    assert rig.run("sync").code == 0
    return rig


def _local() -> str:
    from connector.demo.shop import LOCAL_SETTINGS

    return f"{ERASED}\n{LOCAL_SETTINGS}"


def _scanner(rig: Rig) -> Scanner:
    return Scanner([ANN.name, ANN.email, ANN.mobile])


def _at_vendor(sandbox: ZohoSandbox) -> list[Any]:
    return [r for r in sandbox.records("Contacts") if r.get("Email") == ANN.email]


def test_find_says_where_and_shows_nothing(known: Rig) -> None:
    ran = known.run("privacy", "find", "--local", "1", "--json")
    [person] = ran.json["people"]
    assert {(p["where"], p["kind"]) for p in person["places"]} == {
        (where, kind)
        for where in ("local", "zoho")
        for kind in ("customer", "membership", "feedback")
    }
    assert _scanner(known).text("find", known.run("privacy", "find", "--local", "1").all) == []


def test_a_person_is_found_by_values_in_a_file_in_any_spelling(known: Rig) -> None:
    (known.folder / "who").write_text(ANN.email.upper() + "\n", encoding="utf-8")
    file = str(known.folder / "who")
    ran = known.run("privacy", "find", "--person-file", file, "--json")
    [person] = ran.json["people"]
    assert [
        p["id"] for p in person["places"] if (p["where"], p["kind"]) == ("local", "customer")
    ] == ["1"]


@pytest.mark.parametrize("named", [ANN.email, ANN.mobile])
def test_no_address_or_number_is_taken_as_an_argument(known: Rig, named: str) -> None:
    ran = known.run("privacy", "find", "--local", named)
    assert ran.code == 2
    assert named not in ran.all


def test_an_export_holds_every_side_and_is_the_owners_alone(known: Rig) -> None:
    with closing(sqlite3.connect(known.folder / "shop.db")) as shop:
        shop.execute("UPDATE clients SET surname = '=1+1' WHERE client_no = 1")
        shop.commit()
    words = ["--reason", "she asked", "--recipient", "herself", "--to", str(known.folder / "out")]
    old = os.umask(0)
    try:
        ran = known.run("privacy", "export", "--local", "1", *words)
    finally:
        os.umask(old)
    assert ran.code == 0
    files = [known.folder / "out.json", known.folder / "out.csv"]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
    document = json.loads(files[0].read_text(encoding="utf-8"))
    assert {r["where"] for r in document["records"]} == {"local", "zoho", "state zoho"}
    lines = list(csv.reader(files[1].read_text(encoding="utf-8-sig").splitlines()))
    cells = [line[4] for line in lines if line[0] == "local" and line[3] == "surname"]
    assert cells == ["'=1+1"] and unguarded(cells[0]) == "=1+1"
    again = known.run("privacy", "export", "--local", "1", *words)
    assert again.code == 2, "a file that is there is not written over"
    (known.folder / "link.json").symlink_to(known.folder / "elsewhere")
    words[-1] = str(known.folder / "link")
    assert known.run("privacy", "export", "--local", "1", *words).code == 2
    assert not (known.folder / "elsewhere").exists(), "nor is a link followed"
    assert known.run("privacy", "export", "--local", "1", "--to", "x").code == 2
    (known.folder / "half.csv").touch()
    words[-1] = str(known.folder / "half.json")
    assert known.run("privacy", "export", "--local", "1", *words).code == 2
    assert not (known.folder / "half.json").exists(), "nor is half of it left behind"


def test_a_correction_is_carried_on(known: Rig) -> None:
    fields = known.folder / "fields.json"
    fields.write_text(json.dumps({"emails.primary": "new@example.test"}), encoding="utf-8")
    ran = known.run(
        "privacy", "rectify", "--local", "1", "--fields", str(fields), "--reason", "wrong"
    )
    assert ran.code == 0, ran.err
    assert "new@example.test" not in ran.all
    assert known.run("sync").code == 0
    assert "new@example.test" in {r["Email"] for r in known.sandbox.records("Contacts")}


def test_a_correction_that_the_shop_has_no_column_for_changes_nothing(known: Rig) -> None:
    fields = known.folder / "fields.json"
    record = {"emails.primary": "new@example.test", "names.full": "Ann"}
    fields.write_text(json.dumps(record), encoding="utf-8")
    ran = known.run(
        "privacy", "rectify", "--local", "1", "--fields", str(fields), "--reason", "wrong"
    )
    assert (ran.code, "names.full" in ran.err) == (2, True), ran.err
    assert known.run("sync").code == 0
    assert _at_vendor(known.sandbox)


def test_a_restricted_persons_data_stays_where_it_is(known: Rig) -> None:
    assert known.run("privacy", "restrict", "--local", "1", "--reason", "dispute").code == 0
    with closing(sqlite3.connect(known.folder / "shop.db")) as shop:
        shop.execute("UPDATE clients SET surname = 'Moved' WHERE client_no = 1")
        shop.commit()
    ran = known.run("sync", "--json")
    assert sum(one["restricted"] for one in ran.json["passes"]) == 1
    assert "Moved" not in json.dumps(known.sandbox.records("Contacts"))
    assert known.run("privacy", "unrestrict", "--local", "1", "--reason", "over").code == 0
    assert known.run("sync").code == 0
    assert "Moved" in json.dumps(known.sandbox.records("Contacts"))


def test_an_erased_person_is_gone_and_the_receipt_holds_no_value(known: Rig) -> None:
    ran = known.run("privacy", "erase", "--local", "1", "--yes", "--json")
    assert ran.code == 0, ran.err
    [receipt] = ran.json["receipts"]
    assert receipt["state"] == "done"
    assert {p["state"] for p in receipt["places"]} == {"verified"}
    scanner = _scanner(known)
    assert scanner.text("receipt", ran.all) == []
    assert scanner.files(known.folder) == []
    assert _at_vendor(known.sandbox) == []
    assert known.run("sync").code == 0
    shown = known.run("privacy", "receipt", receipt["id"])
    assert shown.code == 0 and scanner.text("shown", shown.all) == []
    assert receipt["id"] in known.run("privacy", "ledger").out
    assert known.run("privacy", "find", "--local", "1").out == "Nobody is known by that.\n"


def test_where_nobody_can_be_asked_nobody_is_erased(known: Rig) -> None:
    ran = known.run("privacy", "erase", "--local", "1", "--json")
    assert (ran.code, ran.json["exit"]) == (2, 2)
    ran = known.run("privacy", "erase", "--local", "1", "--dry-run", "--json")
    assert (ran.code, ran.json["erased"]) == (0, False)
    assert known.run("privacy", "erase", "--local", "99", "--dry-run").code == 2
    assert _at_vendor(known.sandbox) != []


def test_without_a_rule_for_the_rows_nobody_is_erased(known: Rig) -> None:
    known.write()
    ran = known.run("privacy", "erase", "--local", "1", "--yes")
    assert (ran.code, "local_erasure" in ran.err) == (3, True)
    assert _at_vendor(known.sandbox) != []


def test_rows_that_a_law_keeps_stay_and_do_not_travel(known: Rig) -> None:
    ran = known.run(
        "privacy", "erase", "--local", "1", "--yes", "--keep-basis", "tax law", "--json"
    )
    assert ran.code == 5, "something of the person stays"
    with closing(sqlite3.connect(known.folder / "shop.db")) as shop:
        kept = shop.execute("SELECT count(*) FROM clients WHERE mail = ?", (ANN.email,))
        assert kept.fetchone()[0] == 1
        shop.execute("UPDATE clients SET surname = 'Edited' WHERE client_no = 1")
        shop.commit()
    assert known.run("sync").code == 0
    assert _at_vendor(known.sandbox) == []


def test_a_vendor_that_is_down_leaves_it_open_and_it_goes_on(known: Rig) -> None:
    known.sandbox.fault("error", count=1000, status=503)
    ran = known.run("privacy", "erase", "--local", "1", "--yes")
    assert ran.code == 6, ran.all
    known.sandbox.admin("faults", clear=True)
    ran = known.run("privacy", "erase", "--resume", "--json")
    assert ran.code == 0
    assert [one["state"] for one in ran.json["receipts"]] == ["done"]


@pytest.mark.parametrize("more", [("--dry-run",), ("--local", "1"), ("--keep-basis", "tax law")])
def test_to_go_on_takes_nobody_and_is_no_trial(known: Rig, more: tuple[str, ...]) -> None:
    """What was begun is erased whatever else is said: so nothing else may be said."""
    known.sandbox.fault("error", count=1000, status=503)
    assert known.run("privacy", "erase", "--local", "1", "--yes").code == 6
    known.sandbox.admin("faults", clear=True)
    assert known.run("privacy", "erase", "--resume", *more).code == 2
    assert _at_vendor(known.sandbox) != []


def test_a_row_that_the_shop_keeps_leaves_it_open_until_another_rule_is_set(known: Rig) -> None:
    with closing(sqlite3.connect(known.folder / "shop.db")) as shop:
        shop.execute(
            "CREATE TRIGGER kept BEFORE DELETE ON clients BEGIN SELECT RAISE(ABORT, 'kept'); END"
        )
        shop.commit()
    for argv in (("--local", "1", "--yes"), ("--resume",), ("--resume",)):
        ran = known.run("privacy", "erase", *argv)
        assert (ran.code, "1 rows of the person" in ran.err) == (6, True), ran.all
    known.write(local=_local().replace('"delete"', '"blank"'))
    ran = known.run("privacy", "erase", "--resume", "--json")
    assert ran.code == 0, ran.all
    assert [one["state"] for one in ran.json["receipts"]] == ["done"]
    assert _scanner(known).files(known.folder) == []


def test_10_killed_at_each_numbered_step_it_goes_on(known: Rig) -> None:
    """Processes of their own, each ended by `kill -9` at a step of somebody's erasure."""
    people = [Canary(100 + n) for n in range(len(STEPS))]
    with closing(sqlite3.connect(known.folder / "shop.db")) as shop:
        for one in people:
            shop.execute(
                "INSERT INTO clients (surname, mail, mobile) VALUES (?, ?, ?)",
                (one.name, one.email, one.mobile),
            )
        shop.commit()
        keys = [
            str(
                shop.execute("SELECT client_no FROM clients WHERE mail = ?", (p.email,)).fetchone()[
                    0
                ]
            )
            for p in people
        ]
    assert known.run("sync").code == 0
    for step, one, key in zip(STEPS, people, keys, strict=True):
        _killed_at(step, known, key)
        ran = known.run("privacy", "erase", "--resume", "--json")
        assert ran.code == 0, ran.all
        assert [r["state"] for r in ran.json["receipts"]] == ["done"], step
        assert Scanner([one.name, one.email, one.mobile]).files(known.folder) == [], step
        left = [r for r in known.sandbox.records("Contacts") if r.get("Email") == one.email]
        assert left == [], step
    assert len(known.sandbox.records("Contacts")) == PEOPLE, "and nobody else is gone"


def _killed_at(step: str, rig: Rig, key: str) -> None:
    if (child := os.fork()) == 0:
        with open_connector(rig.config) as connector:

            def hook(point: str) -> None:
                if point == f"before step: {step}":
                    os.kill(os.getpid(), signal.SIGKILL)

            connector.rights.erase(Who([key]), hook=hook)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it was killed"


def test_a_host_handles_its_rows_itself(known: Rig) -> None:
    known.write(local=_local().replace('"delete"', '"callback"'))
    assert known.run("privacy", "erase", "--local", "1", "--yes").code == 3
    told: list[tuple[str, list[str]]] = []
    shredded: list[str] = []
    with open_connector(known.config) as connector:
        rights: Rights = connector.rights
        rights.after_shredding.append(shredded.extend)
        receipt = rights.erase(
            Who(["1"]), on_erase=lambda kind, keys: told.append((kind, list(keys)))
        )
        with pytest.raises(UsageError):
            rights.erase(Who(["999"]), on_erase=lambda kind, keys: None)
    assert told[-1] == ("customer", ["1"])
    assert shredded == list(receipt.subjects)
