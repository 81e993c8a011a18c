"""The merge rule against a second statement of it: every combination there is, then its laws.

The reference below is written from the design's table, not from `merge.py`: it knows four facts of
a unit (is there a base, who moved, do both show the same, which way is open) and looks the outcome
up.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import pytest

from connector.records import MISSING, Missing, Value
from connector.sync.merge import Cause, Move, Rule, Sides, Values, merge

EARLY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LATE = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)

WORDS: tuple[Value | Missing, ...] = (MISSING, None, "a", "b", "c")
SETS: tuple[Value | Missing, ...] = (
    MISSING,
    None,
    frozenset("a"),
    frozenset("ab"),
    frozenset("bc"),
)
ANSWERS: tuple[Value | Missing, ...] = (MISSING, None, "granted", "denied", "withdrawn")
STRICT: Mapping[Value, int] = {"withdrawn": 2, "denied": 2, None: 1, "granted": 0}


@dataclass(frozen=True)
class Policy:
    """One way of settling two edits, with the values it is tried on."""

    rule: str
    values: tuple[Value | Missing, ...] = WORDS
    times: tuple[dt.datetime | None, dt.datetime | None] = (None, None)
    mirrored: str | None = None
    """What it is called with the sides swapped, where that is another name."""


POLICIES = (
    Policy("local", mirrored="remote"),
    Policy("remote", mirrored="local"),
    Policy("manual"),
    Policy("no such policy"),
    Policy("max"),
    Policy("min"),
    Policy("fill_blank"),
    Policy("union", SETS),
    Policy("most_restrictive", ANSWERS),
    Policy("newest", times=(EARLY, LATE)),
    Policy("newest", times=(LATE, EARLY)),
    Policy("newest", times=(LATE, LATE)),
    Policy("newest", times=(LATE, None)),
)
WAYS = {"both": (True, True), "push": (True, False), "pull": (False, True)}


def same(field: str, a: Value, b: Value) -> bool:
    return a == b


def strictness(field: str, value: Value) -> int:
    return STRICT[value]


def one(value: Value | Missing) -> Values | Missing:
    return MISSING if isinstance(value, Missing) else {"f": value}


def rule_of(policy: Policy, way: str, *, first_contact: str = "manual") -> Rule:
    push, pull = WAYS[way]
    return Rule(policy.rule, push, pull, first_contact, times=policy.times, strictness=strictness)


def cases(values: tuple[Value | Missing, ...]) -> Iterator[Sides]:
    for base_l, base_r, left, right in product(values, repeat=4):
        yield Sides(one(base_l), one(base_r), one(left), one(right))


def plain(values: Values | Missing | None) -> Value | Missing:
    return values["f"] if isinstance(values, Mapping) else MISSING


# --- the reference -----------------------------------------------------------------------------

NOTHING = Move(Cause.NOTHING)
UNKNOWN = Move(Cause.NOTHING, settle=False)
AGREED = Move(Cause.AGREED)
OPEN = Move(Cause.CONFLICT, settle=False)
AGAINST = Move(Cause.AGAINST_DIRECTION)


def local_wins(case: Sides) -> Move:
    return Move(Cause.POLICY, to_remote={"f": plain_value(case.local)}, lost="remote")


def remote_wins(case: Sides) -> Move:
    return Move(Cause.POLICY, to_local={"f": plain_value(case.remote)}, lost="local")


def plain_value(values: Values | Missing) -> Value:
    assert not isinstance(values, Missing)
    return values["f"]


def by_policy(policy: Policy, name: str, case: Sides) -> Move:
    """Two values, both new, both ways open."""
    left, right = plain_value(case.local), plain_value(case.remote)
    was = plain(case.base_local)
    match name:
        case "local":
            return local_wins(case)
        case "remote":
            return remote_wins(case)
        case "newest":
            mine, theirs = policy.times
            if mine is None or theirs is None or mine == theirs:
                return OPEN
            return local_wins(case) if mine > theirs else remote_wins(case)
        case "max" | "min":
            found = [v for v in (left, right) if v is not None]
            result: Value = (max if name == "max" else min)(found, key=str)
        case "fill_blank":
            if left is not None and right is not None:
                return OPEN
            result = right if left is None else left
        case "union":
            # Element by element: what was there stays if nobody took it away; what was not there
            # comes if anybody added it.
            sets = [v if isinstance(v, frozenset) else frozenset() for v in (was, left, right)]
            before, mine_, theirs_ = sets
            stays = {e for e in before if e in mine_ and e in theirs_}
            comes = {e for e in mine_ | theirs_ if e not in before}
            result = frozenset(stays | comes) or None
        case "most_restrictive":
            result = max(left, right, key=lambda v: (STRICT[v], v is not None, str(v)))
        case _:
            return OPEN
    return Move(
        Cause.POLICY,
        to_remote=None if result == right else {"f": result},
        to_local=None if result == left else {"f": result},
    )


def reference(policy: Policy, way: str, first_contact: str, case: Sides) -> Move:
    """The table of the design."""
    missing = {
        name: isinstance(getattr(case, name), Missing)
        for name in ("base_local", "base_remote", "local", "remote")
    }
    push, pull = WAYS[way]
    agree = not missing["local"] and not missing["remote"] and case.local == case.remote
    only_way = {"push": local_wins, "pull": remote_wins}
    if missing["base_local"] or missing["base_remote"]:
        if missing["local"] or missing["remote"]:
            return UNKNOWN
        if agree:
            return AGREED
        if way in only_way:
            return only_way[way](case)
        # A withdrawn consent is never overruled, whatever the kind's rule for first contact.
        strict = policy.rule == "most_restrictive"
        return by_policy(policy, policy.rule if strict else first_contact, case)
    moved = (
        not missing["local"] and case.local != case.base_local,
        not missing["remote"] and case.remote != case.base_remote,
    )
    if moved == (False, False):
        return NOTHING
    if moved == (True, False):
        if case.local == case.base_remote:
            return AGREED
        value = {"f": plain_value(case.local)}
        return Move(Cause.LOCAL_EDIT, to_remote=value) if push else AGAINST
    if moved == (False, True):
        if case.remote == case.base_local:
            return AGREED
        value = {"f": plain_value(case.remote)}
        return Move(Cause.REMOTE_EDIT, to_local=value) if pull else AGAINST
    if agree:
        return AGREED
    return only_way[way](case) if way in only_way else by_policy(policy, policy.rule, case)


# --- the table, exhaustively --------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.rule)
def test_every_combination_comes_out_as_the_table_says(policy: Policy, way: str) -> None:
    rule = rule_of(policy, way)
    count = 0
    for case in cases(policy.values):
        assert merge(rule, same, case) == reference(policy, way, "manual", case), case
        count += 1
    assert count == 625


@pytest.mark.parametrize("first_contact", ["local", "remote", "fill_blank", "manual"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.rule)
def test_every_first_contact_comes_out_as_the_table_says(
    policy: Policy, way: str, first_contact: str
) -> None:
    rule = rule_of(policy, way, first_contact=first_contact)
    for case in cases(policy.values):
        if isinstance(case.base_local, Missing) or isinstance(case.base_remote, Missing):
            assert merge(rule, same, case) == reference(policy, way, first_contact, case), case


def test_first_contact_is_never_decided_by_time() -> None:
    rule = Rule("newest", first_contact="newest", times=(EARLY, LATE))
    told = merge(Rule("newest", first_contact="manual", times=(EARLY, LATE)), same, START)
    assert told == OPEN
    assert merge(rule, same, START).cause is Cause.POLICY  # only if the kind's own rule says so


START = Sides(MISSING, MISSING, {"f": "a"}, {"f": "b"})


# --- laws ---------------------------------------------------------------------------------------


def after(case: Sides, move: Move) -> Sides:
    """The world once a move is carried out: what was written stands, the base took both sides."""
    left = move.to_local if move.to_local is not None else case.local
    right = move.to_remote if move.to_remote is not None else case.remote
    if not move.settle:
        return Sides(case.base_local, case.base_remote, left, right)
    # A side that did not show the unit and was not written keeps its half of the base.
    base_l = case.base_local if isinstance(left, Missing) else left
    base_r = case.base_remote if isinstance(right, Missing) else right
    return Sides(base_l, base_r, left, right)


def mirror_of(move: Move) -> Move:
    other = {"local": "remote", "remote": "local", None: None}
    causes = {Cause.LOCAL_EDIT: Cause.REMOTE_EDIT, Cause.REMOTE_EDIT: Cause.LOCAL_EDIT}
    return Move(
        causes.get(move.cause, move.cause),
        to_remote=move.to_local,
        to_local=move.to_remote,
        settle=move.settle,
        lost=other[move.lost],
    )


def every() -> Iterator[tuple[Policy, str, str, Sides]]:
    for policy, way in product(POLICIES, WAYS):
        for first_contact in ("manual", "local", "fill_blank"):
            for case in cases(policy.values):
                yield policy, way, first_contact, case


def test_merging_the_result_again_does_nothing() -> None:
    for policy, way, first_contact, case in every():
        rule = rule_of(policy, way, first_contact=first_contact)
        move = merge(rule, same, case)
        if move.settle:
            again = merge(rule, same, after(case, move))
            assert again.to_local is None, (policy, way, case, move)
            assert again.to_remote is None, (policy, way, case, move)
            assert again.cause is Cause.NOTHING, (policy, way, case, move)


def test_swapping_the_sides_and_the_policy_swaps_the_result() -> None:
    ways = {"both": "both", "push": "pull", "pull": "push"}
    first = {"local": "remote", "manual": "manual", "fill_blank": "fill_blank"}
    for policy, way, first_contact, case in every():
        if policy.rule == "union" and case.base_local != case.base_remote:
            continue  # the union is counted from one base, the local half; here the halves differ
        swapped = Policy(
            policy.mirrored or policy.rule, policy.values, (policy.times[1], policy.times[0])
        )
        there = Sides(case.base_remote, case.base_local, case.remote, case.local)
        found = merge(rule_of(swapped, ways[way], first_contact=first[first_contact]), same, there)
        here = merge(rule_of(policy, way, first_contact=first_contact), same, case)
        assert found == mirror_of(here), (policy, way, first_contact, case)


def test_no_value_is_invented() -> None:
    for policy, way, first_contact, case in every():
        move = merge(rule_of(policy, way, first_contact=first_contact), same, case)
        shown = [plain(case.local), plain(case.remote)]
        for written in (plain(move.to_local), plain(move.to_remote)):
            if isinstance(written, Missing) or written in shown:
                continue
            assert policy.rule == "union", (policy, case, written)
            parts = [v for v in shown if isinstance(v, frozenset)]
            assert isinstance(written, frozenset)
            assert written <= frozenset().union(*parts), (case, written)


def test_a_side_that_was_not_delivered_is_never_taken_for_cleared() -> None:
    for policy, way, first_contact, case in every():
        move = merge(rule_of(policy, way, first_contact=first_contact), same, case)
        if isinstance(case.local, Missing) and plain(move.to_remote) is None:
            raise AssertionError(f"a missing value cleared the vendor's: {case}")
        if isinstance(case.remote, Missing) and plain(move.to_local) is None:
            raise AssertionError(f"a missing value cleared the shop's: {case}")


def test_a_conflict_stays_one_until_a_side_moves_or_a_person_chooses() -> None:
    found = 0
    for policy, way, first_contact, case in every():
        rule = rule_of(policy, way, first_contact=first_contact)
        move = merge(rule, same, case)
        if move.cause is not Cause.CONFLICT:
            continue
        found += 1
        assert move.to_local is None, "an open conflict writes nothing"
        assert move.to_remote is None, "an open conflict writes nothing"
        assert merge(rule, same, after(case, move)) == move
        agreed = Sides(case.base_local, case.base_remote, case.local, case.local)
        ended = merge(rule, same, agreed)
        assert ended.cause is not Cause.CONFLICT
        for side in ("local", "remote"):
            chosen = Rule(rule.policy, rule.push, rule.pull, rule.first_contact, chosen=side)
            told = merge(chosen, same, case)
            assert told.cause is Cause.CHOSEN
            winner = case.local if side == "local" else case.remote
            assert (told.to_remote if side == "local" else told.to_local) == winner
            assert told.lost == ("remote" if side == "local" else "local")
    assert found > 100


# --- groups -------------------------------------------------------------------------------------

HOME = {"city": "Harbour", "street": "1 Quay"}


def test_a_group_moves_as_one_even_if_one_of_its_fields_did() -> None:
    moved = {"city": "Harbour", "street": "2 Quay"}
    move = merge(Rule(), same, Sides(HOME, HOME, moved, HOME))
    assert move == Move(Cause.LOCAL_EDIT, to_remote=moved)


def test_two_edits_of_different_fields_of_a_group_are_a_conflict() -> None:
    here = {"city": "Harbour", "street": "2 Quay"}
    there = {"city": "Hill", "street": "1 Quay"}
    assert merge(Rule(), same, Sides(HOME, HOME, here, there)) == OPEN


def test_a_group_that_came_in_part_is_completed_from_what_its_side_held() -> None:
    move = merge(Rule(), same, Sides(HOME, HOME, {"city": "Hill"}, HOME))
    assert move.to_remote == {"city": "Hill", "street": "1 Quay"}


def test_a_policy_wins_a_group_whole_so_that_no_third_address_comes_to_be() -> None:
    here = {"city": "Harbour", "street": "2 Quay"}
    there = {"city": "Hill", "street": "1 Quay"}
    for policy, winner in (("local", here), ("remote", there)):
        move = merge(Rule(policy), same, Sides(HOME, HOME, here, there))
        assert (move.to_remote or move.to_local) == winner


def test_equality_is_the_lenses_own() -> None:
    def loosely(field: str, a: Value, b: Value) -> bool:
        return str(a).casefold() == str(b).casefold()

    case = Sides({"f": "A"}, {"f": "a"}, {"f": "a"}, {"f": "B"})
    assert merge(Rule(), loosely, case) == Move(Cause.REMOTE_EDIT, to_local={"f": "B"})
