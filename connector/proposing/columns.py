"""Decide which canonical field a plain column is, and by which lens. No value is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping

from connector.proposing.found import Column, Table
from connector.proposing.hints import INNER, READ_ONLY
from connector.proposing.looks import Look
from connector.proposing.proposal import Line, quoted
from connector.proposing.words import CHOICES, field_named, squeeze
from connector.records import Field, Kind, field_of

_FITTING: Mapping[str, tuple[str, ...]] = {
    "email": ("email",),
    "phone": ("cn_mobile", "phone", "integer"),
    "date": ("date", "datetime"),
    "datetime": ("datetime", "date"),
    "integer": ("integer", "flag"),
    "decimal": ("decimal", "integer", "flag"),
    "flag": ("flag",),
    "consent": ("flag",),
}
"""Canonical type to the looks that bear it out."""
_CONTACT = ("email", "cn_mobile")
_NUMBERED = ("card_no", "address.postcode")
"""Texts that may well stand in a column of numbers."""


def canonical_of(kind: Kind, table: Table, column: Column, *, inner: bool = False) -> str | None:
    """The field that a column's name says, or else the comment that its makers gave it."""
    return named(kind, table, column.name, inner=inner) or (
        named(kind, table, column.said, inner=inner) if len(column.said) > 1 else None
    )


def named(kind: Kind, table: Table, name: str, *, inner: bool = False) -> str | None:
    """The field that a name says; in the customers' rows only by words that are sure.

    >>> from connector.proposing.found import Table
    >>> people = Table(name="people", keys=("id",), makes_keys=True, columns={})
    >>> named(Kind.MEMBERSHIP, people, "member_level", inner=True)
    'tier'
    >>> named(Kind.MEMBERSHIP, people, "status", inner=True)
    """
    if not inner:
        return field_named(kind, table.plain, name)
    bare = squeeze(name)
    return next((field for field, words in INNER.items() if bare in words.split()), None)


def line_of(kind: Kind, canonical: str, table: Table, column: Column) -> Line:
    """Propose the line of one column."""
    known = field_of(kind, canonical)
    assert known is not None
    direction, why = _direction(canonical, table, column)
    if column.look is None:
        decide = "say which code is which" if known.type == "choice" else ""
        remark = "the account may not read it, so it is only written"
        lens = _lens(known)
        return Line(canonical=canonical, column=column.name, lens=lens, remark=remark,
                    decide=decide, direction="pull")  # fmt: skip
    look, decide, remark = column.look, "", column.look.sentence
    lens = _lens(known)
    if known.type == "choice":
        lens, remark, decide = choice(kind, canonical, known, column, look)
    else:
        if known.type == "datetime" and look.best == "integer":
            lens = "{datetime: {format: epoch_s}}"
        decide = _doubt(canonical, known, column, look)
    if known.type in ("text", "phone") and column.whole_number and not decide:
        direction, why = "push", "a column of numbers takes no text back"
    remark = f"{remark}; {why}" if why else remark
    return Line(canonical=canonical, column=column.name, lens=lens, remark=remark, decide=decide,
                direction=direction)  # fmt: skip


def _lens(known: Field) -> str:
    return {"consent": "{flag: {true: withdrawn, false: unknown}}"}.get(known.type, known.type)


def _direction(canonical: str, table: Table, column: Column) -> tuple[str, str]:
    if column.name in table.keys:
        return "push", "it is the row's key, which is never changed"
    if not column.writable:
        return "push", "the account or the database lets nobody write it"
    if canonical in READ_ONLY:
        return "push", READ_ONLY[canonical]
    return "both", ""


def _doubt(canonical: str, known: Field, column: Column, look: Look) -> str:
    fitting = _FITTING.get(known.type)
    if known.type == "datetime" and look.best == "integer":
        return "numbers: seconds since 1970, or epoch_ms?"
    if look.filled and fitting is not None and look.best not in fitting:
        return f"the name says {canonical}, the values do not look like it"
    if fitting is None and look.best in _CONTACT and not canonical.startswith("handles."):
        return f"the name says {canonical}, the values {look.sentence}"
    if known.type == "text" and column.whole_number and canonical not in _NUMBERED:
        return (
            "it holds numbers: a `lookup` if another table names them, or `choice` if they are few"
        )
    return ""


def choice(
    kind: Kind, canonical: str, known: Field, column: Column, look: Look
) -> tuple[str, str, str]:
    """A lens with a table of codes, its remark, and what is to be decided.

    It is written only where every code says what it means, or the column's comment does.
    """
    words = CHOICES.get(f"{kind}.{canonical}") or CHOICES.get(canonical) or {}
    codes = column.codes | set(column.meanings)
    meant: dict[str, str] = {}
    for code in sorted(codes):
        said = squeeze(column.meanings.get(code, code))
        for value, known_codes in words.items():
            if said in {squeeze(word) for word in known_codes.split()}:
                meant.setdefault(value, code)
    remark = f"{look.different} different codes in {look.filled}"
    if meant and len(meant) == len(codes):
        table = {value: meant[value] for value in known.choices if value in meant}
        return _written(table, column), remark, ""
    table = {value: meant.get(value, "<code>") for value in known.choices}
    return _written(table, column), remark, "write which code is which, drop the others"


def _written(table: Mapping[str, str], column: Column) -> str:
    def own(code: str) -> str:
        number = column.whole_number and re.fullmatch(r"-?\d+", code)
        return code if number or code == "<code>" else quoted(code)

    return f"{{choice: {{{', '.join(f'{v}: {own(c)}' for v, c in table.items())}, else: refuse}}}}"


CLASSES: Mapping[str, str] = {
    "email": "contact.email",
    "cn_mobile": "contact.phone",
    "phone": "contact.phone",
}
"""The privacy class that a column's looks suggest, where no field names it."""
