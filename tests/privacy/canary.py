"""Canaries: values that cannot occur by chance, and one scanner that finds them in any form.

A value counts as found in clear, in base64 (at any of its three alignments), hexadecimal,
URL-encoded, JSON-escaped, in UTF-16 and backwards; in files, in what gzip and zip hold, in logs,
in output and in exceptions with all that hangs on them.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import pickle
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus


@dataclass(frozen=True)
class Canary:
    """One invented person, of whom every value is unlike anybody else's."""

    number: int

    @property
    def name(self) -> str:
        return f"CNRY-{self.number:04d}-赤羽{chr(0x4E00 + self.number)}"

    @property
    def email(self) -> str:
        return f"cnry-{self.number:04d}-mail@canary.test"

    @property
    def mobile(self) -> str:
        return f"139{self.number:04d}7310"

    @property
    def street(self) -> str:
        return f"CNRY-{self.number:04d} 鹦鹉街"

    @property
    def note(self) -> str:
        return f"CNRY-{self.number:04d}-note-雨燕"

    def values(self) -> list[str]:
        """Everything that must not be found."""
        return [self.name, self.email, self.mobile, self.street, self.note]


def forms(value: str) -> set[bytes]:
    """A value as it may be written somewhere."""
    plain = value.encode()
    found = {plain, plain.hex().encode(), plain.hex().upper().encode(), value[::-1].encode()}
    found |= {quote(value).encode(), quote_plus(value).encode()}
    found |= {json.dumps(value)[1:-1].encode(), repr(plain)[2:-1].encode()}
    found |= {value.encode("utf-16-le"), value.encode("utf-16-be")}
    for shift in range(3):
        # The ends depend on what stands beside it.
        whole = base64.b64encode(b"\0" * shift + plain)
        torn = (shift + len(plain)) % 3 != 0
        middle = whole[4 if shift else 0 : len(whole) - (4 if torn else 0)]
        found |= {middle, middle.translate(bytes.maketrans(b"+/", b"-_"))}
    return {one for one in found if len(one) >= 6}


class Scanner:
    """Looks for canaries, and for bytes such as keys, digests and ids."""

    def __init__(self, values: Iterable[str] = (), raw: Iterable[bytes] = ()) -> None:
        self.needles: Mapping[bytes, str] = {
            **{form: value for value in values for form in forms(value)},
            **{one: one.hex() for one in raw},
        }

    def bytes(self, where: str, content: bytes) -> list[str]:
        found = [f"{where}: {said}" for needle, said in self.needles.items() if needle in content]
        for name, inner in _unpacked(content):
            found += self.bytes(f"{where}!{name}", inner)
        return sorted(set(found))

    def text(self, where: str, content: str) -> list[str]:
        return self.bytes(where, content.encode("utf-8", "surrogatepass"))

    def files(self, folder: Path, *, but: Iterable[str] = ()) -> list[str]:
        """Every file under a folder, but for those of these names."""
        found: list[str] = []
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in but:
                found += self.bytes(str(path.relative_to(folder)), path.read_bytes())
        return found

    def logs(self, records: Iterable[logging.LogRecord]) -> list[str]:
        found: list[str] = []
        for record in records:
            shown = f"{record.getMessage()} {record.__dict__!r}"
            found += self.text(f"log {record.name}", shown)
        return found

    def exception(self, error: BaseException) -> list[str]:
        """An exception as anybody may see it: text, arguments, pickle, and what it came from."""
        found: list[str] = []
        for one in _chain(error):
            shown = f"{one!s} {one!r} {one.args!r} {vars(one)!r}"
            found += self.text(type(one).__name__, shown)
            try:
                found += self.bytes(f"{type(one).__name__}, pickled", pickle.dumps(one))
            except Exception:  # what refuses to be pickled leaks nothing by it
                continue
        return found


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [e for e in (one.__cause__, one.__context__) if e is not None]


def _unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    if content[:2] == b"\x1f\x8b":
        try:
            yield "gz", gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return
    elif content[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)
