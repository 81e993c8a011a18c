"""CSV as vendors send and take it: every text unharmed, nothing endless.

A cell may hold commas, quotes, line breaks and what a spreadsheet takes for a formula; all of it
is text. Nothing is escaped or stripped, because these files are read by programs alone.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Final

from connector.errors import VendorError

MOST_COLUMNS: Final = 1_000
MOST_LETTERS: Final = 4_000_000
"""Of one row, all its lines together: two hundred texts of ten thousand letters are half of it."""


def read_table(file: BinaryIO) -> Iterator[list[str]]:
    """Yield the rows of a CSV file in UTF-8, its header first, each as long as the header.

    Raises: VendorError for bytes that are no UTF-8, a NUL, an open quote, a row that is longer or
    wider than any real one, and a row whose width is not the header's.
    """
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    text = io.TextIOWrapper(file, "utf-8", newline="")
    try:
        walk = _Walk(text)
        reader = csv.reader(walk, strict=True)
        width = None
        for row in reader:
            walk.letters = 0
            if not row:
                continue
            if width is None:
                width = len(row)
                if width > MOST_COLUMNS:
                    raise VendorError(f"A downloaded table has more than {MOST_COLUMNS} columns.")
            if len(row) != width:
                raise VendorError(f"Line {reader.line_num} of a downloaded table is not whole.")
            yield row
    except UnicodeDecodeError:
        raise VendorError("A downloaded table is not UTF-8.") from None
    except csv.Error:
        raise VendorError("A downloaded table has a row that cannot be read.") from None
    finally:
        text.detach()


class _Walk:
    """Lines of a text, refused when a row has no end. The reader of rows sets `letters` to 0."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.letters = 0

    def __iter__(self) -> _Walk:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MOST_LETTERS)
        if not line:
            raise StopIteration
        self.letters += len(line)
        if self.letters >= MOST_LETTERS or line.count(",") > MOST_LETTERS // 8:
            raise VendorError("A downloaded table has a row without an end.")
        if "\0" in line:
            raise VendorError("A downloaded table has a NUL in it.")
        return line


def write_table(file: BinaryIO, rows: Iterable[Sequence[str]]) -> int:
    """Write rows as CSV in UTF-8; the number of bytes. Raises: UnicodeEncodeError for half of a
    sign."""
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=False)
    try:
        csv.writer(text, lineterminator="\n").writerows(rows)
        text.flush()
        return file.tell()
    finally:
        text.detach()
