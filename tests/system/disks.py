"""A small disk of its own, and somebody who fills it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A disk at a folder, where this machine lets us mount one. Skips, by name, where not."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode
    except FileNotFoundError:
        done = 1
    if done != 0:
        pytest.skip("tmpfs cannot be mounted; test_a_full_disk_ends_the_run covers the engine")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room on a disk; the file that takes it."""
    file = disk / "somebody's"
    free = 1 << 20
    while free >= 4096:
        try:
            with file.open("ab") as rest:
                rest.write(b"x" * free)
        except OSError:
            free //= 2
    return file


def grow(disk: Path, size: str) -> None:
    """Give a disk more room."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)
