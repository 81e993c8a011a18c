"""From where to where: a migration's legs, each one connection and the side of it that is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connector.errors import UsageError
from connector.installation import Installation
from connector.plugin import Kind
from connector.sync.decision import Side, other_side
from connector.sync.drift import mark_of

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Leg:
    """One connection of a route. `source`: the side that is only read."""

    connection: str
    source: Side

    @property
    def target(self) -> Side:
        return other_side(self.source)


@dataclass(frozen=True, slots=True)
class Route:
    """A migration's way. From vendor to vendor it goes through the local store, in two legs."""

    start: str
    end: str
    kinds: tuple[Kind, ...]
    legs: tuple[Leg, ...]

    @property
    def name(self) -> str:
        """What the state keeps of it under; no name of a connection is too long for that."""
        return f"migrate {mark_of([self.start, self.end])}"

    @property
    def scopes(self) -> list[tuple[Leg, Kind]]:
        return [(leg, kind) for leg in self.legs for kind in self.kinds]

    def leg(self, connection: str) -> Leg:
        return next(leg for leg in self.legs if leg.connection == connection)


def route(of: Installation, start: str, end: str, kinds: Iterable[Kind] | None = None) -> Route:
    """The way from one side to another. Raises: UsageError."""
    known = [LOCAL, *of.settings.connections]
    for name in (start, end):
        if name not in known:
            raise UsageError(
                f"There is no side {name!r} to migrate from or to.",
                hint=f"There are: {', '.join(known)}.",
            )
    if start == end:
        raise UsageError("A migration goes from one side to another one.")
    if end == LOCAL and of.settings.local.in_files:
        raise UsageError(
            "The rows are in files, which are never written.",
            hint="`crm-connector migrate hub` makes a database to migrate into.",
        )
    if LOCAL not in (start, end) and of.settings.local.in_files:
        raise UsageError(
            "From vendor to vendor the way goes through a database, and the rows are in files.",
            hint="`crm-connector migrate hub` makes one.",
        )
    legs: list[Leg] = []
    if start != LOCAL:
        legs.append(Leg(start, "remote"))
    if end != LOCAL:
        legs.append(Leg(end, "local"))
    wanted = list(kinds) if kinds is not None else None
    return Route(start, end, tuple(_kinds(of, legs, wanted)), tuple(legs))


def _kinds(of: Installation, legs: Sequence[Leg], wanted: Sequence[Kind] | None) -> list[Kind]:
    shared = [
        kind
        for kind in of.kinds(legs[0].connection)
        if all(kind in of.kinds(leg.connection) for leg in legs)
    ]
    if wanted is None:
        if not shared:
            raise UsageError("The two sides have no kind in common.")
        return shared
    lacking = [kind for kind in wanted if kind not in shared]
    if lacking:
        raise UsageError(
            f"Not all connections of this way have the kind {lacking[0]}.",
            hint=f"They share: {', '.join(shared) or 'none'}.",
        )
    return [kind for kind in shared if kind in wanted]
