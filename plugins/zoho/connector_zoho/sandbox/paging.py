"""Page tokens: what they are bound to, and when they end. README: Paging."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.sandbox.views import Key
from connector_zoho import facts
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.refusals import RefusedCall

_REMEMBERED: Final = 20_000
_UNBOUND: Final = ("page_token", "page")


@dataclass(slots=True, frozen=True)
class Mark:
    """Where a token goes on. `key` is the last key shown before it."""

    bound: tuple[tuple[str, str], ...]
    user: str
    page: int
    start: int
    key: Key | None
    expires: float


def bind(query: Mapping[str, str], module: str, since: str | None) -> tuple[tuple[str, str], ...]:
    """Everything of a call that must stay byte for byte the same from page to page."""
    told = {name: value for name, value in query.items() if name not in _UNBOUND}
    return tuple(sorted({**told, " module": module, " since": since or ""}.items()))


class PageTokens:
    """The tokens that were given out; the oldest are forgotten, as if garbled."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._marks: OrderedDict[str, Mark] = OrderedDict()

    def expiry(self) -> float:
        return self._org.time.now() + facts.PAGE_TOKEN_LIFE.total_seconds()

    def give(self, mark: Mark) -> str:
        value = f"{self._org.rng.getrandbits(256):064x}"
        self._marks[value] = mark
        if len(self._marks) > _REMEMBERED:
            self._marks.popitem(last=False)
        return value

    def take(self, value: str, user: str, bound: tuple[tuple[str, str], ...]) -> Mark:
        """Find where a token goes on. Raises RefusedCall; a token may be used again."""
        mark = self._marks.get(value)
        details = {"param_name": "page_token"}
        if mark is None or mark.user != user:
            raise RefusedCall("INVALID_DATA", "the page token given seems to be invalid", details)
        if mark.expires <= self._org.time.now():
            raise RefusedCall("EXPIRED_VALUE", "the page token has expired", details)
        if mark.bound != bound:
            raise RefusedCall(
                "TOKEN_BOUND_DATA_MISMATCH",
                "the parameters differ from those of the page token",
                details,
            )
        return mark
