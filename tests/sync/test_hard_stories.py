"""Stories that a sync engine gets wrong when each of its rules is taken literally, one by one.

People act at a named point inside a run: between the plan and the write, between the answer and
its settlement, while a process is dead. Whatever they do, nothing of it is lost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from connector.plugin import Kind, Page
from connector.store import tables
from connector.testing.memory import MemoryRemote
from connector.testing.weather import Phase, Trouble
from connector.testing.world import PERFECT
from tests.story import C, Slow, Story, Tell, die_at
from tests.sync.hub import COUNTING

COARSE = replace(PERFECT, version_step=dt.timedelta(seconds=1))
BLIND = replace(COARSE, conditional=False)


def known(story: Story, **columns: str) -> int:
    number = story.client("Ada", mail="ada@example.test", **{"job": "baker", **columns})
    for _ in range(2):
        story.settle()
    return number


def shop(story: Story) -> dict[str, str | None]:
    [row] = story.sql("SELECT job, city, street FROM clients WHERE is_deleted = 0")
    return dict(row)


def vendor(story: Story) -> dict[str, str | None]:
    [record] = story.vendor.dump(C)
    return {n: record["fields"].get(n) for n in ("Job", "City", "Street")}


def at(story: Story, point: str, act: Callable[[], object]) -> None:
    """Let somebody act once when the engine comes to a point."""
    acts = iter([act])

    def hook(passed: str) -> None:
        if passed == point:
            next(acts, lambda: None)()

    story.hook = hook


def causes(story: Story) -> list[str]:
    with story.store().read() as tx:
        return [row.cause for row in tx.execute(tables.event.select())]


# --- echoes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("caps", [COARSE, BLIND, COUNTING], ids=["coarse", "blind", "counting"])
def test_an_edit_of_another_field_between_plan_and_patch_is_no_echo(
    tell: Tell, caps: object
) -> None:
    story = tell(kinds=(C,), capabilities=caps)
    number = known(story)
    ref = story.ref("Ada")
    story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)
    at(story, "before call: write", lambda: story.vendor.edit(C, ref, {"City": "Lund"}))
    story.run()
    for _ in range(2):
        story.settle()
    assert shop(story) == {"job": "cook", "city": "Lund", "street": None}
    assert vendor(story)["Job"] == "cook"


def test_a_normalised_field_that_a_person_edits_in_our_second_is_theirs(tell: Tell) -> None:
    line = "field: Job, lens: text"
    story = tell(
        kinds=(C,), capabilities=COARSE, mapping={line: f"{line}, vendor_normalises: true"}
    )
    story.vendor.normalise = {"Job": lambda value: " ".join(value.split())}
    number = known(story)
    ref = story.ref("Ada")
    story.sql("UPDATE clients SET job = 'master  cook' WHERE no = :n", n=number)
    at(story, "after call: write", lambda: story.vendor.edit(C, ref, {"Job": "master chef"}))
    story.run()
    for _ in range(2):
        story.settle()
    assert shop(story)["job"] == vendor(story)["Job"] == "master chef"


def test_an_edit_between_the_answer_and_its_settlement_is_seen(tell: Tell) -> None:
    for caps in (COARSE, BLIND, COUNTING):
        story = tell(kinds=(C,), capabilities=caps)
        number = known(story)
        ref = story.ref("Ada")
        story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)

        def frozen(story: Story = story, ref: str = ref) -> None:
            story.vendor.edit(C, ref, {"Job": "miller"})  # type: ignore[arg-type]  # a ref is text
            story.later(seconds=40)

        at(story, "before commit: settle remote", frozen)
        story.run()
        for _ in range(2):
            story.settle()
        assert shop(story)["job"] == vendor(story)["Job"] == "miller"


# --- one plan, two writes -------------------------------------------------------------------------


def test_of_two_writes_of_one_plan_the_stale_one_is_planned_anew_from_both_sides(
    tell: Tell,
) -> None:
    story = tell(kinds=(C,), capabilities=COARSE)
    number = known(story)
    ref = story.ref("Ada")
    story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)
    story.vendor.edit(C, ref, {"City": "Lund"})
    story.later(seconds=30)

    def meanwhile() -> None:
        story.later(seconds=5)
        story.vendor.edit(C, ref, {"Street": "Long Lane"})

    at(story, "before call: write", meanwhile)
    story.run()
    story.settle()
    assert shop(story) == {"job": "cook", "city": "Lund", "street": "Long Lane"}
    assert vendor(story) == {"Job": "cook", "City": "Lund", "Street": "Long Lane"}


# --- lost answers ---------------------------------------------------------------------------------


def lose(story: Story, operation: str, trouble: Trouble, then: Callable[[], object]) -> None:
    """The next call of an operation has trouble; somebody acts right after it."""
    left = iter([trouble])

    def weather(asked: str, phase: Phase) -> Trouble | None:
        here = "after" if trouble is Trouble.LOST_AFTER else "before"
        if (asked, phase) != (operation, here):
            return None
        found = next(left, None)
        if found is not None:
            at(story, "before commit: settle remote", then)
        return found

    story.vendor.weather = weather


@pytest.mark.parametrize("caps", [BLIND, COUNTING], ids=["timed", "counting"])
@pytest.mark.parametrize("trouble", [Trouble.LOST_AFTER, Trouble.LOST_BEFORE])
def test_a_patch_without_an_answer_ends_field_by_field(
    tell: Tell, caps: object, trouble: Trouble
) -> None:
    story = tell(kinds=(C,), capabilities=caps)
    number = known(story)
    ref = story.ref("Ada")
    story.sql("UPDATE clients SET job = 'cook', street = 'Long Lane' WHERE no = :n", n=number)

    def meanwhile() -> None:
        story.sql("UPDATE clients SET job = 'chef' WHERE no = :n", n=number)
        story.vendor.edit(C, ref, {"Tags": ["a"]})

    lose(story, "update", trouble, meanwhile)
    story.run()
    for _ in range(3):
        story.settle()
    assert shop(story)["job"] == vendor(story)["Job"] == "chef"
    assert shop(story)["street"] == vendor(story)["Street"] == "Long Lane"
    [row] = story.sql("SELECT tags FROM clients")
    assert row["tags"] == "a"


def test_a_patch_whose_record_is_hidden_stays_unknown_until_it_is_seen(tell: Tell) -> None:
    story = tell(kinds=(C,), capabilities=BLIND)
    number = known(story)
    ref = story.ref("Ada")
    story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)

    def meanwhile() -> None:
        story.vendor.hide(C, ref)
        story.sql("UPDATE clients SET job = 'chef' WHERE no = :n", n=number)

    lose(story, "update", Trouble.LOST_AFTER, meanwhile)
    story.run()
    story.settle()
    assert shop(story)["job"] == "chef", "our own old value is not taken for a person's"
    story.vendor.hide(C, ref, hidden=False)
    story.vendor.edit(C, ref, {"Tags": ["b"]})
    for _ in range(3):
        story.settle()
    assert shop(story)["job"] == vendor(story)["Job"] == "chef"


def test_a_create_that_may_have_landed_keeps_its_values_and_ends_first(tell: Tell) -> None:
    for trouble in (Trouble.LOST_AFTER, Trouble.LOST_BEFORE, Trouble.LATE):
        story = tell(kinds=(C,))
        number = story.client("Ada", mail="ada@example.test", job="baker")

        def meanwhile(story: Story = story, number: int = number) -> None:
            story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)

        lose(story, "create", trouble, meanwhile)
        story.run()
        for _ in range(3):
            story.settle()
        assert vendor(story)["Job"] == shop(story)["job"] == "cook"


def test_a_client_deleted_while_their_create_is_unknown_leaves_no_record_unnoticed(
    tell: Tell,
) -> None:
    for trouble in (Trouble.LOST_AFTER, Trouble.LOST_BEFORE, Trouble.LATE):
        story = tell(kinds=(C,))
        number = story.client("Ada", mail="ada@example.test")

        def meanwhile(story: Story = story, number: int = number) -> None:
            story.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)

        lose(story, "create", trouble, meanwhile)
        story.run()
        for _ in range(3):
            story.settle()
        # A request that lands after the record was made anew and removed again is noticed.
        late = ["dead_key"] if trouble is Trouble.LATE else []
        assert [one.code for one in story.review().letters()] == late
        assert len(story.vendor.dump(C)) == len(late), trouble


# --- between the shop's commit and ours -----------------------------------------------------------


@pytest.mark.parametrize("point", ["after commit: write customer", "after call: local write"])
def test_a_row_edited_while_the_process_that_wrote_it_is_dead_keeps_the_edit(
    tell: Tell, point: str
) -> None:
    story = tell(kinds=(C,))
    known(story)
    story.vendor.edit(C, story.ref("Ada"), {"Job": "cook", "City": "Lund"})
    story.later(seconds=60)
    die_at(story, point)
    story.sql("UPDATE clients SET job = 'chef'")
    for _ in range(2):
        story.settle()
    assert shop(story)["job"] == vendor(story)["Job"] == "chef"
    assert shop(story)["city"] == "Lund"


def test_a_row_made_by_a_process_that_died_is_the_record_s_and_no_second_one(tell: Tell) -> None:
    for point in ("after commit: write customer", "after call: local write"):
        story = tell(kinds=(C,), mapping={"match: [emails.primary, phones.mobile]": "match: []"})
        story.vendor.create(C, {"Last": "Ada", "Job": "baker"})
        die_at(story, point)
        story.sql("UPDATE clients SET job = 'chef'")
        for _ in range(2):
            story.settle()
        assert shop(story)["job"] == vendor(story)["Job"] == "chef"


# --- removals -------------------------------------------------------------------------------------


def test_a_record_deleted_and_brought_back_within_one_second_lives(tell: Tell) -> None:
    story = tell(kinds=(C,), capabilities=COARSE)
    known(story)
    ref = story.ref("Ada")
    story.vendor.remove(C, ref)
    story.vendor.restore(C, ref)
    for _ in range(3):
        story.settle()
    assert shop(story)["job"] == vendor(story)["Job"] == "baker"
    story.sql("UPDATE clients SET job = 'cook'")
    story.settle()
    assert vendor(story)["Job"] == "cook"


def test_a_late_copy_that_is_newer_than_what_we_knew_brings_nobody_back(tell: Tell) -> None:
    story = tell(kinds=(C,), capabilities=COARSE)
    known(story)
    ref = story.ref("Ada")
    story.vendor.edit(C, ref, {"Job": "cook"})
    story.later(seconds=1)
    story.vendor.remove(C, ref)
    story.later(seconds=1)
    story.run()
    assert story.sql("SELECT no FROM clients WHERE is_deleted = 0") == []
    stale = iter([Trouble.STALE_PAGE])
    story.vendor.weather = lambda operation, phase: (
        next(stale, None) if (operation, phase) == ("changes", "after") else None
    )
    assert story.run().passes[0].counts.read == 2, "the removal, and the copy from before it"
    story.settle()
    assert story.sql("SELECT no FROM clients WHERE is_deleted = 0") == []
    assert story.vendor.dump(C) == []


def test_an_edit_that_its_feed_does_not_show_yet_is_not_deleted(tell: Tell) -> None:
    story = tell(kinds=(C,), capabilities=replace(PERFECT, feed_lag=dt.timedelta(seconds=60)))
    number = known(story)
    story.vendor.rng = Slow()  # type: ignore[assignment]  # it shows things as late as it may
    story.vendor.edit(C, story.ref("Ada"), {"Job": "cook"})
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)
    story.run()
    for _ in range(2):
        story.settle()
    assert vendor(story)["Job"] == "cook", "the edit wins over the deletion"


# --- windows that a stop cut in two ---------------------------------------------------------------


class InIdOrder(MemoryRemote):
    """A vendor whose windows come in the order of ids, a record a page."""

    def changes(
        self, kind: Kind, since: dt.datetime | None, resume: bytes | None
    ) -> Iterator[Page]:
        last, now = (resume or b"").decode(), self.vendor.clock.now()
        commits = [record.now for record in self.vendor.records[kind].values()]
        rows = [c for c in commits if c.ref > last and (since is None or c.stamp >= since)]
        for commit in sorted(rows, key=lambda one: one.ref):
            seen = [self._seen(kind, commit)]
            yield Page(seen=seen, resume=commit.ref.encode(), read_at=now)
        yield Page(seen=[], resume=None, read_at=now)


def test_what_changed_on_pages_read_before_a_stop_is_seen_before_it_is_overwritten(
    tell: Tell,
) -> None:
    story = tell(kinds=(C,), capabilities=COUNTING)
    for name in ("Ada", "Bea"):
        story.client(name, mail=f"{name.lower()}@example.test", city="Ulm")
    story.settle()
    story.settle()
    story.remote_factory = lambda: InIdOrder(story.vendor, story._memory_remote().targets)
    ada, bea = story.ref("Ada"), story.ref("Bea")
    story.vendor.edit(C, ada, {"Job": "cook"})
    story.vendor.edit(C, bea, {"Job": "cook"})
    story.later(seconds=60)
    die_at(story, "after commit: stage page")
    story.vendor.edit(C, ada, {"City": "Lund"})
    story.sql("UPDATE clients SET city = 'Bern' WHERE full_name = 'Ada'")
    story.later(seconds=200)
    report = story.run()
    assert report.conflicts == 1
    assert story.people()["Ada"]["City"] == "Lund", "nobody overwrites what was not looked at"


# --- what is reported -----------------------------------------------------------------------------


def test_a_value_that_a_policy_overwrites_has_its_event_before_the_write_leaves(
    tell: Tell,
) -> None:
    story = tell(kinds=(C,), capabilities=BLIND)
    number = known(story)
    story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)
    story.vendor.edit(C, story.ref("Ada"), {"Job": "miller"})
    story.later(seconds=60)
    die_at(story, "before call: write")
    assert "lost_remote" in causes(story)


def test_a_patch_planned_anew_over_somebody_s_write_says_so(tell: Tell) -> None:
    story = tell(kinds=(C,), capabilities=BLIND)
    number = known(story)
    ref = story.ref("Ada")
    story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)
    lose(
        story,
        "update",
        Trouble.LOST_AFTER,
        lambda: story.vendor.edit(C, ref, {"Job": "miller"}),
    )
    story.run()
    story.settle()
    assert "possibly_overwritten" in causes(story)


def test_a_record_that_dies_before_our_write_was_seen_says_so(tell: Tell) -> None:
    story = tell(kinds=(C,), capabilities=replace(COUNTING, reports_removals=True))
    story.vendor.answers_version = story.vendor.answers_fields = False
    number = known(story)
    story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)
    story.run()
    story.vendor.remove(C, story.ref("Ada"))
    story.settle()
    assert "possibly_overwritten" in causes(story)
