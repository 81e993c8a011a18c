"""After a database was put back, a reconcile doubles, deletes and brings back nothing."""

from __future__ import annotations

import pytest

from connector.errors import SafetyStopError
from connector.store import tables as t
from connector.sync.report import RunReport
from tests.copies import Copies
from tests.stopping import unlike
from tests.story import C, Died, M, Story, Tell
from tests.sync.going_back import ABLE, copied_in_a_run, held_back, three_people
from tests.sync.hub import COUNTING, clients, written


@pytest.fixture(params=ABLE)
def story(tell: Tell, request: pytest.FixtureRequest) -> Story:
    return three_people(tell, ABLE[request.param])


def reconciled(story: Story) -> RunReport:
    """The database is noticed, then reconciled; neither writes anything."""
    before = written(story)
    story.later(seconds=300)
    held_back(story.run())
    report = story.runner().run(only_reconcile=True)
    assert report.errors == []
    assert report.reconciled
    assert written(story) == before
    return report


def at_rest(story: Story) -> None:
    """Nothing is left over, and nothing more is written."""
    story.settle()
    before = written(story)
    report = story.settle()
    story.settle()
    assert written(story) == before
    assert (report.letters, report.conflicts) == (0, 0)


def both_sides(story: Story) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Name and job of everybody, in the shop and at the vendor."""
    here = sorted((str(row["full_name"]), str(row["job"])) for row in clients(story))
    people = [record["fields"] for record in story.vendor.dump(C)]
    there = sorted((str(person["Last"]), str(person.get("Job"))) for person in people)
    return here, there


def live_a_while(story: Story) -> None:
    """What happens between the copy and its restore; all of it is in step at the end."""
    story.client("Di", mail="di@example.test", job="cook")
    story.client("Plain", job="cook")  # nothing but our key tells whose record is this
    story.vendor.create(C, {"Last": "Eve", "Mail": "eve@example.test", "Job": "cook"})
    story.vendor.create(C, {"Last": "Bare", "Job": "cook"})
    story.settle()
    story.sql("UPDATE clients SET job = 'smith' WHERE full_name = 'Ada'")
    story.vendor.edit(C, story.ref("Bo"), {"Job": "pilot"})
    story.sql("UPDATE clients SET is_deleted = 1 WHERE full_name = 'Cy'")
    story.settle()
    story.settle()


@pytest.mark.parametrize("which", ["state", "keys"])
def test_after_a_copy_is_put_back_nothing_is_doubled_deleted_or_brought_back(
    story: Story, which: str
) -> None:
    copies = Copies(story)
    live_a_while(story)
    before = both_sides(story)
    copies.put_back(which)
    reconciled(story)
    story.settle()
    story.settle()
    assert both_sides(story) == before
    at_rest(story)
    story.sql("UPDATE clients SET job = 'judge' WHERE full_name = 'Plain'")
    story.vendor.edit(C, story.ref("Bare"), {"Job": "nurse"})
    story.settle()
    story.settle()
    here, there = both_sides(story)
    assert ("Plain", "judge") in there
    assert len(here) == len(there) == len(before[0])


def test_writes_that_the_copy_holds_open_are_not_sent_again(story: Story) -> None:
    """They landed long ago; what they made was edited, and one was deleted since."""
    for name in ("Di", "Eve"):
        story.client(name, mail=f"{name.lower()}@example.test", job="cook")
    story.sql("UPDATE clients SET job = 'smith' WHERE full_name = 'Bo'")
    story.vendor.create(C, {"Last": "Far", "Mail": "far@example.test", "Job": "cook"})
    copies = copied_in_a_run(story)
    story.settle()
    story.vendor.edit(C, story.ref("Di"), {"Job": "pilot"})
    story.sql("UPDATE clients SET is_deleted = 1 WHERE full_name = 'Eve'")
    story.settle()
    story.settle()
    before = both_sides(story)
    copies.put_back("state")
    reconciled(story)
    story.settle()
    story.settle()
    assert both_sides(story) == before
    at_rest(story)


@pytest.mark.parametrize("during", [True, False], ids=["during the removal", "before it"])
def test_a_record_that_was_removed_and_restored_since_is_neither_removed_nor_doubled(
    story: Story, during: bool
) -> None:
    """The removal landed; then a person restored the record at the vendor, and a new row came."""
    ref = story.ref("Ada")
    copies = Copies(story)
    story.sql("UPDATE clients SET is_deleted = 1 WHERE full_name = 'Ada'")
    if during:
        copies = copied_in_a_run(story)
    story.settle()
    story.settle()
    story.vendor.restore(C, ref)
    story.later(hours=25)
    story.settle()
    story.settle()
    before = both_sides(story)
    assert len(before[1]) == 3
    copies.put_back("state")
    reconciled(story)
    story.settle()
    story.settle()
    assert both_sides(story) == before
    assert story.ref("Ada") == ref
    at_rest(story)


def test_a_record_that_was_brought_back_since_is_neither_removed_nor_doubled(story: Story) -> None:
    """Ada's second life began in the shop, Bo's at the vendor; the copy knows their first ones."""
    copies = Copies(story)
    story.sql("UPDATE clients SET is_deleted = 1 WHERE full_name = 'Ada'")
    bo = story.ref("Bo")
    story.vendor.remove(C, bo)
    story.settle()
    story.later(hours=25)
    story.settle()
    story.settle()
    story.sql("UPDATE clients SET is_deleted = 0 WHERE full_name = 'Ada'")
    story.vendor.restore(C, bo)
    story.settle()
    story.settle()
    before = both_sides(story)
    assert [name for name, _ in before[0]] == ["Ada", "Bo", "Cy"]
    copies.put_back("state")
    reconciled(story)
    story.settle()
    story.settle()
    assert both_sides(story) == before
    at_rest(story)


def test_a_first_life_that_is_restored_since_is_not_taken_for_somebody_new(story: Story) -> None:
    """Bo's record was deleted over an edit of his row, and made anew; then the first came back."""
    first, copies = story.ref("Bo"), Copies(story)
    story.vendor.remove(C, first)
    story.sql("UPDATE clients SET job = 'smith' WHERE full_name = 'Bo'")
    story.settle()
    story.later(hours=25)
    story.settle()
    assert len(story.vendor.dump(C)) == 3
    story.vendor.restore(C, first)
    story.vendor.edit(C, first, {"Job": "nurse"})
    before = both_sides(story)
    copies.put_back("state")
    story.later(seconds=300)
    held_back(story.run())
    story.runner().run(only_reconcile=True)
    story.settle()
    story.settle()
    assert both_sides(story) == before
    assert len(before[1]) == 4
    [letter] = [row for row in story.rows(t.staged) if row["reason"]]
    assert letter["record"] == first


