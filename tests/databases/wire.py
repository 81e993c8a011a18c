"""A TCP line to a database server that can be cut after so many of the server's answers."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Wire:
    """A proxy on loopback in front of a server; every line through it breaks at once."""

    def __init__(self, far: tuple[str, int]) -> None:
        self._far = far
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._left: int | None = None
        self.cuts = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, answers: int | None) -> None:
        """Cut all lines once, in place of the answer with this number from now on; None: never."""
        with self._lock:
            self._left = answers

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
            with self._lock:
                self._open |= {near, far}
            for one, other, answers in ((near, far, False), (far, near, True)):
                threading.Thread(
                    target=self._carry, args=(one, other, answers), daemon=True
                ).start()

    def _carry(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while some := source.recv(65536):
                if answers and self._is_due():
                    break
                target.sendall(some)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
            with self._lock:
                self._open.discard(one)

    def _is_due(self) -> bool:
        with self._lock:
            if self._left is None:
                return False
            self._left -= 1
            if self._left > 0:
                return False
            self._left, self.cuts = None, self.cuts + 1
            for one in self._open:
                with suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    one.shutdown(socket.SHUT_RDWR)
            return True
