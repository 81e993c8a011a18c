"""Each write that told a vendor something says which classes of data, and no value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connector.store import events
from connector.store import tables as t
from tests.privacy.canary import Canary, Scanner
from tests.privacy.persons import Persons, ann_everywhere
from tests.story import C

Tell = Callable[..., Any]


def told(story: Persons, run: int) -> list[tuple[str, str, str | None]]:
    found = [
        (row["connection"], row["cause"], row["note"])
        for row in story.rows(t.event)
        if row["run"] == f"run-{run}" and row["cause"].endswith(("_remote", "_local"))
    ]
    return sorted(found, key=str)


def test_a_write_notes_the_classes_of_what_it_filled(tell: Tell) -> None:
    story: Persons = tell()
    ann = Canary(1)
    key = story.client(ann.name, mail=ann.email, mobile=ann.mobile)
    story.run()
    name, phone = "person.name", "contact.phone"
    whole = f"contact.email,{phone},{name}"
    created = told(story, story.runs)
    assert [(one, cause) for one, cause, _ in created] == [
        ("crm", "create_remote"),
        ("fx", "create_remote"),
    ]
    assert all(set(whole.split(",")) <= set((note or "").split(",")) for *_, note in created)
    story.settle()
    story.sql("UPDATE clients SET mail = 'new@canary.test' WHERE no = :n", n=key)
    story.later(seconds=400)
    story.run()
    updated = [("crm", "update_remote", "contact.email"), ("fx", "update_remote", "contact.email")]
    assert told(story, story.runs) == updated
    story.settle()
    bob = story.client("Bob", mail="bob@example.test")
    story.settle()
    story.sql("UPDATE clients SET mail = NULL WHERE no = :n", n=key)
    story.sql("UPDATE clients SET mail = 'b2@example.test' WHERE no = :n", n=bob)
    story.later(seconds=400)
    story.run()
    notes = [note for one, _, note in told(story, story.runs) if one == "crm"]
    assert sorted(map(str, notes)) == ["None", "contact.email"], "what is emptied tells nothing"
    story.settle()
    there = next(d for d in story.vendor.dump(C) if d["fields"].get("Last") != "Bob")
    story.vendor.edit(C, there["ref"], {"Job": ann.note})
    story.later(seconds=400)
    story.run()
    landed = {(one, cause): note for one, cause, note in told(story, story.runs)}
    assert landed["crm", "update_local"] is None, "the shop is told nothing by this"
    assert landed["fx", "update_remote"]
    assert Scanner(ann.values()).text("events", repr(story.rows(t.event))) == []


def test_people_are_counted_once_over_their_records(tell: Tell) -> None:
    story: Persons = tell()
    ann_everywhere(story)
    writes = ("create_remote", "update_remote")
    with story.store().read() as tx:
        found = list(events.told(tx, writes, 0))
        late = list(events.told(tx, writes, max(one.last_us for one in found) + 1))
    people = {(one.connection, one.subject) for one in found}
    assert sorted(name for name, _ in people) == ["crm", "crm", "fx", "fx"]
    assert None not in {subject for _, subject in people}
    noted = [row for row in story.rows(t.event) if row["cause"] in writes and row["note"]]
    assert sum(one.writes for one in found) == len(noted)
    assert late == []
