"""Columns that are none: names for ids, sums over a ledger, whom a nickname means; and columns
that are only read or only written."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from connector.local.shapes import Condition, KindTable, Lookup, Match, Sum
from connector.sync.report import RunReport
from connector.sync.resync import mark
from tests.scenery import LOCAL, SHOP, TABLES, Shape
from tests.story import C, F, M, Story, Tell

MORE = """
CREATE TABLE levels (id INTEGER PRIMARY KEY, lang INTEGER, name TEXT);
INSERT INTO levels VALUES (1, 1, 'Month'), (2, 1, 'Year'), (3, 1, 'Twin'), (4, 1, 'Twin'),
  (5, 2, 'Year');
CREATE TABLE ledger (id INTEGER PRIMARY KEY AUTOINCREMENT, card INTEGER, points INTEGER);
"""

LOOKUP = Lookup("kind", "levels", "id", "name", (Condition("lang", "equals", 1),))
SUM = Sum("ledger", "points", "card")
NICK = Match("author", "names.full", "full_name")

CARD = """
kind: membership
fields:
  customer: {column: client, lens: {reference: {kind: customer, none: 0}}}
  card_no: {column: card, lens: text}
  plan:
    column: kind
    lookup: {table: levels, key: id, value: name, where: {lang: 1}}
    lens: {choice: {monthly: Month, yearly: OWN, none: Nobody, else: refuse}}
  points: {sum: {table: ledger, column: points, key: card}, lens: integer}
"""

REMARK = """
kind: feedback
fields:
  customer: {column: author, match: names.full, lens: {reference: {kind: customer}}}
  title: {column: title, lens: text}
  text: {column: body, lens: text}
"""
REMARKS = "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, author TEXT, title, body);"


def cards(tell: Tell, own_yearly: str = "Year") -> Story:
    table = KindTable("cards", "id", derived={LOOKUP.own: LOOKUP, SUM.own: SUM})
    shape = Shape(table, CARD.replace("OWN", own_yearly))
    return tell(kinds=(C, M), shop=SHOP + MORE, shapes={M: shape})


def notes(tell: Tell) -> Story:
    table = KindTable("notes", "id", create=False, derived={NICK.own: NICK})
    return tell(kinds=(C, F), shop=SHOP + REMARKS, shapes={F: Shape(table, REMARK)})


def ok(report: RunReport) -> RunReport:
    assert (report.errors, report.letters, report.conflicts) == ([], 0, 0)
    return report


def quiet(story: Story) -> None:
    story.later(minutes=5)
    report = ok(story.run())
    assert sum(p.counts.written for p in report.passes) == 0


def card(story: Story) -> dict[str, Any]:
    (found,) = story.vendor.dump(M)
    return dict(found["fields"])


def a_card(story: Story) -> int:
    no = story.client("Ada")
    return int(story.sql("INSERT INTO cards (client, card, kind) VALUES (:c, 'K1', 2)", c=no))


# --- names for ids --------------------------------------------------------------------------------


def test_the_name_of_an_id_travels_and_comes_back_as_the_id(tell: Tell) -> None:
    story = cards(tell)
    a_card(story)
    ok(story.run())
    assert card(story)["Plan"] == "Year"
    (ref,) = [d["ref"] for d in story.vendor.dump(M)]
    story.vendor.edit(M, ref, {"Plan": "Month"})
    ok(story.run())
    assert story.sql("SELECT kind FROM cards")[0]["kind"] == "1"
    quiet(story)


@pytest.mark.parametrize("name", ["Nobody", "Twin"])
def test_a_name_that_stands_for_no_one_row_is_left_out_and_the_rest_arrives(
    tell: Tell, name: str
) -> None:
    """One is nobody's, the other two rows'."""
    story = cards(tell, own_yearly=name)
    story.sql("INSERT INTO cards (client, card, kind) VALUES (:c, 'K1', 1)", c=story.client("Ada"))
    ok(story.run())
    (ref,) = [d["ref"] for d in story.vendor.dump(M)]
    story.vendor.edit(M, ref, {"Plan": "Year", "Name": "K2"})
    report = ok(story.run())
    assert sum(p.counts.left_out for p in report.passes) == 1
    assert dict(story.sql("SELECT card, kind FROM cards")[0]) == {"card": "K2", "kind": "1"}
    quiet(story)


def test_an_id_that_changed_since_we_looked_is_not_overwritten(tell: Tell) -> None:
    story = cards(tell)
    made = a_card(story)
    ok(story.run())
    (ref,) = [d["ref"] for d in story.vendor.dump(M)]
    story.vendor.edit(M, ref, {"Plan": "Month"})

    def edit(point: str) -> None:
        if point == "before call: local write":
            story.hook = lambda point: None
            story.sql("UPDATE cards SET kind = NULL WHERE id = :i", i=made)

    story.hook = edit
    story.run()
    assert story.sql("SELECT kind FROM cards")[0]["kind"] is None


# --- sums -----------------------------------------------------------------------------------------


def test_a_sum_over_a_ledger_travels_and_a_new_line_is_news_of_its_row(tell: Tell) -> None:
    story = cards(tell)
    made = a_card(story)
    story.sql("INSERT INTO ledger (card, points) VALUES (:c, 5), (:c, 7)", c=made)
    ok(story.run())
    assert card(story)["Points"] == 12
    story.sql("INSERT INTO ledger (card, points) VALUES (:c, -2)", c=made)
    story.sql("INSERT INTO ledger (card, points) VALUES (NULL, 9)")
    ok(story.run())
    assert card(story)["Points"] == 10
    story.sql("DELETE FROM ledger WHERE points = 5")
    ok(story.run())
    assert card(story)["Points"] == 5
    quiet(story)


def test_a_line_that_moves_to_another_card_is_news_of_both(tell: Tell) -> None:
    story = cards(tell)
    made = a_card(story)
    other = int(
        story.sql("INSERT INTO cards (client, card) VALUES (:c, 'K2')", c=story.client("B"))
    )
    story.sql("INSERT INTO ledger (card, points) VALUES (:c, 5)", c=made)
    ok(story.run())
    story.sql("UPDATE ledger SET card = :o", o=other)
    ok(story.run())
    told = {d["fields"]["Name"]: d["fields"]["Points"] for d in story.vendor.dump(M)}
    assert told == {"K1": 0, "K2": 5}
    quiet(story)


def test_a_sum_edited_at_the_vendor_stays_where_it_is(tell: Tell) -> None:
    story = cards(tell)
    made = a_card(story)
    story.sql("INSERT INTO ledger (card, points) VALUES (:c, 5)", c=made)
    ok(story.run())
    (ref,) = [d["ref"] for d in story.vendor.dump(M)]
    story.vendor.edit(M, ref, {"Points": 500})
    report = ok(story.run())
    assert sum(p.counts.against_direction for p in report.passes) == 1
    assert story.sql("SELECT sum(points) AS n FROM ledger")[0]["n"] == 5


# --- whom a name means ----------------------------------------------------------------------------


def persons(story: Story) -> dict[str, str | None]:
    """The vendor's remarks by title: the last name of whom they are linked to."""
    people = {d["ref"]: d["fields"]["Last"] for d in story.vendor.dump(C)}
    return {
        d["fields"]["Name"]: people.get((d["fields"].get("Person") or {}).get("id"))
        for d in story.vendor.dump(F)
    }


