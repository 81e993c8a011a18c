"""`privacy retention` by the command: counted, carried out, and told by status and report."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from connector.demo.shop import LOCAL_SETTINGS
from tests.system.rig import CARDS, PEOPLE, Rig
from tests.system.test_privacy_command import POLICY

TERMS = """\
retention:
  - {kind: membership, after: P12M, from: valid_to, action: erase_record}
  - {kind: customer, after: P100Y, from: birth_date, action: erase_record}
"""


def ready(rig: Rig) -> None:
    with closing(sqlite3.connect(rig.folder / "shop.db")) as shop:
        shop.execute("UPDATE cards SET ends = '2099-01-01', client_no = card_id + 1")
        shop.execute("UPDATE clients SET birthday = '1990-07-30'")
        shop.execute("UPDATE cards SET ends = '2020-01-31' WHERE card_id = 2")
        shop.commit()
    privacy = '[privacy]\npolicy = "privacy.yaml"\nlocal_erasure = "delete"\n'
    rig.write(local=f"{privacy}\n{LOCAL_SETTINGS}")
    plain = POLICY.replace("rules:\n", "").split("  - {id: surname")[0]
    (rig.folder / "privacy.yaml").write_text(plain, encoding="utf-8")
    rig.ready()
    assert rig.run("sync").code == 0
    (rig.folder / "privacy.yaml").write_text(plain + TERMS, encoding="utf-8")
    with closing(sqlite3.connect(rig.folder / "shop.db")) as shop:
        shop.execute("UPDATE clients SET birthday = '1890-01-01' WHERE client_no = 1")
        shop.commit()


def test_it_is_counted_carried_out_and_told(rig: Rig) -> None:
    ready(rig)
    found = rig.run("privacy", "retention", "--dry-run", "--json").json["entries"]
    assert [(e["entry"], e["kind"], e["stands"]["over"]) for e in found] == [
        (2, "customer", 1),
        (1, "membership", 1),
    ]
    assert "erase_record" in rig.run("privacy", "retention", "--dry-run").out
    assert len(rig.sandbox.records("Contacts")) == PEOPLE, "nothing was done so far"
    ran = rig.run("privacy", "retention", "--json")
    assert ran.code == 0 and ran.json["people_erased"] == 1, ran.all
    assert len(rig.sandbox.records("Contacts")) == PEOPLE - 1
    with closing(sqlite3.connect(rig.folder / "shop.db")) as shop:
        cards = [row[0] for row in shop.execute("SELECT card_id FROM cards ORDER BY card_id")]
        people = [row[0] for row in shop.execute("SELECT client_no FROM clients")]
    assert 2 not in cards and len(cards) == CARDS - 1 and 1 not in people
    for verb in (("status",), ("privacy", "report")):
        told = {(o["connection"], o["kind"]): o for o in rig.run(*verb, "--json").json["retention"]}
        assert told["zoho", "membership"]["last"] and told["local", "people"]["last"]
        assert told["local", "people"]["waits"] == 0
        assert "terms last looked at" in rig.run(*verb).out
    assert len(rig.run("privacy", "ledger", "--json").json["erasures"]) == 1
    again = rig.run("privacy", "retention", "--json")
    assert again.code == 0 and again.json["people_erased"] == 0


def test_what_cannot_be_carried_out_is_told_before_anything_is_sent(rig: Rig) -> None:
    ready(rig)
    rig.write(head='[privacy]\npolicy = "privacy.yaml"')
    ran = rig.run("privacy", "check")
    assert ran.code == 3 and "[privacy] local_erasure" in ran.all
    text = (rig.folder / "privacy.yaml").read_text(encoding="utf-8")
    text = text.replace("kind: customer, after: P100Y, from: birth_date", TERM_OF_FEEDBACK)
    (rig.folder / "privacy.yaml").write_text(text, encoding="utf-8")
    ran = rig.run("sync")
    assert ran.code == 3 and "shows no `resolved_at`" in ran.err


TERM_OF_FEEDBACK = "kind: feedback, after: P1Y, from: resolved_at"
