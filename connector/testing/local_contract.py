"""What must be true of every local side, as tests: of ours on tables, and of one that a host wrote.

A host's test derives from `LocalContract` and overrides the fixtures `opened`, `hands`, `sample`,
`column` and, where something can be refused, `bad`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any, Protocol
from uuid import uuid4

import pytest

from connector.errors import LocalError
from connector.local.contract import Capture, Local, LocalResult, LocalWrite, Row, RowState
from connector.plugin import Op, Outcome
from connector.records import Kind

__all__ = ["LocalContract", "LocalHands", "Open", "Sample", "away", "create", "update"]

Open = Callable[[], Local]
Sample = Callable[[int], Mapping[str, Any]]

SEALABLE = (str, bytes, int, float, bool, Decimal, dt.date, dt.datetime, type(None))
"""What can be remembered of a row."""


class LocalHands(Protocol):
    """People at work on one kind in the host's own program."""

    def create(self, values: Mapping[str, Any]) -> str:
        """Returns the new record's key."""
        ...

    def edit(self, key: str, values: Mapping[str, Any]) -> None: ...

    def delete(self, key: str) -> None:
        """Take the record's row away."""
        ...

    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        """The records that take part, by key, with the own names of `sample`."""
        ...


def create(values: Mapping[str, Any]) -> LocalWrite:
    """A write that makes a record."""
    return LocalWrite(id=uuid4().hex, op=Op.CREATE, key=None, values=values, old={})


def update(key: str, old: Mapping[str, Any], values: Mapping[str, Any]) -> LocalWrite:
    """A write that changes a record where it still holds `old`."""
    return LocalWrite(id=uuid4().hex, op=Op.UPDATE, key=key, values=values, old=old)


def away(op: Op, key: str, old: Mapping[str, Any]) -> LocalWrite:
    """A removal or a purge of a record that still holds `old`."""
    return LocalWrite(id=uuid4().hex, op=op, key=key, values={}, old=old)


