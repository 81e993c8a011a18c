"""Our own clocks: one that went back makes every gate that asks for the day answer wrongly.

A transfer that has ended lives again, an exception too, a person of age is a minor once more. The
log of events tells the latest moment that was surely reached: whatever is earlier is a lie. The
vendors' clocks are none of ours; `observe.py` deals with theirs.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from connector.errors import PolicyError
from connector.store import events
from connector.store.database import Store
from connector.store.events import Event
from connector.sync.moments import from_us
from connector.sync.ports import Ports

TOLERANCE: Final = dt.timedelta(minutes=5)
"""How far clocks of several hosts may be apart, and how far one is put back to be set right."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Both clocks, and when the last entry of the log of events was written; None: it is empty."""

    ours: dt.datetime
    database: dt.datetime
    last_entry: dt.datetime | None

    @property
    def behind(self) -> dt.timedelta:
        """By how much the slower one is before the last entry; zero if it is not.

        >>> noon = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
        >>> Clocks(noon, noon - dt.timedelta(hours=1), noon).behind
        datetime.timedelta(seconds=3600)
        >>> Clocks(noon, noon, None).behind
        datetime.timedelta(0)
        """
        if self.last_entry is None:
            return dt.timedelta(0)
        return max(self.last_entry - min(self.ours, self.database), dt.timedelta(0))

    @property
    def went_back(self) -> bool:
        return self.behind > TOLERANCE


def clocks_of(store: Store, now: dt.datetime) -> Clocks:
    """Both clocks as they are; `now` is by that of this machine."""
    with store.read() as tx:
        last = events.last_us(tx)
        database = from_us(store.now_us(tx))
    return Clocks(now, database, None if last is None else from_us(last))


def stop_if_clock_went_back(ports: Ports) -> None:
    """Refuse to ask the policy's gates by a clock that lies. Raises: PolicyError."""
    found = clocks_of(ports.store, ports.clock.now())
    if found.went_back:
        raise PolicyError(
            f"The clock is {_span(found.behind)} before the last entry of the log of events, so"
            " nothing that the policy makes depend on the day can be decided; nothing was sent.",
            hint="Set the clock of this machine, and of the state's database, right. If they are"
            " right now and were ahead before: `crm-connector privacy clock --accept`.",
        )


def accept(store: Store, run: str, reason: str) -> None:
    """Note that a person vouches for the clocks: the log's last entry is of now."""
    with store.write(None, "clock accepted") as tx:
        now = store.now_us(tx)
        events.append(tx, [Event(now, run, "local", "*", "clock_accepted", note=reason)])


def _span(span: dt.timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days} days and {hours} hours"
    return f"{hours} hours" if hours > 1 else f"{minutes} minutes"
