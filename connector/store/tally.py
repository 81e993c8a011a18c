"""How many there are of what, for people; no sealed value is opened."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from connector.store import intents, links
from connector.store.links import ACTIVE, PENDING
from connector.store.staged import REMOTE
from connector.store.tables import conflict, event, intent, link, staged


@dataclass(frozen=True, slots=True)
class Linked:
    """The live links of a scope. `agreed`: both records are there and meet in a base."""

    agreed: int
    joined: int
    """Both records are there; they have not agreed yet."""
    only_local: int
    only_remote: int

    @property
    def both(self) -> int:
        return self.agreed + self.joined


def linked(tx: sa.Connection, connection: str, kind: str) -> Linked:
    """Count the live links that are not out of scope."""
    c = link.c
    local, remote = c.local_id.is_not(None), c.remote_id.is_not(None)
    rows = tx.execute(
        sa.select(c.state, local.label("here"), remote.label("there"), sa.func.count())
        .where(
            c.connection == connection,
            c.kind == kind,
            c.live.is_not(None),
            c.state.in_([ACTIVE, PENDING]),
        )
        .group_by(c.state, local, remote)
    )
    found: Counter[str] = Counter()
    for state, here, there, number in rows:
        both = "agreed" if state == ACTIVE else "joined"
        found[both if here and there else "only_local" if here else "only_remote"] += number
    return Linked(found["agreed"], found["joined"], found["only_local"], found["only_remote"])


def set_aside(tx: sa.Connection, connection: str, kind: str, side: str) -> Counter[str]:
    """The records of one side that became letters, by the reason's code: those not decided, and
    those whose write to the other side was refused."""
    mine = (staged.c.connection == connection, staged.c.kind == kind)
    inbound = sa.select(staged.c.reason).where(
        *mine, staged.c.side == side, staged.c.reason.is_not(None)
    )
    other = "remote" if side == "local" else "local"
    outbound = sa.select(intent.c.reason).where(
        intent.c.connection == connection,
        intent.c.kind == kind,
        intent.c.side == other,
        intent.c.state == intents.LETTER,
    )
    found: Counter[str] = Counter()
    for query in (inbound, outbound):
        for reason in tx.execute(query).scalars():
            found[json.loads(reason)["code"] if reason else "refused"] += 1
    return found


def waiting(tx: sa.Connection, connection: str, kind: str, side: str) -> tuple[int, int]:
    """The records of one side that are staged and no letters: those that wait for another record,
    and the others."""
    c = staged.c
    rows = tx.execute(
        sa.select(c.waits_for.is_not(None), sa.func.count())
        .where(c.connection == connection, c.kind == kind, c.side == side, c.reason.is_(None))
        .group_by(c.waits_for.is_not(None))
    )
    found = {bool(waits): number for waits, number in rows}
    return found.get(True, 0), found.get(False, 0)


def waiting_children(tx: sa.Connection, connection: str, kind: str) -> int:
    """Rows that wait for their parent."""
    c = staged.c
    return tx.execute(
        sa.select(sa.func.count())
        .select_from(staged)
        .where(c.connection == connection, c.kind == kind, c.waits_for.is_not(None))
    ).scalar_one()


def oldest_us(tx: sa.Connection, connection: str, kind: str) -> int | None:
    """When the remote row was seen that has waited longest and is no letter; None if none waits."""
    c = staged.c
    found: int | None = tx.execute(
        sa.select(sa.func.min(c.observed_us)).where(
            c.connection == connection, c.kind == kind, c.side == REMOTE, c.reason.is_(None)
        )
    ).scalar()
    return found


def letters(tx: sa.Connection) -> int:
    """Letters of all scopes, inbound and outbound."""
    inbound = sa.select(sa.func.count()).select_from(staged).where(staged.c.reason.is_not(None))
    outbound = sa.select(sa.func.count()).select_from(intent)
    outbound = outbound.where(intent.c.state == intents.LETTER)
    return tx.execute(inbound).scalar_one() + tx.execute(outbound).scalar_one()


def disputed(tx: sa.Connection, connection: str, kind: str) -> int:
    """Links with an open conflict."""
    c = conflict.c
    return tx.execute(
        sa.select(sa.func.count(sa.distinct(c.link))).where(
            c.connection == connection, c.kind == kind, c.open == 1, c.state == "open"
        )
    ).scalar_one()


def causes(tx: sa.Connection, runs: Collection[str]) -> Counter[tuple[str, str, str]]:
    """What these runs did: events by (connection, kind, cause)."""
    c = event.c
    rows = tx.execute(
        sa.select(c.connection, c.kind, c.cause, sa.func.count())
        .where(c.run.in_(runs))
        .group_by(c.connection, c.kind, c.cause)
    )
    return Counter({(connection, kind, cause): number for connection, kind, cause, number in rows})


def pace(tx: sa.Connection, runs: Collection[str], step_us: int) -> list[tuple[int, int]]:
    """When these runs wrote records: the beginning of each step, and how many in it."""
    c = event.c
    step = c.at_us - c.at_us % step_us
    wrote = [f"{op}_{side}" for op in ("create", "update") for side in ("local", "remote")]
    rows = tx.execute(
        sa.select(step, sa.func.count())
        .where(c.run.in_(runs), c.cause.in_(wrote))
        .group_by(step)
        .order_by(step)
    )
    return [(at, number) for at, number in rows]


def agreed_ids(tx: sa.Connection, connection: str, kind: str) -> Iterator[str]:
    """The ids of all links whose records agreed, in their order; nothing else of them is read."""
    query = links.agreed(connection, kind).with_only_columns(link.c.id)
    query = query.execution_options(yield_per=1000)
    yield from tx.execute(query).scalars()
