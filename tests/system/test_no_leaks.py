"""Planted values: what must not leave does not, and what must not be read in clear cannot be.

Every personal value of one customer is a marker. Everything is run, errors too, with logs at
debug; then files, output and the very bytes that the vendor received are searched for it.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from connector.demo.shop import MAPPINGS
from connector.mapping.schema import packaged
from tests.system.rig import Rig

MAPPED = {
    "surname": "Qanaryova",
    "given_name": "金丝雀",
    "mobile": "13987654321",
    "mail": "qanary.bird@example.test",
    "street": "77 Marker Lane",
    "job": "qanary-keeper",
    "city": "Qanaryville",
}
UNMAPPED = {"password_hash": "UNMAPPED-hash-9137"}
UNCLASSIFIED = {"shoe_size": "UNCLASSIFIED-size-46"}


def forms(value: str) -> Iterator[bytes]:
    """The ways a value may lie in a file or a request."""
    plain = value.encode()
    yield plain
    yield base64.b64encode(plain).rstrip(b"=")[: len(plain)]
    yield plain.hex().encode()
    yield value.encode("utf-16-le")
    yield quote(value).encode()
    yield json.dumps(value)[1:-1].encode()
    yield plain[::-1]


def found(values: dict[str, str], content: bytes) -> list[str]:
    """Names of the values of which any form stands in the content."""
    return [name for name, value in values.items() if any(f in content for f in forms(value))]


def plant(rig: Rig) -> None:
    rig.mapping(
        "customer", MAPPINGS["customer"] + "  custom.shoe: {column: shoe_size, lens: text}\n"
    )
    folder = rig.folder / "mappings" / "remote"
    folder.mkdir(parents=True)
    for kind in MAPPINGS:
        text = (packaged("zoho") / f"{kind}.yaml").read_text(encoding="utf-8")
        if kind == "customer":
            text += "  custom.shoe: {field: Description, lens: text, policy: local}\n"
        (folder / f"{kind}.yaml").write_text(text, encoding="utf-8")
    rig.write(mappings="mappings/remote")
    with closing(sqlite3.connect(rig.folder / "shop.db")) as shop:
        shop.execute("ALTER TABLE clients ADD COLUMN shoe_size TEXT")
        row = {**MAPPED, **UNMAPPED, **UNCLASSIFIED}
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        shop.execute(f"INSERT INTO clients ({names}) VALUES ({marks})", list(row.values()))
        shop.commit()


def received(rig: Rig) -> bytes:
    """All that arrived at the vendor, bodies and addresses."""
    return json.dumps(rig.sandbox.requests(), ensure_ascii=False).encode()


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.name.startswith("shop.db"):
            yield file.name, file.read_bytes()


def test_no_planted_value_lies_in_clear_and_no_unclassified_one_leaves(rig: Rig) -> None:
    plant(rig)
    rig.ready()
    said = [rig.run("--log-level", "debug", "sync").all]
    ref = next(r["id"] for r in rig.sandbox.records("Contacts") if r["Email"] == MAPPED["mail"])
    rig.sandbox.edit("Contacts", ref, {"Mobile": "+8613911112222"})
    with closing(sqlite3.connect(rig.folder / "shop.db")) as shop:
        shop.execute("UPDATE clients SET mobile = '13900001111' WHERE mail = ?", (MAPPED["mail"],))
        shop.commit()
    for fault in ("html", "truncated", "error_although_applied", "lost_after"):
        rig.sandbox.fault(fault, count=1)
        said.append(rig.run("--log-level", "debug", "sync").all)
    for words in (["plan"], ["sync"], ["status"], ["letters", "list"], ["conflicts", "list"]):
        said.append(rig.run("--log-level", "debug", *words).all)
    for kind in MAPPINGS:
        for more in ([], ["--live"], ["--json"]):
            words = ["explain", "7" if kind == "customer" else "1", "--kind", kind, *more]
            ran = rig.run("--log-level", "debug", *words)
            assert ran.code == 0
            said.append(ran.all)
    output = "\n".join(said).encode()
    assert found(MAPPED | UNMAPPED | UNCLASSIFIED, output) == []
    for name, content in files(rig.folder):
        assert found(MAPPED | UNMAPPED | UNCLASSIFIED, content) == [], name
    arrived = received(rig)
    assert set(found(MAPPED, arrived)) == MAPPED.keys(), "the mapped values do arrive"
    assert found(UNMAPPED | UNCLASSIFIED, arrived) == []
    addresses = json.dumps([[r.get("path"), r.get("query")] for r in rig.sandbox.requests()])
    assert found(MAPPED, addresses.encode()) == []


def test_the_search_finds_what_is_there(rig: Rig) -> None:
    (rig.folder / "leak.bin").write_bytes(b"..." + MAPPED["given_name"].encode("utf-16-le"))
    leaks = [name for name, content in files(rig.folder) if found(MAPPED, content)]
    assert leaks == ["leak.bin"]
