"""What an erasure under way still has to do. It is sealed, and forgotten when all is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from connector.privacy.ledger import IMPOSSIBLE, PLANNED, VERIFIED, Counted
from connector.sync.documents import pack, unpack


@dataclass(slots=True)
class Target:
    """One record to delete at a vendor, or one row of the shop's (`place` is `local` then).

    `stage` is the operation that is due or was sent last. `sent_us`: when.
    """

    place: str
    kind: str
    id: str
    state: str = PLANNED
    stage: str = ""
    sent_us: int | None = None
    answered: bool = False
    """Whether the vendor said that the last sending was carried out."""
    reason: str | None = None

    @property
    def ended(self) -> bool:
        return self.state in (VERIFIED, IMPOSSIBLE)

    def cannot(self, reason: str) -> None:
        self.state, self.reason = IMPOSSIBLE, reason


@dataclass(slots=True)
class Late:
    """A create of ours whose answer was lost: what carries `key` is the person's, and may turn up
    until `due_us`."""

    place: str
    kind: str
    key: str
    due_us: int
    looked: bool = False


@dataclass(slots=True)
class Work:
    """Everything that the steps of one erasure need to know, after the state has forgotten it."""

    targets: list[Target] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    identifiers: list[tuple[str, str]] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    traces: list[bytes] = field(default_factory=list)
    """Digests and ends of sealed documents: none of their bytes may be left."""
    searched: list[str] = field(default_factory=list)
    """Connections where their values were looked for."""
    doubtful: int = 0
    """Records at vendors that share a value with them and differ in another: left alone."""

    def add(self, place: str, kind: str, ids: Iterable[str]) -> None:
        """Aim at records that are not aimed at yet."""
        known = {(t.place, t.kind, t.id) for t in self.targets}
        for one in sorted(ids):
            if (place, str(kind), one) not in known:
                self.targets.append(Target(place, str(kind), one))

    def at(self, place: str) -> list[Target]:
        return [one for one in self.targets if one.place == place]

    def counted(self) -> tuple[Counted, ...]:
        """What became of all of it, without ids."""
        counts = Counter((t.place, t.kind, t.state, t.reason) for t in self.targets)
        return tuple(
            Counted(*key, number)
            for key, number in sorted(counts.items(), key=lambda one: tuple(map(str, one[0])))
        )

    def pack(self) -> bytes:
        return pack(asdict(self))

    @classmethod
    def unpack(cls, data: bytes) -> Work:
        held = unpack(data)
        return cls(
            [Target(**one) for one in held["targets"]],
            [Late(**one) for one in held["late"]],
            held["links"],
            [(kind, value) for kind, value in held["identifiers"]],
            held["values"],
            held["traces"],
            held["searched"],
            held["doubtful"],
        )
