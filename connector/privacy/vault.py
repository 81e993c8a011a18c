"""The engine's one door to keys: it hands over bytes and gets sealed bytes, digests and tokens.

No method returns a key. All methods are safe for threads.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from connector.errors import SealError
from connector.privacy import ring as rings
from connector.privacy.blind import Blind
from connector.privacy.envelope import CANNOT_OPEN, RING_BIT, context, lp, read_header, seal, unseal
from connector.privacy.keys import KeyState, Purpose, RingKey
from connector.privacy.ledger import Ledger
from connector.privacy.subjects import Subjects
from connector.privacy.suppression import Suppression

DIGEST_BYTES: Final = 16
EXTERNAL_KEY_CHARS: Final = 26
"""128 bits in base 32."""


def open_vault(
    *,
    ring_path: Path,
    kek: str,
    subjects_url: str,
    tenant: str,
    clock_now: Callable[[], datetime],
) -> Vault:
    """Open ring and keys database, and change the staging key if it is a week old.

    `kek` is a reference ("file:kek.bin", relative to the ring's folder). Raises: SealError if the
    ring is missing, unsafe or altered; SettingsError if it is another tenant's.
    """
    ring = rings.load_ring(ring_path, kek, tenant)
    now = clock_now()
    if now - ring.active(Purpose.STAGING).created >= rings.STAGING_LIFE:
        ring = rings.rotate_staging(ring_path, kek, tenant, now)
    return Vault(ring, ring_path, kek, subjects_url, clock_now)


class Vault:
    """Keys of one tenant: the ring, and the keys database with one key for each person."""

    def __init__(
        self,
        ring: rings.Ring,
        ring_path: Path,
        kek: str,
        subjects_url: str,
        clock_now: Callable[[], datetime],
    ) -> None:
        self._ring = ring
        self._path = ring_path
        self._kek = kek
        self._now = clock_now
        self._tenant = ring.tenant
        self._macs: dict[str, hmac.HMAC] = {}
        self._refs: dict[tuple[str, str, int], hmac.HMAC] = {}
        self._blind = Blind(ring.active(Purpose.INDEX), ring.tenant)
        self._subjects = Subjects(subjects_url, lambda: self._ring, clock_now)
        self.suppression = Suppression(self._subjects.engine, lambda: self._ring, self._reloaded)
        self.ledger = Ledger(self._subjects, self.suppression.refresh)

    def __repr__(self) -> str:
        return f"<Vault of {self._tenant}>"

    def close(self) -> None:
        """Let go of the keys database and forget all subject keys."""
        self._subjects.close()

    # --- subjects ---

    @property
    def subjects(self) -> Subjects:
        """The keys database, for erasure and repair; everyday use needs only the methods below."""
        return self._subjects

    def new_subjects(self, n: int) -> list[str]:
        """Make n subjects, 32 hexadecimal characters each, their keys committed."""
        return self._subjects.create(n)

    def preload(self, subjects: Iterable[str]) -> None:
        """Load keys for a batch with one query, so that no record of it needs one of its own."""
        self._subjects.preload(subjects)

    def subject_state(self, subject: str) -> str:
        """live, restricted, shredding, shredded, alias or missing."""
        return self._subjects.state(subject)

    def refresh(self) -> None:
        """Forget cached subjects, so that another process's erasure shows. For a pass's start."""
        self._subjects.refresh()
        self.suppression.refresh()

    # --- documents ---

    def seal(self, document: str, kind: str, subject: str, record: str, plain: bytes) -> bytes:
        """Seal a document (`base`, `intent/ID`, …) of a link under the subject's key.

        Raises: SealError; `missing` says whether the key ought to be there.
        """
        by, head = self._subjects.sealing(subject)
        return seal(by, head, context(self._tenant, kind, document, subject, record), plain)

    def open(self, document: str, kind: str, subject: str, record: str, sealed: bytes) -> bytes:
        """Open what `seal` made, in the same place only. Raises: SealError, `missing` as above."""
        _, ref = read_header(sealed)
        if ref & RING_BIT:
            raise SealError(CANNOT_OPEN)
        by = self._subjects.opening(subject, ref)
        return unseal(by, context(self._tenant, kind, document, subject, record), sealed)

    # --- what has no subject yet ---

    def seal_staged(
        self, connection: str, kind: str, side: str, record: str, plain: bytes
    ) -> bytes:
        """Seal a record as seen on one side, before its person is known."""
        key = self._ring.active(Purpose.STAGING)
        return seal(key.cipher, key.header, self._staged(connection, kind, side, record), plain)

    def open_staged(
        self, connection: str, kind: str, side: str, record: str, sealed: bytes
    ) -> bytes:
        """Open what `seal_staged` made. Raises: SealError, also when its key was destroyed."""
        key = self._ring_key(sealed, Purpose.STAGING)
        return unseal(key.cipher, self._staged(connection, kind, side, record), sealed)

    def staging_key(self, sealed: bytes) -> int:
        """The id of the key that a staged payload is under; see `destroy_staging`."""
        return read_header(sealed)[1] & ~RING_BIT

    def is_staging_current(self, sealed: bytes) -> bool:
        """Say whether a staged payload is under the key that seals today; else re-seal it."""
        return self.staging_key(sealed) == self._ring.active(Purpose.STAGING).kid

    def destroy_staging(self, in_use: Collection[int]) -> None:
        """Destroy staging keys that stopped sealing a week ago, except those still `in_use`."""
        self._ring = rings.destroy_staging(
            self._path, self._kek, self._tenant, self._now(), in_use=in_use
        )

    # --- secrets of the connector itself ---

    def seal_secret(self, name: str, plain: bytes) -> bytes:
        """Seal an access token or a place in a vendor's pages under the name of its slot."""
        key = self._ring.active(Purpose.SECRETS)
        return seal(key.cipher, key.header, context(self._tenant, "", "secret", "", name), plain)

    def open_secret(self, name: str, sealed: bytes) -> bytes:
        key = self._ring_key(sealed, Purpose.SECRETS)
        return unseal(key.cipher, context(self._tenant, "", "secret", "", name), sealed)

    # --- keyed hashes ---

    def external_key(self, connection: str, kind: str, local_id: str, epoch: int) -> str:
        """26 characters A-Z2-7 that a vendor's record carries as our key; no secret in it.

        The same for ever, and for every process, as long as the ring is the same.
        """
        scope = (connection, kind, epoch)
        mac = self._refs.get(scope)
        if mac is None:
            mac = self._ring.active(Purpose.REF).mac()
            mac.update(lp(connection, kind, str(epoch)))
            self._refs[scope] = mac
        mac = mac.copy()
        # The last part needs no length in front: nothing follows it.
        mac.update(local_id.encode())
        return base64.b32encode(mac.digest()[:16])[:EXTERNAL_KEY_CHARS].decode()

    def digest(self, kind: str, link: str, side: str, canonical: bytes) -> bytes:
        """16 bytes that tell whether one side of a link moved, and nothing to one without keys."""
        mac = self._macs.get(kind)
        if mac is None:
            key = self._ring.active(Purpose.DIGEST).derive(lp("digest", self._tenant, kind))
            mac = self._macs[kind] = hmac.new(key, digestmod="sha256")
        mac = mac.copy()
        mac.update(lp(link, side) + canonical)
        return mac.digest()[:DIGEST_BYTES]

    def blind(self, identifier_kind: str, value: str) -> bytes:
        """16 bytes, equal for equal values of one kind of identifier. Values come normalised."""
        return self._blind(identifier_kind, value)

    def _staged(self, connection: str, kind: str, side: str, record: str) -> bytes:
        return context(self._tenant, kind, "staged", "", lp(connection, side, record))

    def _ring_key(self, sealed: bytes, purpose: Purpose) -> RingKey:
        _, ref = read_header(sealed)
        if not ref & RING_BIT:
            raise SealError(CANNOT_OPEN)
        kid = ref & ~RING_BIT
        key = self._ring.key(kid)
        if key is None:
            # Another process may have put a new key into the ring since we read it.
            key = self._reloaded().key(kid)
        if key is None or key.purpose is not purpose or key.state is KeyState.DESTROYED:
            raise SealError(CANNOT_OPEN)
        return key

    def _reloaded(self) -> rings.Ring:
        self._ring = rings.load_ring(self._path, self._kek, self._tenant)
        return self._ring
