"""The demo converges, its compare sees each planted fault, and what it tells of did happen."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from connector.commands import run
from connector.demo.compare import compare
from connector.demo.scene import QUICK, RATE, sandboxed_plugins
from connector.demo.story import SHOP, Plant, spoil
from tests.system.rig import Rig

FIGURES = ("lost", "duplicated", "diverged", "edits_lost", "edits_late", "conflicts", "letters")


def test_the_demo_converges_and_says_so_in_its_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "kept"
    umask = os.umask(0o022)
    try:
        assert run(["demo", "--keep", str(folder), "--rate", "1500/20s"]) == 0
    finally:
        os.umask(umask)
    told = capsys.readouterr()
    *table, last = told.out.splitlines()
    figures = json.loads(last)
    assert figures["converged"] is True
    assert [figures[name] for name in FIGURES] == [0] * len(FIGURES)
    assert figures["third_sync_writes"] == 0
    assert figures["vendors"] == len(sandboxed_plugins())
    assert figures["records"] > 600 * figures["vendors"]
    assert figures["rate"] == "1500/20s"
    assert figures["seconds"] > 0
    assert any("all sides agree" in line for line in table)
    assert "example.test" not in told.out + told.err
    _each_way_is_told(table)
    _each_connection_may_use_what_its_sandbox_takes(folder)
    assert {"shop.db", "state.db", "secrets"} <= {p.name for p in folder.iterdir()}
    assert run(["demo", "--keep", str(folder)]) == 2
    assert "takes a new folder" in capsys.readouterr().err


def _each_way_is_told(table: list[str]) -> None:
    sides = [SHOP, *sandboxed_plugins()]
    for side in sides:
        others = ", ".join(one for one in sides if one != side)
        (line,) = (line for line in table if f"{side} → {others}" in line)
        assert "arrived everywhere" in line


def _each_connection_may_use_what_its_sandbox_takes(folder: Path) -> None:
    settings = tomllib.loads((folder / "connector.toml").read_text(encoding="utf-8"))
    assert set(settings["connections"]) == set(sandboxed_plugins())
    for table in settings["connections"].values():
        assert table["rate"] == "1500/20s"
        assert {table[name] for name in QUICK if name in table} <= set(QUICK.values())


def test_a_planted_fault_ends_the_demo_with_its_figure_and_exit_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    umask = os.umask(0o022)
    try:
        assert run(["demo", "--json", "--plant", "diverge"]) == 1
    finally:
        os.umask(umask)
    figures = json.loads(capsys.readouterr().out)
    assert figures["converged"] is False
    assert {name: figures[name] for name in FIGURES} == {
        name: int(name == "diverged") for name in FIGURES
    }
    assert figures["rate"] == RATE


def test_each_planted_fault_shows_in_its_own_figure(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    seen = []
    for plant in get_args(Plant):
        spoil(rig.desk, plant)
        now = compare(rig.shop, rig.desk)
        seen.append((plant, now.lost, now.duplicated, now.diverged))
    assert seen == [("lose", 1, 0, 0), ("duplicate", 1, 1, 0), ("diverge", 1, 1, 1)]


def test_an_answer_lost_as_the_demo_loses_it_is_looked_up_and_not_repeated(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    rig.shop.insert("clients", {"surname": "诸葛", "mail": "late@example.test"})
    rig.sandbox.fault("lost_after", operation="insert")
    before = rig.sandbox.calls()["insert"]
    ran = rig.run("sync", "--json")
    assert ran.code == 0
    assert rig.sandbox.admin("faults") == []
    assert rig.sandbox.calls()["insert"] == before + 1
    assert rig.desk.where("customer", "emails.primary", "late@example.test")


def test_the_compare_sees_every_kind_of_difference(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    same = compare(rig.shop, rig.desk)
    assert (same.lost, same.duplicated, same.diverged) == (0, 0, 0)
    rig.shop.change("UPDATE clients SET stage = (stage + 1) % 4 WHERE client_no = 1")
    rig.shop.change("UPDATE cards SET client_no = 5 WHERE card_id = 1")
    rig.shop.change("DELETE FROM remarks WHERE remark_id = 1")
    rig.desk.copy("membership", rig.desk.where("membership", "card_no", "K000002"))
    seen = compare(rig.shop, rig.desk)
    assert (seen.lost, seen.duplicated, seen.diverged) == (1, 1, 2)
    assert seen.notes == [
        "zoho: a customer differs in lifecycle",
        "zoho: a membership differs in customer",
        "zoho: a membership is there 2 times",
        "zoho: a feedback is only there",
    ]