def test_a_second_life_is_found_by_a_reconcile_that_follows_one_cut_short(story: Story) -> None:
    """The copy is from before the first life, the first reconcile knows the record but no row."""
    story.vendor.create(C, {"Last": "Di", "Mail": "di@example.test", "Job": "cook"})
    copies = Copies(story)
    story.settle()
    story.settle()
    di = story.ref("Di")
    story.vendor.remove(C, di)
    story.settle()
    story.later(hours=25)
    story.settle()
    story.vendor.restore(C, di)
    story.settle()
    story.settle()
    before = both_sides(story)
    assert len(before[0]) == 4
    copies.put_back("state")

    def stop(point: str) -> None:
        if point == "before commit: reconcile: join by key":
            story.hook, story.dead = lambda point: None, True
            raise Died(point)

    story.later(seconds=300)
    held_back(story.run())
    story.hook = stop
    with pytest.raises(Died):
        story.runner().run(only_reconcile=True)
    story.dead = False
    story.later(seconds=300)
    assert story.runner().run(only_reconcile=True).errors == []
    story.settle()
    story.settle()
    assert both_sides(story) == before
    at_rest(story)


def test_children_find_their_parents_again(story: Story) -> None:
    copies = Copies(story)
    di = story.client("Di", mail="di@example.test")
    story.sql("INSERT INTO cards (client, card, points) VALUES (:c, 'K1', 5)", c=di)
    story.settle()
    story.settle()
    story.vendor.create(M, {"Name": "K2", "Person": {"id": story.ref("Di")}, "Points": 3})
    story.settle()
    story.settle()
    copies.put_back("state")
    reconciled(story)
    story.settle()
    story.settle()
    assert [row["client"] for row in story.sql("SELECT client FROM cards")] == [di, di]
    assert sorted(d["fields"]["Name"] for d in story.vendor.dump(M)) == ["K1", "K2"]
    at_rest(story)


