"""Decide whose record a row is: by a customer's key, or by what the row calls the customer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.proposing.found import Ask, Pointing, Table
from connector.proposing.hints import MATCHED
from connector.proposing.proposal import KindProposal, Line, percent, quoted
from connector.proposing.words import TABLES, field_named, singular, squeeze
from connector.records import Kind

SURE = 0.6
"""So many of the values at least must be found among the customers'."""


def may_point(table: Table, customers: Table) -> list[str]:
    """Columns that may hold a customer's key, by foreign key or by name."""
    if customers.key is None:
        return []
    own = squeeze(customers.plain)
    words = set(TABLES[Kind.CUSTOMER])
    words |= {own, squeeze(singular(customers.plain.casefold()))}
    names = {f"{word}{end}" for word in words for end in ("id", "no", "key", "", "编号")} | {"uid"}
    if squeeze(customers.key) != "id":
        names.add(squeeze(customers.key))
    return [
        column.name
        for column in table.open()
        if table.foreign.get(column.name) == (customers.name, customers.key)
        or (squeeze(column.name) in names and column.name not in table.keys)
    ]


def may_match(table: Table, customers: KindProposal) -> Iterator[tuple[str, str, str]]:
    """Columns that may hold what a customer is called: (column, field, the customers' column)."""
    held = {
        name: line.column
        for name, line in customers.mapped.items()
        if name in MATCHED and not line.form and line.direction != "pull"
    }
    for wanted in MATCHED:
        for column in table.open():
            said = field_named(Kind.CUSTOMER, customers.table.plain, column.name)
            if said != wanted or column.name in table.keys:
                continue
            # A shop that has nicknames alone calls its customers by them.
            for field in ("names.full", wanted) if wanted == "names.preferred" else (wanted,):
                if field in held:
                    yield column.name, field, held[field]
                    break


def questions(table: Table, customers: KindProposal) -> Iterator[Ask]:
    """What must be asked before `references` can say."""
    home = customers.table
    for column in may_point(table, home):
        assert home.key is not None
        yield Ask(table.name, column, home.name, home.key)
    for column, _, held_in in may_match(table, customers):
        yield Ask(table.name, column, home.name, held_in)


def references(
    table: Table, customers: KindProposal, answers: Mapping[Ask, Pointing]
) -> Iterator[Line]:
    """Lines for `customer`, the likeliest first."""
    home = customers.table
    pointing = [
        (column, answers[Ask(table.name, column, home.name, home.key or "")])
        for column in may_point(table, home)
    ]
    found = False
    for column, seen in sorted(pointing, key=lambda one: -one[1].share):
        declared = table.foreign.get(column) == (home.name, home.key)
        none = ", none: 0" if seen.has_zero else ""
        unsure = seen.share < SURE and seen.filled and not declared
        found = found or not unsure
        yield Line(
            canonical="customer",
            column=column,
            lens=f"{{reference: {{kind: customer{none}}}}}",
            remark=f"{percent(seen.share)} of {seen.filled} point to a customer",
            decide="few of its values are keys of customers" if unsure else "",
        )
    if found:
        return
    for column, field, held_in in may_match(table, customers):
        seen = answers[Ask(table.name, column, home.name, held_in)]
        yield Line(
            canonical="customer",
            column=column,
            lens="{reference: {kind: customer}}",
            form=f"column: {quoted(column)}, match: {field}",
            remark=f"no key says whose row it is; {percent(seen.share)} of {seen.filled} are some"
            f" customer's {field}; linked where exactly one has it",
            decide="" if seen.share >= SURE else f"few of its values are a customer's {field}",
        )