def a_note(story: Story, author: str | None, title: str) -> int:
    return int(story.sql("INSERT INTO notes (author, title) VALUES (:a, :t)", a=author, t=title))


def test_a_name_that_one_customer_has_links_and_others_do_not(tell: Tell) -> None:
    story = notes(tell)
    for name in ("Ada", "Bob", "Bob"):
        story.client(name)
    for number, author in enumerate(("Ada", "Bob", "Nobody", None, "ada")):
        a_note(story, author, f"T{number}")
    ok(story.run())
    assert persons(story) == {"T0": "Ada", "T1": None, "T2": None, "T3": None, "T4": None}
    quiet(story)


def test_who_is_renamed_or_takes_the_name_later_does_not_move_a_remark(tell: Tell) -> None:
    story = notes(tell)
    ada = story.client("Ada")
    note = a_note(story, "Ada", "T0")
    ok(story.run())
    story.sql("UPDATE clients SET full_name = 'Ann' WHERE no = :n", n=ada)
    story.client("Ada")
    story.sql("UPDATE notes SET body = 'more' WHERE id = :i", i=note)
    ok(story.run())
    assert persons(story) == {"T0": "Ann"}
    (held,) = story.vendor.dump(F)
    assert held["fields"]["Body"] == "more"
    quiet(story)


def test_a_name_that_nobody_had_is_tried_again_only_by_resync(tell: Tell) -> None:
    story = notes(tell)
    note = a_note(story, "Ada", "T0")
    ok(story.run())
    story.client("Ada")
    story.sql("UPDATE notes SET body = 'more' WHERE id = :i", i=note)
    ok(story.run())
    assert persons(story) == {"T0": None}
    mark(story.store(), story.runner()._ports.local, "crm", F, [str(note)])
    ok(story.run())
    assert persons(story) == {"T0": "Ada"}
    quiet(story)


# --- only read, only written ----------------------------------------------------------------------


def selected(story: Story) -> list[str]:
    found: list[str] = []

    @sa.event.listens_for(story.shop_engine, "before_cursor_execute")
    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            found.append(statement)

    return found


def one_way(tell: Tell, direction: str) -> Story:
    text = LOCAL[C].replace(
        "{column: job, lens: text}", f"{{column: job, lens: text, direction: {direction}}}"
    )
    return tell(kinds=(C,), shapes={C: Shape(TABLES[C], text)}, first_contact="remote")


def test_a_write_only_column_is_never_selected_and_takes_what_the_vendor_says(tell: Tell) -> None:
    story = one_way(tell, "pull")
    story.client("Ada", job="secret")
    statements = selected(story)
    ok(story.run())
    assert "Job" not in story.people()["Ada"]
    story.vendor.edit(C, story.ref("Ada"), {"Job": "smith"})
    ok(story.run())
    assert story.sql("SELECT job AS j FROM clients")[0]["j"] == "smith"
    story.vendor.edit(C, story.ref("Ada"), {"Job": "baker", "City": "Harbour"})
    ok(story.run())
    assert story.sql("SELECT job AS j FROM clients")[0]["j"] == "baker"
    quiet(story)
    assert not [one for one in statements if "job" in one and "job AS j" not in one]


def test_a_write_only_column_of_a_row_made_from_the_vendor_is_written_once(tell: Tell) -> None:
    story = one_way(tell, "pull")
    story.vendor.create(C, {"Last": "Ada", "Job": "smith"})
    ok(story.run())
    assert story.sql("SELECT job AS j FROM clients")[0]["j"] == "smith"
    story.sql("UPDATE clients SET city = 'Harbour'")
    ok(story.run())
    quiet(story)


def test_a_read_only_column_is_never_written(tell: Tell) -> None:
    story = one_way(tell, "push")
    story.client("Ada", job="smith")
    ok(story.run())
    story.vendor.edit(C, story.ref("Ada"), {"Job": "baker"})
    report = ok(story.run())
    assert sum(p.counts.against_direction for p in report.passes) == 1
    assert story.sql("SELECT job FROM clients")[0]["job"] == "smith"
