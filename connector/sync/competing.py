"""Competing writers: somebody who always puts a value back after we changed it is noticed.

Each write remembers what it replaced. An edit that puts just that back is a reversal, and three in
a row on one unit are no coincidence: two programs, each sure of its value, would make us write for
ever. The unit then waits for a person, and the record's other fields go on.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.mapping.translate import Pair, Unit
from connector.records import discreet
from connector.sync.decision import Side, other_side
from connector.sync.documents import Base, Own, Turn
from connector.sync.merge import Cause, Move, Values, agree

RULE = "competing_writer"
"""The rule of a conflict that stands for this."""
MOST_REVERSALS = 3


@discreet
@dataclass(frozen=True, slots=True)
class Edit:
    """One unit that was edited on one side only, and what that side shows now."""

    side: Side
    now: Values


def edit_of(move: Move) -> Edit | None:
    """The edit that a move carries to the other side; None if it is none."""
    if move.cause is Cause.LOCAL_EDIT and move.to_remote is not None:
        return Edit("local", move.to_remote)
    if move.cause is Cause.REMOTE_EDIT and move.to_local is not None:
        return Edit("remote", move.to_local)
    return None


def reversals(pair: Pair, base: Base, unit: Unit, edit: Edit | None) -> int:
    """How many edits in a row, this one among them, have put back what our last write replaced."""
    turn = base.turns.get(unit.name)
    if edit is None or turn is None or turn.side != edit.side:
        return 0
    read = pair.read_local if edit.side == "local" else pair.read_remote
    was = {name: value for name, value in read(turn.was).items() if name in unit.fields}
    return turn.reversals + 1 if was and agree(pair.same, was, edit.now) else 0


def turn_for(pair: Pair, base: Base, unit: Unit, edit: Edit, count: int) -> Turn:
    """What to remember of the write that answers an edit: the values it replaces."""
    side = other_side(edit.side)
    names = pair.columns_of(unit) if side == "local" else pair.remote_fields_of(unit)
    held: Own = base.local if side == "local" else base.remote
    return Turn(side, {name: held[name] for name in names if name in held}, count)
