"""One open account: what the connector asks, answered in its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from connector.errors import LoginRefusedError, RetryableError, UnknownOutcomeError
from connector.plugin import (
    Capabilities,
    FieldInfo,
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
from connector_ledgerly.client import Client
from connector_ledgerly.settings import LedgerlySettings

KEY: Final = "key"
"""The field that every Ledgerly object has for other programs' ids; no two records share one."""
IDS: Final = 100
"""Ids or values in one question."""


class LedgerlyRemote:
    """Implements `connector.plugin.Remote`. Safe for threads."""

    capabilities = Capabilities(
        batch=dict.fromkeys(Op, 1),
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
        call_life=timedelta(seconds=40),
        parallel=4,
    )

    def __init__(
        self, settings: LedgerlySettings, targets: Mapping[Kind, Target], host: Host
    ) -> None:
        self._client = Client(settings, host)
        self._page, self._targets = str(settings.page_size), targets
        life = timedelta(seconds=settings.call_life_s)
        self.capabilities = replace(self.capabilities, call_life=life)

    def close(self) -> None:
        self._client.close()

    @property
    def account(self) -> str:
        return str(self._client.read("account")["id"])

    def describe(self, kind: Kind) -> Schema:
        name = self._targets[kind].object
        fields = self._client.read(f"{name}/fields")["fields"]
        return Schema(object=name, fields={one["name"]: FieldInfo(**one) for one in fields})

    # --- reading ---

    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        """Ledgerly numbers all commits of an account and lists records by the number of their last:
        an edit moves a record towards the end, never past the reader."""
        asked = {"after": resume.decode() if resume is not None else "0", "limit": self._page}
        if since is not None:
            asked["since"] = since.isoformat()
        while True:
            told = self._client.read(f"{self._targets[kind].object}/changes", asked)
            seen = [self._seen(kind, one) for one in told["records"]]
            asked["after"] = str(told["next"] or "")
            resume = asked["after"].encode() or None
            yield Page(seen=seen, resume=resume, read_at=datetime.fromisoformat(told["now"]))
            if resume is None:
                return

    def listing(self, kind: Kind, after: Ref | None) -> Iterator[Page]:
        asked = {"after": after or "", "limit": self._page}
        while True:
            told = self._client.read(self._targets[kind].object, asked)
            seen = [self._seen(kind, one) for one in told["records"]]
            resume = told["next"].encode() if told["next"] else None
            yield Page(seen=seen, resume=resume, read_at=datetime.fromisoformat(told["now"]))
            if resume is None:
                return
            asked["after"] = told["next"]

    def fetch(self, kind: Kind, refs: Sequence[Ref]) -> Sequence[Seen]:
        """Ledgerly says nothing of a record that is not there, and `removed` of one in its bin."""
        found = {one.ref: one for one in self._search(kind, "read", "ids", refs)}
        return [found.get(ref) or _missing(ref) for ref in dict.fromkeys(refs)]

    def find(self, kind: Kind, field: str, values: Sequence[str]) -> Sequence[Seen]:
        """By POST: a value in an address would stand in everybody's logs."""
        found = self._search(kind, "find", "values", values, field=field)
        wanted = frozenset(values)
        return [
            one
            for one in found
            if (one.external_key if field == KEY else one.fields.get(field)) in wanted
        ]

    def _search(
        self, kind: Kind, verb: str, name: str, asked: Sequence[str], **more: str
    ) -> list[Seen]:
        path = f"{self._targets[kind].object}/{verb}"
        found: list[Seen] = []
        for start in range(0, len(asked), IDS):
            question = {name: asked[start : start + IDS], **more}
            told = self._client.read(path, json=question)["records"]
            found += [self._seen(kind, one) for one in told]
        return found

    def _seen(self, kind: Kind, row: Mapping[str, Any]) -> Seen:
        """A record of Ledgerly's as the connector wants it: mapped fields only, None for empty."""
        known = row.get("fields")
        names = self._targets[kind].fields if known is not None and not row["removed"] else ()
        return Seen(
            ref=Ref(row["id"]),
            version=row["changed"],  # of one length, and in the order of the writes
            changed_at=datetime.fromisoformat(row["changed"]),
            fields={name: (known or {}).get(name) for name in names},
            gone=Gone.EXPLICIT if row["removed"] else None,
            external_key=None if row["removed"] else row["key"],
        )

    # --- writing ---

    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        """One call each. Once one was sent, nothing is raised: the others are told to wait."""
        sent = False
        for one in writes:
            try:
                result = self._one(kind, one)
            except UnknownOutcomeError as error:
                reason = Reason(code="unknown", text=error.sentence)
                result = Result(id=one.id, outcome=Outcome.UNKNOWN, reason=reason)
            except (RetryableError, LoginRefusedError) as error:
                if not sent:
                    raise
                reason = Reason(code=error.code, text=error.sentence)
                result = Result(id=one.id, outcome=Outcome.RETRY, reason=reason)
            sent = True
            yield result

    def _one(self, kind: Kind, one: Write) -> Result:
        method, path = _route(self._targets[kind].object, one)
        since = one.unless_changed_since
        params = {} if since is None else {"unless_changed_since": since.isoformat()}
        body = {"fields": dict(one.fields), "key": one.external_key}
        status, told = self._client.write(method, path, params, body)
        if status in (200, 201):
            seen = self._seen(kind, told) if "commit" in told else None
            return Result(id=one.id, outcome=Outcome.APPLIED, seen=seen)
        if status == 412:
            return Result(id=one.id, outcome=Outcome.STALE)
        code = str(told.get("error", status))
        reason = Reason(code=code, text=f"Ledgerly says {code}.", field=told.get("field"))
        existing = Ref(told["existing"]) if "existing" in told else None
        return Result(id=one.id, outcome=Outcome.REFUSED, reason=reason, existing=existing)


def _route(object_: str, one: Write) -> tuple[str, str]:
    """The method and the path of a write."""
    match one.op:
        case Op.CREATE:
            return "POST", object_
        case Op.UPDATE:
            return "PATCH", f"{object_}/{one.ref}"
        case Op.REMOVE:
            return "DELETE", f"{object_}/{one.ref}"
        case Op.RESTORE | Op.PURGE:
            return "POST", f"{object_}/{one.ref}/{one.op}"


def _missing(ref: Ref) -> Seen:
    return Seen(ref=ref, version="", changed_at=None, fields={}, gone=Gone.NOT_FOUND)
