"""The lenses that translate by a table: `choice` (canonical → own) and `flag` (own → canonical)."""

from __future__ import annotations

from typing import Any

from connector.mapping.lens import Lens, OptionError, Options, Refusal, Where, as_text, plain
from connector.mapping.texts import read_text, write_text
from connector.records import Field, Value

STRICTNESS = {"granted": 0, "unknown": 1, None: 1, "denied": 2, "withdrawn": 2}
"""Consent states, stricter is higher; no state at all is as strict as `unknown`."""
NO = 2
"""How strict a person's no is, of a consent as of a flag."""

_TRUE = {"true", "1", "yes", "y", "t", "on", "是"}
_FALSE = {"false", "0", "no", "n", "f", "off", "否"}


def truth(own: Any) -> bool | None:
    """Read the usual ways of writing a flag; None if it is none of them.

    >>> truth("Y"), truth(0), truth(b"\\x01"), truth("perhaps")
    (True, False, True, None)
    """
    if isinstance(own, bool):
        return own
    if isinstance(own, bytes | bytearray) and len(own) == 1 and own[0] < 2:
        return bool(own[0])  # BIT(1)
    text = plain(own).casefold()
    return True if text in _TRUE else False if text in _FALSE else None


def _legal(field: Field, canonical: Any) -> bool:
    if field.type == "flag":
        return isinstance(canonical, bool)
    if field.choices:
        return canonical in field.choices
    return isinstance(canonical, str)


def _allowed(field: Field) -> str:
    return "true or false" if field.type == "flag" else ", ".join(field.choices) or "text"


# --- choice -------------------------------------------------------------------------------------


def choice(options: Options, where: Where) -> Lens:
    """`{canonical: own, …, else: …}`.

    `else: refuse` keeps a canonical value without a line out of this side, `else: keep` passes it
    on as it is, any other `else` is written in its place. An own value without a line stays text.
    """
    table = {key: own for key, own in options.items() if key != "else"}
    field, other = where.field, options.get("else")
    if faults := _choice_faults(table, other, field):
        raise OptionError(*faults)
    back: dict[str, Value] = {}
    for key, own in table.items():
        back.setdefault(as_text(own), key)

    def read(own: Any) -> Value:
        if own is None:
            return None
        text = as_text(own).strip()
        return back.get(text, text or None)

    def write(value: Value) -> Any:
        if value is None:
            return None
        if type(value) in (str, bool) and value in table:  # a number 1 is not the key `true`
            return table[value]
        # A text that is no canonical value here is the other side's own, which it could not read:
        # it never becomes "other".
        foreign = bool(field.choices) and value not in field.choices and other != "keep"
        if other is None or other == "refuse" or foreign:
            raise Refusal("refused", "the table of choices has no line for this value")
        return write_text(value) if other == "keep" else other

    named = [as_text(own) for own in table.values()]
    if other not in (None, "refuse", "keep"):
        named.append(as_text(other))
    types = frozenset({"choice", "text", "flag", "integer"})
    return Lens(read=read, write=write, types=types, options=tuple(dict.fromkeys(named)))


def _choice_faults(table: Options, other: Any, field: Field) -> list[str]:
    faults = []
    if not table:
        faults.append(
            "a choice lens needs a table: `lens: {choice: {CANONICAL: OWN, else: refuse}}`"
        )
    for key, own in table.items():
        if not _legal(field, key):
            faults.append(f"`{key}` is not a canonical value here; write {_allowed(field)}")
        if own is None or isinstance(own, dict | list):
            faults.append(f"`{key}` needs the own value as text, number or true/false")
    if isinstance(other, dict | list):
        faults.append("`else` must be refuse, keep or one own value")
    wanted = (True, False) if field.type == "flag" else field.choices
    uncovered = [as_text(name) for name in wanted if name not in table]
    if other is None and uncovered:
        faults.append(f"the table lacks {', '.join(uncovered)}; add them, or `else: refuse`")
    elif other is None and not wanted:
        faults.append("the table cannot name every value of this field; add `else: refuse`")
    return faults


# --- flag ---------------------------------------------------------------------------------------


def flag(options: Options, where: Where) -> Lens:
    """`{own: canonical}`, for flag fields also without a table.

    A consent that the two own values cannot say exactly becomes the one nearest in strictness, the
    stricter of two equally near: with `{true: withdrawn, false: unknown}` both withdrawn and denied
    are true, granted and unknown false.
    """
    table = dict(options) or {True: True, False: False}
    if faults := _flag_faults(options, table, where.field):
        raise OptionError(*faults)
    by_truth = set(table) == {True, False}
    back: dict[str, Value] = {} if by_truth else {as_text(own): one for own, one in table.items()}
    writes = _flag_writes(table, where)

    def read(own: Any) -> Value:
        if own is None:
            return None
        said = truth(own) if by_truth else None
        if said is not None:
            found: Value = table[said]
            return found
        text = as_text(own).strip()
        return back[text] if text in back else read_text(text)

    def write(value: Value) -> Any:
        if value is None or (type(value) in (str, bool) and value in writes):
            return writes.get(value)
        raise Refusal("refused", "neither own value of this flag says this")

    types = frozenset({"flag"} if by_truth else {"flag", "choice", "text", "integer"})
    return Lens(read=read, write=write, types=types, options=tuple(back))


def _flag_faults(options: Options, table: Options, field: Field) -> list[str]:
    if not options and field.type != "flag":
        return ["a flag lens needs a table here: `lens: {flag: {true: …, false: …}}`"]
    faults = [
        f"the value of `{as_text(own)}` must be one of {_allowed(field)}"
        for own, canonical in table.items()
        if not _legal(field, canonical)
    ]
    if len(table) != 2 or (set(table) & {True, False} and set(table) != {True, False}):
        faults.append("the table needs two lines, one for each own value, such as true and false")
    return faults


def _flag_writes(table: Options, where: Where) -> dict[Value, Any]:
    """The own value for each canonical one."""
    writes: dict[Value, Any] = {}
    for own, canonical in table.items():
        writes.setdefault(canonical, own)
    if where.field.type == "consent":
        for state in STRICTNESS:
            writes.setdefault(state, _nearest(table, state))
    # A column may be empty; a vendor's check box never is.
    if where.side == "local":
        writes[None] = None
    elif where.field.type == "flag":
        writes[None] = writes.get(False)
    return writes


def _nearest(table: Options, state: str | None) -> Any:
    want = STRICTNESS[state]

    def far(own: Any) -> tuple[int, int]:
        have = STRICTNESS[table[own]]
        return (abs(have - want), -have)

    return min(table, key=far)
