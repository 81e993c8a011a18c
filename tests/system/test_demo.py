"""The demo converges, its compare sees each planted fault, and what it tells of did happen."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from connector.commands import run
from connector.demo.compare import compare
from connector.demo.scene import QUICK, RATE, sandboxed_plugins
from connector.demo.story import SHOP, Told, play
from tests.system.rig import Rig

FIGURES = ("lost", "duplicated", "diverged", "edits_lost", "edits_late", "conflicts", "letters")


def test_the_demo_converges_and_says_so_in_its_last_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    umask = os.umask(0o022)
    try:
        assert run(["demo"]) == 0
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
    assert figures["rate"] == RATE
    assert 0 < figures["seconds"] < 20
    assert any("all sides agree" in line for line in table)
    assert "example.test" not in told.out + told.err


@pytest.mark.parametrize(
    ("plant", "figure"), [("lose", "lost"), ("duplicate", "duplicated"), ("diverge", "diverged")]
)
def test_a_planted_fault_shows_in_its_own_figure(
    plant: str, figure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    umask = os.umask(0o022)
    try:
        assert run(["demo", "--json", "--plant", plant]) == 1
    finally:
        os.umask(umask)
    figures = json.loads(capsys.readouterr().out)
    assert figures["converged"] is False
    assert {name: figures[name] for name in FIGURES} == {
        name: int(name == figure) for name in FIGURES
    }


def test_the_demo_keeps_its_folder_if_asked_and_tells_its_ways(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "kept"
    told = play(_made(folder), rate="1500/20s")
    assert told.figures["converged"] is True
    assert told.figures["rate"] == "1500/20s"
    settings = tomllib.loads((folder / "connector.toml").read_text(encoding="utf-8"))
    assert set(settings["connections"]) == set(sandboxed_plugins())
    for table in settings["connections"].values():
        assert table["rate"] == "1500/20s"
        assert {table[name] for name in QUICK if name in table} <= set(QUICK.values())
    for vendor in sandboxed_plugins():
        others = {SHOP, *sandboxed_plugins()} - {vendor}
        routes = [where for chapter, where, _ in told.chapters if chapter == "second sync"]
        (route,) = (where for where in routes if where.startswith(f"{vendor} → "))
        assert set(route.partition(" → ")[2].split(", ")) == others
    assert {"connector.toml", "shop.db", "state.db", "secrets"} <= {
        p.name for p in folder.iterdir()
    }
    assert _chapters(told) >= {"first sync", "a day", "second sync", "third sync", "compare"}
    assert run(["demo", "--keep", str(folder)]) == 2
    assert "takes a new folder" in capsys.readouterr().err


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _chapters(told: Told) -> set[str]:
    return {chapter for chapter, _, _ in told.chapters}


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