class LocalContract:
    """Derive from it; each test begins with no records."""

    @pytest.fixture
    def opened(self) -> Open:
        """Opens the side, the same records each time; nothing is installed at first."""
        raise AssertionError("override the fixture `opened`")

    @pytest.fixture
    def hands(self) -> LocalHands:
        raise AssertionError("override the fixture `hands`")

    @pytest.fixture
    def sample(self) -> Sample:
        """Own values of the n-th invented record, for all columns that are mapped."""
        raise AssertionError("override the fixture `sample`")

    @pytest.fixture
    def column(self) -> str:
        """One of them that holds any short text, or nothing."""
        raise AssertionError("override the fixture `column`")

    @pytest.fixture
    def bad(self) -> Mapping[str, Any] | None:
        """A change of `sample(1)` that the host refuses where `sample(2)` is there already."""
        return None

    @pytest.fixture
    def kind(self) -> Kind:
        return Kind.CUSTOMER

    @pytest.fixture
    def ready(self, opened: Open, kind: Kind, sample: Sample) -> Open:
        """Opens the side, installed, with all columns asked for."""

        def open_ready() -> Local:
            local = opened()
            if local.identity() is None:
                local.install(uuid4().hex)
            local.observe(kind, list(sample(1)))
            return local

        return open_ready

    @pytest.fixture
    def local(self, ready: Open) -> Local:
        return ready()

    # --- the database ---------------------------------------------------------------------------

    def test_the_database_has_one_name_from_its_install_on(self, opened: Open) -> None:
        local = opened()
        assert local.identity() is None
        local.install("a-name")
        opened().install("another")
        assert opened().identity() == "a-name"
        assert local.lacking() == []

    def test_the_number_of_a_run_is_kept_and_only_grows(self, local: Local, ready: Open) -> None:
        assert local.generation() == 0
        local.set_generation(7)
        local.set_generation(3)
        assert ready().generation() == 7

    def test_the_kind_is_one_of_its_kinds_and_shares_its_rows(
        self, local: Local, kind: Kind
    ) -> None:
        assert kind in local.kinds()
        assert kind in local.together(kind)
        assert set(local.together(kind)) <= set(local.kinds())

    # --- reading --------------------------------------------------------------------------------

    def test_a_row_has_exactly_the_asked_columns_in_a_form_that_can_be_sealed(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample
    ) -> None:
        key = hands.create(sample(1))
        row = local.read(kind, [key])[key]
        assert (row.key, row.state, row.values) == (key, RowState.LIVE, dict(sample(1)))
        assert all(isinstance(value, SEALABLE) for value in row.values.values())

    def test_what_is_no_key_of_a_row_is_no_row(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample
    ) -> None:
        key = hands.create(sample(1))
        others = ["", " ", f"0{key}", f"{key} ", "nobody", "9" * 30, "-1", "1.0", "é"]
        assert (local.read(kind, others), set(local.present(kind, others))) == ({}, set())
        assert list(local.read(kind, [key, *others])) == [key]
        assert set(local.present(kind, [*others, key])) == {key}

    def test_a_scan_meets_every_row_once_whatever_goes_meanwhile(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample
    ) -> None:
        keys = [hands.create(sample(n)) for n in range(12)]
        seen: list[str] = []
        after: str | None = None
        while page := local.scan(kind, after, 5):
            assert len(page) <= 5
            seen += [row.key for row in page]
            after = seen[-1]
            hands.delete(after)
        assert sorted(seen) == sorted(keys)

    # --- writing --------------------------------------------------------------------------------

    def test_each_write_has_one_result_in_its_place(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample
    ) -> None:
        writes = [create(sample(n)) for n in range(7)]
        told = local.write(kind, writes)
        assert [one.id for one in told] == [one.id for one in writes]
        rows = [self._row(one) for one in told]
        assert [row.values for row in rows] == [dict(sample(n)) for n in range(7)]
        assert {row.key: dict(row.values) for row in rows} == _plain(hands.rows())
        assert local.write(kind, []) == []

    def test_a_row_as_it_is_read_guards_the_next_write(
        self, local: Local, kind: Kind, sample: Sample, column: str
    ) -> None:
        row = self._made(local, kind, sample(1))
        read = local.read(kind, [row.key])[row.key]
        [told] = local.write(kind, [update(row.key, read.values, {column: "new"})])
        assert told.outcome is Outcome.APPLIED
        assert self._row(told).values == {**sample(1), column: "new"}

    def test_an_emptied_column_is_empty_and_the_others_stay(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample, column: str
    ) -> None:
        row = self._made(local, kind, sample(1))
        local.write(kind, [update(row.key, {column: row.values[column]}, {column: None})])
        assert _plain(hands.rows()) == {row.key: {**sample(1), column: None}}
        [told] = local.write(kind, [update(row.key, {column: None}, {column: "again"})])
        assert told.outcome is Outcome.APPLIED

    @pytest.mark.parametrize("how", ["another", "empty", "case"])
    def test_a_row_that_was_edited_since_is_left_alone(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample, column: str, how: str
    ) -> None:
        row = self._made(local, kind, {**sample(1), column: "known"})
        edited = {"another": "by hand", "empty": None, "case": "Known"}[how]
        hands.edit(row.key, {column: edited})
        old = {column: "known"}
        ops = [Op.PURGE, *([Op.REMOVE] if local.archives(kind) else [])]
        for write in [
            update(row.key, old, {column: "ours"}),
            *(away(o, row.key, old) for o in ops),
        ]:
            [told] = local.write(kind, [write])
            assert (told.outcome, told.row) == (Outcome.STALE, None)
            assert local.landed(kind, [write.id]) == {}
        assert _plain(hands.rows()) == {row.key: {**sample(1), column: edited}}

    def test_a_row_that_is_gone_takes_no_write(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample, column: str
    ) -> None:
        key = hands.create(sample(1))
        hands.delete(key)
        for missing in (key, "nobody", "9" * 30):
            [told] = local.write(kind, [update(missing, {}, {column: "ours"})])
            assert told.outcome is Outcome.STALE
        assert hands.rows() == {}

    def test_a_removed_row_stays_and_takes_no_part(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample
    ) -> None:
        if not local.archives(kind):
            pytest.skip("this side archives nothing")
        row = self._made(local, kind, sample(1))
        [told] = local.write(kind, [away(Op.REMOVE, row.key, row.values)])
        assert (told.outcome, self._row(told).state) == (Outcome.APPLIED, RowState.DELETED)
        assert hands.rows() == {}
        assert local.read(kind, [row.key])[row.key].state is RowState.DELETED
        assert set(local.present(kind, [row.key])) == {row.key}

    def test_a_purged_row_is_gone(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample
    ) -> None:
        row = self._made(local, kind, sample(1))
        [told] = local.write(kind, [away(Op.PURGE, row.key, row.values)])
        assert (told.outcome, self._row(told).state) == (Outcome.APPLIED, RowState.DELETED)
        assert hands.rows() == {}
        assert set(local.present(kind, [row.key])) == set()

    def test_one_refused_row_stops_no_other_and_leaves_nothing(
        self,
        local: Local,
        hands: LocalHands,
        kind: Kind,
        sample: Sample,
        bad: Mapping[str, Any] | None,
    ) -> None:
        if bad is None:
            pytest.skip("this side refuses nothing")
        hands.create(sample(2))
        writes = [create(sample(3)), create({**sample(1), **bad}), create(sample(4))]
        told = local.write(kind, writes)
        assert [one.outcome for one in told] == [
            Outcome.APPLIED,
            Outcome.REFUSED,
            Outcome.APPLIED,
        ]
        assert told[1].reason is not None
        for value in bad.values():
            assert value is None or str(value) not in told[1].reason.text, "a reason has no value"
        assert len(hands.rows()) == 3
        assert set(local.landed(kind, [w.id for w in writes])) == {writes[0].id, writes[2].id}

    def test_a_refused_change_leaves_its_row_as_it_was(
        self,
        local: Local,
        hands: LocalHands,
        kind: Kind,
        sample: Sample,
        bad: Mapping[str, Any] | None,
    ) -> None:
        if bad is None:
            pytest.skip("this side refuses nothing")
        row = self._made(local, kind, sample(1))
        hands.create(sample(2))
        [told] = local.write(kind, [update(row.key, {}, bad)])
        assert told.outcome is Outcome.REFUSED
        assert dict(hands.rows()[row.key]) == dict(sample(1))

    # --- twice, late, and lost answers ----------------------------------------------------------

    def test_a_repeat_of_a_write_is_harmless(
        self, local: Local, ready: Open, hands: LocalHands, kind: Kind, sample: Sample, column: str
    ) -> None:
        make = create(sample(1))
        [first] = local.write(kind, [make])
        key = self._row(first).key
        change = update(key, {column: sample(1)[column]}, {column: "ours"})
        local.write(kind, [change])
        hands.edit(key, {column: "by hand"})
        again = ready().write(kind, [make, change])
        assert [(one.outcome, one.repeated) for one in again] == [(Outcome.APPLIED, True)] * 2
        assert [self._row(one).key for one in again] == [key, key]
        assert _plain(hands.rows()) == {key: {**sample(1), column: "by hand"}}

    def test_what_landed_is_known_to_whoever_asks_later(
        self, local: Local, ready: Open, hands: LocalHands, kind: Kind, sample: Sample, column: str
    ) -> None:
        make = create(sample(1))
        key = self._row(local.write(kind, [make])[0]).key
        change = update(key, {}, {column: "ours"})
        local.write(kind, [change])
        theirs = hands.create(sample(2))
        late = ready()
        asked = [make.id, change.id, uuid4().hex]
        assert late.landed(kind, asked) == {make.id: key, change.id: key}
        assert late.made(kind, asked) == {make.id: key, change.id: key}
        assert late.origin(kind, [key, theirs]) == {key: make.id}
        assert late.landed(kind, []) == {}

    def test_a_forgotten_intent_is_as_if_it_never_was(
        self, local: Local, kind: Kind, sample: Sample
    ) -> None:
        one, other = create(sample(1)), create(sample(2))
        told = local.write(kind, [one, other])
        local.forget_intents([one.id])
        local.forget_intents([])
        keys = [self._row(each).key for each in told]
        assert local.landed(kind, [one.id, other.id]) == {other.id: keys[1]}
        assert local.origin(kind, keys) == {keys[1]: other.id}

    def test_of_two_who_know_the_same_one_writes(
        self, ready: Open, hands: LocalHands, kind: Kind, sample: Sample, column: str
    ) -> None:
        key = hands.create({**sample(1), column: "known"})
        sides, start = [ready(), ready()], Barrier(2)

        def write(number: int) -> Outcome | None:
            start.wait(30)
            try:
                wanted = update(key, {column: "known"}, {column: f"of {number}"})
                return sides[number].write(kind, [wanted])[0].outcome
            except LocalError:  # it was busy, and surely wrote nothing
                return None
            finally:
                sides[number].close()

        with ThreadPoolExecutor(2) as pool:
            told = list(pool.map(write, range(2)))
        landed = [number for number in range(2) if told[number] is Outcome.APPLIED]
        assert len(landed) == 1
        assert hands.rows()[key][column] == f"of {landed[0]}"

    # --- changes --------------------------------------------------------------------------------

    def test_everything_that_people_do_is_noted_until_it_is_forgotten(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample, column: str
    ) -> None:
        if local.capture(kind) is not Capture.JOURNAL:
            pytest.skip("this side has no journal")
        keys = [hands.create(sample(n)) for n in range(3)]
        assert set(local.journal(kind, 0, 100).keys) == set(keys)
        first = local.journal(kind, 0, 2)
        rest = local.journal(kind, first.entries[-1], 100)
        assert len(first.entries) == 2
        assert set(first.entries).isdisjoint(rest.entries)
        read = local.journal(kind, 0, 100)
        hands.edit(keys[0], {column: "by hand"})  # after the look, before we forget
        local.forget(kind, read.entries)
        assert list(local.journal(kind, 0, 100).keys) == [keys[0]]
        local.forget(kind, local.journal(kind, 0, 100).entries)
        hands.delete(keys[1])
        assert list(local.journal(kind, 0, 100).keys) == [keys[1]]

    def test_a_row_that_changed_is_told_by_its_time(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample, column: str
    ) -> None:
        if local.capture(kind) is not Capture.COLUMN:
            pytest.skip("this side's rows have no time")
        before = local.now() - dt.timedelta(seconds=2)
        key = hands.create(sample(1))
        hands.edit(key, {column: "by hand"})
        told = local.changed(kind, before, None, 100)
        assert (list(told.keys), told.place) == ([key], None)

    # --- helpers --------------------------------------------------------------------------------

    def _made(self, local: Local, kind: Kind, values: Mapping[str, Any]) -> Row:
        return self._row(local.write(kind, [create(values)])[0])

    @staticmethod
    def _row(told: LocalResult) -> Row:
        assert told.outcome is Outcome.APPLIED, told.reason
        assert told.row is not None
        return told.row


def _plain(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: dict(values) for key, values in rows.items()}
