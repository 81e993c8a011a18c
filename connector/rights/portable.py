"""A person's data in a form that other programs read: JSON and CSV, in new files of their own."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.errors import SealError, UsageError
from connector.mapping.translate import Pair
from connector.plugin import Kind, Ref
from connector.rights.finding import Finder
from connector.rights.person import Person
from connector.store import erasing
from connector.sync.beside import Beside
from connector.sync.documents import unpack

_STARTS = tuple("=+-@\t\r＝＋－＠")
GUARD = "'"


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula. `unguarded` gives the text back.

    >>> guarded("=1+1"), guarded("'quoted"), guarded("plain")
    ("'=1+1", "''quoted", 'plain')
    """
    return GUARD + text if text.startswith((*_STARTS, GUARD)) else text


def unguarded(text: str) -> str:
    """
    >>> [unguarded(guarded(x)) for x in ("=1", "'=1", "''", "＝1", "x")]
    ['=1', "'=1", "''", '＝1', 'x']
    """
    return text[1:] if text.startswith(GUARD) else text


@dataclass(frozen=True, slots=True)
class Item:
    """One value. `where` is `local`, a connection, or `state CONNECTION` for what we remember."""

    where: str
    kind: str
    id: str
    name: str
    value: Any


def collect(beside: Beside, finder: Finder, person: Person) -> list[Item]:
    """Everything of a person's, from the shop, from each vendor as it is now, and from the state.

    Raises: VendorError, LocalError.
    """
    items: list[Item] = []
    rows_done: set[tuple[str, str]] = set()
    for (name, kind), pair in finder.pairs.items():
        held = beside.ports.local.read(kind, sorted(person.rows.get(kind, ())))
        for row in held.values():
            if (kind, row.key) not in rows_done:
                rows_done.add((kind, row.key))
                items += _items("local", kind, row.key, row.values)
        refs = [Ref(ref) for ref in sorted(person.records.get((name, kind), ()))]
        for seen in beside.connections[name].remote.fetch(kind, refs) if refs else ():
            if seen.gone is None:
                items += _items(name, kind, str(seen.ref), seen.fields)
        items += _remembered(beside, finder, person, name, kind, pair)
    return items


def _remembered(
    beside: Beside, finder: Finder, person: Person, name: str, kind: Kind, pair: Pair
) -> Iterable[Item]:
    where = f"state {name}"
    mine = [k for k in person.links.values() if (k.connection, k.kind) == (name, kind)]
    for link in mine:
        base = finder.base(link)
        shown = {**pair.read_remote(base.remote), **pair.read_local(base.local)}
        yield from _items(where, kind, link.id, shown)
    subjects = {link.id: link.subject for link in mine}
    with beside.ports.store.read() as tx:
        documents = erasing.sealed_documents(tx, list(subjects))
    for link_id, its_kind, document, sealed in documents:
        subject = subjects[link_id]
        if subject is None:
            continue
        try:
            plain = beside.ports.vault.open(document, its_kind, subject, link_id, sealed)
        except SealError:
            continue
        what = document.partition("/")[0]
        for side, values in unpack(plain).items():
            if isinstance(values, dict):
                yield from (
                    Item(where, kind, link_id, f"{what}.{side}.{one}", value)
                    for one, value in values.items()
                )


def _items(where: str, kind: str, id_: str, values: Any) -> list[Item]:
    return [Item(where, str(kind), id_, name, value) for name, value in sorted(values.items())]


def as_json(items: Sequence[Item]) -> bytes:
    """One document: place, kind and id, then the fields."""
    records: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in items:
        records.setdefault((one.where, one.kind, one.id), {})[one.name] = _plain(one.value)
    document = [
        {"where": where, "kind": kind, "id": id_, "fields": fields}
        for (where, kind, id_), fields in records.items()
    ]
    return json.dumps({"records": document}, ensure_ascii=False, indent=1).encode() + b"\n"


def as_csv(items: Sequence[Item]) -> bytes:
    """A line for each value; cells are guarded against spreadsheets that calculate."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["where", "kind", "id", "field", "value"])
    for one in items:
        value = _plain(one.value)
        shown = (
            ""
            if value is None
            else value
            if isinstance(value, str)
            else json.dumps(value, ensure_ascii=False)
        )
        lines.writerow([guarded(c) for c in (one.where, one.kind, one.id, one.name, shown)])
    return text.getvalue().encode("utf-8-sig")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    return value.hex() if isinstance(value, bytes) else str(value)


def refuse_old(paths: Iterable[Path]) -> None:
    """Raises: UsageError if one of these is there: no half of an export is written."""
    for path in paths:
        if os.path.lexists(path):  # also a link that leads nowhere
            raise _is_there(path)


def _is_there(path: Path) -> UsageError:
    return UsageError(f"{path} is there already; an export goes into a new file.")


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not be there yet, for its owner alone. Raises: UsageError."""
    try:
        held = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be made ({type(error).__name__}).") from None
    with os.fdopen(held, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
