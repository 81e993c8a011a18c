"""What a look at all rows remembers: for each page of rows, one keyed digest of what they held.

A page that holds what it held when it was last looked at has no news: what differed then was marked
in the state, and what the engine wrote since changed the rows. So a look pays for reading the rows
and a digest of them, and for their links only where a page has changed.

A page ends where one ended before, so that a row more or less moves no other page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from connector.local.contract import Row
from connector.sync.documents import pack, unpack

PAGE = 500
"""Rows in a page, about; a page that grows is cut before it has twice as many."""


@dataclass(slots=True)
class Page:
    """Rows in key order. `known`: they are as they were when they were last looked at."""

    rows: Sequence[Row]
    digest: str
    known: bool

    @property
    def end(self) -> str:
        return self.rows[-1].key


class Pages:
    """The pages of a look before, and of this one. `of` says what must be the same for a page to
    be the same: the columns that are read, and all that gives them their meaning."""

    def __init__(self, of: str, kept: bytes | None, digest: Callable[[bytes], bytes]) -> None:
        self._of = of
        self._digest = digest
        self._now: dict[str, str] = {}
        before = unpack(kept) if kept is not None else {}
        self._before: dict[str, str] = before["pages"] if before.get("of") == of else {}

    def through(
        self, scan: Callable[[str | None], Sequence[Row]], after: str | None
    ) -> Iterator[Page]:
        """All rows behind `after`. `scan(after)`: some rows behind a key, in key order; none: the
        end. What is asked for after a page comes after it was dealt with."""
        waiting: list[Row] = []
        place, more = after, True
        while True:
            while more and len(waiting) < 2 * PAGE:
                rows = scan(place)
                waiting += rows
                more, place = bool(rows), rows[-1].key if rows else place
            if not waiting:
                return
            size = cut([row.key for row in waiting], self._before)
            page = self._page(waiting[:size])
            del waiting[:size]
            yield page
            self._now[page.end] = page.digest

    def _page(self, rows: Sequence[Row]) -> Page:
        held = pack([[row.key, row.state, *row.values.values()] for row in rows])
        digest = self._digest(held).hex()
        return Page(rows, digest, self._before.get(rows[-1].key) == digest)

    def packed(self) -> bytes:
        """What to keep for the next look."""
        return pack({"of": self._of, "pages": self._now})


def cut(keys: Sequence[str], ends: Collection[str]) -> int:
    """How many of these rows make the next page, given where pages ended before.

    The first end that leaves at least half a page; else the last end; else a page.

    >>> keys = [str(n) for n in range(1000)]
    >>> cut(keys, {"499", "999"}), cut(keys, {"500"}), cut(keys[:137], {"136"}), cut(keys, set())
    (500, 501, 137, 500)
    >>> cut(keys[:142], {"136", "141"}), cut(keys[:140], {"136"}), cut(keys, {"9", "600"})
    (142, 137, 601)
    """
    found = [n + 1 for n, key in enumerate(keys) if key in ends]
    large = next((n for n in found if n >= PAGE // 2), None)
    return large or (found[-1] if found else min(PAGE, len(keys)))
