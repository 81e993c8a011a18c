"""Access tokens: one for all threads and processes, renewed before its end and once on refusal.

Vendors give few tokens in a while and end older ones, so nobody fetches one for himself: the
sealed slot that all processes share is held open while one of them fetches.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from connector.errors import (
    RateLimitedError,
    RetryableError,
    UnknownOutcomeError,
    UnreachableError,
)
from connector.plugin import Host, Response, SecretSlot, Session

SLOT: Final = "access_token"
LOGIN: Final = "login"
"""What errors about a token call the operation."""
_LAST_USE: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Token:
    """What opens the API until `ends`. `more` is what the vendor told beside it, such as a name."""

    text: str = field(repr=False)
    ends: datetime
    more: Mapping[str, str] = field(default_factory=dict, repr=False)


_NONE: Final = Token("", datetime.min.replace(tzinfo=UTC))


class Tokens:
    """The access token of one login. Safe for threads.

    `fetch` asks the vendor for a token. It raises RateLimitedError with `after_s` when the vendor
    gives none for so long; then no process asks again before. `login` is all that decides whom the
    token is for: with other credentials it may open another organisation.
    """

    def __init__(
        self, host: Host, login: str, fetch: Callable[[], Token], renew_before: timedelta
    ) -> None:
        self._host = host
        self._fetch_one = fetch
        self._before = renew_before
        self._of = hashlib.sha256(login.encode()).hexdigest()[:32]
        self._lock = threading.Lock()
        self._token = _NONE
        self._renew_at = _NONE.ends

    def __repr__(self) -> str:
        return "<Tokens>"

    def get(self) -> Token:
        """A token that lives some minutes more. Raises what `fetch` raises."""
        with self._lock:
            if self._host.clock.now() >= self._renew_at:
                self._take(refused=None)
            return self._token

    def renew(self, refused: Token) -> Token:
        """Another token than the one the API refused, fetched unless somebody did so already.

        It is the same one again if the vendor gives no other.
        """
        with self._lock:
            if self._token.text == refused.text:
                self._take(refused.text)
            return self._token

    def _take(self, refused: str | None) -> None:
        with self._host.secret(SLOT) as slot:
            kept = self._kept(slot)
            now = self._host.clock.now()
            token = _token(kept)
            if token is None or token.text == refused:
                token = self._fetch(slot, kept)
            elif now >= token.ends - self._before:
                try:
                    token = self._fetch(slot, kept)
                except RetryableError:
                    if now >= token.ends - _LAST_USE:
                        raise
                    # The old one still has minutes to live: use them, and ask again soon.
                    self._token, self._renew_at = token, now + _LAST_USE
                    return
            self._token = token
            # A token whose whole life is shorter than our margin is used for half of it.
            self._renew_at = token.ends - min(self._before, (token.ends - now) / 2)

    def _fetch(self, slot: SecretSlot, kept: Mapping[str, Any]) -> Token:
        now = self._host.clock.now()
        if (until := kept.get("throttled_until")) and now.timestamp() < until:
            raise RateLimitedError(
                "The vendor gives no more tokens for now.",
                after_s=until - now.timestamp(),
                operation=LOGIN,
            )
        try:
            token = self._fetch_one()
        except RateLimitedError as error:
            if error.after_s is not None:
                # Every further try may prolong it, so all processes are told to leave it alone.
                wait = timedelta(seconds=error.after_s)
                self._keep(slot, wait, **{**kept, "throttled_until": (now + wait).timestamp()})
            raise
        self._keep(
            slot,
            token.ends - now,
            token=token.text,
            ends=token.ends.timestamp(),
            more=dict(token.more),
        )
        return token

    def _kept(self, slot: SecretSlot) -> dict[str, Any]:
        value = slot.get()
        if value is None:
            return {}
        kept = orjson.loads(value)
        return kept if isinstance(kept, dict) and kept.get("of") == self._of else {}

    def _keep(self, slot: SecretSlot, life: timedelta, **what: Any) -> None:
        slot.put(orjson.dumps({**what, "of": self._of}), life)


def ask(session: Session, url: str, **how: Any) -> Response:
    """Ask a vendor for a token, in its own form. Raises: UnreachableError and its kin.

    A token made and lost does no harm: nothing of ours was written.
    """
    try:
        return session.request("POST", url, **how)
    except UnknownOutcomeError as error:
        raise UnreachableError(error.sentence, operation=LOGIN) from None


def _token(kept: Mapping[str, Any]) -> Token | None:
    text = kept.get("token")
    if not text:
        return None
    return Token(text, datetime.fromtimestamp(kept["ends"], UTC), kept.get("more", {}))
