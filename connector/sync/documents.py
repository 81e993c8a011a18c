"""What the state keeps of values: how they become bytes or text, and come back the same."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any, Protocol

import orjson

from connector.plugin import Reason
from connector.records import Digest, discreet

Own = dict[str, Any]
"""One side's own field names to its own values."""

_TAG = "\x00"
"""Marks a value JSON has no form for. No field of either side can be called so."""


def pack(document: Any) -> bytes:
    """Encode a document. Keys are sorted, so equal documents give equal bytes.

    >>> unpack(pack({"a": dt.date(2026, 1, 31), "b": Decimal("1.50"), "c": None}))
    {'a': datetime.date(2026, 1, 31), 'b': Decimal('1.50'), 'c': None}
    """
    try:
        return orjson.dumps(document, default=_tag, option=_OPTIONS)
    except TypeError:
        # Numbers wider than 64 bits and halves of surrogate pairs do come in vendors' JSON, and
        # the encoder refuses them without asking `_tag`: they are marked before it sees them.
        return orjson.dumps(_narrow(document), default=_tag, option=_OPTIONS)


_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def _narrow(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _narrow(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_narrow(one) for one in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return {_TAG: ["int", str(value)]}
    if isinstance(value, str) and any("\ud800" <= sign <= "\udfff" for sign in value):
        return {_TAG: ["text", value.encode("utf-16-le", "surrogatepass").hex()]}
    return value


def unpack(data: bytes) -> Any:
    document = orjson.loads(data)
    return _untag(document) if b'"\\u0000"' in data else document


def _tag(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return {_TAG: ["datetime", value.isoformat()]}
    if isinstance(value, dt.date):
        return {_TAG: ["date", value.isoformat()]}
    if isinstance(value, Decimal):
        return {_TAG: ["decimal", str(value)]}
    if isinstance(value, frozenset):
        return {_TAG: ["set", sorted(value)]}
    if isinstance(value, Digest):
        parts = (value.salt, value.rule, value.own, value.whole, value.near, value.far)
        return {_TAG: ["digest", list(parts)]}
    if isinstance(value, bytes):
        return {_TAG: ["bytes", value.hex()]}
    raise AssertionError(f"a value of type {type(value).__name__} reached a sealed document")


_MAKE: dict[str, Callable[[Any], Any]] = {
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "decimal": Decimal,
    "set": frozenset,
    "bytes": bytes.fromhex,
    "digest": lambda parts: Digest(*parts),
    "int": int,
    "text": lambda hex_: bytes.fromhex(hex_).decode("utf-16-le", "surrogatepass"),
}


def _untag(value: Any) -> Any:
    if isinstance(value, dict):
        tagged = value.get(_TAG)
        if tagged is not None:
            return _MAKE[tagged[0]](tagged[1])
        return {key: _untag(one) for key, one in value.items()}
    return [_untag(one) for one in value] if isinstance(value, list) else value


@discreet
@dataclass(frozen=True, slots=True)
class Turn:
    """Our last write of a unit: on which side, the own values it replaced, and how many reversals
    in a row led to it (`competing.py`)."""

    side: str
    was: Own
    reversals: int = 0


Turns = dict[str, Turn]


def _pack_turns(turns: Turns) -> dict[str, Any]:
    return {name: [turn.side, turn.was, turn.reversals] for name, turn in turns.items()}


def _unpack_turns(document: dict[str, Any]) -> Turns:
    return {name: Turn(*parts) for name, parts in document.get("T", {}).items()}


class Keeps(Protocol):
    """Says which values a base keeps as digests; see `mapping/digests.py`."""

    def kept(self, side: str, own: Own, salt: str) -> Own: ...
    def stand_in(self, own: Own, salt: str) -> Own: ...


@discreet
@dataclass(slots=True)
class Base:
    """What each side held, in its own names and values, when both last agreed."""

    local: Own = field(default_factory=dict)
    remote: Own = field(default_factory=dict)
    turns: Turns = field(default_factory=dict)
    """By unit, where our last write answered an edit."""
    stand_ins: dict[str, Own] = field(default_factory=dict)
    """By unit, what the vendor holds from us in place of the true value, where a privacy rule had
    it changed, left out or taken back. Empty own values: nothing."""

    def pack(self) -> bytes:
        told: dict[str, Any] = {"T": _pack_turns(self.turns)} if self.turns else {}
        if self.stand_ins:
            told["S"] = self.stand_ins
        return pack({"L": self.local, "R": self.remote, **told})

    @classmethod
    def unpack(cls, data: bytes) -> Base:
        document = unpack(data)
        stand_ins = document.get("S", {})
        return cls(document["L"], document["R"], _unpack_turns(document), stand_ins)

    def copy(self) -> Base:
        return Base(dict(self.local), dict(self.remote), dict(self.turns), dict(self.stand_ins))

    def kept(self, digests: Keeps, salt: str) -> Base:
        """This base as it is sealed: of some fields digests stand in place of values."""
        turns = {
            name: replace(turn, was=digests.kept(turn.side, turn.was, salt))
            for name, turn in self.turns.items()
        }
        stand_ins = {name: digests.stand_in(own, salt) for name, own in self.stand_ins.items()}
        local, remote = (
            digests.kept("local", self.local, salt),
            digests.kept("remote", self.remote, salt),
        )
        return Base(local, remote, turns, stand_ins)

    def stand_in(self, told: Mapping[str, Own | None]) -> None:
        """Note what stands at the vendor in place of true values; None: the true one does."""
        for unit, own in told.items():
            if own is None:
                self.stand_ins.pop(unit, None)
            else:
                self.stand_ins[unit] = own


@discreet
@dataclass(slots=True)
class Draft:
    """A write as decided: what it sets and what the base becomes when it has landed.

    `set`: own values written to the side. `old`: own values the local row must still hold.
    `take`: own values of the *other* side that the base takes with it. `joint`: own names written
    on both sides at once, which the base takes only when both have landed.
    """

    side: str
    op: str
    set: Own = field(default_factory=dict)
    old: Own = field(default_factory=dict)
    take: Own = field(default_factory=dict)
    joint: tuple[str, ...] = ()
    parent: str | None = None
    subject: str | None = None
    edited: dict[str, str | None] = field(default_factory=dict)
    """Of an update of the shop's row: the units it sets, each with the time of its edit at the
    vendor (ISO, if a time field tells)."""
    turns: Turns = field(default_factory=dict)
    stand_ins: dict[str, Own | None] = field(default_factory=dict)
    """What the base notes when it has landed; see `Base.stand_ins`."""

    def pack(self) -> bytes:
        return pack(
            {
                "T": _pack_turns(self.turns),
                "S": self.stand_ins,
                "set": self.set,
                "old": self.old,
                "take": self.take,
                "joint": list(self.joint),
                "parent": self.parent,
                "edited": self.edited,
            }
        )

    @classmethod
    def unpack(cls, side: str, op: str, data: bytes) -> Draft:
        d = unpack(data)
        return cls(
            side,
            op,
            d["set"],
            d["old"],
            d["take"],
            tuple(d["joint"]),
            d["parent"],
            edited=d.get("edited", {}),
            turns=_unpack_turns(d),
            stand_ins=d.get("S", {}),
        )


# --- reasons, which hold no values ----------------------------------------------------------------


def reason_text(reason: Reason) -> str:
    """A reason as the store keeps it."""
    return json.dumps(asdict(reason), ensure_ascii=False)


def reason_of(text: str) -> Reason:
    return Reason(**json.loads(text))
