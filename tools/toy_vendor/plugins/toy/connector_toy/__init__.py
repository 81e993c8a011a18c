"""A vendor that nobody sells: one JSON file is its whole house. All that a plugin needs is here."""

from __future__ import annotations

import fcntl
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict

from connector.plugin import (
    Capabilities,
    FieldInfo,
    Fields,
    Gone,
    Host,
    Kind,
    Op,
    Outcome,
    Page,
    Reason,
    Ref,
    Result,
    Schema,
    Seen,
    Target,
    Write,
)

KEY: Final = "Key"
PAGE: Final = 50
OBJECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "Person": {
        "Name": "text",
        "Mobile": "phone",
        "Mail": "email",
        "City": "text",
        "Job": "text",
        "Born": "date",
        "Stage": "text",
        "Labels": "tags",
        "No_Mail": "flag",
    },
    "Card": {"Number": "text", "Owner": "reference", "Plan": "text", "Points": "integer"},
    "Note": {"Title": "text", "Owner": "reference", "Body": "text", "State": "text"},
}
"""Object to its fields with their types; the first of each is mandatory."""
Json = dict[str, Any]


class House:
    """The file. Whoever has a turn is alone with it; what was changed is kept in the end."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @contextmanager
    def turn(self, call: str = "") -> Iterator[Json]:
        with self._file.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            held: Json = {"at": 0, "calls": {}, "lose": 0, **{name: {} for name in OBJECTS}}
            if self._file.exists():
                held = orjson.loads(self._file.read_bytes())
            if call:
                held["calls"][call] = held["calls"].get(call, 0) + 1
            yield held
            new = self._file.with_suffix(".new")
            new.write_bytes(orjson.dumps(held))
            new.replace(self._file)


def commit(
    held: Json, object_: str, ref: str | None, fields: Fields, key: str = "", gone: bool = False
) -> str:
    """Write one record, a new one without a `ref`; no two commits have the same time."""
    held["at"] = max(time.time_ns() // 1000, held["at"] + 1)
    ref = ref or f"T{held['at']:020d}"
    row = held[object_].setdefault(ref, {"key": key, "fields": {}})
    both = {**row["fields"], **fields}
    kept = {name: value for name, value in both.items() if value is not None}
    row.update(at=held["at"], gone=gone, fields=kept)
    return ref


def moment(at: int) -> datetime:
    """A commit's time, from microseconds."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


class ToySettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """The vendor's file."""


