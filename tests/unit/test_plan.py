"""`decide`, case by case: one link, both sides as they stand, and what is to be done."""

from __future__ import annotations

from typing import Any

import pytest

from connector.local.contract import Row, RowState
from connector.mapping.translate import Pair
from connector.plugin import Gone, Op, Reason, Ref, Seen
from connector.store.conflicts import CHOSEN, OPEN, Conflict
from connector.store.links import ACTIVE, GONE, OUT, Link
from connector.sync.decision import Decision, KindRules, Partner, Situation
from connector.sync.documents import Base
from connector.sync.plan import decide
from tests.scenery import SCHEMAS, load_mappings
from tests.story import C

LOCALS, REMOTES = load_mappings()
PAIR = Pair(LOCALS[C], REMOTES[C], zone="UTC", phone_region="CN", schema=SCHEMAS[C])
RULES = KindRules(archive_local=True, on_gone_pull="archive")

ROW = {**dict.fromkeys(PAIR.columns), "full_name": "Ada", "job": "baker", "no_mail": 0}
RECORD = {**dict.fromkeys(PAIR.remote_fields), "Last": "Ada", "Job": "baker", "Opt_Out": False}


def row(state: RowState = RowState.LIVE, **columns: Any) -> Row:
    return Row("1", {**ROW, **columns}, state)


def seen(gone: Gone | None = None, version: str = "2", **fields: Any) -> Seen:
    shown = {} if gone else {**RECORD, **fields}
    return Seen(ref=Ref("r1"), version=version, changed_at=None, fields=shown, gone=gone)


def whole(state: str = ACTIVE, **more: Any) -> Link:
    about: dict[str, Any] = {"local_id": "1", "remote_id": "r1", "remote_version": "1", **more}
    return Link("x", "crm", "customer", state=state, **about)


def told(case: Situation, rules: KindRules = RULES) -> Decision:
    return decide(PAIR, rules, case)


def both(here: Row | None, there: Seen | None, rules: KindRules = RULES, **more: Any) -> Decision:
    """A whole link whose base is `ROW` and `RECORD`."""
    base = Base(dict(ROW), dict(RECORD))
    return told(Situation(more.pop("link", whole()), base, here, there, **more), rules)


def is_quiet(decision: Decision) -> bool:
    """Whether nothing at all is to be done; what was seen to have moved may be told."""
    return decision == Decision(decision.link, moves=decision.moves)


def ops(decision: Decision) -> list[tuple[str, str]]:
    return [(d.side, d.op) for d in decision.drafts]


def conflict(field: str, rule: str = "manual", state: str = OPEN) -> Conflict:
    return Conflict("c", "crm", "customer", "x", field, None, rule, state, 1)


def test_nothing_moved() -> None:
    assert is_quiet(both(row(), None))
    assert is_quiet(both(row(), seen()))


def test_an_edit_here_is_written_there_with_the_changed_field_alone() -> None:
    decision = both(row(job="smith"), None)
    assert ops(decision) == [("remote", Op.UPDATE)]
    assert decision.drafts[0].set == {"Job": "smith"}
    assert decision.drafts[0].take == {"job": "smith"}


def test_an_edit_there_is_written_here_over_the_old_value_alone() -> None:
    decision = both(row(), seen(Job="smith"))
    assert ops(decision) == [("local", Op.UPDATE)]
    assert (decision.drafts[0].set, decision.drafts[0].old) == ({"job": "smith"}, {"job": "baker"})


def test_edits_of_two_fields_make_a_write_to_each_side() -> None:
    decision = both(row(job="smith"), seen(City="Hill"))
    assert sorted(ops(decision)) == [("local", Op.UPDATE), ("remote", Op.UPDATE)]


def test_the_same_edit_on_both_sides_moves_the_base_alone() -> None:
    decision = both(row(job="smith"), seen(Job="smith"))
    assert decision.drafts == []
    assert decision.base is not None
    assert (decision.base.local["job"], decision.base.remote["Job"]) == ("smith", "smith")


def test_two_edits_of_one_field_are_a_conflict_and_the_base_stays() -> None:
    decision = both(row(city="Hill"), seen(City="Dale"))
    assert [c.field for c in decision.clashes] == ["address"]
    assert (decision.drafts, decision.base) == ([], None)


def test_a_standing_conflict_is_not_ended_by_one_sides_edit() -> None:
    standing = {"address": conflict("address")}
    decision = both(row(city="Hill"), None, conflicts=standing)
    assert [c.field for c in decision.clashes] == ["address"]
    assert decision.drafts == []


