"""A vendor that answers with our own words: chosen calls come back spoiled, full of canaries.

It stands between us and a sandbox. Calls that nothing was said of go through; a chosen one is
answered with a text of its own into which all that we sent is copied, as vendors do.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers, body."""

JSON: Final = {"Content-Type": "application/json;charset=UTF-8"}


def refusal(status: int) -> Callable[[str], Answer]:
    """An error in both vendors' forms, with what we sent in each of its texts."""

    def make(said: str) -> Answer:
        zoho = {"code": "INVALID_DATA", "status": "error", "message": said, "details": {said: said}}
        fxiaoke = {
            "errorCode": 20016,
            "errorMessage": said,
            "errorDescription": said,
            "dataId": said,
        }
        about = {"api_name": said, "maximum_length": said, "duplicate_record": {"id": said}}
        records = {"data": [{**zoho, "details": about}], "fields": [zoho], "modules": [zoho]}
        body = json.dumps({**zoho, **fxiaoke, **records}).encode()
        return status, {**JSON, "Retry-After": "0", "X-Note": said.encode().hex()}, body

    return make


def page(body: Callable[[str], str | bytes], status: int = 200) -> Callable[[str], Answer]:
    """A body of any form."""

    def make(said: str) -> Answer:
        told = body(said)
        return status, JSON, told.encode() if isinstance(told, str) else told

    return make


SPOILED: Final[Mapping[str, Callable[[str], Answer]]] = {
    **{str(n): refusal(n) for n in (200, 207, 400, 401, 403, 404, 413, 429, 500, 503)},
    "a page for people": page(lambda said: f"<html><title>{said}</title>{said}</html>"),
    "no JSON": page(lambda said: f'{{"data": [{{"{said}": {said}'),
    "cut JSON": page(lambda said: json.dumps({"data": [{"id": said, "Email": said}]})[:-3]),
    "another shape": page(lambda said: json.dumps([said, [said]])),
    "words for lists": page(lambda said: json.dumps({"data": said, "info": said, "fields": said})),
    "words for records": page(lambda said: json.dumps({"data": [said], "errorCode": 0})),
    "too deep": page(lambda said: "[" * 20_000 + json.dumps(said)),
    "bytes": page(lambda said: b"\xff\xfe" + said.encode("utf-16")),
    "elsewhere": lambda said: (302, {"Location": f"https://evil.test/{said.encode().hex()}"}, b""),
}
"""What a vendor, or something between us, may answer a call with."""

CUT: Final = "the line is cut"
LATE: Final = "no answer in time"


@dataclass
class Spiteful:
    """A server before the sandbox at `behind`. `words`: what every spoiled answer says beside what
    was sent. `struck`: calls that were spoiled so far."""

    behind: str
    words: str
    struck: int = 0

    def through(self) -> None:
        """Spoil nothing."""
        self.how: Callable[[str], str | None] = lambda path: None

    def strike(self, how: str, login_paths: tuple[str, ...], *, login: bool) -> None:
        """Spoil calls of the login, or all the others."""
        self.how = lambda path: how if path.startswith(login_paths) == login else None

    def __enter__(self) -> Self:
        self.through()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(spiteful: Spiteful) -> type[BaseHTTPRequestHandler]:
    far = urlsplit(spiteful.behind).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            how = spiteful.how(urlsplit(self.path).path)
            if how is None:
                self._answer(*self._carried(sent))
                return
            spiteful.struck += 1
            if how in (CUT, LATE):
                if how == LATE:
                    threading.Event().wait(1.0)
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            said = f"{spiteful.words} {self.path} {sent.decode('utf-8', 'replace')}"
            self._answer(*SPOILED[how](said))

        def _carried(self, sent: bytes) -> Answer:
            line = http.client.HTTPConnection(far, timeout=20)
            kept = {
                k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")
            }
            line.request(self.command, self.path, sent or None, kept)
            answer = line.getresponse()
            body = answer.read()
            line.close()
            about = {k: v for k, v in answer.getheaders() if k.lower() == "content-type"}
            # the vendor names its own address: it is this one
            return (
                answer.status,
                about,
                body.replace(spiteful.behind.encode(), spiteful.url.encode()),
            )

        def _answer(self, status: int, about: Mapping[str, str], body: bytes) -> None:
            self.send_response(status, "spoiled")
            for name, value in about.items():
                self.send_header(name, value)
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if status in (204, 304) else body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *told: Any) -> None:
            """Say nothing: the tests' own output is searched."""

    return Handler