class ToyRemote:
    """Implements `connector.plugin.Remote`."""

    account = "toy"
    capabilities = Capabilities(
        batch=dict.fromkeys(Op, 100),
        external_key="unique",
        conditional=True,
        counts_writes=False,
        reports_removals=True,
        reports_merges=False,
        removal="recycle",
        version_step=timedelta(0),
        feed_lag=timedelta(0),
        find_lag=timedelta(0),
        reads_own_writes=True,
        call_life=timedelta(seconds=1),
    )

    def __init__(self, house: House, targets: Mapping[Kind, Target]) -> None:
        self._house, self._targets = house, targets

    def close(self) -> None:
        """Nothing is held open."""

    def describe(self, kind: Kind) -> Schema:
        object_ = self._targets[kind].object
        fields = {
            name: FieldInfo(name=name, type=type_, required=number == 0)
            for number, (name, type_) in enumerate(OBJECTS[object_].items())
        }
        fields[KEY] = FieldInfo(name=KEY, type="text", unique=True, external=True)
        return Schema(object=object_, fields=fields)

    # --- reading ---

    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        """An edit moves a record towards the end, never past the reader."""
        after = int(resume) if resume is not None else -1
        while True:
            with self._house.turn("changes") as held:
                now = moment(max(time.time_ns() // 1000, held["at"]))
                found = [
                    (row["at"], ref, row)
                    for ref, row in held[self._targets[kind].object].items()
                    if row["at"] > after and (since is None or moment(row["at"]) >= since)
                    if since is not None or not row["gone"]
                ]
            found.sort(key=lambda one: one[0])
            seen = [self._seen(kind, ref, row) for _, ref, row in found[:PAGE]]
            more = len(found) > PAGE
            after = found[PAGE - 1][0] if more else after
            yield Page(seen=seen, resume=str(after).encode() if more else None, read_at=now)
            if not more:
                return

    def listing(self, kind: Kind, after: Ref | None) -> Iterator[Page]:
        with self._house.turn("listing") as held:
            rows = sorted(held[self._targets[kind].object].items())
            now = moment(held["at"])
        alive = [(ref, row) for ref, row in rows if not row["gone"] and ref > (after or "")]
        seen = [self._seen(kind, ref, row) for ref, row in alive]
        yield Page(seen=seen, resume=None, read_at=now)

    def fetch(self, kind: Kind, refs: Sequence[Ref]) -> Sequence[Seen]:
        with self._house.turn("fetch") as held:
            rows = held[self._targets[kind].object]
        nobody = {"at": None, "gone": True}
        return [self._seen(kind, ref, rows.get(ref, nobody)) for ref in refs]

    def find(self, kind: Kind, field: str, values: Sequence[str]) -> Sequence[Seen]:
        with self._house.turn("find") as held:
            rows = held[self._targets[kind].object].items()
        return [
            self._seen(kind, ref, row)
            for ref, row in rows
            if not row["gone"]
            and (row["key"] if field == KEY else row["fields"].get(field)) in values
        ]

    def _seen(self, kind: Kind, ref: str, row: Json) -> Seen:
        at = None if row["at"] is None else moment(row["at"])
        version = "" if at is None else at.isoformat(timespec="microseconds")
        if row["gone"]:
            why = Gone.NOT_FOUND if at is None else Gone.EXPLICIT
            return Seen(ref=Ref(ref), version=version, changed_at=at, fields={}, gone=why)
        names = self._targets[kind].fields
        fields = {name: row["fields"].get(name) for name in names}
        return Seen(
            ref=Ref(ref), version=version, changed_at=at, fields=fields, external_key=row["key"]
        )

    # --- writing ---

    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        for op in Op:
            some = [one for one in writes if one.op is op]
            if not some:
                continue
            with self._house.turn("insert" if op is Op.CREATE else op.value) as held:
                results = [self._apply(held, kind, one) for one in some]
                lost = op is Op.CREATE and held["lose"] > 0
                held["lose"] -= lost
            for one in results:
                yield Result(id=one.id, outcome=Outcome.UNKNOWN) if lost else one

    def _apply(self, held: Json, kind: Kind, one: Write) -> Result:
        object_ = self._targets[kind].object
        rows = held[object_]
        if one.op is Op.CREATE:
            twins = (ref for ref, row in rows.items() if row["key"] == one.external_key)
            twin = next(twins, None) if one.external_key else None
            if twin is not None:
                return _refused(one, "duplicate", Ref(twin))
            ref = commit(held, object_, None, one.fields, one.external_key)
        else:
            ref = str(one.ref)
            row = rows.get(ref)
            if row is None or row["gone"] is not (one.op in (Op.RESTORE, Op.PURGE)):
                return _refused(one, "not_found")
            if one.unless_changed_since and moment(row["at"]) > one.unless_changed_since:
                return Result(id=one.id, outcome=Outcome.STALE)
            if one.op is Op.PURGE:
                del rows[ref]
                return Result(id=one.id, outcome=Outcome.APPLIED)
            commit(held, object_, ref, one.fields, gone=one.op is Op.REMOVE)
        return Result(id=one.id, outcome=Outcome.APPLIED, seen=self._seen(kind, ref, rows[ref]))


def _refused(one: Write, code: str, existing: Ref | None = None) -> Result:
    reason = Reason(code=code, text=f"The toy says {code}.")
    return Result(id=one.id, outcome=Outcome.REFUSED, reason=reason, existing=existing)


class ToyBox:
    """The file with its people's hands; implements `connector.plugin.SandboxHandle`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="toy-")
        self._path = Path(self._folder.name) / "toy.json"
        self._house = House(self._path)
        self.settings: Mapping[str, Any] = {"plugin": "toy", "path": str(self._path)}

    @property
    def url(self) -> str:
        return self._path.as_uri()

    def records(self, object: str) -> list[Json]:
        with self._house.turn() as held:
            rows = held[object].items()
        return [{"id": ref, **row["fields"]} for ref, row in rows if not row["gone"]]

    def create(self, object: str, fields: Fields) -> Ref:
        with self._house.turn() as held:
            return Ref(commit(held, object, None, fields))

    def edit(self, object: str, ref: Ref, fields: Fields) -> None:
        with self._house.turn() as held:
            commit(held, object, ref, fields)

    def remove(self, object: str, ref: Ref) -> None:
        with self._house.turn() as held:
            commit(held, object, ref, {}, gone=True)

    def fault(self, name: str, **how: Any) -> None:
        """`lost_after` of an `insert` alone: the next create's answer is lost."""
        assert (name, how) == ("lost_after", {"operation": "insert"}), "the toy knows one fault"
        with self._house.turn() as held:
            held["lose"] += 1

    def calls(self) -> Mapping[str, int]:
        with self._house.turn() as held:
            told: Mapping[str, int] = held["calls"]
        return told

    def close(self) -> None:
        self._folder.cleanup()


class ToyPlugin:
    """Implements `Plugin` and `Sandboxed` of `connector.plugin`."""

    name = "toy"
    settings = ToySettings

    def open(self, settings: ToySettings, targets: Mapping[Kind, Target], host: Host) -> ToyRemote:
        return ToyRemote(House(Path(settings.path)), targets)

    def start_sandbox(
        self,
        *,
        port: int = 0,
        targets: Mapping[Kind, Target] | None = None,
        rate: str | None = None,
    ) -> ToyBox:
        """A new file; the toy listens nowhere and knows no limit."""
        return ToyBox()


plugin = ToyPlugin()
