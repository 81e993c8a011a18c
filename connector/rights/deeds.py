"""What was done for a person by somebody, each an event with the reason that they gave."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from connector.plugin import Kind
from connector.rights.person import Person
from connector.store import events
from connector.store.events import Event
from connector.sync.beside import Beside


class Deed(StrEnum):
    """The cause of such an event."""

    EXPORTED = "exported"
    RECTIFIED = "rectified"
    RESTRICTED = "restricted"
    UNRESTRICTED = "unrestricted"
    EXPIRED = "retention"
    LIFTED = "suppression_lifted"


def note(beside: Beside, deed: Deed, person: Person | None, reason: str) -> None:
    """Note what was done for a person, with the reason, at each of their links."""
    ports = beside.ports
    with ports.store.write(None, f"note {deed}") as tx:
        now = ports.store.now_us(tx)
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
