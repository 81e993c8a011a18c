"""What must be true of a plugin's changes, listing, reading by id and search."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from connector.plugin import Gone, Ref, Seen, version_key
from connector.testing.lab import Lab, needs, newest


class ReadContract:
    """Nothing that was changed is passed over, and what is read is what is there."""

    def test_changes_give_at_least_one_page_with_the_vendors_time(self, lab: Lab) -> None:
        seen = lab.create()
        [last, *_] = reversed(list(lab.remote.changes(lab.kind, None, None)))
        assert last.read_at.tzinfo is not None
        assert last.resume is None
        assert seen.changed_at is not None
        made_at = seen.changed_at.replace(microsecond=0)  # a `Date` header has whole seconds
        assert last.read_at >= made_at, "read_at is the vendor's clock, not ours"
        future = last.read_at + timedelta(days=2)
        pages = list(lab.remote.changes(lab.kind, future, None))
        assert len(pages) >= 1
        assert [each for page in pages for each in page.seen] == []

    def test_since_is_inclusive(self, lab: Lab) -> None:
        seen = lab.create()
        now = lab.in_feed([seen.ref])[seen.ref]
        assert now.changed_at is not None
        assert seen.ref in lab.newest(now.changed_at)

    def test_a_person_edit_is_in_the_changes_within_the_feed_lag(self, lab: Lab) -> None:
        seen, note = lab.create(), lab.note()
        lab.in_feed([seen.ref])
        lab.hands.wait(lab.can.version_step)
        lab.hands.edit(lab.kind, seen.ref, {note: "by hand"})

        def look() -> bool:
            now = lab.newest(seen.changed_at).get(seen.ref)
            return now is not None and now.fields.get(note) == "by hand"

        lab.within(lab.can.feed_lag, look, "changes() lacks an edit")

    def test_changes_are_complete_while_records_move(self, lab: Lab, many: int) -> None:
        note = lab.note()
        refs = [lab.hands.create(lab.kind, lab.fields()) for _ in range(many)]
        before = lab.in_feed(refs)
        unread, read = list(refs), []
        copies: list[Seen] = []
        for page in lab.remote.changes(lab.kind, None, None):
            copies.extend(page.seen)
            met = {seen.ref for seen in page.seen}
            read += [ref for ref in unread if ref in met]
            unread = [ref for ref in unread if ref not in met]
            if len(read) <= many:  # people work on, on both sides of the reader
                for ref in (*unread[-1:], *read[:1]):
                    lab.hands.edit(lab.kind, ref, {note: f"moved {len(read)}"})
        after = newest(copies)
        assert set(refs) <= set(after), "a record was passed over"
        for ref in refs:
            assert version_key(after[ref].version) >= version_key(before[ref].version)

    def test_changes_go_on_where_they_were_left_off(self, lab: Lab, many: int) -> None:
        refs = {lab.hands.create(lab.kind, lab.fields()) for _ in range(many)}
        lab.in_feed(refs)
        pages = iter(lab.remote.changes(lab.kind, None, None))
        first = next(pages)
        if first.resume is None:
            pytest.skip("one page holds all; let the fixture `many` make more")
        met = {seen.ref for seen in first.seen}
        assert not refs <= met
        for page in lab.remote.changes(lab.kind, None, first.resume):
            met |= {seen.ref for seen in page.seen}
        assert refs <= met

    # --- other reading --------------------------------------------------------------------------

    def test_fetch_gives_one_answer_for_each_ref(self, lab: Lab) -> None:
        known, removed = lab.create(), lab.create()
        lab.in_feed([known.ref, removed.ref])
        lab.remove(removed.ref)
        unknown = Ref(str(int(known.ref) + 10**6) if known.ref.isdigit() else f"{known.ref}x")

        def look() -> bool:
            seen = lab.remote.fetch(lab.kind, [known.ref, removed.ref, unknown])
            assert sorted(each.ref for each in seen) == sorted([known.ref, removed.ref, unknown])
            return {each.ref: each.gone is not None for each in seen} == {
                known.ref: False,
                removed.ref: True,
                unknown: True,
            }

        lab.within(lab.can.feed_lag, look, "fetch() does not say who is missing")
        assert lab.fetch(unknown).gone is Gone.NOT_FOUND
        assert list(lab.remote.fetch(lab.kind, [])) == []

    def test_fetch_shows_our_last_write_at_once(self, lab: Lab) -> None:
        needs(lab.can.reads_own_writes, "reads_own_writes")
        seen, note = lab.create(), lab.note()
        for number in range(3):
            lab.update(seen.ref, {note: f"note {number}"})
            assert lab.fetch(seen.ref).fields[note] == f"note {number}"

    def test_find_gives_exact_matches_only(self, lab: Lab, many: int) -> None:
        note = lab.note()
        values = [f"{uuid4().hex[:8]} {number}" for number in range(many)]
        refs = {}
        for value in (*values, f"{values[0]}0", values[1].upper() + "x"):
            refs[lab.hands.create(lab.kind, {**lab.fields(), note: value})] = value
        assert lab.remote.find(lab.kind, note, [uuid4().hex]) == []
        assert lab.remote.find(lab.kind, note, []) == []
        needs(lab.can.find_lag is not None, "find_lag")
        lag = lab.can.find_lag or timedelta(0)
        wanted = {ref for ref, value in refs.items() if value in values}

        def look() -> bool:
            found = lab.remote.find(lab.kind, note, values)
            assert {seen.fields[note] for seen in found} <= set(values)
            return {seen.ref for seen in found} == wanted

        lab.within(lag, look, "find() lacks a record")

    def test_the_listing_is_in_id_order_whole_and_can_go_on(self, lab: Lab, many: int) -> None:
        made = [lab.hands.create(lab.kind, lab.fields()) for _ in range(many)]
        gone = made.pop()
        lab.in_feed(made)
        lab.hands.remove(lab.kind, gone)

        def look() -> list[Ref] | None:
            seen = [s for page in lab.remote.listing(lab.kind, None) for s in page.seen]
            refs = [each.ref for each in seen]
            assert all(each.version for each in seen)
            return refs if set(made) <= set(refs) and gone not in refs else None

        refs: list[Ref] = lab.within(lab.can.feed_lag, look, "listing() is not what is there")
        assert len(refs) == len(set(refs))
        middle = refs[len(refs) // 2]
        rest = [s.ref for page in lab.remote.listing(lab.kind, middle) for s in page.seen]
        assert rest == refs[len(refs) // 2 + 1 :]
        assert set(refs) == set(lab.hands.dump(lab.kind))
