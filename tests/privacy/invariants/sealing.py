"""Invariants 4 to 7: sealed data opens in its own place only, unaltered, under fresh nonces."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import connector
from connector.errors import SealError
from connector.privacy import envelope
from connector.privacy.envelope import AES_256_GCM, CANNOT_OPEN, NONCE_BYTES
from connector.privacy.keys import Purpose
from connector.privacy.ring import create_ring
from connector.privacy.vault import Vault, open_vault
from tests.privacy.backups import holds

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def open_in(folder: Path, tenant: str = "shop-a") -> Vault:
    ring = folder / f"{tenant}.json"
    if not ring.exists():
        create_ring(ring, "file:kek.bin", tenant, NOW)
    return open_vault(
        ring_path=ring,
        kek="file:kek.bin",
        subjects_url=f"sqlite:///{folder / f'{tenant}.db'}",
        tenant=tenant,
        clock_now=lambda: NOW,
    )


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = open_in(tmp_path)
    yield vault
    vault.close()


# --- 4: elsewhere ---------------------------------------------------------------------------------

DOCUMENTS = ("base", "intent/1", "intent/11", "conflict/phones.mobile")
KINDS = ("customer", "membership")
RECORDS = ("1", "11")


def test_04_no_two_places_open_each_others_data(tmp_path: Path) -> None:
    """Every pair of tenant, person, document, kind and record; staged records and secrets too."""
    Open = Callable[[bytes], bytes]
    places: list[tuple[bytes, Open]] = []
    for tenant in ("shop-a", "shop-b"):
        vault = open_in(tmp_path, tenant)
        for subject, document, kind, record in product(
            vault.new_subjects(2), DOCUMENTS, KINDS, RECORDS
        ):
            place = (document, kind, subject, record)
            sealed = vault.seal(*place, b"invented")
            places.append((sealed, partial(vault.open, *place)))
        for where in product(("zoho", "fx"), KINDS, ("remote", "local"), RECORDS):
            sealed = vault.seal_staged(*where, b"invented")
            places.append((sealed, partial(vault.open_staged, *where)))
        for name in ("zoho/token", "fx/token"):
            sealed = vault.seal_secret(name, b"invented")
            places.append((sealed, partial(vault.open_secret, name)))
    opened = 0
    for (one, (sealed, _)), (two, (_, open_)) in product(enumerate(places), enumerate(places)):
        if one == two:
            assert open_(sealed) == b"invented"
            opened += 1
            continue
        with pytest.raises(SealError) as caught:
            open_(sealed)
        assert caught.value.sentence == CANNOT_OPEN
    assert opened == len(places) == 2 * (32 + 16 + 2)


TEXT = st.text(max_size=12)


@example(("ab", "c", "", "", ""), ("a", "bc", "", "", ""))
@example(("", "ab", "c", "", ""), ("", "a", "bc", "", ""))
@example(("", "", "ab", "c", ""), ("", "", "a", "bc", ""))
@example(("", "", "", "ab", "c"), ("", "", "", "a", "bc"))
@given(st.tuples(TEXT, TEXT, TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT, TEXT, TEXT))
def test_04_two_places_never_have_one_context(
    one: tuple[str, str, str, str, str], two: tuple[str, str, str, str, str]
) -> None:
    assert (envelope.context(*one) == envelope.context(*two)) == (one == two)


# --- 5: altered -----------------------------------------------------------------------------------


def kinds_of_sealed(vault: Vault) -> dict[str, tuple[bytes, Callable[[bytes], bytes]]]:
    [subject] = vault.new_subjects(1)
    place = ("base", "customer", subject, "1")
    return {
        "document": (vault.seal(*place, b"invented"), lambda s: vault.open(*place, s)),
        "staged": (
            vault.seal_staged("zoho", "customer", "remote", "1", b"invented"),
            lambda s: vault.open_staged("zoho", "customer", "remote", "1", s),
        ),
        "secret": (
            vault.seal_secret("token", b"invented"),
            lambda s: vault.open_secret("token", s),
        ),
    }


@pytest.mark.parametrize("kind", ["document", "staged", "secret"])
def test_05_every_single_bit_and_every_cut_fails_with_one_sentence(kind: str, vault: Vault) -> None:
    sealed, open_ = kinds_of_sealed(vault)[kind]
    assert open_(sealed) == b"invented"
    altered = [
        sealed[: bit // 8] + bytes([sealed[bit // 8] ^ (1 << bit % 8)]) + sealed[bit // 8 + 1 :]
        for bit in range(8 * len(sealed))
    ]
    altered += [sealed[:size] for size in range(len(sealed))]
    altered += [sealed + b"\0", sealed * 2, b"\0" + sealed, b"\xc5" * 100]
    told = set()
    for one in altered:
        with pytest.raises(SealError) as caught:
            open_(one)
        told.add((type(caught.value), str(caught.value), caught.value.missing))
    assert told == {(SealError, CANNOT_OPEN, False)}


@pytest.mark.parametrize(
    "padded", [b"", b"b", b"\x80" * 16, b"bx" + bytes(14), b"b" + b"\x80" + b"\1" * 14, b"x\x80"]
)
def test_05_bad_padding_under_a_good_tag_says_the_same(padded: bytes) -> None:
    by, head, where = envelope.cipher(AES_256_GCM, bytes(32)), envelope.header(1, 1), b"here"
    sealed = head + bytes(NONCE_BYTES) + by.encrypt(bytes(NONCE_BYTES), padded, head + where)
    with pytest.raises(SealError) as caught:
        envelope.unseal(by, where, sealed)
    assert str(caught.value) == CANNOT_OPEN


# --- 6: nonces ------------------------------------------------------------------------------------


def nonce_of(sealed: bytes) -> bytes:
    return sealed[7 : 7 + NONCE_BYTES]


def nonces(vault: Vault, count: int) -> list[bytes]:
    return [nonce_of(vault.seal_secret("token", b"invented")) for _ in range(count)]


def test_06_a_million_seals_repeat_no_nonce(vault: Vault) -> None:
    assert vault.seal_secret("token", b"x") != vault.seal_secret("token", b"x")
    seal, where = envelope.seal, b"here"
    by, head = envelope.cipher(AES_256_GCM, bytes(32)), envelope.header(1, 1)
    seen = {nonce_of(seal(by, head, where, b"invented")) for _ in range(1_000_000)}
    assert len(seen) == 1_000_000


def test_06_children_of_a_fork_repeat_no_nonce(vault: Vault) -> None:
    nonces(vault, 10)
    seen = set(nonces(vault, 500))
    for _ in range(3):
        out, into = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            with os.fdopen(into, "wb") as told:
                told.write(b"".join(nonces(vault, 500)))
            os._exit(0)
        os.close(into)
        with os.fdopen(out, "rb") as found:
            said = found.read()
        assert os.waitpid(child, 0)[1] == 0
        its = {said[at : at + NONCE_BYTES] for at in range(0, len(said), NONCE_BYTES)}
        assert len(its) == 500 and not its & seen
        seen |= its


def test_06_spawned_processes_repeat_no_nonce(vault: Vault, tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from tests.privacy.invariants.sealing import nonces, open_in\n"
        "v = open_in(pathlib.Path(sys.argv[1])); print(b''.join(nonces(v, 300)).hex()); v.close()"
    )
    seen = set(nonces(vault, 300))
    for _ in range(2):
        command = [sys.executable, "-c", program, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        said = bytes.fromhex(done.stdout)
        its = {said[at : at + NONCE_BYTES] for at in range(0, len(said), NONCE_BYTES)}
        assert len(its) == 300 and not its & seen
        seen |= its


# --- 7: no plaintext without its place ------------------------------------------------------------


def test_07_sealing_without_a_whole_place_is_a_type_error(vault: Vault) -> None:
    """The marks make mypy say so too: it complains of a mark that hides no error."""
    [subject] = vault.new_subjects(1)
    with pytest.raises(TypeError):
        vault.seal("base", "customer", subject, b"x")  # type: ignore[call-arg] # no record
    with pytest.raises(TypeError):
        vault.seal("base", "customer", plain=b"x")  # type: ignore[call-arg] # nobody's
    with pytest.raises(TypeError):
        vault.seal_staged("zoho", "customer", "remote", b"x")  # type: ignore[call-arg] # no id
    with pytest.raises(TypeError):
        vault.seal_secret(b"x")  # type: ignore[call-arg, arg-type] # no name
    with pytest.raises(TypeError):
        envelope.context("shop-a", "customer", "base", subject)  # type: ignore[call-arg] # no record
    with pytest.raises(SealError):
        vault.seal("base", "customer", None, "1", b"x")  # type: ignore[arg-type] # nobody's


def calls_without_place(source: str) -> list[int]:
    """Lines where something is encrypted without associated data."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr != "encrypt" or any(word.arg == "KeyId" for word in node.keywords):
            continue
        empty = len(node.args) != 3 or (
            isinstance(node.args[2], ast.Constant) and not node.args[2].value
        )
        if empty:
            found.append(node.lineno)
    return found


def test_07_nothing_of_ours_encrypts_without_associated_data() -> None:
    assert calls_without_place("c.encrypt(n, x, None)\nc.encrypt(n, x)\nc.encrypt(n, x, b'')") == [
        1,
        2,
        3,
    ]
    root, files = Path(connector.__file__).parent, 0
    for file in root.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert calls_without_place(text) == [], file
        files += ".encrypt(" in text
    assert files >= 5


def test_the_ring_file_holds_no_key_in_clear(tmp_path: Path) -> None:
    vault = open_in(tmp_path)
    keys = [one._key for purpose in Purpose for one in vault.ring.of(purpose)]
    vault.close()
    assert len(keys) == len(Purpose)
    told = (tmp_path / "shop-a.json").read_bytes()
    for key in (*keys, (tmp_path / "kek.bin").read_bytes()):
        assert not holds(told, key)
