"""Connections that know two things the HTTP libraries do not say.

Whether a byte of a request left before it failed (only then may it have landed), and how long the
whole exchange may take (their time-outs count each read anew, so a slow drip never ends).
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from enum import Enum
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Progress(Enum):
    """How far an exchange came."""

    NOT_BEGUN = "not begun"
    CONNECTING = "connecting"
    SENT = "sent"
    """At least one byte was handed to the network."""


class _Exchange(threading.local):
    """The exchange that this thread is in. An exchange begins and ends in one thread."""

    progress: Progress = Progress.NOT_BEGUN
    deadline: float = float("inf")
    """By `time.monotonic()`."""


_now = _Exchange()


def begin(life_s: float) -> None:
    """Start counting a new exchange of this thread, which may take `life_s` seconds."""
    _now.progress = Progress.NOT_BEGUN
    _now.deadline = time.monotonic() + life_s


def progress() -> Progress:
    """How far this thread's exchange came."""
    return _now.progress


def _left(most: float | None) -> float:
    """Seconds a socket may block. Raises: TimeoutError at the deadline."""
    left = _now.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the whole exchange took too long")
    return left if most is None else min(most, left)


class _TimedReader(io.RawIOBase):
    """A socket's reading end that never blocks beyond the exchange's deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._most = sock.gettimeout()
        self.at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._most))
        read = self._raw.readinto(buffer)
        self.at_end = read == 0
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **named: Any) -> None:
        super().__init__(sock, *args, **named)
        self.fp.close()
        self._reader = _TimedReader(sock)
        self.fp = io.BufferedReader(self._reader)

    def begin(self) -> None:
        super().begin()
        # The library takes a head that was cut off for a whole one, and an answer without
        # Content-Length for an empty body: a lost answer would read as success.
        if self._reader.at_end or self.msg.defects:
            raise http.client.IncompleteRead(b"")


class _Plain(HTTPConnection):
    response_class = _TimedResponse

    def connect(self) -> None:
        _now.progress = Progress.CONNECTING
        super().connect()

    def send(self, data: Any) -> None:
        _note_sending(self)
        super().send(data)


class _Tls(_Plain, HTTPSConnection):
    """The same over TLS: what `_Plain` calls its `super()` is an HTTPSConnection here."""


def _note_sending(connection: HTTPConnection) -> None:
    if connection.sock is None:
        connection.connect()
    assert connection.sock is not None, "a connection that connected has a socket"
    connection.sock.settimeout(_left(connection.sock.gettimeout()))
    _now.progress = Progress.SENT


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain
    idle_s = float("inf")

    def _get_conn(self, timeout: float | None = None) -> Any:
        return _fresh(super()._get_conn(timeout), self.idle_s)

    def _put_conn(self, conn: Any) -> None:
        _stamp(conn)
        super()._put_conn(conn)


class _TlsPool(_PlainPool, HTTPSConnectionPool):
    ConnectionCls = _Tls


def _stamp(connection: Any) -> None:
    if connection is not None:
        connection.idle_since = time.monotonic()


def _fresh(connection: Any, idle_s: float) -> Any:
    """Close a connection that idled long; it opens again by itself.

    A server closes idle connections when it likes. A write that crosses such a closing is lost
    with an unknown outcome, so connections are used again only while they are warm.
    """
    since = getattr(connection, "idle_since", None)
    if since is not None and time.monotonic() - since > idle_s:
        connection.close()
    return connection


class Adapter(HTTPAdapter):
    """The transport under a session: pooled, never repeating anything by itself."""

    def __init__(self, pool: int, idle_s: float) -> None:
        self._classes = {
            "http": type("_Pool", (_PlainPool,), {"idle_s": idle_s}),
            "https": type("_Pool", (_TlsPool,), {"idle_s": idle_s}),
        }
        super().__init__(pool_connections=4, pool_maxsize=pool, max_retries=0, pool_block=True)

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        super().init_poolmanager(*args, **named)
        self.poolmanager.pool_classes_by_scheme = self._classes
