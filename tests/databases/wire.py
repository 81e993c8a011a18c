"""A TCP line to a database server that can be cut after so many of the server's answers."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.proxy import Proxy, resetting


class Wire(Proxy):
    """A proxy in front of a server; every line through it breaks at once."""

    def __init__(self, far: tuple[str, int]) -> None:
        super().__init__(far)
        self._open: set[socket.socket] = set()
        self._left: int | None = None
        self.cuts = 0
        self.start()

    def cut_after(self, answers: int | None) -> None:
        """Cut all lines once, in place of the answer with this number from now on; None: never."""
        with self._lock:
            self._left = answers

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        with self._lock:
            self._open |= {near, far}
        threading.Thread(target=self._carry, args=(near, far, False), daemon=True).start()
        self._carry(far, near, True)

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
                    resetting(one)
                    one.shutdown(socket.SHUT_RDWR)
            return True
