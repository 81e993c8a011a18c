"""A look at all rows pays for the pages that changed, and misses no change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.local.contract import Capture, Row, RowState
from connector.sync.pages import PAGE, Page, Pages
from tests.sync.test_noticing import Watched


class Shop:
    """Rows with a value and a state, and what the last look kept."""

    def __init__(self, size: int) -> None:
        self.rows: dict[int, tuple[str, RowState]] = {
            10 * n: ("as made", RowState.LIVE) for n in range(size)
        }
        self.kept: bytes | None = None
        self.of = "this mapping"

    def scan(self, after: str | None) -> Sequence[Row]:
        behind = sorted(n for n in self.rows if after is None or n > int(after))
        found = [(n, *self.rows[n]) for n in behind[:333]]
        return [Row(str(n), {"value": value}, state) for n, value, state in found]

    def look(self, after: str | None = None) -> Iterator[Page]:
        pages = Pages(self.of, self.kept, lambda data: hashlib.sha256(data).digest()[:16])
        yield from pages.through(self.scan, after)
        self.kept = pages.packed()


def changed(shop: Shop) -> int:
    return sum(not page.known for page in list(shop.look()))


EDITS = st.lists(
    st.tuples(st.sampled_from(["edit", "hide", "make", "drop"]), st.integers(0, 29_999)),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2_600), st.lists(EDITS, min_size=1, max_size=4))
def test_each_row_is_looked_at_once_and_a_page_that_is_known_holds_no_news(
    size: int, rounds: list[list[tuple[str, int]]]
) -> None:
    shop = Shop(size)
    seen: dict[int, tuple[str, RowState]] = {}
    for number, edits in enumerate([[], *rounds]):
        for what, place in edits:
            key = place if what == "make" else place // 10 * 10
            if what == "drop":
                shop.rows.pop(key, None)
            elif what == "make" or key in shop.rows:
                state = RowState.OUT if what == "hide" else RowState.LIVE
                shop.rows[key] = (f"{what} {number}", state)
        keys = []
        for page in shop.look():
            keys += [int(row.key) for row in page.rows]
            assert len(page.rows) <= 2 * PAGE
            for row in page.rows:
                if page.known:
                    assert seen[int(row.key)] == shop.rows[int(row.key)]
                seen[int(row.key)] = shop.rows[int(row.key)]
        assert keys == sorted(shop.rows)


def test_one_row_more_or_less_or_changed_costs_its_page_alone() -> None:
    shop = Shop(5_000)
    assert changed(shop) == 10
    assert changed(shop) == 0
    shop.rows[7] = ("new", RowState.LIVE)
    assert changed(shop) == 1
    del shop.rows[20_000]
    assert changed(shop) == 1
    shop.rows[41_110] = ("edited", RowState.LIVE)
    assert changed(shop) == 1
    shop.rows.update({60_000 + n: ("appended", RowState.LIVE) for n in range(3)})
    assert changed(shop) <= 2
    del shop.rows[max(n for n in shop.rows if n < 20_000)]  # maybe where a page ended
    assert changed(shop) <= 2
    assert changed(shop) == 0


def test_another_mapping_makes_every_page_news() -> None:
    shop = Shop(1_200)
    list(shop.look())
    shop.of = "another mapping"
    assert changed(shop) == 3


def test_a_look_that_begins_in_the_middle_takes_no_page_for_another() -> None:
    shop = Shop(1_200)
    list(shop.look())
    assert [page.known for page in shop.look(after="40")] == [False, True, True]


def test_a_look_asks_for_no_links_of_rows_that_are_as_they_were(tmp_path: Path) -> None:
    story = Watched(Capture.SCAN, tmp_path)
    story.client("Anna Berg")
    story.run()
    looked: list[str] = []
    story.hook = looked.append
    story.run()
    assert "after commit: stage rows" not in looked
    story.sql("UPDATE clients SET city = 'Lyon'")
    story.run()
    assert looked.count("after commit: stage rows") == 1
    assert story.people()["Anna Berg"]["City"] == "Lyon"
    story.run()  # our own write to the vendor changed no row: nothing to look at
    assert looked.count("after commit: stage rows") == 1
    story.sql("UPDATE clients SET city = NULL")
    story.run()
    assert "City" not in story.people()["Anna Berg"]
    story.close()
