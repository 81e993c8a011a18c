"""A TCP line that can be cut: between the real command and a real server, at a chosen call."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from urllib.parse import urlsplit

from tests.proxy import Proxy, resetting


class Cut(StrEnum):
    """Where in a call the line breaks."""

    BEFORE = "before"
    """The request never arrives."""
    AFTER = "after"
    """The request arrives and its answer does not."""
    MIDDLE = "middle"
    """Half of the answer arrives."""
    SILENT = "silent"
    """The request arrives, the answer is withheld, and the line stays open."""


class Line(Proxy):
    """A proxy in front of a server; `cuts` maps a call's number to how it is cut.

    A call is what the client sends until the server answers. What the server says of its own
    address is turned into the line's; both ports have five digits, so no length changes.
    """

    def __init__(self, url: str, cuts: dict[int, Cut]) -> None:
        told = urlsplit(url)
        assert told.hostname is not None and told.port is not None
        super().__init__((told.hostname, told.port))
        self._cuts = cuts
        self.calls = 0
        self.cut: Counter[Cut] = Counter()
        self._names = str(told.port).encode(), str(self.port).encode()
        assert len(self._names[0]) == len(self._names[1])
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        """Carry calls one by one until an end closes or a call is cut."""
        with near, far, suppress(OSError):
            while request := _message(near):
                with self._lock:
                    self.calls += 1
                    cut = self._cuts.pop(self.calls, None)
                    if cut is not None:
                        self.cut[cut] += 1
                if cut is Cut.BEFORE:
                    return resetting(near)
                far.sendall(request)
                answer = _message(far)
                if cut is Cut.AFTER:
                    return resetting(near)
                if cut is Cut.MIDDLE:
                    near.sendall(answer[: len(answer) // 2])
                    return resetting(near)
                if cut is Cut.SILENT:
                    near.recv(1)  # until the client gives up
                    return None
                near.sendall(answer.replace(*self._names))


def _message(end: socket.socket) -> bytes:
    """One HTTP message with a length; b"" when the other end has closed."""
    held = b""
    while b"\r\n\r\n" not in held:
        some = end.recv(65536)
        if not some:
            return b""
        held += some
    head, _, body = held.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        assert name.lower() != b"transfer-encoding", "the line knows messages with a length only"
    while len(body) < length:
        some = end.recv(65536)
        if not some:
            break
        body += some
    return head + b"\r\n\r\n" + body
