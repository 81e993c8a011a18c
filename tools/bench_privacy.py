"""Sealing, opening and blind look-ups, each beside the raw work it stands in for; CPU time.

Each figure is the best of some rounds of both, taken in turn: neighbours slow single rounds down.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.privacy.ring import create_ring
from connector.privacy.vault import Vault, open_vault
from connector.store import claims
from connector.store.database import open_engine
from connector.store.tables import claim, metadata
from connector.sync.documents import pack, unpack
from tools.figures import show

ROUNDS = 9
RECORD = {
    **{"names.family": "Example", "names.given": "Invented", "emails.primary": "one@example.test"},
    **{"phones.mobile": "+8613800000007", "address.city": "杭州", "address.street": "Invented 1"},
    **{"birth_date": "1990-01-31", "company": "Example Retail", "job": "baker", "note": "x" * 32},
}
"""Ten fields of an invented person."""


def _side_by_side(ours: Callable[[], object], raw: Callable[[], object], n: int) -> list[float]:
    """Microseconds of CPU for one call of each."""
    best = [float("inf")] * 2
    for _ in range(ROUNDS):
        for at, work in enumerate((ours, raw)):
            began = time.process_time()
            for _ in range(n):
                work()
            best[at] = min(best[at], (time.process_time() - began) / n * 1e6)
    return best


def _told(name: str, times: list[float], bound: float, raw: str) -> None:
    ratio = times[0] / times[1]
    more = {"ours_us": round(times[0], 2), "raw_us": round(times[1], 2)}
    show(name, ratio, f"x {raw}", bound, ratio=round(ratio, 3), **more)


def sealing(vault: Vault, n: int) -> None:
    """A record becomes a sealed document with its digest, and comes back."""
    [subject] = vault.new_subjects(1)
    place = ("base", "customer", subject, "0" * 32)
    cipher, about = AESGCM(os.urandom(32)), os.urandom(64)
    values = [value.encode().ljust(32)[:32] for value in RECORD.values()]
    nonces = [os.urandom(12) for _ in values]
    held = [cipher.encrypt(nonce, v, about) for nonce, v in zip(nonces, values, strict=True)]

    def seal() -> bytes:
        plain = pack(RECORD)
        vault.digest("customer", place[3], "L", plain)
        return vault.seal(*place, plain)

    def raw_seal() -> None:
        for value in values:
            cipher.encrypt(os.urandom(12), value, about)

    def raw_open() -> None:
        for nonce, value in zip(nonces, held, strict=True):
            cipher.decrypt(nonce, value, about)

    sealed = seal()
    raw = "ten raw AES-GCM calls"
    _told("seal_record", _side_by_side(seal, raw_seal, n), 3.0, raw)
    opening = _side_by_side(lambda: unpack(vault.open(*place, sealed)), raw_open, n)
    _told("open_record", opening, 3.0, raw)


def looking_up(vault: Vault, rows: int, n: int) -> None:
    """Who holds an e-mail address: by its blind index, and in a plain indexed column."""
    engine = open_engine("sqlite://")
    plain = sa.Table(
        "plain",
        sa.MetaData(),
        sa.Column("connection", sa.String(40), primary_key=True),
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(255), primary_key=True),
        sa.Column("link", sa.String(32), nullable=False),
    )
    mails = [f"person-{number}@example.test" for number in range(rows)]
    here = {"connection": "crm", "kind": "customer"}
    with engine.begin() as tx:
        metadata.create_all(tx)
        plain.create(tx)
        found = [{**here, "value": one, "link": f"{n:032x}"} for n, one in enumerate(mails)]
        tx.execute(sa.insert(plain), found)
        held = [
            {**here, "digest": vault.blind("email", one)[0], "link": f"{n:032x}"}
            for n, one in enumerate(mails)
        ]
        tx.execute(sa.insert(claim), held)
    at, c = iter(range(10**9)), plain.c

    def of_next() -> str:
        return mails[next(at) * 7919 % rows]

    query = sa.select(c.value, c.link).where(  # built once, as the store's own statements are
        c.connection == sa.bindparam("connection"),
        c.kind == sa.bindparam("kind"),
        c.value.in_(sa.bindparam("values", expanding=True)),
    )
    with engine.connect() as tx:

        def ours() -> None:
            claims.get(tx, "crm", "customer", [vault.blind("email", of_next())])

        def raw() -> None:
            tx.execute(query, {**here, "values": [of_next()]}).all()

        times = _side_by_side(ours, raw, n)
    _told("blind_lookup", times, 2.0, f"a plain indexed look-up among {rows}")
    engine.dispose()


def all_figures(scale: float) -> None:
    with tempfile.TemporaryDirectory() as place:
        ring, now = Path(place) / "ring.json", datetime.now(UTC)
        create_ring(ring, "file:kek.bin", "bench", now)
        vault = open_vault(
            ring_path=ring,
            kek="file:kek.bin",
            subjects_url=f"sqlite:///{Path(place) / 'keys.db'}",
            tenant="bench",
            clock_now=lambda: now,
        )
        with closing(vault):
            sealing(vault, max(200, int(20_000 * scale)))
            looking_up(vault, max(1000, int(100_000 * scale)), max(100, int(2_000 * scale)))


if __name__ == "__main__":
    all_figures(1.0)
