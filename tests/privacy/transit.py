"""A stand-in of Vault's transit engine on loopback, by its published protocol, with faults."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.invented"


class Transit:
    """One mount with one key, `crm`."""

    def __init__(self) -> None:
        self.key = AESGCM(os.urandom(32))
        self.asked: list[str] = []
        self.refuse: tuple[int, bytes] | None = None
        """Answer this in place of everything, from now on."""
        self.url = ""

    def answer(self, path: str, headers: Any, body: dict[str, str]) -> tuple[int, bytes]:
        self.asked.append(path)
        if self.refuse is not None:
            return self.refuse
        if headers["X-Vault-Token"] != TOKEN:
            return 403, b'{"errors": ["permission denied"]}'
        if path not in ("/v1/transit/encrypt/crm", "/v1/transit/decrypt/crm"):
            return 404, b'{"errors": []}'
        about = base64.b64decode(body["associated_data"], validate=True)
        if path.endswith("encrypt/crm"):
            nonce = os.urandom(12)
            sealed = nonce + self.key.encrypt(nonce, base64.b64decode(body["plaintext"]), about)
            return 200, _data(ciphertext="vault:v1:" + base64.b64encode(sealed).decode())
        sealed = base64.b64decode(body["ciphertext"].removeprefix("vault:v1:"))
        try:
            plain = self.key.decrypt(sealed[:12], sealed[12:], about)
        except InvalidTag:
            return 400, b'{"errors": ["cipher: message authentication failed"]}'
        return 200, _data(plaintext=base64.b64encode(plain).decode())


def _data(**data: str) -> bytes:
    return json.dumps({"request_id": "1", "data": data, "warnings": None}).encode()


@contextmanager
def transit() -> Iterator[Transit]:
    """Run one until the block ends."""
    engine = Transit()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(length))
            status, content = engine.answer(self.path, self.headers, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *said: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    engine.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
