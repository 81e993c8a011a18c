"""What must be true of a plugin's writes, keys, conditions and removals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest

from connector.plugin import Gone, Op, Outcome, Seen, version_key
from connector.testing.hands import MergingHands
from connector.testing.lab import Lab, act, change, needs, new


class WriteContract:
    """Each write has one result, and the result is true."""

    def test_no_writes_give_no_results(self, lab: Lab) -> None:
        assert lab.write() == []

    def test_each_write_has_exactly_one_result(self, lab: Lab) -> None:
        count = min(lab.can.batch.get(Op.CREATE, 1), 100) + 1
        creates = [new(lab.fields()) for _ in range(count)]
        results = lab.write(*creates)
        assert sorted(result.id for result in results) == sorted(write.id for write in creates)
        refs = [result.seen.ref for result in results if result.seen is not None]
        assert len(set(refs)) == count, "each applied create gives a ref of its own"
        note = lab.note()
        updates = [change(ref, {note: f"note {ref[-3:]}"}) for ref in refs]
        results = lab.write(*updates)
        assert sorted(result.id for result in results) == sorted(write.id for write in updates)
        assert {result.outcome for result in results} == {Outcome.APPLIED}
        by_id = {write.id: write for write in updates}
        for result in results:
            told = result.seen.ref if result.seen is not None else None
            assert told in (None, by_id[result.id].ref), "a result belongs to its own write"
        held = lab.hands.dump(lab.kind)
        assert {ref: held[ref][note] for ref in refs} == {ref: f"note {ref[-3:]}" for ref in refs}

    def test_a_created_record_reads_back_with_its_fields(self, lab: Lab) -> None:
        fields = lab.fields()
        [result] = lab.write(new(fields))
        assert result.outcome is Outcome.APPLIED
        assert result.seen is not None
        assert result.seen.version
        seen = lab.settled(result.seen.ref, result.seen.version)
        assert seen.gone is None
        assert seen.changed_at is not None
        assert seen.changed_at.tzinfo is not None
        note = lab.note()
        assert seen.fields[note] == fields[note]
        assert lab.hands.dump(lab.kind)[seen.ref][note] == fields[note]
        assert set(seen.fields) <= set(lab.target.fields), "only mapped fields are delivered"

    def test_none_clears_a_field_and_a_missing_one_is_untouched(self, lab: Lab) -> None:
        fields, note = lab.fields(), lab.note()
        ref = lab.hands.create(lab.kind, fields)
        lab.in_feed([ref])
        lab.hands.wait(lab.can.version_step)
        result = lab.update(ref, {note: None})
        seen = lab.settled(ref, lab.version_after(ref, result))
        assert seen.fields[note] is None, "an empty field is delivered as None"
        held = lab.hands.dump(lab.kind)[ref]
        assert not held.get(note)
        others = [name for name in fields if name != note and name in held]
        assert others
        assert all(held[name] not in (None, "", []) for name in others)

    def test_one_bad_write_does_not_stop_the_others(self, lab: Lab) -> None:
        first, second, note = lab.create().ref, lab.create().ref, lab.note()
        lab.remove(second)
        third = lab.create().ref
        writes = [change(ref, {note: "good"}) for ref in (first, second, third)]
        outcomes = {result.id: result for result in lab.write(*writes)}
        assert len(outcomes) == 3
        good, bad, last = (outcomes[write.id] for write in writes)
        assert (good.outcome, last.outcome) == (Outcome.APPLIED, Outcome.APPLIED)
        assert bad.outcome is Outcome.REFUSED
        assert bad.reason is not None
        assert "good" not in bad.reason.text, "a reason carries no value"
        held = lab.hands.dump(lab.kind)
        assert (held[first][note], held[third][note]) == ("good", "good")

    def test_versions_grow_in_the_order_of_the_writes(self, lab: Lab) -> None:
        seen = lab.create()
        versions = [seen.version]
        for number in range(3):
            lab.hands.wait(lab.can.version_step)
            result = lab.update(seen.ref, {lab.note(): f"note {number}"})
            versions.append(lab.version_after(seen.ref, result))
        assert sorted(set(versions), key=version_key) == versions

    def test_a_person_moves_the_version_too(self, lab: Lab) -> None:
        seen = lab.create()
        lab.hands.wait(lab.can.version_step)
        lab.hands.edit(lab.kind, seen.ref, {lab.note(): "by hand"})

        def look() -> bool:
            now = lab.fetch(seen.ref)
            return version_key(now.version) > version_key(seen.version)

        lab.within(lab.can.feed_lag, look, "an edit leaves the version alone")

    def test_a_counted_version_grows_by_one(self, lab: Lab) -> None:
        needs(lab.can.counts_writes, "counts_writes")
        seen = lab.create()
        lab.hands.edit(lab.kind, seen.ref, {lab.note(): "by hand"})
        result = lab.update(seen.ref, {lab.note(): "by us"})
        assert int(lab.version_after(seen.ref, result)) == int(seen.version) + 2

    # --- keys and conditions --------------------------------------------------------------------

    def test_the_external_key_is_delivered_and_found(self, lab: Lab) -> None:
        needs(lab.can.external_key != "none", "external_key")
        key = uuid4().hex[:20]
        seen = lab.create(key)
        assert lab.settled(seen.ref, seen.version).external_key == key
        field = lab.target.key_field
        assert field is not None, "a vendor with keys is opened with a key field"
        needs(lab.can.find_lag is not None, "find_lag")
        lag = lab.can.find_lag or timedelta(0)
        found: Sequence[Seen] = lab.within(
            lag, lambda: lab.remote.find(lab.kind, field, [key]), "find() lacks the key"
        )
        assert [each.ref for each in found] == [seen.ref]
        assert lab.remote.find(lab.kind, field, [key[:-1]]) == []

    def test_a_second_record_of_a_unique_key_is_refused(self, lab: Lab) -> None:
        needs(lab.can.external_key == "unique", "external_key = unique")
        key = uuid4().hex[:20]
        seen = lab.create(key)
        count = len(lab.hands.dump(lab.kind))
        [result] = lab.write(new(lab.fields(), key))
        assert result.outcome is Outcome.REFUSED
        assert result.existing in (None, seen.ref)
        assert len(lab.hands.dump(lab.kind)) == count

    def test_a_plain_key_makes_twins_that_both_can_be_found(self, lab: Lab) -> None:
        needs(lab.can.external_key == "plain", "external_key = plain")
        key = uuid4().hex[:20]
        refs = {lab.create(key).ref, lab.create(key).ref}
        needs(lab.can.find_lag is not None, "find_lag")
        field, lag = lab.target.key_field, lab.can.find_lag or timedelta(0)
        assert field is not None

        def look() -> bool:
            return {seen.ref for seen in lab.remote.find(lab.kind, field, [key])} == refs

        lab.within(lag, look, "find() lacks a twin")

    def test_a_write_fails_when_the_record_changed_since(self, lab: Lab) -> None:
        needs(lab.can.conditional, "conditional")
        seen, note = lab.create(), lab.note()
        assert seen.changed_at is not None
        lab.hands.wait(lab.can.version_step + timedelta(microseconds=1))
        lab.hands.edit(lab.kind, seen.ref, {note: "by hand"})
        stale = lab.update(seen.ref, {note: "by us"}, seen.changed_at)
        assert stale.outcome is Outcome.STALE
        assert lab.hands.dump(lab.kind)[seen.ref][note] == "by hand"

        def look() -> Seen | None:
            now = lab.fetch(seen.ref)
            return now if now.version != seen.version else None

        now: Seen = lab.within(lab.can.feed_lag, look, "an edit is not seen")
        assert lab.update(seen.ref, {note: "by us"}, now.changed_at).outcome is Outcome.APPLIED
        assert lab.hands.dump(lab.kind)[seen.ref][note] == "by us"

    # --- removals -------------------------------------------------------------------------------

    def test_a_removed_record_is_gone_by_id(self, lab: Lab) -> None:
        seen = lab.create()
        lab.in_feed([seen.ref])
        assert lab.remove(seen.ref).outcome is Outcome.APPLIED
        assert seen.ref not in lab.hands.dump(lab.kind)

        def look() -> Seen | None:
            now = lab.fetch(seen.ref)
            return now if now.gone is not None else None

        gone: Seen = lab.within(lab.can.feed_lag, look, "a removal is not seen")
        assert gone.gone in (Gone.EXPLICIT, Gone.NOT_FOUND)
        assert not gone.fields
        assert lab.update(seen.ref, {lab.note(): "x"}).outcome is Outcome.REFUSED

    def test_a_removed_record_comes_back_unless_removal_is_final(self, lab: Lab) -> None:
        needs(lab.can.batch.get(Op.RESTORE, 1) > 0, "restore")
        seen = lab.create()
        held = lab.hands.dump(lab.kind)[seen.ref][lab.note()]
        lab.remove(seen.ref)
        [result] = lab.write(act(Op.RESTORE, seen.ref))
        if lab.can.removal == "final":
            assert result.outcome is Outcome.REFUSED
        else:
            assert result.outcome is Outcome.APPLIED
            assert lab.hands.dump(lab.kind)[seen.ref][lab.note()] == held

    def test_a_removal_is_in_the_changes_with_its_evidence(self, lab: Lab) -> None:
        needs(lab.can.reports_removals, "reports_removals")
        seen = lab.create()
        lab.in_feed([seen.ref])
        lab.hands.wait(lab.can.version_step)
        lab.hands.remove(lab.kind, seen.ref)

        def look() -> bool:
            now = lab.newest(seen.changed_at).get(seen.ref)
            return now is not None and now.gone is Gone.EXPLICIT and not now.fields

        lab.within(lab.can.feed_lag, look, "changes() lacks a removal")
        assert lab.newest(None).get(seen.ref) is None, "everything there is has no removals in it"

    def test_a_merge_names_the_record_that_was_kept(self, lab: Lab) -> None:
        needs(lab.can.reports_merges, "reports_merges")
        if not isinstance(lab.hands, MergingHands):
            pytest.skip("these hands cannot merge")
        loser, winner = lab.create(), lab.create()
        lab.in_feed([loser.ref, winner.ref])
        lab.hands.wait(lab.can.version_step)
        lab.hands.merge(lab.kind, loser.ref, winner.ref)

        def look() -> bool:
            now = lab.newest(loser.changed_at).get(loser.ref)
            return now is not None and now.gone is not None and now.merged_into == winner.ref

        lab.within(lab.can.feed_lag, look, "changes() lacks a merge")
