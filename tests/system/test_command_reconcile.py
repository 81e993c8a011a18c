"""The command after the state was put back from an older copy."""

from __future__ import annotations

import shutil

from tests.system.rig import Rig


def test_a_state_put_back_is_said_in_plain_words_and_reconciled(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code in (0, 5)
    shutil.copy(rig.folder / "state.db", rig.folder / "copy.db")
    rig.shop.insert("clients", {"surname": "Zoe", "mail": "zoe@example.test"})
    assert rig.run("sync").code in (0, 5)
    people = len(rig.desk.records("customer"))
    shutil.copy(rig.folder / "copy.db", rig.folder / "state.db")
    told = rig.run("sync")
    assert told.code == 8
    assert "nothing is written, because the state is an older copy" in told.err
    assert "crm-connector reconcile" in told.err
    assert "nothing is written, because" in rig.run("status").out
    assert rig.run("reconcile", "--dry-run").code in (0, 5)
    done = rig.run("reconcile", "--json")
    assert done.code == 0
    assert {one["doubt"] for one in done.json["reconciled"]} == {"state"}
    assert rig.run("sync").code in (0, 5)
    assert len(rig.desk.records("customer")) == people
    again = rig.run("reconcile")
    assert (again.code, again.out) == (0, "Nothing to reconcile: no database went back in time.\n")
