"""A downloaded zip, opened as if its sender meant harm: one small known member or nothing.

A zip can grow a thousandfold, name files outside its folder, carry links, or show one reader
another member than the next one. So nothing is ever extracted to a name: the one member that we
expect goes into a file without any, byte by byte, under caps.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

from connector.errors import VendorError

_CHUNK: Final = 1 << 16
_END: Final = b"PK\x05\x06"
_END_SIZE: Final = 22
_LOCAL: Final = b"PK\x03\x04"
_LONGEST_COMMENT: Final = 65_535
_LONGEST_ENTRY: Final = 4_096
"""Bytes of the one entry in the directory: name and extras."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._\-]{0,199}\.csv", re.IGNORECASE)
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,  # how `zipfile` says that it does not know a compression
    OSError,
    RuntimeError,
    UnicodeDecodeError,
)
"""What the library says of archives that are none, or cut, or packed in ways it does not know."""
_PLAIN: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True)
class ArchiveCaps:
    """The most that an archive may hold, in bytes, and how much smaller it may have been made."""

    zipped: int = 256 << 20
    unzipped: int = 2 << 30
    ratio: int = 200
    """Text of a table shrinks to a tenth or a fiftieth; deflate's best is a thousandth."""
    free: int = 1 << 20
    """Up to this size the ratio is no danger: a table of one repeated line is one."""


@contextmanager
def private_file() -> Iterator[BinaryIO]:
    """A file that only this process can reach: without a name, of mode 0600, gone with it."""
    with tempfile.TemporaryFile(prefix="crm-connector-") as file:
        yield file


@contextmanager
def only_table(
    archive: BinaryIO, name: str | None = None, caps: ArchiveCaps | None = None
) -> Iterator[BinaryIO]:
    """The one CSV member of an archive, unpacked into a private file that stands at its start.

    `name` is what the member must be called, if that is known. Raises: VendorError for an archive
    that is anything else than whole, plain and of one member, or over its caps.
    """
    caps = caps or ArchiveCaps()
    _check_end(archive, caps)
    with private_file() as table:
        try:
            with zipfile.ZipFile(archive) as opened:
                members = opened.infolist()
                if len(members) != 1:
                    raise _refused("has not exactly one member")
                _check_member(members[0], name, caps)
                _unpack(opened, members[0], table, caps)
        except _DAMAGE as error:
            raise _refused(f"could not be unpacked ({type(error).__name__})") from None
        table.seek(0)
        yield table


def _refused(why: str) -> VendorError:
    return VendorError(f"A downloaded archive {why}; nothing of it was used.")


def _check_end(archive: BinaryIO, caps: ArchiveCaps) -> None:
    """Look at the end record alone, before a library reads a directory of millions of entries."""
    size = archive.seek(0, os.SEEK_END)
    if size > caps.zipped:
        raise _refused(f"is larger than {caps.zipped} bytes")
    tail_size = min(size, _END_SIZE + _LONGEST_COMMENT)
    archive.seek(size - tail_size)
    tail = archive.read(tail_size)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise _refused("is no archive, or was cut off")
    disk, start_disk, here, total, length, offset, comment = struct.unpack(
        "<4H2LH", tail[at + 4 : at + _END_SIZE]
    )
    if at + _END_SIZE + comment != len(tail):
        raise _refused("has something behind its end")
    if (disk, start_disk, here, total) != (0, 0, 1, 1):
        raise _refused("has not exactly one member")
    if length > _LONGEST_ENTRY:
        raise _refused("has an overlong entry in its directory")
    if offset + length != size - tail_size + at:
        raise _refused("has something beside its member")
    archive.seek(0)
    if archive.read(len(_LOCAL)) != _LOCAL:
        raise _refused("has something before its member")


def _check_member(member: zipfile.ZipInfo, name: str | None, caps: ArchiveCaps) -> None:
    if member.orig_filename != member.filename or not _NAME.fullmatch(member.filename):
        raise _refused("has a member that is not a plainly named table")
    if name is not None and member.filename != name:
        raise _refused("has another member than was asked for")
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or member.is_dir():
        raise _refused("has a member that is no ordinary file")
    if member.flag_bits & _ENCRYPTED:
        raise _refused("is encrypted")
    if member.compress_type not in _PLAIN:
        raise _refused("is packed in a way that no table is")
    if member.header_offset != 0:
        raise _refused("has something before its member")
    if member.file_size > caps.unzipped:
        raise _refused(f"would unpack to more than {caps.unzipped} bytes")
    if member.file_size > max(caps.free, member.compress_size * caps.ratio):
        raise _refused(f"would grow more than {caps.ratio} times")


def _unpack(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, table: BinaryIO, caps: ArchiveCaps
) -> None:
    """Write the member out, counting; the library compares its checksum at the end."""
    written = 0
    with opened.open(member) as source:
        while chunk := source.read(_CHUNK):
            if written == 0 and chunk.startswith(_LOCAL):
                raise _refused("has an archive inside it")
            written += len(chunk)
            if written > min(caps.unzipped, member.file_size):
                raise _refused("is larger than it says")
            table.write(chunk)
    if written != member.file_size:
        raise _refused("is smaller than it says")
