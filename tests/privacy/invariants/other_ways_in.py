"""Invariant 9, the ways in beside a sync's own: a file of rows, and an id map."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from connector.local.idmap import IdMap
from connector.privacy.ledger import IMPOSSIBLE
from connector.rights import erasing
from connector.rights.erasing import How
from connector.rights.finding import Finder
from connector.store import tables as t
from tests.privacy.canary import Canary
from tests.privacy.persons import Persons
from tests.story import C
from tests.sync.test_file_source import FileStory

Tell = Callable[..., Any]
ANN = Canary(1)


def test_09_a_line_of_a_file_brings_nobody_back(tmp_path: Path) -> None:
    """Neither the line that stays in the file, which we never write, nor another one."""
    story = FileStory(folder=tmp_path)
    story.lines[1] = {"full_name": ANN.name, "mail": ANN.email, "mobile": ANN.mobile}
    story.lines[2] = {"full_name": "Bob", "mail": "bob@example.test"}
    story.later(seconds=300)
    assert story.run().errors == []
    assert len(story.vendor.dump(C)) == 2
    beside = story.beside()
    entry = erasing.begin(beside, Finder(beside).by_rows(["1"]), How()).run()
    beside.ports.local.close()
    assert {(p.place, p.state, p.reason) for p in entry.vendors if p.place == "local"} == {
        ("local", IMPOSSIBLE, "read_only")
    }
    story.lines[1]["city"] = "Edited"
    story.lines[3] = {"full_name": "Someone", "mail": ANN.email.upper()}
    story.lines[4] = {"full_name": "Someone", "mobile": f"+86 {ANN.mobile}"}
    for _ in range(2):
        story.later(seconds=300)
        assert story.run().errors == []
    assert [d["fields"]["Last"] for d in story.vendor.dump(C)] == ["Bob"]
    story.close()


def test_09_an_id_map_brings_nobody_back(tell: Tell) -> None:
    story: Persons = tell(kinds=(C,), others={})
    key = story.client(ANN.name, mail=ANN.email)
    story.settle()
    story.erase(key)
    again = story.client("Someone", mail=ANN.email.upper())
    other = story.client("Nobody", city="Rome")
    refs = [
        story.vendor.create(C, {"Last": "Someone", "City": "Rome"}),
        story.vendor.create(C, {"Last": "Someone", "Mail": ANN.email}),
    ]
    file = story.folder / "ids.csv"
    lines = f"{again},{refs[0]}\n{other},{refs[1]}\n"
    file.write_text("local_id,remote_id\n" + lines, encoding="utf-8")
    with closing(IdMap(file)) as id_map:
        done = story.runner().adopt(id_map)
    assert (done.linked, [one.code for one in done.bad]) == (0, ["suppressed", "suppressed"])
    assert [r for r in story.rows(t.link) if r["live"] and r["local_id"] == str(again)] == []
