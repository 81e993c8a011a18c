"""The kit of local sides: the smallest side passes it, and one that breaks a promise does not."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from connector.local.contract import (
    Capture,
    Journal,
    Local,
    LocalResult,
    LocalWrite,
    Refused,
    Row,
    RowState,
)
from connector.local.side import LocalSide
from connector.plugin import Kind, Op, Outcome
from connector.testing.local_contract import LocalContract, LocalHands, Open, Sample

C = Kind.CUSTOMER


@dataclass
class Shelf:
    """A host's program that keeps its records in a dictionary."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    facts: dict[str, str] = field(default_factory=dict)
    applied: dict[str, tuple[str, str]] = field(default_factory=dict)
    noted: list[str] = field(default_factory=list)
    forgotten: int = 0
    last: int = 0
    lock: Any = field(default_factory=threading.RLock)

    def add(self, values: Mapping[str, Any]) -> str:
        self.last += 1
        return self.put(str(self.last), values)

    def put(self, key: str, values: Mapping[str, Any]) -> str:
        row = {**self.rows.get(key, {}), **values}
        if any(one["mail"] == row["mail"] for k, one in self.rows.items() if k != key):
            raise Refused("taken", "mail: another record has it")
        self.rows[key] = row
        self.noted.append(key)
        return key

    # --- as `LocalHands` ------------------------------------------------------------------------

    def create(self, values: Mapping[str, Any]) -> str:
        return self.add(values)

    def edit(self, key: str, values: Mapping[str, Any]) -> None:
        self.put(key, values)

    def delete(self, key: str) -> None:
        del self.rows[key]
        self.noted.append(key)

    def live(self) -> dict[str, dict[str, Any]]:
        return {key: dict(row) for key, row in self.rows.items() if key not in self.gone}


