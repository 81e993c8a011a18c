"""CSV and JSON Lines files as rows, each with its line and its bytes, or with its fault.

Nothing is guessed: not the encoding, not where a broken row ends. What is wrong with a row is said
without any value of it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from connector.errors import LocalError, SettingsError
from connector.records import discreet

MOST_BYTES: Final = 1_000_000
"""A row longer than this is not read; a quote that is open for longer was never meant."""

Encoding = Literal["utf-8", "gb18030"]
_NAMES: Final = {"utf-8": "UTF-8", "gb18030": "GB18030"}
_BOM: Final = b"\xef\xbb\xbf"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be used. `last` is its last line, where it has several.

    `over`: nobody can say where the next row begins, and nothing behind it was read. Then rows
    behind an earlier fault in the quotes are none either: they lay inside a text.
    """

    line: int
    code: str
    text: str
    last: int | None = None
    column: str | None = None
    over: bool = False


@discreet
@dataclass(frozen=True, slots=True)
class Found:
    """A row: its first line, where its bytes are, and what it holds by column."""

    line: int
    at: int
    raw: bytes
    values: Mapping[str, Any]


class _Fault(Exception):
    """Why a row cannot be used."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class RowFile:
    """One file, open for reading. A name that ends in .jsonl or .ndjson is JSON Lines, else CSV.

    Raises: SettingsError if the file is not there, has no header, or is in another encoding.
    """

    def __init__(self, path: Path, encoding: Encoding = "utf-8", delimiter: str = ",") -> None:
        self.path = path
        self._encoding: Encoding = encoding
        self._delimiter = delimiter
        self.is_csv = path.suffix.lower() not in (".jsonl", ".ndjson")
        try:
            self._file: BinaryIO = path.open("rb")
        except FileNotFoundError:
            raise SettingsError(f"There is no file {path.name}.") from None
        except OSError as error:
            said = f"{path.name} cannot be read ({type(error).__name__})."
            raise SettingsError(said) from None
        self.header: tuple[str, ...] = ()
        try:
            self._start = self._after_mark(self._file.read(3))
            self._body = self._start, 0
            if self.is_csv:
                self.header = self._read_header()
        except OSError as error:
            self.close()
            raise self._lost(error) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    def rows(self) -> Iterator[Found | Bad]:
        """All rows in the order of the file. Raises: LocalError, SettingsError."""
        walk = _Walk(self._file, *self._body)
        utf8 = _LooksLikeUtf8()
        rows = self._csv_rows(walk, utf8) if self.is_csv else self._json_rows(walk, utf8)
        try:
            yield from rows
        except OSError as error:
            raise self._lost(error) from None
        if self._encoding == "gb18030" and utf8.certain:
            raise SettingsError(
                f"{self.path.name} is UTF-8 from end to end, not GB18030.",
                hint='Write encoding = "utf-8".',
            )

    def raw(self, at: int, size: int) -> bytes:
        """The bytes at a place, as they are now. Raises: LocalError."""
        try:
            self._file.seek(at)
            return self._file.read(size)
        except OSError as error:
            raise self._lost(error) from None

    def values(self, raw: bytes) -> Mapping[str, Any]:
        """What a row's bytes hold, of a row that was found to be sound."""
        text = raw.decode(self._encoding)
        if not self.is_csv:
            return _object(text)
        fields = next(self._reader(io.StringIO(text, newline="")))
        return dict(zip(self.header, (cell or None for cell in fields), strict=True))

    # --- the head of the file ---------------------------------------------------------------------

    def _after_mark(self, start: bytes) -> int:
        """Where the text begins."""
        if start.startswith(_UTF_16):
            raise SettingsError(
                f"{self.path.name} is UTF-16.", hint="Save it as UTF-8, or as GB18030."
            )
        if not start.startswith(_BOM):
            return 0
        if self._encoding != "utf-8":
            raise SettingsError(
                f"{self.path.name} begins with the mark of UTF-8, not of GB18030.",
                hint='Write encoding = "utf-8".',
            )
        return len(_BOM)

    def _read_header(self) -> tuple[str, ...]:
        walk = _Walk(self._file, self._start, 0)
        where = f"{self.path.name}:1"
        for found in self._records(walk, _LooksLikeUtf8()):
            if isinstance(found, Bad):
                raise SettingsError(f"{where}: the header cannot be read: {found.text}.")
            header = tuple(name.strip() for name in found.cells)
            twice = sorted({name for name in header if name and header.count(name) > 1})
            if twice:
                raise SettingsError(f"{where}: the header names {', '.join(twice)} twice.")
            self._body = walk.at, walk.line
            return header
        raise SettingsError(f"{self.path.name} is empty: there is no header.")

    # --- rows -------------------------------------------------------------------------------------

    def _csv_rows(self, walk: _Walk, utf8: _LooksLikeUtf8) -> Iterator[Found | Bad]:
        for one in self._records(walk, utf8):
            if isinstance(one, Bad):
                yield one
            elif len(one.cells) != len(self.header):
                text = f"it has {len(one.cells)} fields, the header {len(self.header)}"
                yield Bad(one.line, "fields", text, one.last)
            else:
                values = dict(zip(self.header, (c or None for c in one.cells), strict=True))
                yield Found(one.line, one.at, one.raw, values)

    def _records(self, walk: _Walk, utf8: _LooksLikeUtf8) -> Iterator[_Record | Bad]:
        while True:
            record = _Record(walk.line + 1, walk.at)
            try:
                cells = next(self._reader(self._lines_of(record, walk, utf8)), None)
            except _Fault as fault:
                yield record.bad(fault, walk.line, over=True)
                return
            except csv.Error as error:
                why, over = _broken(error, record, ended=walk.ended)
                yield record.bad(why, walk.line, over=over)
                if over:
                    return
                continue
            if cells is None:
                return
            if record.fault is not None:
                yield record.bad(record.fault, walk.line)
            elif cells:  # else the line is empty
                record.cells, record.last = cells, _several(record.line, walk.line)
                yield record

    def _lines_of(self, record: _Record, walk: _Walk, utf8: _LooksLikeUtf8) -> Iterator[str]:
        """The lines of one record, for as long as the CSV reader asks for more.

        A line that cannot be used still says where quotes open and close: without that nobody
        would know where the next row begins.
        """
        size = 0
        for raw in walk:
            size += len(raw)
            record.lines.append(raw)
            if size > MOST_BYTES and len(record.lines) > 1:
                raise _Fault("quotes", "a quote is opened here and not closed; " + NOT_READ)
            utf8.see(raw)
            try:
                yield self._decoded(raw, walk)
            except _Fault as fault:
                record.fault = record.fault or fault
                # one sign for all that was there, and a quote if their number is odd
                yield ('"' if walk.quotes % 2 else "?") + "\n"

    def _json_rows(self, walk: _Walk, utf8: _LooksLikeUtf8) -> Iterator[Found | Bad]:
        at = walk.at
        for raw in walk:
            utf8.see(raw)
            try:
                text = self._decoded(raw, walk)
                if text.strip():
                    yield Found(walk.line, at, raw, _object(text))
            except _Fault as fault:
                yield Bad(walk.line, fault.code, fault.text)
            at = walk.at

    def _decoded(self, raw: bytes, walk: _Walk) -> str:
        if len(raw) > MOST_BYTES:
            raise _Fault("too_long", f"it is longer than {MOST_BYTES:,} bytes")
        if b"\0" in raw:
            raise _Fault("nul", "it holds a NUL byte")
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError as error:
            byte = walk.at - len(raw) + error.start
            name = _NAMES[self._encoding]
            raise _Fault("encoding", f"it is not {name} at byte {byte} of the file") from None

    def _reader(self, lines: Iterator[str] | io.StringIO) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self._delimiter, strict=True)

    def _lost(self, error: OSError) -> LocalError:
        return LocalError(
            f"{self.path.name} could not be read to its end ({type(error).__name__}).",
            hint="Nothing was lost: run again when it can.",
        )


