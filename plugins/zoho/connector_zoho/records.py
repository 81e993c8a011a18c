"""One module's records as the vendor shows them, turned into `Seen`; reading by id and by value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from connector.errors import (
    InvalidError,
    LoginRefusedError,
    RetryableError,
    UsageError,
)
from connector.plugin import Gone, Ref, Schema, Seen, Target
from connector_zoho import facts, nested, queries
from connector_zoho.client import Client
from connector_zoho.envelope import Answer
from connector_zoho.settings import ZohoSettings
from connector_zoho.values import changed, checked, moment, plain

_log = logging.getLogger(__name__)

_ALWAYS: Final = ("id", "Modified_Time")
_TORN_READS: Final = 3
SCOPE_CODES: Final = frozenset({"OAUTH_SCOPE_MISMATCH", "NO_PERMISSION", "AUTHORIZATION_FAILED"})
"""How a query is refused for want of a right to query."""


class Querying:
    """Whether this login may query; shared by all modules of one account."""

    def __init__(self, client: Client, wanted: bool | str) -> None:
        self._client = client
        self._wanted = wanted
        self._refused = False

    @property
    def allowed(self) -> bool:
        """False once the vendor has refused a query for want of a scope, under "auto"."""
        return self._wanted is not False and not self._refused

    def run(self, text: str, rows: int) -> Answer | None:
        """Run a query; None if queries turn out not to be allowed, so that the caller lists."""
        try:
            return self._client.query(text, rows)
        except LoginRefusedError as error:
            if self._wanted != "auto" or error.code not in SCOPE_CODES:
                raise
            _log.warning("the login may not query; reading by lists", extra={"code": error.code})
            self._refused = True
            return None


class Records:
    """Reading one module. Raises VendorErrors of all kinds."""

    def __init__(
        self,
        client: Client,
        querying: Querying,
        settings: ZohoSettings,
        target: Target,
        describe: Callable[[], Schema],
    ) -> None:
        self.client = client
        self.querying = querying
        self.settings = settings
        self.module = queries.name(target.object)
        self.key_field = queries.name(target.key_field) if target.key_field else None
        self.path = f"{facts.BASE}/{self.module}"
        self._target = target
        self._describe = describe
        self._wanted = list(dict.fromkeys(map(nested.name, target.fields)))
        self._asked: list[str] | None = None

    # --- which fields ---

    def use(self, schema: Schema) -> None:
        """Ask from now on only for fields that exist and that this login may read.

        A field hidden by the privacy settings reads as null, which would empty the other side.
        """
        known = schema.fields
        self._asked = [one for one in self._wanted if one in known and known[one].readable]

    @property
    def parts(self) -> list[list[str]]:
        """The fields in as many reads as their number takes; each part holds id and time."""
        names = self._wanted if self._asked is None else self._asked
        own = [*_ALWAYS, *([self.key_field] if self.key_field else [])]
        rest = [one for one in names if one not in own and not nested.is_part(one)]
        inside = nested.heads(names)
        room = facts.LIST_FIELDS - len(own)
        first, more = rest[:room], rest[room:]
        step = facts.LIST_FIELDS - len(_ALWAYS)
        return [
            [*own, *first],
            *([*_ALWAYS, *more[at : at + step]] for at in range(0, len(more), step)),
            *([[*_ALWAYS, *inside]] if inside else []),
        ]

    @property
    def columns(self) -> list[str]:
        """All fields beside the id, where one read takes as many as there are."""
        return list(dict.fromkeys(name for part in self.parts for name in part if name != "id"))

    def describe(self) -> Schema:
        """Look at the module, and ask from now on for what is there."""
        schema = self._describe()
        self.use(schema)
        return schema

    def query(self, where: str, order: str, limit: int, *, ids_only: bool = False) -> Answer | None:
        """Query the first part of the fields; None if queries are not allowed."""
        columns = self._bare if ids_only else self.parts[0]
        try:
            answer = self._run(columns, where, order, limit)
        except InvalidError as error:
            if error.code != "INVALID_QUERY" or self._asked is not None or ids_only:
                raise
            # A column that this account lacks or hides: look once at what there is, and go on.
            self.describe()
            answer = self._run(self.parts[0], where, order, limit)
        return None if answer is None else _believed(answer)

    def _run(self, columns: Sequence[str], where: str, order: str, limit: int) -> Answer | None:
        return self.querying.run(queries.query(self.module, columns, where, order, limit), limit)

    @property
    def _bare(self) -> list[str]:
        return [*_ALWAYS, *([self.key_field] if self.key_field else [])]

    def page(
        self, params: Mapping[str, str], since: datetime | None = None, *, ids_only: bool = False
    ) -> Answer:
        """Read one page of a list."""
        fields = self._bare if ids_only else self.parts[0]
        headers = None if since is None else {facts.IF_MODIFIED_SINCE: moment(since)}
        asked = {"fields": ",".join(fields), "per_page": str(self.settings.list_page), **params}
        return _believed(self.client.read("list", self.path, asked, headers=headers))

    # --- rows to Seen ---

    def seen(self, rows: Iterable[Any], *, whole: bool = True) -> list[Seen]:
        """Turn rows of the first part into `Seen`; fetches the further parts of wide modules."""
        first = [checked(row) for row in rows]
        parts = self.parts
        if whole and first and len(parts) > 1:
            first = self._widen(first, parts[1:])
        return [self._one(row) for row in first]

    def _one(self, row: Mapping[str, Any]) -> Seen:
        mark, at = changed(row)
        key = row.get(self.key_field) if self.key_field else None
        return Seen(
            ref=Ref(row["id"]),
            version=mark,
            changed_at=at,
            fields={name: plain(value) for name, value in nested.picked(row, self._wanted)},
            external_key=key if isinstance(key, str) and key else None,
        )

    def _widen(
        self, rows: list[dict[str, Any]], parts: Sequence[Sequence[str]]
    ) -> list[dict[str, Any]]:
        """Join the other parts; a record that moved between two parts is read again whole."""
        for part in parts:
            torn = []
            found = self._by_ids([row["id"] for row in rows], part)
            for row in rows:
                other = found.get(row["id"])
                if other is None or changed(row) != changed(other):
                    torn.append(row["id"])
                else:
                    row.update(other)
            if torn:
                again = {row["id"]: row for row in self._whole(torn)}
                # One deleted meanwhile leaves the page; the feed of removals tells of it.
                rows = [
                    again.get(row["id"], row)
                    for row in rows
                    if row["id"] not in torn or row["id"] in again
                ]
        return rows

    def _whole(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Read all parts of records by id until every part tells the same time of change."""
        done: dict[str, dict[str, Any]] = {}
        wanted = list(ids)
        for _ in range(_TORN_READS):
            reads = [self._by_ids(wanted, part) for part in self.parts]
            torn = []
            for one in wanted:
                rows = [read[one] for read in reads if one in read]
                if not rows:
                    continue
                if len(rows) < len(reads) or any(changed(rows[0]) != changed(row) for row in rows):
                    torn.append(one)
                else:
                    done[one] = {name: value for row in rows for name, value in row.items()}
            if not torn:
                return list(done.values())
            wanted = torn
        raise RetryableError("A record kept changing while it was read in parts.")

    # --- by id ---

    def fetch(self, refs: Sequence[Ref]) -> list[Seen]:
        """One answer for each ref; what is missing is asked for alone, to learn how it is."""
        ids = list(dict.fromkeys(queries.record_id(ref) for ref in refs))
        seen = []
        for at in range(0, len(ids), facts.LIST_IDS):
            some = ids[at : at + facts.LIST_IDS]
            found = {row["id"]: row for row in self._whole(some)}
            seen += [self._one(found[one]) for one in some if one in found]
            seen += [self._missing(one) for one in some if one not in found]
        return seen

    def times(self, ids: Sequence[str]) -> dict[str, datetime]:
        """When records were changed last, by id; one that is missing is left out."""
        found = self._by_ids(ids, _ALWAYS)
        return {one: changed(row)[1] for one, row in found.items()}

    def objects(self, refs: Sequence[str], names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Whole objects of which parts are named, by id; nobody is asked if none is."""
        inside = nested.heads(names)
        return self._by_ids(refs, [*_ALWAYS, *inside]) if inside else {}

    def edited_by(self, ref: Ref) -> str | None:
        """The id of the user who saved a record last."""
        one = queries.record_id(ref)
        user = self._by_ids([one], ("Modified_By",)).get(one, {}).get("Modified_By")
        return str(user["id"]) if isinstance(user, dict) and user.get("id") else None

    def _missing(self, one: str) -> Seen:
        params = {"fields": ",".join(self.parts[0])}
        try:
            rows = self.client.read("fetch", f"{self.path}/{one}", params).rows
        except InvalidError:
            rows = []  # some accounts answer 400 to an id that is not there, others 204
        except LoginRefusedError as error:
            if error.code != "NO_PERMISSION":
                raise
            return _gone(one, Gone.HIDDEN)
        if not rows:
            return _gone(one, Gone.NOT_FOUND)
        self._echo(rows, {one})
        # It came into being, or into sight, between the two reads.
        whole = self._whole([one])
        return self._one(whole[0]) if whole else _gone(one, Gone.NOT_FOUND)

    def _by_ids(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for at in range(0, len(ids), facts.LIST_IDS):
            some = ids[at : at + facts.LIST_IDS]
            params = {"ids": ",".join(some), "fields": ",".join(fields)}
            try:
                rows = self.client.read("fetch", self.path, params).rows
            except InvalidError:
                if len(some) == 1:
                    continue
                # One bad id spoils the whole list in some accounts: ask for each alone.
                for one in some:
                    found |= self._by_ids([one], fields)
                continue
            rows = [checked(row) for row in rows]
            self._echo(rows, set(some))
            found |= {row["id"]: row for row in rows}
        return found

    def _echo(self, rows: Iterable[Mapping[str, Any]], asked: set[str]) -> None:
        """Refuse an answer about other records: what was asked for would look gone."""
        if any(str(row.get("id")) not in asked for row in rows):
            raise RetryableError("The vendor answered with another record than was asked for.")

    # --- by value ---

    def find(self, field: str, values: Sequence[str]) -> list[Seen] | None:
        """Records whose field equals one of the values, compared by us once more. None: only a
        reading of all records can tell, because a search would put the values into an address."""
        known = {*self._target.fields, *self._target.match_fields, self._target.key_field}
        if field not in known:
            raise UsageError(f"The field {queries.name(field)} is not in this kind's mapping.")
        wanted = [value for value in dict.fromkeys(values) if value]
        found: dict[str, Seen] = {}
        for at in range(0, len(wanted), facts.COQL_IN):
            some = wanted[at : at + facts.COQL_IN]
            rows = self._queried(queries.name(field), some)
            if rows is None:
                if field != self.key_field:
                    return None
                rows = list(self._by_key(some))
            found |= {one.ref: one for one in self.seen(r for r in rows if r.get(field) in some)}
        return list(found.values())

    def _queried(self, field: str, values: list[str]) -> list[Mapping[str, Any]] | None:
        last, found = "0", list[Mapping[str, Any]]()
        while self.querying.allowed:
            where = queries.both(queries.one_of(field, values), queries.after_id(last))
            answer = self.query(where, "id", self.settings.query_page)
            if answer is None:
                break
            rows = [checked(row) for row in answer.rows]
            found += self._with(field, rows)
            if not answer.more:
                return found
            last = rows[-1]["id"]
        return None

    def _by_key(self, keys: list[str]) -> Iterator[Mapping[str, Any]]:
        """Read by the external key, which is ours and tells nothing of anybody."""
        headers = {facts.EXTERNAL_HEADER: f"{self.module}.{self.key_field}"}
        params = {"fields": ",".join(self.parts[0])}
        for key in keys:
            path = f"{self.path}/{quote(key, safe='')}"
            try:
                rows = self.client.read("find", path, params, headers=headers).rows
            except InvalidError:
                rows = []
            yield from (checked(row) for row in rows)

    def _with(self, field: str, rows: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Add a field that is not in the first part of a wide module, for the comparison."""
        if field in self.parts[0] or not rows:
            yield from rows
            return
        values = self._by_ids([row["id"] for row in rows], [*_ALWAYS, field])
        for row in rows:
            yield row | {field: values.get(row["id"], {}).get(field)}


def _believed(answer: Answer) -> Answer:
    """Refuse a page behind which nobody could go on, and whose end would look like the end."""
    if answer.more and not answer.rows:
        raise RetryableError("The vendor says there is more and shows nothing.")
    return answer


def _gone(one: str, how: Gone) -> Seen:
    return Seen(ref=Ref(one), version="", changed_at=None, fields={}, gone=how)
