"""Archives and tables from outside: one whole, plain table, or a refusal that tells no content."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable

import pytest

from connector.errors import VendorError
from connector.http.archive import ArchiveCaps, only_table, private_file
from connector.http.tabletext import MOST_LETTERS, read_table, write_table

TABLE = "Id,Last_Name\r\n1,林\r\n".encode()
SMALL = ArchiveCaps(zipped=1 << 20, unzipped=1 << 20, ratio=50, free=1 << 10)


def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return made.getvalue()


def opened(content: bytes, name: str | None = "41.csv") -> bytes:
    with only_table(io.BytesIO(content), name, SMALL) as table:
        return table.read()


def patched(content: bytes, mark: bytes, at: int, form: str, value: int) -> bytes:
    """Set a number in the header that begins with `mark`."""
    place = content.index(mark) + at
    size = struct.calcsize(form)
    return content[:place] + struct.pack(form, value) + content[place + size :]


def attributed(mode: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = zipfile.ZipInfo("41.csv")
        info.external_attr = mode << 16
        archive.writestr(info, b"/etc/passwd")
    return made.getvalue()


def overlong_entry() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = zipfile.ZipInfo("41.csv")
        info.comment = b"x" * 60_000
        archive.writestr(info, TABLE)
    return made.getvalue()


def twice() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("41.csv", TABLE)
        with pytest.warns(UserWarning):
            archive.writestr("41.csv", b"Id\n2\n")
    return made.getvalue()


def behind_a_program() -> bytes:
    made = io.BytesIO(b"#!/bin/sh\n")
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("41.csv", TABLE)
    return made.getvalue()


LOCAL, ENTRY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
GOOD = packed(("41.csv", TABLE))
STORED = packed(("41.csv", TABLE), method=zipfile.ZIP_STORED)
HARMFUL: dict[str, Callable[[], bytes]] = {
    "a bomb by its ratio": lambda: packed(("41.csv", b"0" * 900_000)),
    "a bomb by its size": lambda: packed(("41.csv", os.urandom(30_000) * 40)),
    "a size that lies": lambda: patched(packed(("41.csv", b"0" * 900_000)), ENTRY, 24, "<L", 1_000),
    "an archive in an archive": lambda: packed(("41.csv", GOOD)),
    "a name outside its folder": lambda: packed(("../41.csv", TABLE)),
    "an absolute name": lambda: packed(("/tmp/41.csv", TABLE)),
    "a name with a drive": lambda: packed(("C:\\41.csv", TABLE)),
    "a name cut by a NUL": lambda: GOOD.replace(b"41.csv", b"4\0.csv"),
    "a name with a NUL behind it": lambda: packed(("41.csvX.exe", TABLE)).replace(
        b"41.csvX", b"41.csv\0"
    ),
    "a symbolic link": lambda: attributed(stat.S_IFLNK | 0o777),
    "a device": lambda: attributed(stat.S_IFCHR | 0o666),
    "two members": lambda: packed(("41.csv", TABLE), ("42.csv", TABLE)),
    "one name twice": twice,
    "no member": lambda: packed(),
    "another member": lambda: packed(("99.csv", TABLE)),
    "a program": lambda: packed(("41.exe", TABLE)),
    "an encrypted member": lambda: patched(patched(STORED, ENTRY, 8, "<H", 1), LOCAL, 6, "<H", 1),
    "another way of packing": lambda: packed(("41.csv", TABLE), method=zipfile.ZIP_BZIP2),
    "a wrong checksum": lambda: STORED.replace(b"Last", b"Lost"),
    "a broken stream": lambda: GOOD[:45] + b"\xff\xff" + GOOD[47:],
    "cut off in the middle": lambda: GOOD[: len(GOOD) // 2],
    "cut off at the end": lambda: GOOD[:-3],
    "nothing": lambda: b"",
    "a page in HTML": lambda: b"<html>" + b"busy" * 99,
    "something before it": lambda: b"#!/bin/sh\n" + GOOD,
    "something before it that it knows of": behind_a_program,
    "something behind it": lambda: GOOD + b"more",
    "something before its end": lambda: GOOD.replace(END, b"more" + END),
    "millions of entries": lambda: patched(
        patched(GOOD, END, 8, "<H", 65_535), END, 10, "<H", 65_535
    ),
    "an overlong entry": overlong_entry,
    "another name at the member": lambda: GOOD.replace(b"41.csv", b"42.csv", 1),
    "larger than any answer": lambda: packed(("41.csv", os.urandom((1 << 20) + 9))),
}


@pytest.mark.parametrize("content", [GOOD, STORED], ids=["packed", "stored"])
def test_a_whole_archive_of_one_table_is_read(content: bytes) -> None:
    assert opened(content) == TABLE
    assert opened(content, None) == TABLE


@pytest.mark.parametrize("name", HARMFUL)
def test_a_harmful_archive_is_refused(name: str) -> None:
    with pytest.raises(VendorError) as refused:
        opened(HARMFUL[name]())
    assert "林" not in str(refused.value) and "csv" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a bomb by its ratio", "would grow more than 50 times"),
        ("a bomb by its size", "would unpack to more than 1048576 bytes"),
        ("larger than any answer", "is larger than 1048576 bytes"),
        ("something before it that it knows of", "has something before its member"),
        ("an overlong entry", "has an overlong entry"),
    ],
)
def test_what_several_checks_might_refuse_is_refused_for_what_it_is(name: str, why: str) -> None:
    with pytest.raises(VendorError, match=why):
        opened(HARMFUL[name]())


@pytest.mark.parametrize("name", [name for name in HARMFUL if "name" in name or "program" in name])
def test_a_harmful_name_is_refused_also_where_any_table_will_do(name: str) -> None:
    with pytest.raises(VendorError):
        opened(HARMFUL[name](), None)


def test_an_archive_over_its_cap_is_not_even_opened() -> None:
    caps = ArchiveCaps(zipped=len(GOOD) - 1)
    with pytest.raises(VendorError, match="larger"), only_table(io.BytesIO(GOOD), None, caps):
        pass


def test_a_table_of_one_repeated_line_is_no_bomb_while_it_is_small() -> None:
    assert len(opened(packed(("41.csv", b"0" * 1_000)))) == 1_000


def test_a_private_file_has_no_name_and_one_reader() -> None:
    with private_file() as file:
        told = os.fstat(file.fileno())
        assert (stat.S_IMODE(told.st_mode), told.st_nlink) == (0o600, 0)


# --- tables ---


def rows(content: bytes) -> list[list[str]]:
    return list(read_table(io.BytesIO(content)))


TEXTS = ["", "a,b", 'say "so"', "two\nlines", "two\r\nlines", "=1+1", "@x", "-2", " 空 ", "\ufeffx"]


def test_every_text_survives_a_table() -> None:
    file = io.BytesIO()
    size = write_table(file, [["n", "text"], *([str(n), one] for n, one in enumerate(TEXTS))])
    assert size == len(file.getvalue())
    assert [row[1] for row in rows(file.getvalue())[1:]] == TEXTS


def test_a_mark_at_the_front_is_no_part_of_the_first_name() -> None:
    assert rows(b"\xef\xbb\xbfId,Name\r\n1,a\r\n")[0] == ["Id", "Name"]


@pytest.mark.parametrize(
    "content",
    [
        b"Id,Name\n1,a\0b\n",
        b"Id,Name\n1\n",
        b"Id,Name\n1,2,3\n",
        b'Id,Name\n1,"open\n',
        b'Id,Name\n1,"a"b\n',
        b"Id,Name\n1,\xff\n",
        b"," * 1_000_000 + b"\n",
        b"Id" + b",x" * 1_000 + b"\n",
        b'Id,Name\n1,"' + b"x\n" * (MOST_LETTERS // 2),
        b"Id,Name\n1," + b"x" * 200_000,
        "Id,Name\n".encode("utf-16"),
    ],
    ids=[
        "NUL", "short row", "long row", "open quote", "odd quote", "no UTF-8", "a million columns",
        "a thousand names", "endless row", "endless text", "UTF-16",
    ],
)  # fmt: skip
def test_a_table_that_no_vendor_means_is_refused(content: bytes) -> None:
    with pytest.raises(VendorError):
        rows(content)
