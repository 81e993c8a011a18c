"""Correcting a person's data: written into the shop's row, and carried on by the next sync."""

from __future__ import annotations

from connector.errors import LocalError, UsageError
from connector.local.contract import LocalWrite, RowState
from connector.plugin import Kind, Op, Outcome
from connector.records import Canonical
from connector.rights.person import Person
from connector.store import staged
from connector.sync.beside import Beside


def correct(beside: Beside, person: Person, record: Canonical) -> list[str]:
    """Write these canonical fields into the customer's row; returns the columns that changed.

    Whichever way the mapping lets a field travel, the shop's own row takes it; the other sides
    follow by the engine's rules. Raises: UsageError, LocalError.
    """
    keys = sorted(person.rows.get(Kind.CUSTOMER, ()))
    if len(keys) != 1:
        raise UsageError(
            f"The person has {len(keys)} rows in the shop: it is corrected where it stands."
        )
    local, ports = beside.ports.local, beside.ports
    setups = [
        one.kinds[Kind.CUSTOMER]
        for one in beside.connections.values()
        if Kind.CUSTOMER in one.kinds
    ]
    if any(setup.read_only for setup in setups):
        raise UsageError("The shop's rows are in a file, which is only read: correct it there.")
    values: dict[str, object] = {}
    for (_, kind), pair in beside.pairs().items():
        if kind is not Kind.CUSTOMER:
            continue
        written = pair.correct_local(record)
        if written.faults:
            raise UsageError(
                "The shop's row does not take this:"
                f" {', '.join(sorted({fault.text for fault in written.faults}))}."
            )
        values |= written.fields
    row = local.read(Kind.CUSTOMER, keys).get(keys[0])
    if row is None or row.state is not RowState.LIVE:
        raise UsageError("The person's row is not there, or takes no part.")
    changed = {name: value for name, value in values.items() if row.values.get(name) != value}
    if not values:
        raise UsageError("No column of the shop's holds any of these fields.")
    if changed:
        old = {name: row.values[name] for name in changed if name in row.values}
        write = LocalWrite(
            id=ports.store.new_id(), op=Op.UPDATE, key=row.key, values=changed, old=old
        )
        [result] = local.write(Kind.CUSTOMER, [write])
        if result.outcome is Outcome.STALE:
            raise LocalError("The row was changed just now; look at it, then try again.")
        if result.outcome is not Outcome.APPLIED:
            text = result.reason.text if result.reason else "refused"
            raise UsageError(f"The shop's row does not take this: {text}.")
        with ports.store.write(None, "mark corrected") as tx:
            names = [n for n, one in beside.connections.items() if Kind.CUSTOMER in one.kinds]
            staged.mark(tx, names, Kind.CUSTOMER, {row.key: None})
    return sorted(changed)
