"""Showing a person's values: to whom the officer's key is released, with a reason, so many an hour.

In a ring that is not split everybody who has the keys may; what he was shown is noted all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from connector.errors import PolicyError, SealError, UsageError
from connector.privacy.vault import Vault
from connector.store import events
from connector.store.database import Store
from connector.store.events import Event
from connector.store.links import Link
from connector.sync.audit import note_head

SHOWN: Final = "shown"
EXPORTED: Final = "exported"
"""Causes of events that tell of somebody who saw a person's values."""
HOUR_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Showing:
    """One showing, with its reason. `people_an_hour` limits them in a split ring."""

    store: Store
    vault: Vault
    people_an_hour: int
    reason: str

    def ask(self) -> None:
        """Return if values may be shown here; for before any is opened.

        Raises: PolicyError without the officer's key, UsageError without a reason.
        """
        if not self.vault.is_split:
            return
        try:
            self.vault.prove_officer()
        except SealError as error:
            raise PolicyError(error.sentence, hint=error.hint) from None
        if not self.reason.strip():
            raise UsageError("Say why with --reason: it is noted with whom you looked at.")

    def note(self, link: Link, field: str | None) -> None:
        """Note it at a record; for before the values are handed out. Raises: PolicyError."""
        with self.store.write(None, "note shown") as tx:
            now, run = self.store.now_us(tx), self.store.new_id()
            self.count(tx, now, {link.subject or link.id})
            event = Event(now, run, link.connection, link.kind, SHOWN, link.id, field)
            event.note = self.reason.strip() or None
            events.append(tx, [event])
        note_head(self.store, self.vault)

    def count(self, tx: sa.Connection, now_us: int, people: Collection[str]) -> None:
        """Raises: PolicyError if these people are too many for the hour, by the log of events."""
        if not self.vault.is_split:
            return
        seen = events.people(tx, (SHOWN, EXPORTED), now_us - HOUR_US)
        if len(seen | set(people)) > max(self.people_an_hour, len(seen)):
            raise PolicyError(
                f"Values of {self.people_an_hour} people were shown within the hour: that is all.",
                hint="Wait, or raise [privacy] people_an_hour in the settings.",
            )


def people_of(links: Sequence[Link]) -> set[str]:
    """How `Showing.count` knows the people of these links."""
    return {link.subject or link.id for link in links}
