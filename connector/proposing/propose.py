"""Decide which table is which kind, and which column which canonical field. No value is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connector.proposing.facts import Column, Pointing, Table
from connector.proposing.looks import Look
from connector.proposing.words import (
    CHOICES,
    DELETED,
    DELETED_AT,
    TABLES,
    field_named,
    kinds_named,
    squeeze,
)
from connector.records import Field, Kind, field_of

NEEDED = 2
"""A table needs so many recognised columns to be taken for a kind."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a mapping; with `decide` it is written as a comment, for a person."""

    canonical: str
    column: str
    lens: str
    remark: str
    decide: str = ""


@dataclass(slots=True)
class KindProposal:
    """One kind: its table and its mapping."""

    kind: Kind
    table: Table
    others: tuple[str, ...] = ()
    """Tables that might be meant as well."""
    lines: list[Line] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    """Columns without a line whose values look like something."""
    unmapped: list[str] = field(default_factory=list)
    secrets: int = 0
    deleted: str | None = None
    deleted_at: str | None = None

    @property
    def blocking(self) -> list[str]:
        """Columns that a new row must fill and that no line fills."""
        mapped = {line.column for line in self.lines if not line.decide}
        return [
            column.name
            for column in self.table.columns.values()
            if not column.optional and column.name not in mapped and column.name != self.table.key
        ]


def choose(tables: Sequence[Table]) -> dict[Kind, tuple[Table, tuple[str, ...]]]:
    """The table of each kind, and the names of others that came near. A table serves one kind."""
    scores: list[tuple[float, Kind, Table]] = []
    for table in tables:
        named = kinds_named(table.name)
        for kind in Kind:
            known = {field_named(kind, table.name, c.name) for c in _open(table)} - {None}
            bonus = 6 if named[:1] == [kind] else 2 if kind in named else 0
            if bonus and len(known) >= NEEDED:
                scores.append((len(known) + bonus, kind, table))
            elif kind is Kind.CUSTOMER and {"phones.mobile", "emails.primary"} <= known:
                scores.append((len(known), kind, table))
    found: dict[Kind, tuple[Table, tuple[str, ...]]] = {}
    taken: set[str] = set()
    for _, kind, table in sorted(scores, key=lambda one: -one[0]):
        if kind not in found and table.name not in taken:
            others = tuple(t.name for _, k, t in scores if k is kind and t is not table)
            found[kind] = (table, others)
            taken.add(table.name)
    return {kind: found[kind] for kind in Kind if kind in found}


def _open(table: Table) -> list[Column]:
    return [column for column in table.columns.values() if not column.secret]


def propose(
    kind: Kind,
    table: Table,
    others: tuple[str, ...] = (),
    pointing: Mapping[str, Pointing] | None = None,
) -> KindProposal:
    """Propose one kind's mapping. `pointing` tells of columns that may point to customers."""
    found = KindProposal(kind, table, others)
    found.secrets = sum(column.secret for column in table.columns.values())
    lines: dict[str, Line] = {}
    doubles: list[Line] = []
    if kind is not Kind.CUSTOMER:
        for line in _references(pointing or {}):
            if lines.setdefault(line.canonical, line) is not line:
                doubles.append(_undecided(line, "another column points to customers too"))
    pointers = {line.column for line in (*lines.values(), *doubles)}
    for column in _open(table):
        if column.name == table.key and not _is_card(kind, table, column):
            continue
        if column.name in pointers or _is_deletion(found, column):
            continue
        canonical = field_named(kind, table.name, column.name)
        if canonical is None:
            _leave(found, column)
            continue
        line = _line(kind, canonical, column)
        if line.canonical in lines:
            doubles.append(_undecided(line, f"`{lines[line.canonical].column}` is mapped already"))
        else:
            lines[line.canonical] = line
    parts = {"names.family", "names.given"} & lines.keys()
    if parts and "names.full" in lines:
        said = "the name is mapped in parts" if len(parts) == 2 else "the whole name is mapped"
        for name in ("names.full",) if len(parts) == 2 else parts:
            doubles.append(_undecided(lines.pop(name), said))
    found.lines = [*lines.values(), *doubles]
    return found


