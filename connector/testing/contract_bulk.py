"""What must be true of a plugin's ways in bulk; a remote without one skips these, by name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from connector.bulk import BulkReads, BulkWrites
from connector.errors import RetryableError, UsageError
from connector.plugin import Fields, Op, Outcome, Ref, Result, Seen, Write
from connector.testing.lab import Lab, act, change, new

ODD = ("=1+1", "@SUM(1)", 'a "b", c', "two\nlines", "\t+x", "007", "true", "a;b", "空 值", "")
"""Texts that a table may spoil: formulas, quotes, commas, breaks, what looks like a number."""
_MOST_CALLS = 20


class Stopped(Exception):
    """The process dies here."""


class BulkContract:
    """A job shows what the ordinary way shows, and does what it says, wherever we are stopped."""

    # --- reading --------------------------------------------------------------------------------

    def test_a_bulk_read_shows_what_changes_would_show(self, lab: Lab, many: int) -> None:
        bulk, note = reads(lab), lab.note()
        refs = []
        for number in range(max(many, len(ODD))):
            text = ODD[number % len(ODD)]
            refs.append(lab.hands.create(lab.kind, {**lab.fields(), note: text or None}))
        lab.create(key=uuid4().hex[:20])
        lab.in_feed(refs)
        ordinary = lab.newest(None)
        pages = list(bulk.bulk_read(lab.kind, None))
        seen = [one for page in pages for one in page.seen]
        assert len(seen) == len({one.ref for one in seen}), "each record comes once"
        found = {one.ref: told(one) for one in seen}
        assert found == {ref: told(one) for ref, one in ordinary.items()}

    def test_a_bulk_read_goes_on_behind_each_of_its_pages(self, lab: Lab, many: int) -> None:
        bulk = reads(lab)
        refs = {lab.hands.create(lab.kind, lab.fields()) for _ in range(many)}
        lab.in_feed(refs)
        pages = list(bulk.bulk_read(lab.kind, None))
        assert pages[0].resume is not None, "the job is named before it is waited for"
        assert pages[-1].resume is None
        met: set[Ref] = set()
        for page in pages:
            met |= {one.ref for one in page.seen}
            assert page.read_at == pages[0].read_at
            if page.resume is None:
                continue
            rest = [
                one.ref for other in bulk.bulk_read(lab.kind, page.resume) for one in other.seen
            ]
            assert met | set(rest) == refs
            assert not met & set(rest), "what was given is not given again"

    def test_what_changes_after_a_bulk_read_began_is_in_the_changes(self, lab: Lab) -> None:
        bulk, note = reads(lab), lab.note()
        ref = lab.hands.create(lab.kind, lab.fields())
        lab.in_feed([ref])
        pages = iter(bulk.bulk_read(lab.kind, None))
        first = next(pages)
        lab.hands.edit(lab.kind, ref, {note: "meanwhile"})
        list(pages)
        since = first.read_at - timedelta(seconds=1) - lab.can.version_step

        def look() -> bool:
            now = lab.newest(since).get(ref)
            return now is not None and now.fields.get(note) == "meanwhile"

        lab.within(lab.can.feed_lag, look, "changes() lacks an edit")

    def test_a_bulk_read_of_nothing_is_one_end(self, lab: Lab) -> None:
        pages = list(reads(lab).bulk_read(lab.kind, None))
        assert pages[-1].resume is None
        assert [one for page in pages for one in page.seen] == []

    # --- writing --------------------------------------------------------------------------------

    def test_a_bulk_write_creates_what_an_ordinary_one_would(self, lab: Lab) -> None:
        bulk, note = writes(lab), lab.note()
        creates = [new({**lab.fields(), note: text}, uuid4().hex[:20]) for text in ODD]
        loads = list(bulk.bulk_loads(lab.kind, creates))
        need(loads, "creates")
        results = finish(lab, bulk, creates)
        assert {one.outcome for one in results.values()} == {Outcome.APPLIED}
        held = lab.hands.dump(lab.kind)
        refs = {}
        for write in creates:
            seen = results[write.id].seen
            assert seen is not None and seen.version, "a create gives its ref and a version"
            refs[write.id] = seen.ref
            for name, value in write.fields.items():
                assert (held[seen.ref].get(name) or None) == (value or None), name
        assert len(set(refs.values())) == len(creates)
        now = lab.in_feed(refs.values())
        for write in creates:
            made = results[write.id].seen
            assert made is not None
            assert made.version <= now[made.ref].version, "none too high"
            assert now[made.ref].external_key in (write.external_key, None)

    def test_a_bulk_write_changes_the_fields_given_and_no_other(self, lab: Lab) -> None:
        bulk, note = writes(lab), lab.note()
        before = [lab.fields() for _ in ODD]
        refs = [lab.hands.create(lab.kind, fields) for fields in before]
        updates = [change(ref, {note: text}) for ref, text in zip(refs, ODD, strict=True)]
        need(list(bulk.bulk_loads(lab.kind, updates)), "updates")
        results = finish(lab, bulk, updates)
        assert {one.outcome for one in results.values()} == {Outcome.APPLIED}
        held = lab.hands.dump(lab.kind)
        for ref, fields, text in zip(refs, before, ODD, strict=True):
            assert (held[ref].get(note) or None) == (text or None)
            others = {name: value for name, value in fields.items() if name != note}
            assert {name: held[ref].get(name) for name in others} == others

    def test_one_bad_record_does_not_stop_a_bulk_write(self, lab: Lab) -> None:
        bulk, note = writes(lab), lab.note()
        first, second = lab.create().ref, lab.create().ref
        lab.remove(second)
        updates = [change(ref, {note: "good"}) for ref in (first, second, lab.create().ref)]
        need(list(bulk.bulk_loads(lab.kind, updates)), "updates")
        good, bad, last = (finish(lab, bulk, updates)[one.id] for one in updates)
        assert (good.outcome, last.outcome) == (Outcome.APPLIED, Outcome.APPLIED)
        assert bad.outcome is Outcome.REFUSED
        assert bad.reason is not None and "good" not in bad.reason.text

    def test_a_bulk_write_makes_nothing_twice_wherever_it_is_stopped(self, lab: Lab) -> None:
        bulk = writes(lab)
        for stop in range(1, 4):
            creates = [new(lab.fields(), uuid4().hex[:20]) for _ in range(3)]
            need(list(bulk.bulk_loads(lab.kind, creates)), "creates")
            before = len(lab.hands.dump(lab.kind))
            kept: list[bytes | None] = []

            def keep(
                token: bytes | None,
                kept: list[bytes | None] = kept,
                stop: int = stop,
                before: int = before,
            ) -> None:
                if not kept:
                    assert len(lab.hands.dump(lab.kind)) == before, "kept before any effect"
                kept.append(token)
                if len(kept) == stop:
                    raise Stopped

            with suppress(Stopped):
                list(bulk.bulk_write(lab.kind, creates, None, keep))
            assert kept and kept[-1], "what may have an effect has a token"
            results = finish(lab, bulk, creates, kept[-1])
            assert {one.outcome for one in results.values()} == {Outcome.APPLIED}
            assert len(lab.hands.dump(lab.kind)) == before + 3

    def test_what_a_job_cannot_keep_is_in_no_load(self, lab: Lab) -> None:
        bulk, note = writes(lab), lab.note()
        seen = lab.create()
        bound = change(seen.ref, {note: "x"}, seen.changed_at)
        away = act(Op.REMOVE, seen.ref)
        assert list(bulk.bulk_loads(lab.kind, [bound, away])) == []
        for one in (bound, away):
            with pytest.raises(UsageError):
                list(bulk.bulk_write(lab.kind, [one], None, _unused))
        assert list(bulk.bulk_write(lab.kind, [], None, _unused)) == []

    def test_the_terms_say_from_where_on_a_job_pays(self, lab: Lab) -> None:
        if isinstance(lab.remote, BulkReads):
            assert lab.remote.bulk_read_terms(lab.kind).pays_above > 0
        terms = writes(lab).bulk_write_terms(lab.kind)
        assert 0 < terms.pays_above < terms.job_records, (
            "a full job pays, or there is no use for it"
        )


def reads(lab: Lab) -> BulkReads:
    if not isinstance(lab.remote, BulkReads):
        pytest.skip("the plugin has no way to read in bulk")
    return lab.remote


def writes(lab: Lab) -> BulkWrites:
    if not isinstance(lab.remote, BulkWrites):
        pytest.skip("the plugin has no way to write in bulk")
    return lab.remote


def need(loads: Sequence[Sequence[Write]], what: str) -> None:
    if not loads:
        pytest.skip(f"the plugin takes no {what} in bulk")


def finish(
    lab: Lab, bulk: BulkWrites, writes: Sequence[Write], token: bytes | None = None
) -> dict[str, Result]:
    """Write all loads to their ends, going on as a caller would; results by the write's id."""
    found: dict[str, Result] = {}
    loads = [writes] if token is not None else list(bulk.bulk_loads(lab.kind, writes))
    assert sorted(one.id for load in loads for one in load) == sorted(one.id for one in writes)
    for load in loads:
        kept: list[bytes | None] = [token]
        for _ in range(_MOST_CALLS):
            left = [one for one in load if one.id not in found]
            try:
                for result in bulk.bulk_write(lab.kind, left, kept[-1], kept.append):
                    assert result.id not in found, "one result for each write"
                    found[result.id] = result
                break
            except RetryableError as error:
                lab.hands.wait(timedelta(seconds=error.after_s or 1))
        assert {one.id for one in load} <= found.keys()
    return found


def told(seen: Seen) -> tuple[Any, ...]:
    """All that a reader says of a record; who saved it last is a favour of some feeds."""
    fields: Fields = dict(seen.fields)
    return (seen.ref, seen.version, seen.changed_at, fields, seen.external_key, seen.gone)


def _unused(token: bytes | None) -> None:
    raise AssertionError("nothing is under way")
