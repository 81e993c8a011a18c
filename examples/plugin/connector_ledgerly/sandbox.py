"""A stand-in of Ledgerly over real HTTP on loopback, and the hands of its people.

It runs in a thread on the standard library alone. All its rules are in `House`; `_Handler` is HTTP.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlsplit

from connector.plugin import Fields, Ref

KEY: Final = "sandbox-key"
"""Every sandbox takes it: it is no secret."""
OBJECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "people": {
        "name": "text",
        "mobile": "phone",
        "mail": "email",
        "city": "text",
        "job": "text",
        "born": "date",
        "stage": "text",
        "labels": "tags",
        "no_mail": "flag",
    },
    "cards": {"number": "text", "owner": "reference", "plan": "text", "points": "integer"},
    "notes": {"title": "text", "owner": "reference", "body": "text", "state": "text"},
}
"""Object to its fields with their types; the first of each is mandatory."""
Json = dict[str, Any]
Answer = tuple[int, Json]


class House:
    """Ledgerly's own house: records in memory, each with the number of its last commit."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.rows: dict[str, dict[str, Json]] = {name: {} for name in OBJECTS}
        self.calls: Counter[str] = Counter()
        self.lose = 0
        """So many creates more are answered by silence."""
        self._commits, self._last = 0, datetime.now(UTC)

    def commit(
        self, object_: str, ref: str | None, fields: Fields, key: str = "", removed: bool = False
    ) -> Json:
        """Write one record, a new one without a `ref`; no two commits have the same time."""
        with self.lock:
            self._commits += 1
            self._last = max(datetime.now(UTC), self._last + timedelta(microseconds=1))
            ref = ref or f"L{self._commits:09d}"
            row = self.rows[object_].setdefault(ref, {"id": ref, "key": key, "fields": {}})
            both = {**row["fields"], **fields}
            kept = {name: value for name, value in both.items() if value not in (None, "", [])}
            changed = self._last.isoformat(timespec="microseconds")
            row.update(commit=self._commits, changed=changed, removed=removed, fields=kept)
            return dict(row)

    def answer(self, method: str, path: str, asked: Mapping[str, str], body: Json) -> Answer | None:
        """One call; None where its answer gets lost."""
        object_, *rest = path.strip("/").split("/")[1:]
        with self.lock:
            if object_ == "account":
                return 200, {"id": "LEDGERLY-1"}
            if object_ not in self.rows:
                return 404, {"error": "no_object"}
            if method == "GET" or rest in (["read"], ["find"]):
                self.calls[rest[0] if rest else "list"] += 1
                return 200, self._told(object_, rest[0] if rest else "list", asked, body)
            if not rest:
                return self._create(object_, body)
            return self._write(method, object_, rest, asked, body)

    # --- questions ---

    def _told(self, object_: str, verb: str, asked: Mapping[str, str], body: Json) -> Json:
        rows = list(self.rows[object_].values())
        match verb:
            case "fields":
                return {"fields": list(_fields(object_))}
            case "read":
                return {"records": [row for row in rows if row["id"] in body["ids"]]}
            case "find":
                field, values = body["field"], body["values"]
                held = [(r["key"] if field == "key" else r["fields"].get(field), r) for r in rows]
                found = [row for value, row in held if value in values and not row["removed"]]
                return {"records": found}
            case "changes":
                since = asked.get("since")
                rows = [
                    row
                    for row in rows
                    if (not row["removed"] if since is None else _at(row) >= _moment(since))
                    and row["commit"] > int(asked["after"])
                ]
                return self._page(rows, "commit", asked)
        alive = [row for row in rows if not row["removed"] and row["id"] > asked["after"]]
        told = self._page(alive, "id", asked)
        return {**told, "records": [{k: row[k] for k in _BARE} for row in told["records"]]}

    def _page(self, rows: list[Json], by: str, asked: Mapping[str, str]) -> Json:
        limit = int(asked["limit"])
        rows.sort(key=lambda row: row[by])
        next_ = rows[limit - 1][by] if len(rows) > limit else None
        now = max(datetime.now(UTC), self._last)
        return {"records": rows[:limit], "next": next_, "now": now.isoformat()}

    # --- orders ---

    def _create(self, object_: str, body: Json) -> Answer | None:
        self.calls["insert"] += 1
        first, *_ = OBJECTS[object_]
        if not body["fields"].get(first):
            return 422, {"error": "mandatory", "field": first}
        rows = self.rows[object_].values()
        twin = next((row for row in rows if body["key"] and row["key"] == body["key"]), None)
        if twin is not None:
            return 409, {"error": "duplicate", "existing": twin["id"]}
        row = self.commit(object_, None, body["fields"], body["key"])
        if self.lose:
            self.lose -= 1
            return None
        return 201, row

    def _write(
        self, method: str, object_: str, rest: list[str], asked: Mapping[str, str], body: Json
    ) -> Answer:
        ref, verb = rest[0], rest[1] if len(rest) > 1 else method
        self.calls[{"PATCH": "update", "DELETE": "remove"}.get(verb, verb)] += 1
        row = self.rows[object_].get(ref)
        if row is None or row["removed"] is not (verb in ("restore", "purge")):
            return 404, {"error": "not_found"}
        since = asked.get("unless_changed_since")
        if since is not None and _at(row) > _moment(since):
            return 412, {"error": "changed"}
        if verb == "purge":
            del self.rows[object_][ref]
            return 200, {}
        fields = body["fields"] if verb == "PATCH" else {}
        return 200, self.commit(object_, ref, fields, removed=verb == "DELETE")


