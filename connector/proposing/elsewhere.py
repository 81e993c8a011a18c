"""Decide what of a record stands in other tables: names of ids, and ledgers that add up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from connector.proposing.columns import choice, named
from connector.proposing.found import Ask, Column, Pointing, Table
from connector.proposing.hints import AMOUNTS, DELETED, DELETED_AT, LEDGERS, NAMES
from connector.proposing.proposal import Line, percent, quoted
from connector.proposing.words import TABLES, singular, squeeze
from connector.records import Kind, field_of

_END = re.compile(r"(?:[_\s]?(?:id|key|code|no)|Id|ID|编号)$")


# --- names of ids -------------------------------------------------------------------------------


def name_column(table: Table) -> Column | None:
    """The column that names the entries of a small table; None: it is no table of names."""
    if table.key is None or not table.whole:
        return None
    own = squeeze(singular(table.plain.casefold()))
    for column in table.open():
        bare = squeeze(column.name)
        tries = {bare, bare.removeprefix(own), *(bare[len(w) :] for w in _parts(table) if w)}
        if column.sort == "text" and column.name != table.key and tries & NAMES:
            return column
    return None


def _parts(table: Table) -> list[str]:
    return [singular(part) for part in re.split(r"[\W_]+", table.plain.casefold())]


def lookup_targets(table: Table, column: Column, tables: Sequence[Table]) -> list[Table]:
    """Small tables that may name a column's ids: the one it is declared to point to, else by name
    and type."""
    declared = table.foreign.get(column.name)
    if declared is not None:
        return [t for t in tables if (t.name, t.key) == declared and name_column(t) is not None]
    stem = _stem(column.name)
    if not stem or column.name in table.keys:
        return []
    return [
        t
        for t in tables
        if t is not table
        and name_column(t) is not None
        and t.columns[t.key or ""].sort == column.sort
        and squeeze(singular(t.plain.casefold())).endswith(stem)
    ]


def _stem(name: str) -> str:
    """What an id is of: `memberlevel` of member_level_id."""
    bare = _END.sub("", name)
    return squeeze(singular(bare.casefold())) if bare != name else ""


def lookup_questions(table: Table, tables: Sequence[Table]) -> Iterator[Ask]:
    """What must be asked before `lookups` can say."""
    for column in table.open():
        for target in lookup_targets(table, column, tables):
            yield Ask(table.name, column.name, target.name, target.key or "")


def lookups(
    kind: Kind,
    table: Table,
    tables: Sequence[Table],
    answers: Mapping[Ask, Pointing],
    *,
    inner: bool,
) -> Iterator[tuple[Column, Line | None, str]]:
    """Columns whose ids another table names: with a line, or a hint where no field is known."""
    for column in table.open():
        for target in lookup_targets(table, column, tables):
            seen = answers[Ask(table.name, column.name, target.name, target.key or "")]
            names = name_column(target)
            if names is None or (seen.filled and seen.share < 1 and not _declared(table, column)):
                continue
            yield column, *_lookup(kind, table, column, target, names, seen, inner)
            break


def named_by_id(kind: Kind, table: Table, column: Column, *, inner: bool = True) -> str | None:
    """The field that a column holds ids of.

    >>> from connector.proposing.found import Column, Table
    >>> level = Column(name="member_level_id", sort="whole", optional=True, null=True, secret=False)
    >>> people = Table(name="people", keys=("id",), makes_keys=True, columns={})
    >>> named_by_id(Kind.MEMBERSHIP, people, level)
    'tier'
    """
    stem = _END.sub("", column.name)
    if stem == column.name:
        return None
    said = _END.sub("", column.said)
    return named(kind, table, stem, inner=inner) or (
        named(kind, table, said, inner=inner) if len(said) > 1 else None
    )


def _declared(table: Table, column: Column) -> bool:
    return column.name in table.foreign


def _lookup(
    kind: Kind,
    table: Table,
    column: Column,
    target: Table,
    names: Column,
    seen: Pointing,
    inner: bool,
) -> tuple[Line | None, str]:
    canonical = named_by_id(kind, table, column, inner=inner)
    known = field_of(kind, canonical) if canonical is not None else None
    if canonical is None or known is None or known.type not in ("text", "choice"):
        said = f"{column.name} holds ids that table {target.name} names: a `lookup`, if it matters"
        return None, said
    lens, decide = known.type, ""
    if known.type == "choice":
        assert names.look is not None
        lens, _, decide = choice(kind, canonical, known, names, names.look)
    unique = names.look is not None and names.look.different == target.rows
    form = (
        f"column: {quoted(column.name)}, lookup: {{table: {quoted(target.name)},"
        f" key: {quoted(target.key or '')}, value: {quoted(names.name)}}}"
    )
    remark = f"{percent(seen.share)} of {seen.filled} are ids that {target.name} names"
    if not unique:
        remark += "; the names are not unique there, so none is written back"
    direction = "both" if unique and column.writable else "push"
    return Line(canonical=canonical, column=column.name, lens=lens, remark=remark, decide=decide,
                direction=direction, form=form), ""  # fmt: skip


# --- ledgers ------------------------------------------------------------------------------------


def _ledger_links(table: Table, other: Table, kind: Kind) -> list[str]:
    """Columns of a ledger that may hold keys of `table`."""
    if table.key is None:
        return []
    own = {squeeze(singular(table.plain.casefold())), *TABLES[kind]}
    sort = table.columns[table.key].sort
    declared = [n for n, to in other.foreign.items() if to == (table.name, table.key)]
    return declared or [
        column.name
        for column in other.open()
        if column.sort == sort
        and column.name not in other.foreign
        and squeeze(column.name) in {f"{word}{end}" for word in own for end in ("id", "no")}
    ]


def _amount(other: Table, links: Sequence[str]) -> Column | None:
    points = bool(LEDGERS & set(_parts(other))) or any(
        word in other.plain for word in LEDGERS if not word.isascii()
    )
    for column in other.open():
        bare = squeeze(column.name)
        if column.name in links or column.name in other.keys or column.name in other.foreign:
            continue
        fits = bare in LEDGERS or (points and bare in AMOUNTS)
        if column.sort in ("whole", "number") and fits:
            return column
    return None


def ledgers(
    kind: Kind, table: Table, tables: Sequence[Table]
) -> Iterator[tuple[Table, str, Column]]:
    """Tables whose lines may add up to a row's points: (ledger, its link, what is added up)."""
    for other in tables:
        links = _ledger_links(table, other, kind) if other is not table else []
        amount = _amount(other, links) if links else None
        if amount is not None:
            yield other, links[0], amount


