"""What was done for a person by somebody, each an event with the reason that they gave."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from connector.plugin import Kind
from connector.rights.person import Person
from connector.store import events
from connector.store.events import Event
from connector.sync.audit import note_head
from connector.sync.beside import Beside
from connector.sync.showing import EXPORTED, Showing, people_of


class Deed(StrEnum):
    """The cause of such an event."""

    EXPORTED = EXPORTED
    RECTIFIED = "rectified"
    RESTRICTED = "restricted"
    UNRESTRICTED = "unrestricted"
    EXPIRED = "retention"
    LIFTED = "suppression_lifted"


def note(
    beside: Beside,
    deed: Deed,
    person: Person | None,
    reason: str,
    showing: Showing | None = None,
) -> None:
    """Note what was done for a person, with the reason, at each of their links, and the log's end.

    `showing`: it shows their values. Raises: PolicyError if that is too many for the hour.
    """
    ports = beside.ports
    with ports.store.write(None, f"note {deed}") as tx:
        now = ports.store.now_us(tx)
        if showing is not None:
            known = people_of(list(person.links.values())) if person is not None else set()
            showing.count(tx, now, known or {ports.run})
        links: Sequence[tuple[str, str, str | None]] = [("local", Kind.CUSTOMER, None)]
        if person is not None and person.links:
            links = [(one.connection, one.kind, one.id) for one in person.links.values()]
        events.append(
            tx,
            [
                Event(now, ports.run, connection, kind, deed.value, link, note=reason)
                for connection, kind, link in links
            ],
        )
    note_head(ports.store, ports.vault)