_BARE: Final = ("id", "commit", "changed", "removed", "key")


def _fields(object_: str) -> list[Json]:
    own = [
        {"name": name, "type": type_, "required": number == 0}
        for number, (name, type_) in enumerate(OBJECTS[object_].items())
    ]
    return [*own, {"name": "key", "type": "text", "unique": True, "external": True}]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _at(row: Json) -> datetime:
    return _moment(row["changed"])


class _Handler(BaseHTTPRequestHandler):
    """Reads one call, and writes its answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        asked = dict(parse_qsl(address.query, keep_blank_values=True))
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            answer: Answer | None = (401, {"error": "key"})
        else:
            house = cast(_Server, self.server).house
            answer = house.answer(self.command, address.path, asked, json.loads(body or b"{}"))
        if answer is None:
            self.close_connection = True
            return
        status, told = answer
        text = json.dumps(told, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: an address names records."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, house: House) -> None:
        self.house = house
        super().__init__(("127.0.0.1", port), _Handler)


class LedgerlySandbox:
    """The running stand-in; implements `connector.plugin.SandboxHandle`."""

    def __init__(self, port: int = 0) -> None:
        self._house = House()
        self._server = _Server(port, self._house)
        # a daemon: a second Ctrl-C, which breaks `close` off, must not leave the process standing
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.settings: Mapping[str, Any] = {
            "plugin": "ledgerly",
            "api_url": self.url,
            "api_key": KEY,
            "allow_loopback": True,
        }

    def records(self, object: str) -> list[Json]:
        with self._house.lock:
            rows = list(self._house.rows[object].values())
            return [{"id": row["id"], **row["fields"]} for row in rows if not row["removed"]]

    def create(self, object: str, fields: Fields) -> Ref:
        return Ref(self._house.commit(object, None, fields)["id"])

    def edit(self, object: str, ref: Ref, fields: Fields) -> None:
        self._house.commit(object, ref, fields)

    def remove(self, object: str, ref: Ref) -> None:
        self._house.commit(object, ref, {}, removed=True)

    def fault(self, name: str, **how: Any) -> None:
        """`lost_after` of an `insert` alone: the next create's answer is lost."""
        assert (name, how) == ("lost_after", {"operation": "insert"}), "the only fault it knows"
        with self._house.lock:
            self._house.lose += 1

    def calls(self) -> Mapping[str, int]:
        with self._house.lock:
            return dict(self._house.calls)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
