"""Files that hold keys: written 0600 and whole or not at all, read only if nobody else can."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from connector.errors import SealError

MAX_BYTES = 1 << 20


def read_private(path: Path, what: str) -> bytes:
    """Read a regular file that belongs to us and that group and others cannot touch.

    Raises: SealError for a symlink, another owner, any group or other bit; FileNotFoundError.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError:
        # O_NOFOLLOW answers a symlink with ELOOP; other errors leave us as unable to read it.
        raise SealError(
            f"{what} {path} cannot be read, or is a symbolic link.",
            hint="Give the file's own path and make it readable for the user who runs this.",
        ) from None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise SealError(f"{what} {path} is not a regular file.")
        if found.st_uid != os.geteuid():
            raise SealError(
                f"{what} {path} belongs to another user.", hint="It must be owned by this user."
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise SealError(
                f"{what} {path} can be reached by group or others.", hint=f"Run: chmod 600 {path}"
            )
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise SealError(f"{what} {path} is larger than {MAX_BYTES} bytes.")
    return content


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file of mode 0600, whole and durable. Raises: FileExistsError unless `replace`."""
    with new_private(path, replace=replace) as file:
        file.write(content)


@contextmanager
def new_private(path: Path, *, replace: bool = False) -> Iterator[BinaryIO]:
    """A file of mode 0600 that is at `path` when all of it is on the medium, or never.

    Raises: FileExistsError unless `replace`.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(draft, flags, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            # A link, unlike a rename, refuses to stand in for a file that is there.
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from rewriting `path` meanwhile."""
    beside = path.with_name(f".{path.name}.lock")
    handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