def test_a_chosen_conflict_is_written_and_closed() -> None:
    standing = {"address": conflict("address", "local", CHOSEN)}
    decision = both(row(city="Hill"), seen(City="Dale"), conflicts=standing)
    assert ops(decision) == [("remote", Op.UPDATE)]
    assert (decision.close, [x.side for x in decision.lost]) == (["c"], ["remote"])


def test_gone_on_both_sides() -> None:
    decision = both(None, seen(Gone.EXPLICIT))
    assert (decision.state, decision.drafts) == (GONE, [])


@pytest.mark.parametrize("here", [None, row(RowState.DELETED)])
def test_gone_here_is_removed_there(here: Row | None) -> None:
    decision = both(here, None)
    assert (ops(decision), decision.state, decision.removes) == (
        [("remote", Op.REMOVE)],
        GONE,
        True,
    )


@pytest.mark.parametrize(("policy", "op"), [("archive", Op.REMOVE), ("propagate", Op.PURGE)])
def test_gone_there_is_removed_here_if_it_still_holds_what_we_knew(policy: str, op: Op) -> None:
    decision = both(row(), seen(Gone.NOT_FOUND), KindRules(archive_local=True, on_gone_pull=policy))
    assert ops(decision) == [("local", op)]
    assert decision.drafts[0].old == ROW


def test_archive_without_a_column_for_it_asks_a_person() -> None:
    decision = both(row(), seen(Gone.EXPLICIT), KindRules(on_gone_pull="archive"))
    assert [(c.field, c.rule) for c in decision.clashes] == [("*", "remote_gone")]


@pytest.mark.parametrize(("policy", "state"), [("detach", GONE), ("ignore", OUT)])
def test_detach_and_ignore_write_nothing(policy: str, state: str) -> None:
    rules = KindRules(on_gone_push=policy, on_gone_pull=policy)
    for decision in (both(None, None, rules), both(row(), seen(Gone.EXPLICIT), rules)):
        assert (decision.drafts, decision.state) == ([], state)


def test_an_edit_wins_against_a_deletion_on_either_side() -> None:
    assert both(None, seen(Job="smith")).rebirth == "remote"
    assert both(row(job="smith"), seen(Gone.EXPLICIT)).rebirth == "local"


def test_out_of_sight_is_not_deleted() -> None:
    for decision in (both(row(), seen(Gone.HIDDEN)), both(row(RowState.OUT), None)):
        assert (decision.drafts, decision.state) == ([], OUT)


def test_back_in_sight_is_read_afresh_before_anything_is_decided() -> None:
    decision = both(row(job="smith"), seen(Job="tailor"), link=whole(OUT))
    assert (decision.state, decision.reread, decision.drafts) == (ACTIVE, True, [])


def test_a_tombstone_is_moved_by_a_newer_version_and_by_nothing_older() -> None:
    dead = whole(GONE, live=None, remote_version="5")
    for version, rebirth in (("4", None), ("5", None), ("6", "remote"), ("10", "remote")):
        assert told(Situation(dead, None, None, seen(version=version))).rebirth == rebirth
    assert told(Situation(dead, None, row(), None)).rebirth == "local"
    detached = whole(GONE, live=None, evidence="detached")
    assert is_quiet(told(Situation(detached, None, row(), seen(version="9"))))


def test_a_half_is_created_bound_set_aside_or_dropped() -> None:
    half = Link("x", "crm", "customer", local_id="1")
    assert ops(told(Situation(half, None, row(), None))) == [("remote", Op.CREATE)]
    bound = Situation(half, None, row(), None, partner=Partner(candidate="y"))
    assert told(bound).bind == "y"
    clash = Partner(clash=Reason(code="ambiguous", text="two of them"))
    aside = told(Situation(half, None, row(), None, partner=clash))
    assert aside.letter is not None
    assert aside.drafts == []
    new = told(Situation(half, None, row(), None, partner=clash, new_only=True))
    assert ops(new) == [("remote", Op.CREATE)]
    assert told(Situation(half, None, None, None)).drop
    assert is_quiet(told(Situation(half, None, row(RowState.OUT), None)))
    assert is_quiet(told(Situation(half, None, row(), None), KindRules(create_remote=False)))


def test_a_value_the_other_side_cannot_hold() -> None:
    half = Link("x", "crm", "customer", local_id="1")
    optional = told(Situation(half, None, row(job="j" * 41), None))
    assert [left.field for left in optional.left] == ["occupation"]
    assert "Job" not in optional.drafts[0].set
    mandatory = told(Situation(half, None, row(full_name="A" * 81), None))
    assert mandatory.letter is not None
    assert mandatory.drafts == []
