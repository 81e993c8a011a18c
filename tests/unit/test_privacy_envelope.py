"""What is sealed opens in its own place, unaltered, and nowhere else."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import SealError
from connector.privacy import envelope
from connector.privacy.envelope import cipher, context, header, read_header, seal, unseal

KEY = bytes(range(32))
PLACE = ("shop-a", "customer", "base", "5" * 32, "link-1")


def _sealed(plain: bytes = b"invented", suite: int = envelope.AES_256_GCM) -> bytes:
    return seal(cipher(suite, KEY), header(suite, 1), context(*PLACE), plain)


@given(plain=st.binary(max_size=300), suite=st.sampled_from([1, 2, 3]))
def test_what_is_sealed_opens_again(plain: bytes, suite: int) -> None:
    assert unseal(cipher(suite, KEY), context(*PLACE), _sealed(plain, suite)) == plain


def test_every_single_flipped_bit_is_rejected_with_the_same_sentence() -> None:
    sealed, by = _sealed(), cipher(1, KEY)
    sentences = set()
    for bit in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealError) as caught:
            read_header(bytes(altered))
            unseal(by, context(*PLACE), bytes(altered))
        sentences.add(str(caught.value))
        assert caught.value.__cause__ is None
    assert sentences == {envelope.CANNOT_OPEN}


def test_every_truncation_is_rejected() -> None:
    sealed, by = _sealed(), cipher(1, KEY)
    for length in range(len(sealed)):
        with pytest.raises(SealError, match="cannot be opened"):
            read_header(sealed[:length])
            unseal(by, context(*PLACE), sealed[:length])


@pytest.mark.parametrize("part", range(5), ids=["tenant", "kind", "field", "subject", "record"])
def test_what_was_sealed_for_one_place_does_not_open_at_another(part: int) -> None:
    other = list(PLACE)
    other[part] += "x"
    with pytest.raises(SealError):
        unseal(cipher(1, KEY), context(*other), _sealed())


def test_moving_a_letter_between_neighbouring_parts_does_not_open() -> None:
    tenant, kind, field, subject, record = PLACE
    for other in (
        (tenant[:-1], tenant[-1] + kind, field, subject, record),
        (tenant, kind[:-1], kind[-1] + field, subject, record),
        (tenant, kind, field[:-1], field[-1] + subject, record),
        (tenant, kind, field, subject[:-1], subject[-1] + record),
    ):
        with pytest.raises(SealError):
            unseal(cipher(1, KEY), context(*other), _sealed())


def test_another_key_does_not_open() -> None:
    with pytest.raises(SealError, match="cannot be opened"):
        unseal(cipher(1, bytes(32)), context(*PLACE), _sealed())


def test_lengths_show_only_in_steps_of_sixteen() -> None:
    assert {len(_sealed(bytes(n))) for n in range(1, 15)} == {51}
    assert len(_sealed(bytes(15))) == 67
    assert len(_sealed(bytes(32))) == 83


def test_padding_that_our_writer_never_makes_is_rejected_with_the_one_sentence() -> None:
    head, where, nonce = header(1, 1), context(*PLACE), os.urandom(12)
    for plaintext in (
        bytes(16),
        b"",
        b"b" + b"a" * 15,
        b"bvalue\x80\x00\x01" + bytes(7),
        b"bvalue\x80",
        b"svalue\x80" + bytes(9),
    ):
        sealed = head + nonce + AESGCM(KEY).encrypt(nonce, plaintext, head + where)
        with pytest.raises(SealError) as caught:
            unseal(AESGCM(KEY), where, sealed)
        assert str(caught.value) == envelope.CANNOT_OPEN


def test_no_nonce_repeats_also_not_in_a_forked_child() -> None:
    nonces = [_sealed()[7:19] for _ in range(20_000)]
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(sending, b"".join(_sealed()[7:19] for _ in range(1000)))
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)
    nonces += [_sealed()[7:19] for _ in range(1000)]
    nonces += [theirs[at : at + 12] for at in range(0, len(theirs), 12)]
    assert len(theirs) == 12_000
    assert len(set(nonces)) == 22_000


def test_the_header_is_as_written_down() -> None:
    assert _sealed()[:7] == bytes([0xC5, 1, 1, 0, 0, 0, 1])
    assert read_header(_sealed()) == (1, 1)


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(SealError, match="suite 9"):
        cipher(9, KEY)


def test_a_name_too_long_for_its_length_field_is_refused() -> None:
    with pytest.raises(SealError, match="65535"):
        context("t", "k", "f", "s", "r" * 65_536)
