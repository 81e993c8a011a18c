"""A sandbox over real HTTP on loopback; the one module that needs the web server."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from connector.errors import SettingsError
from connector.http.limits import Rate, parse_rate
from connector.sandbox.app import App
from connector.sandbox.calls import Call, Reply

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HOST: Final = "127.0.0.1"


class Server:
    """An ASGI application around one sandbox. One thread answers one call after the other."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.transports: dict[tuple[str, int], asyncio.Transport] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        call = Call(
            method=scope["method"],
            # decoded as a whole: an encoded slash in an external id is lost, as at the vendor
            path=scope["path"],
            query=dict(parse_qsl(scope["query_string"].decode("ascii"), keep_blank_values=True)),
            headers={k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]},
            body=body,
        )
        self.app.in_flight += 1
        try:
            reply = await self._reply(call)
        finally:
            self.app.in_flight -= 1
        await self._send(reply, scope, send, receive)

    async def _reply(self, call: Call) -> Reply:
        reply = self.app.respond(call)
        while reply.late is not None:
            await asyncio.sleep(reply.delay_s)
            reply = reply.late()
        if reply.delay_s:
            self.app.heavy_in_flight += reply.heavy
            try:
                await asyncio.sleep(reply.delay_s)
            finally:
                self.app.heavy_in_flight -= reply.heavy
        return reply

    async def _send(self, reply: Reply, scope: Scope, send: Send, receive: Receive) -> None:
        if reply.drop:
            await self._hang_up(scope, receive)
            return
        headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in reply.headers.items()]
        if reply.status not in (204, 304):
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if reply.cut is not None:
            part = reply.body[: reply.cut]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await self._hang_up(scope, receive)
            return
        await send({"type": "http.response.body", "body": reply.body})

    async def _hang_up(self, scope: Scope, receive: Receive) -> None:
        self.transports[scope["client"]].close()
        # the server must have noticed before we return, or it would answer 500 into the closed line
        while (await receive())["type"] != "http.disconnect":
            continue


def _protocol(server: Server) -> type[asyncio.Protocol]:
    class NotedProtocol(H11Protocol):
        """Remembers each connection's transport, so that a fault can hang up; sends at once."""

        # uvicorn declares the same narrower parameter, so this is the place to repeat it.
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
            super().connection_made(transport)
            line = transport.get_extra_info("socket")
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peer = transport.get_extra_info("peername")[:2]
            server.transports[self._peer] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            server.transports.pop(self._peer, None)
            super().connection_lost(exc)

    return NotedProtocol


def _leave_with_parent() -> None:
    """End this process when the pipe from whoever started it closes."""
    sys.stdin.buffer.read()
    os._exit(0)


def _rate(text: str) -> Rate:
    try:
        return parse_rate(text)
    except SettingsError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parser(prog: str, about: str | None) -> argparse.ArgumentParser:
    """The command line that `connector.sandbox.handle` starts; a vendor may add to it."""
    made = argparse.ArgumentParser(prog=prog, description=about)
    made.add_argument("--port", type=int, default=0, help="0 picks a free one")
    made.add_argument("--rate", type=_rate, help="N/SECONDSs, in place of the vendor's own")
    made.add_argument("--until-eof", action="store_true", help="end with standard input")
    return made


def serve(app: App, port: int = 0, *, until_eof: bool = False) -> None:
    """Serve until interrupted. Prints one JSON line with `port` and `url` when it listens.

    `until_eof`: also end when standard input ends.
    """
    server = Server(app)
    listener = socket.create_server((HOST, port), backlog=256)
    bound = listener.getsockname()[1]
    app.set_base_url(f"http://{HOST}:{bound}")
    if until_eof:
        threading.Thread(target=_leave_with_parent, daemon=True).start()
    config = uvicorn.Config(
        server,
        http=_protocol(server),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=60,
    )
    print(json.dumps({"port": bound, "url": app.base_url}), flush=True)
    uvicorn.Server(config).run(sockets=[listener])