class ShelfHands:
    """People at the shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self.create, self.edit, self.delete = shelf.create, shelf.edit, shelf.delete
        self.rows = shelf.live


class ShelfSide(LocalSide):
    """About as little as a host can write."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self.shelf = shelf

    def kinds(self) -> Sequence[Kind]:
        return [C]

    def install(self, identity: str) -> None:
        self.shelf.facts.setdefault("identity", identity)

    def identity(self) -> str | None:
        return self.shelf.facts.get("identity")

    def generation(self) -> int:
        return int(self.shelf.facts.get("generation", 0))

    def set_generation(self, number: int) -> None:
        self.shelf.facts["generation"] = str(max(number, self.generation()))

    def archives(self, kind: Kind) -> bool:
        return True

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        keys = sorted(self.shelf.rows, key=int)
        behind = [key for key in keys if after is None or int(key) > int(after)]
        return list(self.read(kind, behind[:limit]).values())

    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        return {key: self._row(key) for key in keys if key in self.shelf.rows}

    def _row(self, key: str) -> Row:
        state = RowState.DELETED if key in self.shelf.gone else RowState.LIVE
        return Row(key, {n: self.shelf.rows[key].get(n) for n in self.columns.get(C, ())}, state)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.shelf.lock:
            before = {k: copy.deepcopy(v) for k, v in vars(self.shelf).items() if k != "lock"}
            try:
                yield
            except BaseException:
                vars(self.shelf).update(before)
                raise

    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        if write.key is None:
            return self.shelf.add({"mail": None, **write.values})
        row = self.shelf.rows.get(write.key)
        if row is None or any(row[name] != value for name, value in write.old.items()):
            return None
        if write.op is Op.PURGE:
            self.shelf.delete(write.key)
        elif write.op is Op.REMOVE:
            self.shelf.gone.add(write.key)
        else:
            self.shelf.put(write.key, write.values)
        return write.key

    def note(self, kind: Kind, landed: Mapping[str, tuple[LocalWrite, str]]) -> None:
        for intent, (write, key) in landed.items():
            self.shelf.applied[intent] = (key, write.op)

    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        return {i: self.shelf.applied[i][0] for i in intents if i in self.shelf.applied}

    def origin(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
        made = {key: intent for intent, (key, op) in self.shelf.applied.items() if op == Op.CREATE}
        return {key: made[key] for key in keys if key in made}

    def forget_intents(self, intents: Sequence[str]) -> None:
        for intent in intents:
            self.shelf.applied.pop(intent, None)


class ShelfJournal(ShelfSide):
    """The same, told of changes."""

    def capture(self, kind: Kind) -> Capture:
        return Capture.JOURNAL

    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        start = max(after, self.shelf.forgotten)
        keys = self.shelf.noted[start : start + limit]
        return Journal(range(start + 1, start + 1 + len(keys)), list(dict.fromkeys(keys)))

    def forget(self, kind: Kind, entries: Sequence[int]) -> None:
        self.shelf.forgotten = max(entries, default=self.shelf.forgotten)


class OnAShelf(LocalContract):
    side: type[ShelfSide] = ShelfSide

    @pytest.fixture
    def shelf(self) -> Shelf:
        return Shelf()

    @pytest.fixture
    def opened(self, shelf: Shelf) -> Open:
        return lambda: self.side(shelf)

    @pytest.fixture
    def hands(self, shelf: Shelf) -> LocalHands:
        return ShelfHands(shelf)

    @pytest.fixture
    def sample(self) -> Sample:
        return sample

    @pytest.fixture
    def column(self) -> str:
        return "note"

    @pytest.fixture
    def bad(self) -> Mapping[str, Any]:
        return {"mail": "zoe2@example.test"}


def sample(number: int) -> Mapping[str, Any]:
    return {"name": f"Zoë {number}", "mail": f"zoe{number}@example.test", "note": f"n {number}"}


class TestShelf(OnAShelf):
    pass


class TestShelfJournal(OnAShelf):
    side = ShelfJournal


# --- broken promises ------------------------------------------------------------------------------


class NewNameEachTime(ShelfSide):
    def install(self, identity: str) -> None:
        self.shelf.facts["identity"] = identity


class GoesBack(ShelfSide):
    def set_generation(self, number: int) -> None:
        self.shelf.facts["generation"] = str(number)


class ReadsAll(ShelfSide):
    def _row(self, key: str) -> Row:
        row = super()._row(key)
        return replace(row, values={**row.values, "password": "x"})


class GuessesKeys(ShelfSide):
    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        return super().read(kind, [key.strip().lstrip("0") for key in keys])


class PagesByCount(ShelfSide):
    """Goes on behind so many rows, and so skips one for each that is gone."""

    done = 0

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        keys = sorted(self.shelf.rows, key=int)[self.done :]
        self.done += limit
        return list(self.read(kind, keys[:limit]).values())


class MixesUpResults(ShelfSide):
    def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        return list(reversed(super().write(kind, writes)))


class NoGuard(ShelfSide):
    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        return super().apply(kind, replace(write, old={}))


class GuardsLikeACollation(ShelfSide):
    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        row = self.shelf.rows.get(write.key or "", {})
        same = {n: row.get(n) for n, v in write.old.items() if str(row.get(n)).lower() == v}
        return super().apply(kind, replace(write, old={**write.old, **same}))


class NoGuardOnRemovals(ShelfSide):
    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        away = write.op in (Op.REMOVE, Op.PURGE)
        return super().apply(kind, replace(write, old={}) if away else write)


class NoneIsUntouched(ShelfSide):
    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        kept = {n: v for n, v in write.values.items() if v is not None}
        return super().apply(kind, replace(write, values=kept))


class MakesWhatIsGone(ShelfSide):
    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        if write.op is Op.UPDATE and write.key not in self.shelf.rows:
            return self.shelf.add({"mail": None, **write.values})
        return super().apply(kind, write)


class PadsWhatItReads(ShelfSide):
    def _row(self, key: str) -> Row:
        row = super()._row(key)
        return replace(row, values={name: f"{value} " for name, value in row.values.items()})


class PurgesByAMark(ShelfSide):
    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        return super().apply(kind, replace(write, op=Op.REMOVE) if write.op is Op.PURGE else write)


class RefusesTooLate(ShelfSide):
    """A refused change is in the row all the same."""

    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        try:
            return super().apply(kind, write)
        except Refused:
            self.shelf.rows.get(write.key or "", {}).update(write.values)
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield


class RemovedIsLive(ShelfSide):
    def _row(self, key: str) -> Row:
        return replace(super()._row(key), state=RowState.LIVE)


class NotesAfterwards(ShelfSide):
    """What landed is noted in a transaction of its own, and so not undone with the first."""

    def note(self, kind: Kind, landed: Mapping[str, tuple[LocalWrite, str]]) -> None:
        return


class RepeatsItself(ShelfSide):
    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        return {}


class StopsAtBadRow(ShelfSide):
    def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        try:
            return self._write(kind, writes)
        except Refused as no:
            return [LocalResult(id=w.id, outcome=Outcome.REFUSED, reason=no.reason) for w in writes]


class QuotesValues(ShelfSide):
    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        try:
            return super().apply(kind, write)
        except Refused as no:
            raise Refused("taken", f"{write.values['mail']}: {no}") from None


class UndoesNothing(ShelfSide):
    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield


class EverythingIsOurs(ShelfSide):
    def origin(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
        return {key: intent for intent, (key, _) in self.shelf.applied.items()}


class ForgetsNothing(ShelfSide):
    def forget_intents(self, intents: Sequence[str]) -> None:
        return


class ForgetsTooMuch(ShelfJournal):
    def forget(self, kind: Kind, entries: Sequence[int]) -> None:
        self.shelf.forgotten = len(self.shelf.noted)


class TellsNoDeletions(ShelfJournal):
    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        told = super().journal(kind, after, limit)
        return replace(told, keys=[key for key in told.keys if key in self.shelf.rows])


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (NewNameEachTime, "test_the_database_has_one_name_from_its_install_on"),
        (GoesBack, "test_the_number_of_a_run_is_kept_and_only_grows"),
        (ReadsAll, "test_a_row_has_exactly_the_asked_columns_in_a_form_that_can_be_sealed"),
        (GuessesKeys, "test_what_is_no_key_of_a_row_is_no_row"),
        (PagesByCount, "test_a_scan_meets_every_row_once_whatever_goes_meanwhile"),
        (MixesUpResults, "test_each_write_has_one_result_in_its_place"),
        (NoGuard, "test_a_row_that_was_edited_since_is_left_alone[another]"),
        (NoGuard, "test_of_two_who_know_the_same_one_writes"),
        (GuardsLikeACollation, "test_a_row_that_was_edited_since_is_left_alone[case]"),
        (NoGuardOnRemovals, "test_a_row_that_was_edited_since_is_left_alone[empty]"),
        (NoneIsUntouched, "test_an_emptied_column_is_empty_and_the_others_stay"),
        (MakesWhatIsGone, "test_a_row_that_is_gone_takes_no_write"),
        (PadsWhatItReads, "test_a_row_as_it_is_read_guards_the_next_write"),
        (PurgesByAMark, "test_a_purged_row_is_gone"),
        (RefusesTooLate, "test_a_refused_change_leaves_its_row_as_it_was"),
        (RemovedIsLive, "test_a_removed_row_stays_and_takes_no_part"),
        (NotesAfterwards, "test_what_landed_is_known_to_whoever_asks_later"),
        (RepeatsItself, "test_a_repeat_of_a_write_is_harmless"),
        (StopsAtBadRow, "test_one_refused_row_stops_no_other_and_leaves_nothing"),
        (QuotesValues, "test_one_refused_row_stops_no_other_and_leaves_nothing"),
        (UndoesNothing, "test_one_refused_row_stops_no_other_and_leaves_nothing"),
        (EverythingIsOurs, "test_what_landed_is_known_to_whoever_asks_later"),
        (ForgetsNothing, "test_a_forgotten_intent_is_as_if_it_never_was"),
        (ForgetsTooMuch, "test_everything_that_people_do_is_noted_until_it_is_forgotten"),
        (TellsNoDeletions, "test_everything_that_people_do_is_noted_until_it_is_forgotten"),
    ],
)
def test_a_broken_promise_fails_its_test(broken: type[ShelfSide], test: str) -> None:
    run(ShelfJournal if issubclass(broken, ShelfJournal) else ShelfSide, test)
    with pytest.raises(AssertionError):
        run(broken, test)


def run(side: type[ShelfSide], test: str) -> None:
    """One test of the kit on a side, its fixtures put together by hand."""
    shelf = Shelf()
    name, _, how = test.rstrip("]").partition("[")

    def ready() -> Local:
        local = side(shelf)
        local.install("a-name")
        local.observe(C, list(sample(1)))
        return local

    given = {
        "opened": lambda: side(shelf),
        "ready": ready,
        "local": ready() if "local" in _asked(name) else None,
        "hands": ShelfHands(shelf),
        "kind": C,
        "sample": sample,
        "column": "note",
        "bad": {"mail": "zoe2@example.test"},
        "how": how,
    }
    method = getattr(LocalContract(), name)
    method(**{one: given[one] for one in _asked(name)})


def _asked(name: str) -> list[str]:
    code = getattr(LocalContract, name).__code__
    return [one for one in code.co_varnames[: code.co_argcount] if one != "self"]


def test_a_side_that_keeps_no_journal_is_never_asked_for_one() -> None:
    side = ShelfSide(Shelf())
    with pytest.raises(AssertionError):
        side.journal(C, 0, 1)
    with pytest.raises(AssertionError):
        side.forget(C, [1])
    assert (side.capture(C), list(side.unseen(C))) == (Capture.SCAN, [])
