"""Which addresses a session may speak to: exact origins from the settings, nothing else.

Pure text work: no name is resolved here. That the host is who it says is TLS's to prove.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from connector.errors import SettingsError
from connector.plugin import AllowList

_HOST: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_NUMBERLIKE: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOOPBACK: Final = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")
_PORTS: Final = {"https": 443, "http": 80}


class Origin(NamedTuple):
    """Scheme, host in lower case, port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


class Gate:
    """An `AllowList`, checked and ready to ask."""

    def __init__(self, allow: AllowList) -> None:
        """Raises: SettingsError if an origin is none that may ever be allowed."""
        self._origins = frozenset(
            _checked(origin, allow.allow_loopback, whole=False) for origin in allow.origins
        )
        self._loopback = allow.allow_loopback

    def check(self, url: str) -> Origin:
        """Return the address's origin. Raises: SettingsError unless it is in the list."""
        origin = _checked(url, self._loopback, whole=True)
        if origin not in self._origins:
            allowed = ", ".join(sorted(str(one) for one in self._origins))
            raise SettingsError(
                f"An address at {origin} is not in the settings.", hint=f"Allowed: {allowed}."
            )
        return origin


def _checked(url: str, allow_loopback: bool, *, whole: bool) -> Origin:
    # Control characters, blanks, backslashes and anything beyond ASCII are read differently by
    # different parsers; none belongs in an address that we made.
    if not url.isascii() or not url.isprintable() or any(sign in url for sign in ' \\"<>^`{|}'):
        raise SettingsError("An address holds a character that no address may hold.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingsError("An address cannot be read.") from None
    host = parts.netloc.rpartition("@")[2].lower()
    if port is not None:
        host = host.rpartition(":")[0]
    if "@" in parts.netloc:
        raise SettingsError("An address holds a user name.")
    if parts.scheme not in _PORTS:
        raise SettingsError("An address is neither https nor http.")
    if not whole and (parts.path not in ("", "/") or parts.query or parts.fragment):
        raise SettingsError("An allowed origin is scheme and host only, without a path.")
    origin = Origin(parts.scheme, host, _PORTS[parts.scheme] if port is None else port)
    if _LOOPBACK.fullmatch(host):
        if not allow_loopback:
            raise SettingsError(
                f"An address at {origin} is on this machine.",
                hint="`allow_loopback = true` is for sandboxes.",
            )
        return origin
    if not _HOST.fullmatch(host) or _NUMBERLIKE.fullmatch(host.rpartition(".")[2]):
        # A last label that is a number makes it an IP address, also as decimal or hexadecimal.
        raise SettingsError("An address names no host by its name.")
    if parts.scheme != "https":
        raise SettingsError(f"An address at {host} is not https.")
    return origin
