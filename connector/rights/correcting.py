"""Correcting a person's data: written into the shop's row, and carried on by the next sync."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.errors import LocalError, UsageError
from connector.local.contract import LocalWrite, Row, RowState
from connector.mapping.translate import Pair
from connector.plugin import Kind, Op, Outcome
from connector.records import Canonical
from connector.rights.person import Person
from connector.store import staged
from connector.sync.beside import Beside
from connector.sync.ports import Ports


def correct(beside: Beside, person: Person, record: Canonical) -> list[str]:
    """Write these canonical fields into the customer's row; returns the columns that changed.

    Whichever way the mapping lets a field travel, the shop's own row takes it; the other sides
    follow by the engine's rules. All of the fields or none. Raises: UsageError, LocalError.
    """
    keys = sorted(person.rows.get(Kind.CUSTOMER, ()))
    if len(keys) != 1:
        raise UsageError(
            f"The person has {len(keys)} rows in the shop: it is corrected where it stands."
        )
    customers = {
        name: one.kinds[Kind.CUSTOMER]
        for name, one in beside.connections.items()
        if Kind.CUSTOMER in one.kinds
    }
    if any(setup.read_only for setup in customers.values()):
        raise UsageError("The shop's rows are in a file, which is only read: correct it there.")
    pairs = [pair for (_, kind), pair in beside.pairs().items() if kind is Kind.CUSTOMER]
    values = _columns(pairs, record)
    row = beside.ports.local.read(Kind.CUSTOMER, keys).get(keys[0])
    if row is None or row.state is not RowState.LIVE:
        raise UsageError("The person's row is not there, or takes no part.")
    changed = {name: value for name, value in values.items() if row.values.get(name) != value}
    if changed:
        _write(beside.ports, row, changed, list(customers))
    return sorted(changed)


def _columns(pairs: Sequence[Pair], record: Canonical) -> dict[str, Any]:
    """What the row is to hold. Raises: UsageError."""
    unheld = set(record).difference(*(pair.correctable(record) for pair in pairs))
    if unheld:
        raise UsageError(
            f"No column of the shop's that is mapped holds {', '.join(sorted(unheld))}."
        )
    values: dict[str, Any] = {}
    for pair in pairs:
        known = pair.correctable(record)
        written = pair.correct_local({n: v for n, v in record.items() if n in known})
        if written.faults:
            raise UsageError(
                "The shop's row does not take this:"
                f" {', '.join(sorted({fault.text for fault in written.faults}))}."
            )
        values |= written.fields
    return values


def _write(ports: Ports, row: Row, changed: Mapping[str, Any], connections: Sequence[str]) -> None:
    """Write what changed into the row as it was read, and have every connection look at it."""
    old = {name: row.values[name] for name in changed if name in row.values}
    write = LocalWrite(id=ports.store.new_id(), op=Op.UPDATE, key=row.key, values=changed, old=old)
    [result] = ports.local.write(Kind.CUSTOMER, [write])
    if result.outcome is Outcome.STALE:
        raise LocalError("The row was changed just now; look at it, then try again.")
    if result.outcome is not Outcome.APPLIED:
        text = result.reason.text if result.reason else "refused"
        raise UsageError(f"The shop's row does not take this: {text}.")
    with ports.store.write(None, "mark corrected") as tx:
        staged.mark(tx, connections, Kind.CUSTOMER, {row.key: None})
