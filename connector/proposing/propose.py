"""Decide which table is which kind, and put together what is proposed for it. No value is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace

from connector.proposing import elsewhere, people
from connector.proposing.columns import CLASSES, canonical_of, line_of
from connector.proposing.found import Ask, Column, Pointing, Table
from connector.proposing.hints import MANDATORY
from connector.proposing.proposal import KindProposal, Line
from connector.proposing.rows import is_marker, memberships_in, settings_of
from connector.proposing.words import kinds_named
from connector.records import Kind

NEEDED = 2
"""A table needs so many recognised columns to be taken for a kind."""

Chosen = dict[Kind, tuple[Table, tuple[str, ...]]]
"""The table of each kind, and the names of others that came near."""


def choose(tables: Sequence[Table]) -> Chosen:
    """The table of each kind. One table serves one kind, but the customers' rows may hold their
    memberships too."""
    scores: list[tuple[float, Kind, Table]] = []
    for table in tables:
        kinds = kinds_named(table.plain)
        for kind in Kind:
            known = {canonical_of(kind, table, c) for c in table.open()} - {None}
            bonus = 6 if kinds[:1] == [kind] else 2 if kind in kinds else 0
            if bonus and len(known) >= NEEDED:
                scores.append((len(known) + bonus, kind, table))
            elif kind is Kind.CUSTOMER and {"phones.mobile", "emails.primary"} <= known:
                scores.append((len(known), kind, table))
    # Customers first: what is theirs must point to them.
    scores.sort(key=lambda one: (one[1] is not Kind.CUSTOMER, -one[0]))
    found: Chosen = {}
    for _, kind, table in scores:
        if kind in found or any(table is taken for taken, _ in found.values()):
            continue
        if kind is Kind.MEMBERSHIP and not _belongs(table, found):
            continue
        others = tuple(t.name for _, k, t in scores if k is kind and t is not table)
        found[kind] = (table, others)
    if Kind.CUSTOMER in found and Kind.MEMBERSHIP not in found:
        home = found[Kind.CUSTOMER][0]
        if memberships_in(list(_inner_lines(home))):
            found[Kind.MEMBERSHIP] = (home, ())
    return {kind: found[kind] for kind in Kind if kind in found}


def _belongs(table: Table, found: Chosen) -> bool:
    if Kind.CUSTOMER not in found or found[Kind.CUSTOMER][0].key is None:
        return True
    home = propose(Kind.CUSTOMER, found[Kind.CUSTOMER][0])
    return bool(people.may_point(table, home.table) or list(people.may_match(table, home)))


def _inner_lines(table: Table) -> Iterator[Line]:
    """What names alone say; ids of levels count, before it is known which table names them."""
    for column in table.open():
        canonical = canonical_of(Kind.MEMBERSHIP, table, column, inner=True)
        canonical = canonical or elsewhere.named_by_id(Kind.MEMBERSHIP, table, column)
        if canonical is not None and canonical_of(Kind.CUSTOMER, table, column) is None:
            yield line_of(Kind.MEMBERSHIP, canonical, table, column)


def questions(
    kind: Kind, table: Table, tables: Sequence[Table], customers: KindProposal | None
) -> list[Ask]:
    """What the database must be asked before `propose` can say."""
    asks = [*elsewhere.lookup_questions(table, tables)]
    if kind is Kind.MEMBERSHIP:
        asks += elsewhere.ledger_questions(kind, table, tables)
    if kind is not Kind.CUSTOMER and customers is not None and customers.table is not table:
        asks += people.questions(table, customers)
    return list(dict.fromkeys(asks))


def propose(
    kind: Kind,
    table: Table,
    others: tuple[str, ...] = (),
    *,
    tables: Sequence[Table] = (),
    customers: KindProposal | None = None,
    answers: Mapping[Ask, Pointing] | None = None,
) -> KindProposal:
    """Propose one kind. `customers` is their proposal; `answers` are those to `questions`."""
    inner = kind is not Kind.CUSTOMER and customers is not None and customers.table is table
    found = KindProposal(kind, table, others, inner=inner)
    gathered = _Gathered(found, _taken_elsewhere(found, customers))
    answers = answers or {}
    if kind is not Kind.CUSTOMER and customers is not None and not inner:
        for pointer in people.references(table, customers, answers):
            gathered.add(pointer, "another column points to customers too")
    for column, line, hint in elsewhere.lookups(kind, table, tables, answers, inner=inner):
        if column.name in gathered.taken:
            continue
        if line is not None:
            gathered.add(line)
        elif not inner:
            found.hints[column.name] = hint
            gathered.taken.add(column.name)
    for column in table.columns.values():
        if column.open or (column.writable and not column.secret):
            gathered.column(column)
    if kind is Kind.MEMBERSHIP:
        for total in elsewhere.sums(kind, table, tables, answers):
            gathered.add(total)
    found.lines = [*_names(gathered.lines, gathered.doubles), *gathered.doubles]
    _finish(found, customers, gathered.taken)
    return found


def _taken_elsewhere(found: KindProposal, customers: KindProposal | None) -> set[str]:
    """In the customers' rows: what is the customer's own."""
    if not found.inner or customers is None:
        return set()
    return {line.column for line in customers.lines if not line.form.startswith("sum")}


class _Gathered:
    """The lines of one kind so far: one for a field, and those that came second."""

    def __init__(self, found: KindProposal, taken: set[str]) -> None:
        self.found = found
        self.taken = taken
        self.lines: dict[str, Line] = {}
        self.doubles: list[Line] = []

    def add(self, line: Line, said: str = "") -> None:
        self.taken.add(line.column)
        first = self.lines.setdefault(line.canonical, line)
        if first is not line:
            said = said or f"`{first.column}` is mapped already"
            self.doubles.append(replace(line, decide=line.decide or said))

    def column(self, column: Column) -> None:
        found, kind, table = self.found, self.found.kind, self.found.table
        if column.name in self.taken or is_marker(column):
            return
        if column.name in table.keys and not self._is_card(column):
            return
        canonical = canonical_of(kind, table, column, inner=found.inner)
        if canonical is not None:
            self.add(line_of(kind, canonical, table, column))
            return
        canonical = elsewhere.named_by_id(kind, table, column, inner=found.inner)
        if canonical is not None:
            line = line_of(kind, canonical, table, column)
            said = "it holds ids, and no small table was found that names them"
            self.add(replace(line, decide=said))
        elif not found.inner:
            self._leave(column)

    def _is_card(self, column: Column) -> bool:
        """A key of its own that is also the number on the card."""
        kind, table = self.found.kind, self.found.table
        named = canonical_of(kind, table, column) == "card_no"
        return kind is Kind.MEMBERSHIP and named and not self.found.inner

    def _leave(self, column: Column) -> None:
        look = column.look
        if look is not None and look.filled and look.best in CLASSES:
            seems = f"{look.sentence} ({CLASSES[look.best]})"
            self.found.hints[column.name] = f"column {column.name} {seems}"
        elif look is not None:
            self.found.unmapped.append(column.name)


def _names(lines: dict[str, Line], doubles: list[Line]) -> list[Line]:
    """A name is mapped whole or in parts; without either, the nickname is the name."""
    parts = {"names.family", "names.given"} & lines.keys()
    if parts and "names.full" in lines:
        said = "the name is mapped in parts" if len(parts) == 2 else "the whole name is mapped"
        for name in ("names.full",) if len(parts) == 2 else sorted(parts):
            line = lines.pop(name)
            doubles.append(replace(line, decide=line.decide or said))
    nick = lines.get("names.preferred")
    if nick is None or nick.decide or {"names.full", "names.family"} & lines.keys():
        return list(lines.values())
    why = "there is no other name, so it stands for the whole one"
    full = replace(nick, canonical="names.full", remark=f"{nick.remark}; {why}")
    only = replace(nick, direction="push", remark="the same column, only shown")
    return [one for line in lines.values() for one in ([full, only] if line is nick else [line])]


def _finish(found: KindProposal, customers: KindProposal | None, taken: Set[str]) -> None:
    kind, table = found.kind, found.table
    if not found.inner:
        found.secrets = sum(column.secret for column in table.columns.values())
    fields, called = MANDATORY[kind]
    if not fields & {line.canonical for line in found.lines}:
        said = f"no column is {called}, which CRMs demand"
        free = [c for c in table.open() if c.unique and c.sort == "text" and c.name not in taken]
        offer = next(iter(free), None)
        if kind is Kind.MEMBERSHIP and offer is not None:
            line = line_of(kind, "card_no", table, offer)
            said += "; this one is unique and might serve"
            found.lines.append(replace(line, direction="push", decide=line.decide or said))
        else:
            found.hints[called] = said
    if kind is not Kind.CUSTOMER and not found.inner and "customer" not in found.mapped:
        why = "nothing in a row says it"
        if customers is None:
            why = "there are no customers"
        elif len(customers.table.keys) > 1:
            why = "their key has several columns, and no column here holds what they are called by"
        if not any(line.canonical == "customer" for line in found.lines):
            found.hints["customer"] = f"whose {kind} a row is: {why}"
    found.settings = list(settings_of(found))


def settle(kinds: Sequence[KindProposal]) -> None:
    """Drop from the customers' open questions what a kind in their rows has taken."""
    for inner in kinds:
        for outer in kinds:
            if inner.inner and outer.kind is Kind.CUSTOMER:
                taken = {line.column for line in inner.lines}
                outer.unmapped = [name for name in outer.unmapped if name not in taken]
                outer.hints = {n: said for n, said in outer.hints.items() if n not in taken}
