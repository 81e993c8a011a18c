"""One object's records as the vendor shows them, turned into `Seen`; reading by id and by value."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from connector.errors import (
    ConnectorError,
    InvalidError,
    RetryableError,
    SchemaDriftError,
    UsageError,
)
from connector.plugin import Gone, Ref, Schema, Seen, Target
from connector_fxiaoke import facts, queries, values
from connector_fxiaoke.client import Answer, Client
from connector_fxiaoke.facts import Class
from connector_fxiaoke.queries import Filter
from connector_fxiaoke.schema import Described
from connector_fxiaoke.settings import FxiaokeSettings

_ALWAYS: Final = (
    "_id",
    "version",
    "create_time",
    "last_modified_time",
    "life_status",
    "lock_status",
    "is_deleted",
)


class Records:
    """Reading one object. Raises VendorErrors of all kinds."""

    def __init__(
        self,
        client: Client,
        settings: FxiaokeSettings,
        target: Target,
        describe: Callable[[], Described],
    ) -> None:
        self.client = client
        self.settings = settings
        self.object = queries.name(target.object)
        self.key_field = queries.name(target.key_field) if target.key_field else None
        self.zone = ZoneInfo(settings.zone)
        self._target = target
        self._describe = describe
        self._wanted = list(dict.fromkeys(map(queries.name, target.fields)))
        self._lock = threading.Lock()
        self._described: Described | None = None

    def path(self, action: str) -> str:
        return facts.data_path(self.object, action)

    # --- which fields, of which types ---

    def describe(self) -> Schema:
        """Read the object's metadata anew: one call."""
        with self._lock:
            self._described = self._describe()
            return self._described.schema

    @property
    def described(self) -> Described:
        """The object's metadata, read once when it is first needed: a quiet pass never does."""
        with self._lock:
            if self._described is None:
                self._described = self._describe()
            return self._described

    def type_of(self, field: str) -> str:
        """describe's `type` of a field; "text", which changes nothing, if it has no such field."""
        return self.described.types.get(field, "text")

    @property
    def _fields(self) -> list[str]:
        """The fields to ask for: those that are there, once it is known which are."""
        if self._described is None:
            return self._wanted
        return [one for one in self._wanted if one in self._described.types]

    def query(self, filters: Sequence[Filter], *, also: str = "", bare: bool = False) -> Answer:
        """Read one page in id order; `bare` for ids, versions and keys alone."""
        try:
            return self._query(filters, also, bare)
        except (InvalidError, SchemaDriftError) as error:
            if bare:
                raise
            # Perhaps a field that this tenant lacks: look at what there is, and go on without it.
            before = self._fields
            try:
                self.describe()
            except ConnectorError:
                raise error from None  # the object itself is what is wrong
            if self._fields == before:
                raise
            return self._query(filters, also, bare)

    def _query(self, filters: Sequence[Filter], also: str, bare: bool) -> Answer:
        own = [*_ALWAYS, *([self.key_field] if self.key_field else [])]
        fields = dict.fromkeys([*own, *([] if bare else self._fields), *([also] if also else [])])
        body = queries.query(self.object, filters, list(fields), self.settings.page_size)
        answer = self.client.read("query", self.path("query"), body)
        if answer.rows is None:
            raise RetryableError("The CRM answered a query without a page of records.")
        return answer

    def pages(
        self, filters: Sequence[Filter], after: str = "", *, also: str = "", bare: bool = False
    ) -> Iterator[tuple[Answer, list[Mapping[str, Any]], str]]:
        """Read all pages behind an id: the answer, its rows, and the id to go on behind ("" at the
        end). Raises: RetryableError for a page that repeats rows or goes backwards."""
        while True:
            answer = self.query([*filters, *queries.after_id(after)], also=also, bare=bare)
            rows = [_checked(row) for row in answer.rows or ()]
            for row in rows:
                if row["_id"] <= after:
                    raise RetryableError("The CRM's pages are not in the order of ids.")
                after = row["_id"]
            more = len(rows) >= _full(answer, self.settings.page_size)
            yield answer, rows, after if more else ""
            if not more:
                return

    # --- rows to Seen ---

    def seen(self, row: Mapping[str, Any], *, bare: bool = False) -> Seen:
        """A record, or the news that it is gone: an invalidated one is still shown.

        Only mapped fields are taken over. What comes beside them (labels, employees' numbers, the
        search index's own) never leaves this module.
        """
        key = row.get(self.key_field) if self.key_field else None
        gone = _is_gone(row)
        return Seen(
            ref=Ref(row["_id"]),
            version=_version(row),
            changed_at=_changed_at(row),
            fields={} if gone or bare else self._values(row),
            gone=Gone.EXPLICIT if gone else None,
            external_key=key if isinstance(key, str) and key and not gone else None,
            created_at=_created_at(row),
        )

    def _values(self, row: Mapping[str, Any]) -> dict[str, Any]:
        # The vendor leaves empty fields out: one that exists and is not there is empty, while of
        # one that does not exist nothing may be said.
        types = self.described.types
        return {
            name: values.read(row.get(name), types[name], self.zone)
            for name in self._wanted
            if name in types
        }

    # --- by id ---

    def fetch(self, refs: Sequence[Ref]) -> list[Seen]:
        """One answer for each ref, each by a call of its own: only these see our last write."""
        ids = list(dict.fromkeys(queries.record_id(ref) for ref in refs))
        if not ids:
            return []
        answers = self.client.host.spread(self.look, ids, self.settings.concurrency)
        seen, missing = [], {}
        for ref, answer in answers:
            row = self.row_of(ref, answer)
            if row is None:
                missing[ref] = answer
            else:
                seen.append(self.seen(row))
        return seen + list(self._missing(missing))

    def edited_by(self, ref: Ref) -> str | None:
        """The id of the user who saved a record last; a person field is a list of ids."""
        one = queries.record_id(ref)
        row = self.row_of(*self.look(one))
        users = row.get("last_modified_by") if row is not None else None
        return str(users[0]) if isinstance(users, list) and users else None

    def look(self, ref: str) -> tuple[str, Answer]:
        """Read one record by its id; the answer may be a refusal."""
        body = queries.get(self.object, ref)
        answer = self.client.look("get", self.path("get"), body)
        if _of_the_moment(answer):
            # A fault of the moment or a refusal of this record: the code does not tell.
            answer = self.client.look("get", self.path("get"), body)
        if facts.CODES.get(answer.code) is Class.TRANSIENT:
            raise self.client.error("get", answer)
        return ref, answer

    def row_of(self, ref: str, answer: Answer) -> Mapping[str, Any] | None:
        """The record in the answer to a read by id; None if it holds none."""
        if answer.code != facts.OK or not answer.data:
            return None
        row = _checked(answer.data)
        if row["_id"] != ref:
            raise RetryableError("The CRM answered with another record than was asked for.")
        return row

    def missing(self, ref: str, answer: Answer) -> Seen:
        """How one record is missing whose read was answered so."""
        [seen] = self._missing({ref: answer})
        return seen

    def _missing(self, answers: Mapping[str, Answer]) -> Iterator[Seen]:
        """How records are missing that a read by id does not show.

        Taking what we may not see for deleted would delete people's data, the other way round a
        person only has to look. So a record counts as deleted only if the list of records lacks
        it too *and* its read was answered as this tenant answers for one that is not there.
        """
        ids = list(answers)
        listed: dict[str, Mapping[str, Any]] = {}
        for at in range(0, len(ids), facts.IDS_AT_ONCE):
            some = queries.one_of("_id", ids[at : at + facts.IDS_AT_ONCE])
            for _, rows, _ in self.pages(some, bare=True):
                listed |= {row["_id"]: row for row in rows}
        for ref, answer in answers.items():
            row = listed.get(ref)
            if row is not None and _is_gone(row):
                yield self.seen(row, bare=True)  # invalidated, then deleted: still in the index
            elif row is None and self._tells_deleted(answer):
                yield _gone(ref, Gone.NOT_FOUND)
            else:
                yield _gone(ref, Gone.HIDDEN)

    def _tells_deleted(self, answer: Answer) -> bool:
        empty = answer.code == facts.OK
        match self.settings.deleted_get:
            case "auto":
                return empty and self._nothing_is_normal
            case "empty":
                return empty
            case "error":
                return not empty
        return False

    @cached_property
    def _nothing_is_normal(self) -> bool:
        """Whether an id that never was is answered with nothing; if not, nothing means more."""
        _, never = self.look(facts.NOBODY)
        return never.code == facts.OK and not never.data

    # --- by value ---

    def find(self, field: str, wanted: Sequence[str]) -> list[Seen]:
        """Live records whose field equals one of the values, compared by us once more."""
        known = {*self._target.fields, *self._target.match_fields, self._target.key_field}
        if field not in known:
            raise UsageError(f"The field {queries.name(field)} is not in this kind's mapping.")
        left = [value for value in dict.fromkeys(wanted) if value]
        found: list[Seen] = []
        for at in range(0, len(left), facts.IDS_AT_ONCE):
            some = left[at : at + facts.IDS_AT_ONCE]
            for _, rows, _ in self.pages(queries.one_of(field, some), also=field):
                found += [
                    self.seen(row) for row in rows if row.get(field) in some and not _is_gone(row)
                ]
        return found


