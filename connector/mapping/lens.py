"""What a lens is: a two-way transform of one field, a side's own value to the canonical and back.

The laws, held by property tests: reading what was written is a fixed point after one step, writing
what was read keeps the value, and `read` never raises, whatever the data.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from connector.records import Field, Value

Options: TypeAlias = Mapping[Any, Any]


class Refusal(Exception):
    """A value that this side cannot hold. `text` is for a person and carries no value."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class OptionError(Exception):
    """A lens's options are wrong; each of `sentences` says what to write instead."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(*sentences)
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class Where:
    """What a lens may know about the place it works in."""

    side: Literal["local", "remote"]
    zone: dt.tzinfo
    region: str | None
    field: Field
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """One compiled transform.

    `read` takes an own value and gives the canonical one; what it cannot parse stays as its own
    text. `write` gives the own value, or raises `Refusal`. `normalise` says what becomes of a
    canonical value on a side that tidies up (`vendor_normalises`). `types` are the words of
    `FieldInfo.type` it works with; `options` are the own values of its table.
    """

    read: Callable[[Any], Value]
    write: Callable[[Value], Any]
    normalise: Callable[[Value], Value] | None = None
    types: frozenset[str] = frozenset()
    options: tuple[str, ...] = ()


def known_options(options: Options, *names: str) -> list[str]:
    """Sentences for options that are not among `names`."""
    allowed = f"write one of {', '.join(names)}" if names else "leave the options out"
    return [f"the lens has no option `{key}`; {allowed}" for key in options if key not in names]


def as_text(own: Any) -> str:
    """Write any own value as text, the same for equal values.

    >>> as_text(1.0), as_text(Decimal("1.50")), as_text(b"a"), as_text(True)
    ('1', '1.50', 'a', 'true')
    """
    match own:
        case str():
            return own
        case bool():
            return "true" if own else "false"
        case int():
            return str(own)
        case float():
            return str(int(own)) if own.is_integer() and abs(own) < 2**53 else repr(own)
        case Decimal():
            return format(own, "f") if own.is_finite() and abs(own.adjusted()) < 40 else str(own)
        case bytes() | bytearray() | memoryview():
            raw = bytes(own)
            try:
                return raw.decode()
            except UnicodeDecodeError:
                return raw.hex()
        case dt.date():  # and its child datetime
            return own.isoformat()
        case frozenset() | set():
            return ",".join(sorted(as_text(item) for item in own))
        case _:
            return json.dumps(own, default=str, sort_keys=True, ensure_ascii=False)


def or_none(text: str) -> str | None:
    """Empty and blank text is an empty value."""
    return None if not text or text.isspace() else text


def plain(own: Any) -> str:
    """Text for parsing: full-width signs folded, ends trimmed."""
    text = as_text(own)
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).strip()


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def storable(text: str) -> str:
    """Give the text back if both a database and JSON can hold it. Raises: Refusal."""
    if text.isprintable():  # the common case, in one call
        return text
    found = _CONTROL.search(text)
    if found is None:
        return text
    if found[0] == "\x00":
        raise Refusal("nul", "the text holds a NUL character")
    if found[0] >= "\ud800":
        raise Refusal("surrogate", "the text holds half of a character pair")
    raise Refusal("control", "the text holds a control character")
