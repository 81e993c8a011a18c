"""Decide how a kind's rows are taken: how changes show, which are deleted, who makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.mapping.choices import truth
from connector.proposing.found import Column, Table
from connector.proposing.hints import DELETED, DELETED_AT, HIDDEN, MODIFIED, OPPOSITE
from connector.proposing.proposal import KindProposal, Line, Setting, toml_text
from connector.proposing.words import squeeze


def is_marker(column: Column) -> bool:
    """The column says something about the row, and nothing about the record."""
    return _any(column, DELETED | DELETED_AT | MODIFIED | HIDDEN)


def _any(column: Column, words: frozenset[str]) -> bool:
    return squeeze(column.name) in words or column.said in words


def settings_of(found: KindProposal) -> Iterator[Setting]:
    """The keys of `[local.KIND]` beyond table, key and mapping."""
    if found.inner:
        yield from _exists(found)
        return
    yield from _capture(found.table, any(line.form.startswith("sum") for line in found.lines))
    yield from _deleted(found.table)
    yield from _hidden(found.table)
    yield from _creating(found)


# --- how changes are noticed --------------------------------------------------------------------


def _capture(table: Table, ledger: bool) -> Iterator[Setting]:
    if not table.unwatched:
        why = "Triggers see every change, deletions too; `crm-connector local install` makes them"
        yield Setting('capture = "journal"', why)
        return
    times = [column for column in table.open() if _any(column, MODIFIED) and _is_time(column)]
    time = next((column for column in times if column.indexed), None)
    if time is not None:
        why = f"No triggers: {table.unwatched}; this time has an index"
        if ledger:
            why += ". A new line of the ledger moves it not: the daily look finds it"
        yield Setting('capture = "column"', why)
        yield Setting(f"modified = {toml_text(time.name)}")
        return
    lacks = (
        f"{times[0].name} has no index"
        if times
        else "no column holds the time of a row's last change"
    )
    said = f"No triggers: {table.unwatched}, and {lacks}: each run looks at all rows"
    yield Setting('capture = "scan"', said)


def _is_time(column: Column) -> bool:
    if column.sort in ("datetime", "whole"):
        return True
    return column.look is not None and column.look.best == "datetime"


# --- which rows count ---------------------------------------------------------------------------


def _deleted(table: Table) -> Iterator[Setting]:
    flags = [column for column in table.open() if _any(column, DELETED)]
    times = [column for column in table.open() if _any(column, DELETED_AT)]
    if flags:
        mark = _set_mark(flags[0])
        test = f"deleted = {{ column = {toml_text(flags[0].name)}, equals = {mark or '<value>'} }}"
        decide = "" if mark else f"what does {flags[0].name} hold in a row that is deleted?"
        yield Setting(test, "A row so marked is deleted", decide)
    elif times and times[0].null:
        test = f"deleted = {{ column = {toml_text(times[0].name)}, is_null = false }}"
        yield Setting(test, "A row with that time is deleted")
    elif times:
        test = f"deleted = {{ column = {toml_text(times[0].name)}, not_in = [<value>] }}"
        said = f"what does {times[0].name} hold in a row that is not deleted?"
        yield Setting(test, decide=said)


def _set_mark(column: Column) -> str:
    """What a flag holds where it is set, as TOML; empty if that cannot be told."""
    if column.sort == "flag":
        return "true"
    if column.sort == "whole":
        return "1" if column.codes <= {"0", "1"} else ""
    if column.look is None or column.look.best != "flag" or len(column.codes) > 2:
        return ""
    for code in sorted(column.codes):
        if truth(code):
            return toml_text(code)
        if code in OPPOSITE:
            return toml_text(OPPOSITE[code])
    return ""


def _hidden(table: Table) -> Iterator[Setting]:
    for column in table.open():
        if _any(column, HIDDEN) and column.sort in ("whole", "flag"):
            shown = "true" if column.sort == "flag" else "1"
            test = f"where = {{ column = {toml_text(column.name)}, equals = {shown} }}"
            said = f"are rows out of scope that {column.name} does not show? Then add"
            yield Setting(test, decide=said)
            return


# --- who makes rows -----------------------------------------------------------------------------


def _creating(found: KindProposal) -> Iterator[Setting]:
    table = found.table
    written = {line.column for line in found.lines if line.writes}
    blocking = [
        column.name
        for column in table.columns.values()
        if not column.optional and column.name not in written and column.name not in table.keys
    ]
    if not table.insertable:
        why = "The account may not insert here, so a vendor's new record becomes no row"
        yield Setting("create = false", why)
    elif table.keys and not table.makes_keys and not set(table.keys) <= written:
        said = "the database gives new rows no key, so a vendor's new record becomes none; to"
        said += " change that, let the database make keys, and take the next line out."
        yield Setting("create = false", decide=said, stands=True)
    elif blocking:
        given = ", ".join(f"{toml_key(name)} = <value>" for name in blocking)
        said = "may a vendor's new record become a row here? Then put this in place of `create`"
        yield Setting(f"defaults = {{ {given} }}", decide=said)
        yield Setting("create = false")


def toml_key(name: str) -> str:
    """A name as a key of TOML.

    >>> toml_key("branch"), toml_key("分店")
    ('branch', '"分店"')
    """
    return name if name.isascii() and name.replace("-", "_").isidentifier() else toml_text(name)


# --- a kind in the customers' rows --------------------------------------------------------------


_TELLS = ("tier", "card_no", "valid_to", "valid_from", "plan", "status")
"""Fields that only a row with a membership has, the surer one first."""


def _exists(found: KindProposal) -> Iterator[Setting]:
    lines = [line for name in _TELLS for line in found.lines if line.canonical == name]
    fit = [line for line in lines if _may_be_empty(found.table, line)]
    if not fit:
        yield Setting(
            "exists = { column = <column>, is_null = false }",
            decide="which rows hold one? Name a column that only they fill, or its values",
        )
        return
    told = next((line for line in fit if line.writes), fit[0])
    yield Setting(
        f"exists = {{ column = {toml_text(told.column)}, is_null = false }}",
        f"A row with a {told.canonical} holds one; one that is deleted at a vendor empties it",
    )
    if not told.writes:
        why = (
            f"The mapping does not write {told.column}, so a vendor's new {found.kind} becomes none"
        )
        yield Setting("create = false", why)


def _may_be_empty(table: Table, line: Line) -> bool:
    return not line.form.startswith("sum") and table.columns[line.column].null


def memberships_in(lines: Sequence[Line]) -> bool:
    """Whether columns of the customers' rows amount to a membership."""
    names = {line.canonical for line in lines}
    return bool(names & {"tier", "card_no"}) or len(names) > 1