def _full(answer: Answer, asked: int) -> int:
    """How many rows make a full page: what we asked for, unless the answer names a lower cap."""
    told = answer.data.get("limit")
    return min(asked, told) if isinstance(told, int) and told > 0 else asked


def _of_the_moment(answer: Answer) -> bool:
    return facts.CODES.get(answer.code) in (Class.TRANSIENT, Class.AMBIGUOUS)


def _gone(ref: str, how: Gone) -> Seen:
    return Seen(ref=Ref(ref), version="", changed_at=None, fields={}, gone=how)


def _is_gone(row: Mapping[str, Any]) -> bool:
    return row.get("life_status") == facts.INVALID or row.get("is_deleted") is True


def _checked(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, Mapping) or not queries.is_id(row.get("_id")):
        raise RetryableError("A record came without a readable id.")
    return row


def _version(row: Mapping[str, Any]) -> str:
    """The count of its writes, told as text or number."""
    told = str(row.get("version"))
    if not told.isascii() or not told.isdecimal() or len(told) > 18:
        raise RetryableError("A record came without a readable version.")
    return str(int(told))


def _created_at(row: Mapping[str, Any]) -> datetime | None:
    ms = values.millis(row.get("create_time"))
    with suppress(OverflowError):
        return values.moment(ms) if ms is not None else None
    return None


def _changed_at(row: Mapping[str, Any]) -> datetime:
    ms = values.millis(row.get("last_modified_time"))
    if ms is not None:
        with suppress(OverflowError):
            return values.moment(ms)
    raise RetryableError("A record came without a readable time of change.")
