"""A TCP line that can be cut: between the real command and a real server, at a chosen call."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


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


class Line:
    """A proxy on loopback in front of a server; `cuts` maps a call's number to how it is cut.

    A call is what the client sends until the server answers. What the server says of its own
    address is turned into the line's; both ports have five digits, so no length changes.
    """

    def __init__(self, url: str, cuts: dict[int, Cut]) -> None:
        told = urlsplit(url)
        assert told.hostname is not None and told.port is not None
        self._far = (told.hostname, told.port)
        self._cuts = cuts
        self._lock = threading.Lock()
        self.calls = 0
        self.cut: Counter[Cut] = Counter()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._names = str(told.port).encode(), str(self.port).encode()
        assert len(self._names[0]) == len(self._names[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(self._far)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(near, far), daemon=True).start()

    def _serve(self, near: socket.socket, far: socket.socket) -> None:
        """Carry calls one by one until an end closes or a call is cut."""
        with near, far, suppress(OSError):
            while request := _message(near):
                with self._lock:
                    self.calls += 1
                    cut = self._cuts.pop(self.calls, None)
                    if cut is not None:
                        self.cut[cut] += 1
                if cut is Cut.BEFORE:
                    return _reset(near)
                far.sendall(request)
                answer = _message(far)
                if cut is Cut.AFTER:
                    return _reset(near)
                if cut is Cut.MIDDLE:
                    near.sendall(answer[: len(answer) // 2])
                    return _reset(near)
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


def _reset(end: socket.socket) -> None:
    """Close with a reset, as a line that breaks does."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