def test_two_vendors_are_reconciled_together(tell: Tell) -> None:
    story = tell(kinds=(C,), others={"far": COUNTING}, first_contact="fill_blank")
    for name in ("Ada", "Bo", "Cy"):
        story.client(name, mail=f"{name.lower()}@example.test", job="baker")
    story.settle()
    story.settle()
    copies = Copies(story)
    live_a_while(story)
    story.settle()
    before = both_sides(story), len(story.vendors["far"].dump(C))
    copies.put_back("state")
    story.later(seconds=300)
    report = story.run()
    assert [type(error) for error in report.errors] == [SafetyStopError, SafetyStopError]
    assert story.runner().run(only_reconcile=True).errors == []
    story.settle()
    story.settle()
    assert (both_sides(story), len(story.vendors["far"].dump(C))) == before
    at_rest(story)


def test_the_plan_in_doubt_shows_what_follows_a_reconcile_and_writes_nothing(story: Story) -> None:
    copies = Copies(story)
    story.client("Di", mail="di@example.test", job="cook")
    story.settle()
    story.settle()
    copies.put_back("state")
    story.vendor.remove(C, story.ref("Ada"))
    story.later(seconds=300)
    held_back(story.run())
    planned = story.plan()
    assert planned.errors == []
    assert [(w.side, str(w.op)) for w in planned.writes] == [("local", "purge")]
    held_back(story.run())
    assert story.runner().run(only_reconcile=True).errors == []
    story.settle()
    assert [name for name, _ in both_sides(story)[0]] == ["Bo", "Cy", "Di"]


def test_a_shop_put_back_gets_its_lost_rows_and_edits_back(story: Story) -> None:
    copies = Copies(story)
    live_a_while(story)
    copies.put_back("shop")
    story.sql("UPDATE clients SET city = 'Harbour' WHERE full_name = 'Bo'")
    new = story.client("Zoe", mail="zoe@example.test", job="judge")
    assert new == 4, "the shop gives the key of a lost row once more"
    report = reconciled(story)
    assert report.letters == 1, "Cy's row is back, and nobody brought him back"
    story.settle()
    report = story.settle()
    here, there = both_sides(story)
    lost = [("Ada", "smith"), ("Bare", "cook"), ("Di", "cook"), ("Eve", "cook"), ("Plain", "cook")]
    assert there == sorted([*lost, ("Bo", "pilot"), ("Zoe", "judge")])
    assert here == sorted([*lost, ("Bo", "baker"), ("Zoe", "judge"), ("Cy", "baker")])
    assert report.conflicts == 1, "whether Bo's job was edited since, nobody knows"
    assert story.people()["Bo"]["City"] == "Harbour"
    before = written(story)
    story.settle()
    assert written(story) == before


def test_after_a_total_loss_of_the_state_everybody_is_found_again(story: Story) -> None:
    live_a_while(story)
    before = both_sides(story)
    story.lose_the_state()
    story.later(seconds=300)
    held_back(story.run())
    assert story.runner().run(only_reconcile=True).errors == []
    story.settle()
    story.settle()
    assert both_sides(story) == before
    at_rest(story)


# --- a reconcile that dies ------------------------------------------------------------------------


def reconcile_until_it_ends(story: Story, fuse: int) -> list[str]:
    """Reconcile, dying at the n-th point (0: never), then again; the points of the first try."""
    points: list[str] = []

    def point(name: str) -> None:
        points.append(name)
        if len(points) == fuse:
            story.dead = True
            raise Died(name)

    story.hook = point
    try:
        story.runner().run(only_reconcile=True)
    except Died:
        story.dead = False
    passed, story.hook = list(points), lambda point: None
    story.later(seconds=300)
    story.runner().run(only_reconcile=True)
    return passed


@pytest.mark.parametrize("which", ["state", "keys", "shop"])
def test_a_reconcile_that_stops_at_any_commit_ends_the_same_when_it_is_run_again(
    tell: Tell, which: str
) -> None:
    wanted: object = None
    waiting = [0]
    while waiting:
        fuse = waiting.pop()
        story = tell(first_contact="fill_blank", kinds=(C,))
        for name in ("Ada", "Bo", "Cy"):
            story.client(name, mail=f"{name.lower()}@example.test", job="baker")
        story.settle()
        story.settle()
        copies = Copies(story)
        live_a_while(story)
        copies.put_back(which)
        before = written(story)
        points = reconcile_until_it_ends(story, fuse)
        if fuse == 0:
            waiting = [at + 1 for at in unlike(points)]
            assert len(waiting) > 5
        assert written(story) == before, f"stopped at {fuse}"
        story.settle()
        story.settle()
        end = both_sides(story)
        wanted = wanted or end
        assert end == wanted, f"stopped at {fuse}"
        story.close()
