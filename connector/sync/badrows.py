"""The rows of a file that cannot be used, each with its line and the reason; never a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from connector.local.files import FileLocal
from connector.mapping.translate import Fault, Pair
from connector.plugin import Kind
from connector.sync.scope import Scope


@dataclass(frozen=True, slots=True)
class BadRow:
    """One fault of one row. `last` is the row's last line where it has several.

    `sent`: only one value is left out, and the rest of the row goes. `connection`: which vendor's
    field will not take the value; None: the row cannot be read at all.
    """

    file: str
    line: int
    kind: str
    code: str
    text: str
    last: int | None = None
    column: str | None = None
    connection: str | None = None
    field: str | None = None
    lens: str | None = None
    sent: bool = False

    @property
    def place(self) -> str:
        """Where it is, as compilers say it."""
        return f"{self.file}:{self.line}" + (f"-{self.last}" if self.last is not None else "")


def bad_rows(
    files: FileLocal, kinds: Iterable[Kind], scopes: Sequence[Scope], *, values: bool
) -> list[BadRow]:
    """All faults of the files of these kinds, in the order of the lines.

    With `values` each row is translated for each of these vendors too, as a create of it would be;
    a vendor that does not answer is no reason to say nothing of the file.
    """
    found: list[BadRow] = []
    for kind in dict.fromkeys(kinds):
        found += _unreadable(files, kind)
        if values:
            for scope in scopes:
                if scope.kind == kind:
                    found += _refused(files, scope)
    return sorted(found, key=lambda one: (one.file, one.line))


def _unreadable(files: FileLocal, kind: Kind) -> Iterator[BadRow]:
    name = files.path(kind).name
    for bad in files.bad_rows(kind):
        yield BadRow(name, bad.line, kind, bad.code, bad.text, bad.last, bad.column)


def _refused(files: FileLocal, scope: Scope) -> Iterator[BadRow]:
    pair, name = scope.pair, files.path(scope.kind).name
    # Whom a reference names is found out by the sync itself, when that one is there.
    references = {unit.name for unit in pair.units} & set(pair.reference_fields)
    theirs = {
        own for unit in pair.units if unit.name in references for own in pair.remote_fields_of(unit)
    }
    for line, last, row in files.each(scope.kind):
        shown = pair.read_local(row.values)
        own = {field: value for field, value in shown.items() if field not in references}
        for fault in pair.write_remote(own, create=True).faults:
            if fault.own in theirs:
                continue
            column, lens = _rule(pair, fault)
            yield BadRow(
                name,
                line,
                scope.kind,
                fault.code,
                fault.text,
                last,
                column,
                scope.connection,
                fault.own,
                lens,
                sent=not fault.mandatory,
            )


def _rule(pair: Pair, fault: Fault) -> tuple[str | None, str | None]:
    """The column that the value stands in, and the lens that will not take it."""
    columns = {rule.canonical: rule.own for rule in pair.local.rules}
    lenses = {rule.own: rule.lens.name for rule in pair.vendor.rules}
    column = columns.get(fault.canonical)
    if column is None and fault.canonical.startswith("names."):
        column = columns.get("names.full") or columns.get("names.family")
    return column, lenses.get(fault.own)
