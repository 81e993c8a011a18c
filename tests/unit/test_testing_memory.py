"""The in-memory vendor's weather and its people: each trouble does what its name says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from connector.errors import (
    CursorExpiredError,
    RateLimitedError,
    UnknownOutcomeError,
    UnreachableError,
)
from connector.plugin import (
    Capabilities,
    FieldInfo,
    Fields,
    Gone,
    Op,
    Outcome,
    Ref,
    Result,
    Schema,
    Target,
    Write,
    version_key,
)
from connector.records import Kind
from connector.testing.clock import ManualClock
from connector.testing.memory import PERFECT, MemoryRemote, MemoryVendor
from connector.testing.weather import Phase, Trouble
from connector.testing.world import UNBOUNDED_FIND_LAG, Refused

KIND = Kind.CUSTOMER
SCHEMA = Schema(
    object="People",
    fields={
        "Last": FieldInfo(name="Last", type="text", max_length=4, required=True),
        "Note": FieldInfo(name="Note", type="text"),
        "Stage": FieldInfo(name="Stage", type="choice", options=("新",)),
        "Fixed": FieldInfo(name="Fixed", type="text", writable=False),
    },
)
TARGET = Target(object="People", fields=("Last", "Note", "Stage"), key_field="Key")


def house(can: Capabilities = PERFECT) -> tuple[MemoryVendor, MemoryRemote, ManualClock]:
    clock = ManualClock()
    vendor = MemoryVendor(
        clock=clock, rng=Random(5), schemas={KIND: SCHEMA}, capabilities=can, page_size=2
    )
    return vendor, MemoryRemote(vendor, {KIND: TARGET}), clock


def create(number: int, key: str | None = None, fields: Fields | None = None) -> Write:
    fields = fields if fields is not None else {"Last": f"L{number}"}
    return Write(
        id=f"w{number}", op=Op.CREATE, ref=None, fields=fields, external_key=key or f"k{number}"
    )


def once(operation: str, phase: Phase, trouble: Trouble) -> Callable[[str, Phase], Trouble | None]:
    """That trouble at the first such moment, then fair weather."""
    left = [trouble]

    def weather(op: str, when: Phase) -> Trouble | None:
        return left.pop() if left and (op, when) == (operation, phase) else None

    return weather


def outcomes(results: list[Result]) -> list[str]:
    return [result.outcome for result in results]


@pytest.mark.parametrize(
    ("trouble", "phase", "landed"),
    [
        (Trouble.LOST_BEFORE, "before", 0),
        (Trouble.LOST_AFTER, "after", 4),
        (Trouble.ERROR_APPLIED, "after", 4),
        (Trouble.HALF_DONE, "before", 2),
    ],
)
def test_a_lost_answer_is_unknown_whatever_landed(
    trouble: Trouble, phase: Phase, landed: int
) -> None:
    vendor, remote, _ = house()
    vendor.weather = once("create", phase, trouble)
    results = list(remote.write(KIND, [create(n) for n in range(4)]))
    assert outcomes(results) == ["unknown"] * 4
    assert len(vendor.dump(KIND)) == landed
    assert outcomes(list(remote.write(KIND, [create(9)]))) == ["applied"]


def test_a_late_write_lands_within_its_life_and_not_at_once() -> None:
    vendor, remote, clock = house()
    vendor.weather = once("create", "before", Trouble.LATE)
    assert outcomes(list(remote.write(KIND, [create(1)]))) == ["unknown"]
    assert vendor.dump(KIND) == []
    clock.move(vendor.capabilities.call_life)
    assert [row["key"] for row in vendor.dump(KIND)] == ["k1"]


def test_a_throttled_first_call_raises_and_a_later_one_asks_for_a_retry() -> None:
    vendor, remote, _ = house()
    vendor.weather = once("create", "before", Trouble.THROTTLED)
    with pytest.raises(RateLimitedError) as caught:
        list(remote.write(KIND, [create(1)]))
    assert caught.value.after_s
    assert vendor.dump(KIND) == []
    calls = iter([None, None, Trouble.THROTTLED])
    vendor.weather = lambda operation, phase: next(calls, None)
    results = list(remote.write(KIND, [create(n) for n in range(15)]))
    assert outcomes(results) == ["applied"] * 10 + ["retry"] * 5
    assert results[-1].after is not None
    assert len(vendor.dump(KIND)) == 10


def test_reordered_results_keep_their_names() -> None:
    vendor, remote, _ = house()
    vendor.weather = once("create", "after", Trouble.REORDERED)
    writes = [create(n) for n in range(8)]
    results = list(remote.write(KIND, writes))
    assert [result.id for result in results] != [write.id for write in writes]
    names = {result.id: result.seen.fields["Last"] for result in results if result.seen}
    assert names == {f"w{n}": f"L{n}" for n in range(8)}


def test_a_stale_page_repeats_old_copies_after_the_new() -> None:
    vendor, remote, _ = house()
    ref = vendor.create(KIND, {"Last": "A"})
    vendor.edit(KIND, ref, {"Last": "B"})
    vendor.weather = once("changes", "after", Trouble.STALE_PAGE)
    [page] = remote.changes(KIND, None, None)
    assert [seen.fields["Last"] for seen in page.seen] == ["B", "A"]
    assert version_key(page.seen[0].version) > version_key(page.seen[1].version)


@pytest.mark.parametrize("operation", ["changes", "listing", "fetch", "find", "describe"])
def test_a_read_that_is_lost_or_throttled_raises(operation: str) -> None:
    vendor, remote, _ = house()
    reads: dict[str, Callable[[], object]] = {
        "changes": lambda: list(remote.changes(KIND, None, None)),
        "listing": lambda: list(remote.listing(KIND, None)),
        "fetch": lambda: remote.fetch(KIND, [Ref("1")]),
        "find": lambda: remote.find(KIND, "Last", ["A"]),
        "describe": lambda: remote.describe(KIND),
    }
    for phase, trouble, error in (
        ("before", Trouble.LOST_BEFORE, UnreachableError),
        ("after", Trouble.LOST_AFTER, UnreachableError),
        ("before", Trouble.THROTTLED, RateLimitedError),
    ):
        vendor.weather = once(operation, "before" if phase == "before" else "after", trouble)
        with pytest.raises(error):
            reads[operation]()
        reads[operation]()
    assert vendor.calls[operation] == 6


def test_weather_that_raises_decides_the_fate_of_a_write_or_flies_through() -> None:
    vendor, remote, _ = house()

    def unknown_after(operation: str, phase: Phase) -> None:
        if phase == "after":
            raise UnknownOutcomeError("gone")

    vendor.weather = unknown_after
    assert outcomes(list(remote.write(KIND, [create(1)]))) == ["unknown"]
    assert len(vendor.dump(KIND)) == 1

    def crash(operation: str, phase: Phase) -> None:
        if phase == "after":
            raise KeyboardInterrupt

    vendor.weather = crash
    with pytest.raises(KeyboardInterrupt):
        list(remote.write(KIND, [create(2)]))
    assert len(vendor.dump(KIND)) == 2


def test_dead_cursors_say_so() -> None:
    vendor, remote, _ = house()
    for number in range(5):
        vendor.create(KIND, {"Last": f"L{number}"})
    pages = remote.changes(KIND, None, None)
    first = next(pages)
    vendor.expire_cursors()
    with pytest.raises(CursorExpiredError):
        next(pages)
    with pytest.raises(CursorExpiredError):
        next(remote.changes(KIND, None, first.resume))
    assert len(list(remote.changes(KIND, None, None))) == 3


def test_the_feed_shows_commits_late_and_out_of_order_but_within_its_lag() -> None:
    lag = timedelta(seconds=60)
    vendor, remote, clock = house(replace(PERFECT, feed_lag=lag))
    refs = []
    for number in range(20):
        refs.append(vendor.create(KIND, {"Last": f"L{number}"}))
        clock.move(timedelta(seconds=1))
    seen = {seen.ref for page in remote.changes(KIND, None, None) for seen in page.seen}
    assert seen < set(refs)
    assert max(seen) > min(set(refs) - seen), "a later commit is visible before an earlier one"
    clock.move(lag)
    seen = {seen.ref for page in remote.changes(KIND, None, None) for seen in page.seen}
    assert seen == set(refs)


def test_a_search_without_a_promise_finds_things_at_some_time() -> None:
    vendor, remote, clock = house(replace(PERFECT, find_lag=None))
    for number in range(9):
        vendor.create(KIND, {"Last": "A", "Note": str(number)})
    assert len(remote.find(KIND, "Last", ["A"])) < 9
    clock.move(UNBOUNDED_FIND_LAG)
    assert len(remote.find(KIND, "Last", ["A"])) == 9


def test_versions_have_steps_or_are_counts() -> None:
    vendor, remote, clock = house(replace(PERFECT, version_step=timedelta(seconds=1)))
    clock.move(timedelta(milliseconds=700))
    ref = vendor.create(KIND, {"Last": "A"})
    [first] = remote.fetch(KIND, [ref])
    assert first.version == "2026-01-31T02:00:00.000000Z"
    vendor.edit(KIND, ref, {"Last": "B"})
    [second] = remote.fetch(KIND, [ref])
    assert second.version == first.version, "two writes inside one step look alike"
    since = clock.now()
    assert [s.ref for page in remote.changes(KIND, since, None) for s in page.seen] == [ref]
    vendor, remote, _ = house(replace(PERFECT, counts_writes=True))
    ref = vendor.create(KIND, {"Last": "A"})
    vendor.edit(KIND, ref, {"Last": "B"})
    assert remote.fetch(KIND, [ref])[0].version == "000000002"


def test_people_merge_hide_and_restore() -> None:
    vendor, remote, _ = house()
    loser = vendor.create(KIND, {"Last": "A", "Note": "kept"})
    winner = vendor.create(KIND, {"Last": "B"})
    vendor.merge(KIND, loser, winner)
    [gone, kept] = remote.fetch(KIND, [loser, winner])
    assert (gone.gone, gone.merged_into, gone.fields) == (Gone.EXPLICIT, winner, {})
    assert kept.fields == {"Last": "B", "Note": "kept", "Stage": None}
    with pytest.raises(Refused):
        vendor.restore(KIND, loser)
    vendor.hide(KIND, winner)
    assert remote.fetch(KIND, [winner])[0].gone is Gone.HIDDEN
    assert not [seen for page in remote.changes(KIND, None, None) for seen in page.seen]
    vendor.hide(KIND, winner, hidden=False)
    vendor.remove(KIND, winner)
    vendor.restore(KIND, winner)
    assert remote.fetch(KIND, [winner])[0].gone is None


def test_our_user_may_not_see_what_is_withheld() -> None:
    vendor, remote, _ = house()
    ref = vendor.create(KIND, {"Last": "A", "Note": "n"})
    vendor.withheld.add((KIND, "Note"))
    assert remote.fetch(KIND, [ref])[0].fields == {"Last": "A", "Stage": None}


def test_the_vendor_normalises_whoever_writes() -> None:
    vendor, remote, _ = house()
    vendor.normalise = {"Note": str.upper}
    by_hand = vendor.create(KIND, {"Last": "A", "Note": "n"})
    [result] = remote.write(KIND, [create(1, fields={"Last": "B", "Note": "m"})])
    assert result.seen is not None
    assert result.seen.fields["Note"] == "M"
    assert remote.fetch(KIND, [by_hand])[0].fields["Note"] == "N"


def test_an_answer_may_carry_no_fields_and_no_writer() -> None:
    vendor, remote, _ = house()
    vendor.answers_fields, vendor.tells_writer = False, False
    [result] = remote.write(KIND, [create(1)])
    assert result.seen is not None
    assert (result.seen.fields, result.seen.by_us) == ({}, None)
    assert result.seen.version
    vendor.tells_writer = True
    ref = vendor.create(KIND, {"Last": "A"})
    seen = {each.ref: each.by_us for each in remote.fetch(KIND, [ref, result.seen.ref])}
    assert seen == {ref: False, result.seen.ref: True}


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"Last": "abc😀"}, "too_long", "Last"),
        ({"Last": "A", "Stage": "旧"}, "not_an_option", "Stage"),
        ({"Last": "A", "Fixed": "x"}, "unknown_field", "Fixed"),
        ({"Last": "A", "Nowhere": "x"}, "unknown_field", "Nowhere"),
        ({"Note": "x"}, "required", "Last"),
    ],
)
def test_a_write_against_the_schema_is_refused_with_its_field(
    fields: Fields, code: str, field: str
) -> None:
    vendor, remote, _ = house()
    [result] = remote.write(KIND, [create(1, fields=fields)])
    assert result.outcome is Outcome.REFUSED
    assert result.reason is not None
    assert (result.reason.code, result.reason.field) == (code, field)
    assert vendor.dump(KIND) == []


def test_a_removed_record_frees_its_key_and_cannot_come_back_to_a_twin() -> None:
    vendor, remote, _ = house()
    [first] = remote.write(KIND, [create(1, key="same")])
    assert first.seen is not None
    vendor.remove(KIND, first.seen.ref)
    [second] = remote.write(KIND, [create(2, key="same")])
    assert second.outcome is Outcome.APPLIED
    restore = Write(id="r", op=Op.RESTORE, ref=first.seen.ref, fields={}, external_key="same")
    [result] = remote.write(KIND, [restore])
    assert result.outcome is Outcome.REFUSED
    assert second.seen is not None
    assert result.existing == second.seen.ref


def test_a_purged_record_is_gone_for_ever() -> None:
    vendor, remote, _ = house()
    ref = vendor.create(KIND, {"Last": "A"})
    for op, outcome in ((Op.REMOVE, "applied"), (Op.PURGE, "applied"), (Op.RESTORE, "refused")):
        write = Write(id=op, op=op, ref=ref, fields={}, external_key="")
        assert outcomes(list(remote.write(KIND, [write]))) == [outcome]


def test_the_clock_moves_by_hand_and_by_sleep() -> None:
    clock = ManualClock()
    start = clock.now()
    clock.sleep(1.5)
    clock.move(timedelta(seconds=-1))
    assert clock.now() - start == timedelta(seconds=0.5)
    assert clock.slept == timedelta(seconds=1.5)
