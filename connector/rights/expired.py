"""People over their term: found by pages of the shop's rows, and erased one by one as anybody is.

Nobody is erased here in another way than by `erasing.py`. Who is found is noted nowhere before
that: after a stop the next look finds whoever is left.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from connector.errors import SafetyStopError
from connector.plugin import Kind
from connector.store import links, scopes
from connector.sync import retaining
from connector.sync.beside import Beside
from connector.sync.ports import LOCAL_SCOPE
from connector.sync.retaining import Tallies, as_document, tally
from connector.sync.terms import terms_of

PEOPLE: Final = "people"
"""The last part of the name under which the state remembers the look."""
_EVERY_US: Final = dt.timedelta(hours=24) // dt.timedelta(microseconds=1)


@dataclass(slots=True)
class Over:
    """Customers' rows over their term, each with the subject of its links; restricted people are
    left out. `linked`: how many customers are linked where most are."""

    people: dict[str, str | None] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=dict)
    linked: int = 0


def people_over(beside: Beside) -> Over:
    """Look at all linked customers. Asks no vendor. Raises: PolicyFileError, LocalError."""
    ports, found = beside.ports, Over()
    seen: set[str] = set()
    for name, connection in beside.connections.items():
        setup = connection.kinds.get(Kind.CUSTOMER)
        terms = terms_of(beside.whole, setup, ports.clock.now()) if setup is not None else None
        if terms is None:
            continue
        pair = beside.pairs()[name, Kind.CUSTOMER]
        ports.local.observe(Kind.CUSTOMER, (*pair.columns, *terms.columns))
        with ports.store.read() as tx:
            linked = links.count_live(tx, name, Kind.CUSTOMER)
        found.linked = max(found.linked, linked)
        where = (ports.store, ports.local, ports.vault, name, Kind.CUSTOMER, terms)
        for page in retaining.pages(*where):
            for one in page:
                if one.row.key in seen:
                    continue
                seen.add(one.row.key)
                due = one.judged.due.record
                tally(found.tallies, one, waits=due)
                if due and not one.restricted:
                    found.people[one.row.key] = one.link.subject
    return found


def erases_people(beside: Beside) -> bool:
    """Whether the policy erases customers at all."""
    policy = beside.whole.policy
    return policy is not None and any(
        Kind(one.kind) is Kind.CUSTOMER and one.action == "erase_record"
        for one in policy.document.retention
    )


def stop_if_too_many(beside: Beside, over: Over) -> None:
    """Raises: SafetyStopError if more people would go than `[safety]` lets go in one run."""
    limit = beside.whole.max_delete.of(over.linked)
    if len(over.people) > limit:
        raise SafetyStopError(
            f"{len(over.people)} people are over the term of the privacy policy, [safety]"
            f" max_delete allows {limit}; none of them was erased.",
            hint="Look at `crm-connector privacy retention --dry-run`, then raise the limit for one"
            " run: `crm-connector privacy retention --max-delete`.",
        )


def is_due_today(beside: Beside) -> bool:
    """Whether nobody has looked for people for a day."""
    store = beside.ports.store
    with store.read() as tx:
        known = scopes.get(tx, LOCAL_SCOPE, retaining.place(PEOPLE))
        now = store.now_us(tx)
    return known is None or known.since_us is None or not 0 <= now - known.since_us < _EVERY_US


def note_look(beside: Beside, over: Over, left: Mapping[str, str | None]) -> None:
    """Remember that all were looked at, and how many of them wait; counts alone."""
    store, name = beside.ports.store, retaining.place(PEOPLE)
    waits = len(left)
    with store.write(None, "people looked at") as tx:
        store.ensure_scope(tx, LOCAL_SCOPE, name)
        for one in over.tallies.values():
            one.waits = min(one.waits, waits + one.restricted)
        document = json.dumps(as_document(over.tallies), sort_keys=True)
        scopes.update(tx, LOCAL_SCOPE, name, since_us=store.now_us(tx), fields_doc=document)