NOT_READ: Final = "the lines behind it were not read"


class _Record:
    """One CSV record while it is read: its lines, and what is wrong with one of them."""

    def __init__(self, line: int, at: int) -> None:
        self.line = line
        self.at = at
        self.lines: list[bytes] = []
        self.fault: _Fault | None = None
        self.cells: Sequence[str] = ()
        self.last: int | None = None

    @property
    def raw(self) -> bytes:
        return b"".join(self.lines)

    def bad(self, fault: _Fault, last: int, *, over: bool = False) -> Bad:
        return Bad(self.line, fault.code, fault.text, _several(self.line, last), over=over)


def _several(first: int, last: int) -> int | None:
    return last if last > first else None


def _broken(error: csv.Error, record: _Record, *, ended: bool) -> tuple[_Fault, bool]:
    """What is wrong, and whether nobody can say where the next row begins.

    With an odd number of quotes the next line may lie inside a text: nothing of it is ever taken
    for a row.
    """
    odd = record.raw.count(b'"') % 2 == 1
    if record.fault is not None:
        code, text = record.fault.code, record.fault.text
    elif "unexpected end" in str(error):
        return _Fault("quotes", "a quote is opened here and not closed"), True
    elif "limit" in str(error) and len(record.lines) > 1:
        code, text = "quotes", "a quote is opened here and not closed"
    elif "limit" in str(error):
        code, text = "too_long", f"a field of it is longer than {csv.field_size_limit():,} signs"
    elif "new-line" in str(error):
        code, text = "quotes", "a carriage return stands in the middle of it"
    else:
        code = "quotes"
        text = "its quotes do not add up: a quote inside a text is written twice"
    return _Fault(code, f"{text}; {NOT_READ}" if odd and not ended else text), odd