def may_point(table: Table, customers: Table) -> list[str]:
    """Columns that may hold a customer's key, by foreign key or by name."""
    own = squeeze(customers.name)
    words = set(TABLES[Kind.CUSTOMER])
    words |= {own, own.removesuffix("s")}
    names = {f"{word}{end}" for word in words for end in ("id", "no", "key", "", "编号")} | {"uid"}
    if customers.key is not None and squeeze(customers.key) != "id":
        names.add(squeeze(customers.key))
    return [
        column.name
        for column in _open(table)
        if table.foreign.get(column.name) == customers.name
        or (squeeze(column.name) in names and column.name != table.key)
    ]


def _references(pointing: Mapping[str, Pointing]) -> list[Line]:
    lines = []
    for column, seen in sorted(pointing.items(), key=lambda item: -item[1].share):
        none = ", none: 0" if seen.has_zero else ""
        lens = f"{{reference: {{kind: customer{none}}}}}"
        remark = f"{seen.share:.0%} of {seen.filled} point to a customer".replace("%", " %")
        decide = (
            "few of its values are keys of customers" if seen.share < 0.6 and seen.filled else ""
        )
        lines.append(Line("customer", column, lens, remark, decide))
    return lines


def _is_card(kind: Kind, table: Table, column: Column) -> bool:
    return kind is Kind.MEMBERSHIP and field_named(kind, table.name, column.name) == "card_no"


def _is_deletion(found: KindProposal, column: Column) -> bool:
    bare = squeeze(column.name)
    if bare in DELETED and found.deleted is None:
        found.deleted = column.name
        return True
    if bare in DELETED_AT:
        found.deleted_at = column.name
        return True
    return False


def _undecided(line: Line, why: str) -> Line:
    return Line(line.canonical, line.column, line.lens, line.remark, line.decide or why)


def _leave(found: KindProposal, column: Column) -> None:
    look = column.look
    likely = {"email": "emails.primary", "cn_mobile": "phones.mobile", "phone": "phones.mobile"}
    if found.kind is Kind.CUSTOMER and look is not None and look.best in likely:
        found.hints.append(f"{column.name} {look.sentence}: {likely[look.best]}, or another field?")
    else:
        found.unmapped.append(column.name)


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


def _line(kind: Kind, canonical: str, column: Column) -> Line:
    known, look = field_of(kind, canonical), column.look
    assert known is not None
    assert look is not None
    if known.type == "choice":
        return _choice(kind, canonical, known, column, look)
    lens = {"consent": "{flag: {true: withdrawn, false: unknown}}"}.get(known.type, known.type)
    decide = ""
    fitting = _FITTING.get(known.type)
    if known.type == "datetime" and look.best == "integer":
        lens, decide = "{datetime: {format: epoch_s}}", "numbers: seconds since 1970, or epoch_ms?"
    elif look.filled and fitting is not None and look.best not in fitting:
        decide = f"the name says {canonical}, the values do not look like it"
    elif fitting is None and look.best in _CONTACT and not canonical.startswith("handles."):
        decide = f"the name says {canonical}, the values {look.sentence}"
    return Line(canonical, column.name, lens, look.sentence, decide)


def _choice(kind: Kind, canonical: str, known: Field, column: Column, look: Look) -> Line:
    """A table of codes: written only where every code says what it means."""
    words = CHOICES.get(f"{kind}.{canonical}") or CHOICES.get(canonical) or {}
    meant: dict[str, str] = {}
    for code in sorted(column.codes):
        for value, known_codes in words.items():
            if squeeze(code) in {squeeze(word) for word in known_codes.split()}:
                meant.setdefault(value, code)
    remark = f"{look.different} different codes in {look.filled}"
    if meant and len(meant) == len(column.codes):
        table = ", ".join(f"{value}: {quoted(code)}" for value, code in meant.items())
        return Line(canonical, column.name, f"{{choice: {{{table}, else: refuse}}}}", remark)
    table = ", ".join(f"{value}: <code>" for value in known.choices)
    lens = f"{{choice: {{{table}, else: refuse}}}}"
    return Line(canonical, column.name, lens, remark, "write which code is which, drop the others")


def quoted(name: str) -> str:
    """A name as YAML reads it back.

    >>> quoted("mobile"), quoted("手机"), quoted("no"), quoted("a b")
    ('mobile', '手机', '"no"', '"a b"')
    """
    plain = re.fullmatch(r"[^\W\d]\w*", name) and name.casefold() not in _YAML_WORDS
    return name if plain else json.dumps(name, ensure_ascii=False)


_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
