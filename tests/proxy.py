"""A TCP proxy on loopback in front of a server; what is built on it decides when lines break."""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType
from typing import Self


class Proxy:
    """Connects each line that comes in to the server, and has `carry` serve it in a thread."""

    def __init__(self, far: tuple[str, int]) -> None:
        self._far = far
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        """Serve one line until it ends."""
        raise NotImplementedError

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
            threading.Thread(target=self.carry, args=(near, far), daemon=True).start()


def resetting(end: socket.socket) -> None:
    """Have a socket close with a reset, as a line that breaks does."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
