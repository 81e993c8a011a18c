"""What an erasure under way still has to do. It is sealed, and forgotten when all is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field

from connector.privacy.ledger import IMPOSSIBLE, PLANNED, VERIFIED, Counted, Entry
from connector.privacy.vault import Vault
from connector.rights.person import Person
from connector.store.staged import LOCAL
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

    def aim_at(self, person: Person, traces: Iterable[bytes]) -> None:
        """Aim at all that is a person's; `traces` are theirs in the state."""
        for kind, keys in person.rows.items():
            self.add(LOCAL, kind, keys)
        for (name, kind), refs in person.records.items():
            self.add(name, kind, refs)
        self.links = sorted({*self.links, *person.links})
        self.identifiers = sorted({*self.identifiers, *person.identifiers})
        self.values = sorted({*self.values, *person.values})
        self.traces = sorted({*self.traces, *traces})

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

    def needles(
        self, blind: Callable[[str, str], Sequence[bytes]], others: Collection[str] = ()
    ) -> list[bytes]:
        """Bytes that must not be found in our files any more; `others` are ids that are not theirs
        alone."""
        found = [*self.traces]
        found += [digest for one in self.identifiers for digest in blind(*one)]
        for value in (*self.values, *(value for _, value in self.identifiers)):
            found.append(value.encode("utf-8", "surrogatepass"))
        # A row's key is the host's own, and short; other rows' keys hold it as a part.
        ids = {one.id for one in self.targets if one.place != LOCAL and len(one.id) > 11}
        return [*found, *(one.encode() for one in ids - set(others))]

    def sealed(self, vault: Vault, entry_id: str) -> bytes:
        return vault.seal_secret(_name(entry_id), pack(asdict(self)))

    @classmethod
    def of(cls, vault: Vault, entry: Entry) -> Work:
        """What an erasure still has to do. Raises: SealError if it cannot be opened."""
        if entry.work is None:
            return cls()
        held = unpack(vault.open_secret(_name(entry.id), entry.work))
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


def _name(entry_id: str) -> str:
    return f"erasure/{entry_id}"