def ledger_questions(kind: Kind, table: Table, tables: Sequence[Table]) -> Iterator[Ask]:
    """What must be asked before `sums` can say."""
    for other, link, _ in ledgers(kind, table, tables):
        yield Ask(other.name, link, table.name, table.key or "")


def sums(
    kind: Kind, table: Table, tables: Sequence[Table], answers: Mapping[Ask, Pointing]
) -> Iterator[Line]:
    """Lines for `points` where a ledger has them; the likeliest first."""
    for other, link, amount in ledgers(kind, table, tables):
        seen = answers[Ask(other.name, link, table.name, table.key or "")]
        tests = [f"{quoted(name)}: {value}" for name, value, _ in _counting(other)]
        unsure = [name for name, _, surely in _counting(other) if not surely]
        where = f", where: {{{', '.join(tests)}}}" if tests else ""
        decide = ""
        if amount.sort == "number":
            decide = "its lines have fractions, and points are whole numbers"
        elif seen.filled and seen.share < 0.6 and link not in other.foreign:
            decide = f"few of its lines belong to a row of {table.name}"
        elif unsure:
            decide = f"{unsure[0]} may be empty in lines that count, which this `where` leaves out"
        yield Line(
            canonical="points",
            column=amount.name,
            lens="integer",
            form=f"sum: {{table: {quoted(other.name)}, column: {quoted(amount.name)},"
            f" key: {quoted(link)}{where}}}",
            remark=f"the lines of {other.name} add up to it, and the shop alone writes them",
            decide=decide,
        )


def _counting(ledger: Table) -> Iterator[tuple[str, str, bool]]:
    """Tests that leave out a ledger's deleted lines, and whether they leave out no other."""
    for column in ledger.open():
        bare = squeeze(column.name)
        if bare in DELETED and column.sort in ("whole", "flag"):
            yield column.name, "false" if column.sort == "flag" else "0", not column.null
        elif bare in DELETED_AT and column.null:
            yield column.name, "null", True
