"""The scanner's own canary: what is planted is found, or a clean scan would prove nothing."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import sqlite3
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from connector.errors import StoreError
from tests.privacy.canary import Canary, Scanner

ANN = Canary(7)
SCANNER = Scanner(ANN.values(), raw=[b"\x01\x02\x03\x04\x05\x06\x07\x08"])

WRITTEN: Mapping[str, Callable[[str], bytes]] = {
    "clear": lambda v: v.encode(),
    "base64": lambda v: base64.b64encode(v.encode()),
    "base64, one byte on": lambda v: base64.b64encode(b"x" + v.encode() + b"yz"),
    "base64, two bytes on": lambda v: base64.b64encode(b"xy" + v.encode() + b"z"),
    "base64 for URLs": lambda v: base64.urlsafe_b64encode(v.encode()),
    "hexadecimal": lambda v: v.encode().hex().encode(),
    "URL": lambda v: quote(v).encode(),
    "JSON": lambda v: json.dumps({"v": v}).encode(),
    "bytes, shown": lambda v: repr(v.encode()).encode(),
    "UTF-16": lambda v: v.encode("utf-16"),
    "backwards": lambda v: v[::-1].encode(),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_planted_value_is_found_in_every_form(form: str, tmp_path: Path) -> None:
    for value in ANN.values():
        (tmp_path / "leak.bin").write_bytes(b"before" + WRITTEN[form](value) + b"after")
        assert SCANNER.files(tmp_path), (form, value)
        assert not Scanner(Canary(8).values()).files(tmp_path), "somebody else's is not found"


def test_it_is_found_in_archives_and_in_archives_within(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(ANN.email.encode()))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("inner.gz", gzip.compress(ANN.name.encode()))
    assert len(SCANNER.files(tmp_path)) >= 2
    assert {f.partition("!")[0] for f in SCANNER.files(tmp_path)} == {"a.gz", "b.zip"}


def test_it_is_found_in_a_databases_log_of_writes(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (v)")
        database.execute("INSERT INTO t VALUES (?)", (ANN.email,))
        database.commit()
        found = SCANNER.files(tmp_path)
    assert any(one.startswith("x.db-wal: ") for one in found)


def test_it_is_found_in_logs_and_in_whatever_hangs_on_an_exception() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s came", (ANN.email,), None)
    assert SCANNER.logs([record])
    try:
        try:
            raise ValueError(ANN.mobile)
        except ValueError as error:
            raise StoreError("No.") from error
    except StoreError as error:
        assert SCANNER.exception(error)
    try:
        raise StoreError("No.") from None
    except StoreError as error:
        assert not SCANNER.exception(error)


def test_raw_bytes_are_found(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(bytes(range(20)))
    assert SCANNER.files(tmp_path)
