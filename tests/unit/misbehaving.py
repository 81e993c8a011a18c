"""A server on loopback that answers with whatever bytes a test wants, and a session to it."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable

from connector.http.session import IDLE_S, HttpSession
from connector.plugin import AllowList
from connector.testing.host import HeldClock

Behaviour = Callable[[socket.socket, bytes], None]
"""Answers one request on a connection; the connection stays open unless it closes it."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: Value\r\n\r\nok"


class Server:
    """Speaks raw bytes on loopback: one behaviour for each request, the last one for all others."""

    def __init__(self) -> None:
        self.behaviours: list[Behaviour] = [answer(OK)]
        self.requests: list[bytes] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while request := read_request(connection):
                self.requests.append(request)
                behaviour = (
                    self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
                )
                behaviour(connection, request)

    def close(self) -> None:
        # shutdown wakes the thread that waits in accept; close alone does not.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        some = connection.recv(65536)
        if not some:
            return b""
        head += some
    head, _, body = head.partition(b"\r\n\r\n")
    length = next(
        (
            int(line[15:])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(content: bytes) -> Behaviour:
    return lambda connection, _request: connection.sendall(content)


def answer_and_close(content: bytes) -> Behaviour:
    def behave(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_RDWR)

    return behave


def drip(head: bytes, forever: bytes) -> Behaviour:
    def behave(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(forever)
            time.sleep(0.05)

    return behave


hang_up = answer_and_close(b"")


def new_session(
    clock: HeldClock, *origins: str, timeout_s: float = 5, idle_s: float = IDLE_S
) -> HttpSession:
    hosts = AllowList(origins, allow_loopback=True)
    return HttpSession(hosts, clock=clock, rng=random.Random(1), timeout_s=timeout_s, idle_s=idle_s)
