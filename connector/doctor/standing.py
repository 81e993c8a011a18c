"""Checks of how things have gone lately: successes, pauses, budgets, letters, disk, keys.

All of it is asked of the state; no vendor and no person's data is.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from connector.app import Connector
from connector.doctor.check import Check, failed
from connector.errors import ConnectorError
from connector.operating.keeping import keys_status
from connector.operating.standing import Standing, standings
from connector.plugin import Clock
from connector.spans import spoken
from connector.store import scopes
from connector.sync.moments import from_us
from connector.sync.place import WAY_OUT
from connector.sync.status import Status

Room = Callable[[Path], int]
"""Says how many bytes are free where a folder lies."""

LITTLE_ROOM = 500 * 2**20
NO_ROOM = 50 * 2**20
"""Bytes of free disk below which the state's is worth a word, and below which it fails."""
MOST_SKEW_S = 60.0
"""A state database's clock may differ from ours by so much before it is worth a word."""


def free_bytes(folder: Path) -> int:
    """What a disk has free."""
    return shutil.disk_usage(folder).free


def room(connector: Connector, free: Room = free_bytes) -> Iterator[Check]:
    """Whether the disks of state and keys have room to go on, and for a copy of what is there."""
    settings = connector.settings
    found: dict[Path, int] = {}
    for url in (settings.state.url, settings.keys.subjects):
        whole = settings.url(url)
        if whole.startswith("sqlite:////"):
            file = Path(whole.removeprefix("sqlite:///"))
            size = file.stat().st_size if file.exists() else 0
            found[file.parent] = found.get(file.parent, 0) + size
    for folder, size in found.items():
        left = free(folder)
        said = f"{left // 2**20:,} MiB are free at {folder}, where {size // 2**20:,} MiB are kept."
        fix = "Make room there: a run that cannot write its state ends with exit 6."
        if left < NO_ROOM:
            yield Check("disk", "fail", said, fix, 6)
        elif left < max(LITTLE_ROOM, 2 * size):
            yield Check("disk", "warn", said, fix)
        else:
            yield Check("disk", "ok", said)


def clock_of_state(connector: Connector, clock: Clock) -> Iterator[Check]:
    """Whether the state's database and this machine agree on the time."""
    with connector.store.read() as tx:
        told = from_us(connector.store.now_us(tx))
    skew_s = abs((told - clock.now()).total_seconds())
    said = f"The state's clock differs from ours by {skew_s:.0f} s."
    if skew_s > MOST_SKEW_S:
        fix = "Set both clocks by NTP: leases and waits go by the state's."
        yield Check("state clock", "warn", said, fix)
    else:
        yield Check("state clock", "ok", said)


def provider(connector: Connector) -> Iterator[Check]:
    """Where the key of the ring comes from, and which keys are due."""
    try:
        status = keys_status(connector)
    except ConnectorError as error:
        yield failed("key provider", error)
        return
    for hint in status.hints:
        yield Check("key provider", "warn", hint, "`crm-connector keys status` says more.")
    if not status.hints:
        said = f"The ring is wrapped by {status.provider}; {len(status.keys)} keys, none is due."
        yield Check("key provider", "ok", said)


def runs(connector: Connector) -> Iterator[Check]:
    """Last successes, pauses, doubt, switched-off fields, budgets, and what waits for a person."""
    status = connector.status()
    for one in standings(connector, status):
        yield from _scope(connector, one)
    yield from _pauses(connector)
    for budget in status.budgets:
        name = f"{budget.connection} budget {budget.name}"
        said = f"{budget.left} of {budget.at_once} at once are left of {budget.rate}."
        if budget.rests_s:
            fix = "Wait; if it comes often, lower the rate, or ask who else uses the account."
            rest = f"The vendor asked to be left alone for {spoken(budget.rests_s)} more."
            yield Check(name, "warn", rest, fix)
        elif budget.left == 0:
            fix = (
                f"It is whole again in {spoken(budget.whole_in_s)}; runs go on where they stopped."
            )
            yield Check(name, "warn", f"The budget of {budget.rate} is spent for now.", fix)
        else:
            yield Check(name, "ok", said)
    yield from _waiting(connector, status)


def _scope(connector: Connector, one: Standing) -> Iterator[Check]:
    name = f"{one.connection} {one.kind} runs"
    scope = one.scope
    if scope is not None and scope.doubt is not None:
        yield Check(name, "fail", f"Nothing is written, because {scope.doubt}.", WAY_OUT, 8)
        return
    for told in scope.off if scope is not None else ():
        fix = f"`crm-connector describe {one.connection} {one.kind}` shows what became of it."
        yield Check(f"{one.connection} {one.kind} switched off", "warn", told, fix)
    if scope is not None and scope.unknown:
        said = f"{scope.unknown} writes have no answer yet."
        yield Check(name, "warn", said, "Run `crm-connector sync`: it looks what became of them.")
    if one.age_s is None:
        yield Check(name, "ok", "No sync has succeeded here yet.")
    elif one.stale:
        limit = connector.settings.status.stale_after
        said = f"The last success was {spoken(abs(one.age_s))} ago; [status] allows {limit}."
        if one.age_s < 0:
            said = "The last success lies in the future: a clock was set back."
        fix = "Run `crm-connector sync` by hand, and look at what starts it (docs/scheduling.md)."
        yield Check(name, "warn", said, fix)
    else:
        took = scope.took_s if scope is not None else None
        lasted = f" and took {spoken(took)}" if took is not None else ""
        yield Check(name, "ok", f"The last success was {spoken(one.age_s)} ago{lasted}.")


def _pauses(connector: Connector) -> Iterator[Check]:
    with connector.store.read() as tx:
        paused, now_us = scopes.paused(tx), connector.store.now_us(tx)
    for (connection, kind), since_us in sorted(paused.items()):
        since = f" for {spoken((now_us - since_us) / 1e6)}" if since_us is not None else ""
        said = f"A person paused it{since}: what changes waits, a no to being contacted too."
        fix = f"Run `crm-connector resume {connection} {kind}`."
        yield Check(f"{connection} {kind} pause", "warn", said, fix)


def _waiting(connector: Connector, status: Status) -> Iterator[Check]:
    limit = connector.settings.status.old
    before = dt.datetime.fromisoformat(status.now) - limit
    letters, conflicts = connector.letters(), connector.conflicts()
    for what, times in (
        ("letters", [one.since for one in letters]),
        ("conflicts", [one.since for one in conflicts]),
    ):
        old = _before(times, before)
        after = connector.settings.status.letters_after
        if old:
            fix = f"`crm-connector {what} list`"
            yield Check(what, "warn", f"{old} of {len(times)} wait for longer than {after}.", fix)
        else:
            yield Check(what, "ok", f"{len(times)} wait for a person, none longer than {after}.")


def _before(times: Iterable[str | None], moment: dt.datetime) -> int:
    return sum(one is not None and dt.datetime.fromisoformat(one) < moment for one in times)
