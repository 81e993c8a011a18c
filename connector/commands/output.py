"""Printing: results on stdout, everything for a person on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connector.errors import ConnectorError, SettingsError

_CONTROLS = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Signs that a terminal obeys or that turn a line round; texts of a vendor may hold any."""
_IN_LINE = re.compile(rf"[\x00-\x08\x0b-\x1f{_CONTROLS}]")
_IN_CELL = re.compile(rf"[\x00-\x1f{_CONTROLS}]")
_IN_JSON = re.compile(rf"[{_CONTROLS}]")


def _shown(sign: re.Match[str]) -> str:
    return f"\\u{ord(sign.group()):04x}"


def cell(text: str) -> str:
    """A text in one line, with all that a terminal would obey written out.

    >>> cell("a\\x1b[31mb\\nc")
    'a\\\\u001b[31mb\\\\u000ac'
    """
    return _IN_CELL.sub(_shown, text)


def document(value: Mapping[str, Any]) -> None:
    """Print the one JSON document of `--json`."""
    # Within JSON such signs only stand in texts, where their escape means the same.
    print(_IN_JSON.sub(_shown, json.dumps(value, ensure_ascii=False)), flush=True)


def say(*lines: str) -> None:
    """Tell the person something that is no result."""
    for line in lines:
        print(_IN_LINE.sub(_shown, line), file=sys.stderr, flush=True)


def show(*lines: str) -> None:
    """Print lines of a result."""
    for line in lines:
        print(_IN_LINE.sub(_shown, line), flush=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: framed on a terminal that is wide enough, aligned lines elsewhere."""
    texts = [["" if one is None else cell(str(one)) for one in row] for row in rows]
    if not sys.stdout.isatty():
        show(*aligned([list(columns), *texts]))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    framed = Table(*columns, header_style="bold")
    for row in texts:
        framed.add_row(*(Text(one) for one in row))  # Text: no value is read as markup
    console = Console()
    unbounded = console.options.update(max_width=10_000)
    if console.measure(framed, options=unbounded).maximum > console.width:
        # Cut cells would hide the very ids and times that one looks for.
        show(*aligned([list(columns), *texts]))
    else:
        console.print(framed)


def counts(columns: Sequence[str], keys: Iterable[tuple[str, ...]], what: str) -> None:
    """Print how many there are of each key."""
    counted = Counter(keys)
    table([*columns, what], [[*key, number] for key, number in counted.items()])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns under each other; a Chinese sign is two cells wide.

    >>> aligned([["kind", "n"], ["月卡", "1"]])
    ['kind  n', '月卡  1']
    """
    from rich.cells import cell_len

    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            one + " " * (width - cell_len(one)) for one, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def code_of(error: ConnectorError) -> str:
    """The error's name for programs.

    >>> code_of(SettingsError("No."))
    'settings'
    """
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def told(error: ConnectorError) -> dict[str, Any]:
    """An error as `--json` shows it."""
    shown: dict[str, Any] = {"code": code_of(error), "sentence": error.sentence}
    if isinstance(error, SettingsError) and error.faults:
        shown["faults"] = list(error.faults)
    if error.hint:
        shown["hint"] = error.hint
    return shown


def say_what_failed(skipped: Sequence[str], errors: Sequence[ConnectorError]) -> None:
    """Tell what a run left out, and what stopped parts of it."""
    say(*(f"skipped: {sentence}" for sentence in skipped))
    for error in errors:
        say(*lines_of(error))


def lines_of(error: ConnectorError) -> list[str]:
    """An error for a person: the sentence with its faults, and the way out."""
    faults = error.faults if isinstance(error, SettingsError) else ()
    # `str` of an error with faults holds them all; its first argument is what was joined.
    said = str(error.args[0]) if faults else error.sentence
    return [f"error: {said}", *([f"  → {error.hint}"] if error.hint else [])]