class _Walk:
    """The lines of a file from a place on, each with its end. A line that is too long is cut.

    `line` and `at` are those of the line given last: its number, and the byte behind it.
    """

    def __init__(self, file: BinaryIO, at: int, line: int) -> None:
        self._file = file
        self.at = at
        self.line = line
        self.quotes = 0
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self._file.seek(self.at)
            raw = self._file.readline(MOST_BYTES + 1)
            if not raw:
                self.ended = True
                return
            size, self.quotes, part = len(raw), raw.count(b'"'), raw
            while len(part) > MOST_BYTES and not part.endswith(b"\n"):
                part = self._file.readline(MOST_BYTES + 1)
                size += len(part)
                self.quotes += part.count(b'"')
            self.at += size
            self.line += 1
            yield raw


class _LooksLikeUtf8:
    """Whether a text is UTF-8 from end to end, as no longer text in GB18030 ever is.

    Short words in GB18030 do look like signs of two bytes; signs of three bytes, and nothing that
    contradicts, are no accident.
    """

    _THREE = re.compile(rb"[\xe1-\xef][\x80-\xbf]{2}")

    def __init__(self) -> None:
        self._never = False
        self._some = False

    def see(self, raw: bytes) -> None:
        if self._never or raw.isascii():
            return
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            self._never = True
        else:
            self._some = self._some or self._THREE.search(raw) is not None

    @property
    def certain(self) -> bool:
        return self._some and not self._never


def _object(text: str) -> dict[str, Any]:
    """One line of JSON Lines. Raises: _Fault."""
    try:
        found = json.loads(
            text, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_no_key_twice
        )
    except _Fault:
        raise
    except json.JSONDecodeError as error:
        # the decoder's own words name places and signs of JSON, and no value
        raise _Fault("json", f"it is not JSON at column {error.colno}") from None
    except (ValueError, RecursionError):
        raise _Fault("json", "it holds a number or a nesting beyond all bounds") from None
    if not isinstance(found, dict):
        raise _Fault("json", "it is not an object in braces")
    return found


def _no_number(_: str) -> Any:
    raise _Fault("json", "it holds NaN or Infinity, which JSON does not have")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Fault("json", "it names a key twice")
    return found
