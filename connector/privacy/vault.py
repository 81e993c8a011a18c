"""The engine's one door to keys: it hands over bytes and gets sealed bytes, digests and tokens.

No method returns a key. All methods are safe for threads.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from connector.errors import SealError
from connector.privacy import boxes, ring_changes
from connector.privacy.audit import Audit
from connector.privacy.blind import Blind
from connector.privacy.envelope import CANNOT_OPEN, RING_BIT, context, lp, read_header, seal, unseal
from connector.privacy.heads import Heads
from connector.privacy.keys import OfficersKey, Purpose, RingKey
from connector.privacy.ledger import Ledger
from connector.privacy.providers import Kek, provider_of
from connector.privacy.ring import Ring, load_ring
from connector.privacy.subjects import Subjects
from connector.privacy.suppression import Suppression

DIGEST_BYTES: Final = 16
FOR_PEOPLE: Final = "event/"
"""What the names of documents begin with that no pass opens: values that a rule overwrote."""
EXTERNAL_KEY_CHARS: Final = 26
"""128 bits in base 32."""


def open_vault(
    *,
    ring_path: Path,
    kek: Kek,
    subjects_url: str,
    tenant: str,
    clock_now: Callable[[], datetime],
    officer: Kek | None = None,
) -> Vault:
    """Open ring and keys database, and change the staging key if it is a week old.

    `kek` is a reference ("file:kek.bin", relative to the ring's folder) or a provider; `officer`
    likewise, of the privacy officer's key, which is asked for only when somebody wants to read.
    Raises: SealError if the ring is missing, unsafe or altered; SettingsError if it is another
    tenant's.
    """
    seen = _mark(ring_path)  # before reading: what changes meanwhile is read again
    ring = load_ring(ring_path, kek, tenant)
    now = clock_now()
    if ring.lacking:
        ring = ring_changes.complete_ring(ring_path, kek, tenant, now)
    if now - ring.active(Purpose.STAGING).created >= ring_changes.STAGING_LIFE:
        ring = ring_changes.rotate_staging(ring_path, kek, tenant, now)
    return Vault(ring, ring_path, kek, subjects_url, clock_now, seen, officer)


class Vault:
    """Keys of one tenant: the ring, and the keys database with one key for each person."""

    def __init__(
        self,
        ring: Ring,
        ring_path: Path,
        kek: Kek,
        subjects_url: str,
        clock_now: Callable[[], datetime],
        seen: tuple[int, int, int],
        officer: Kek | None = None,
    ) -> None:
        self._ring = ring
        self._path = ring_path
        self._kek, self._officer = kek, officer
        self._opened: dict[int, RingKey] = {}
        self._now = clock_now
        self._tenant = ring.tenant
        self._macs: dict[str, hmac.HMAC] = {}
        self._refs: dict[tuple[str, str, int], hmac.HMAC] = {}
        self._pseudonyms: dict[str, hmac.HMAC] = {}
        self._blind = Blind(ring)
        self._seen = seen
        self._subjects = Subjects(subjects_url, lambda: self._ring, clock_now, self._read_ring)
        self.suppression = Suppression(self._subjects.engine, lambda: self._ring, self._read_ring)
        self.audit = Audit(lambda: self._ring, self._read_ring)
        self.heads = Heads(self._subjects.engine)
        self.ledger = Ledger(self._subjects, self.suppression.refresh)

    def __repr__(self) -> str:
        return f"<Vault of {self._tenant}>"

    def close(self) -> None:
        """Let go of the keys database and forget all subject keys and the officer's."""
        self._opened.clear()
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
        """live, restricted, shredding, shredded or missing."""
        return self._subjects.state(subject)

    def refresh(self) -> None:
        """Forget cached subjects, so that another process's erasure shows. For a pass's start."""
        self.follow_ring()
        self._subjects.refresh()
        self.suppression.refresh()

    # --- the ring ---

    @property
    def ring(self) -> Ring:
        """The ring as this process knows it."""
        return self._ring

    def follow_ring(self) -> Ring:
        """Use the ring as it is now, which another process may have changed; for a batch's start.

        Whoever holds a lease must call it after he took it: a rotation waits for the leases that
        were taken before its new key was there.
        """
        return self._read_ring() if _mark(self._path) != self._seen else self._ring

    def _read_ring(self) -> Ring:
        seen = _mark(self._path)
        self._use(load_ring(self._path, self._kek, self._tenant))
        self._seen = seen
        return self._ring

    def _use(self, ring: Ring) -> None:
        if ring.epoch != self._ring.epoch:
            self._blind = Blind(ring)
            self._macs, self._refs, self._pseudonyms = {}, {}, {}
        self._ring = ring

    # --- documents ---

    def seal(self, document: str, kind: str, subject: str, record: str, plain: bytes) -> bytes:
        """Seal a document (`base`, `intent/ID`, …) of a link under the subject's key.

        Raises: SealError; `missing` says whether the key ought to be there.
        """
        by, head = self._subjects.sealing(subject)
        where = context(self._tenant, kind, document, subject, record)
        if document.startswith(FOR_PEOPLE):
            key = self._ring.active(Purpose.DISCLOSE)
            if isinstance(key, OfficersKey):
                plain = boxes.box(key.public, key.kid, where, plain)
        return seal(by, head, where, plain)

    def open(self, document: str, kind: str, subject: str, record: str, sealed: bytes) -> bytes:
        """Open what `seal` made, in the same place only. Raises: SealError, `missing` as above."""
        _, ref = read_header(sealed)
        if ref & RING_BIT:
            raise SealError(CANNOT_OPEN)
        by = self._subjects.opening(subject, ref)
        where = context(self._tenant, kind, document, subject, record)
        plain = unseal(by, where, sealed)
        if boxes.is_box(plain):
            return self._disclosing(boxes.kid_of(plain)).unbox(where, plain)
        return plain

    # --- what only the privacy officer reads ---

    @property
    def is_split(self) -> bool:
        """Whether values are shown only to whom the officer's key is released."""
        return isinstance(self._ring.active(Purpose.DISCLOSE), OfficersKey)

    def prove_officer(self) -> None:
        """Return if this process is released the key that values are shown under; in a ring that
        is not split every process is. Raises: SealError."""
        self._disclosing(self._ring.active(Purpose.DISCLOSE).kid)

    def _disclosing(self, kid: int) -> RingKey:
        if kid in self._opened:
            return self._opened[kid]
        key = self._ring.key(kid) or self._read_ring().key(kid)
        if key is None or key.purpose is not Purpose.DISCLOSE:
            raise SealError(CANNOT_OPEN)
        if isinstance(key, OfficersKey):
            key = key.with_private(self._released(key))
        self._opened[kid] = key
        return key

    def _released(self, key: OfficersKey) -> bytes:
        if self._officer is not None:
            provider = provider_of(self._officer, self._path.parent)
            with suppress(SealError):
                return provider.unwrap(key.wrapped, key.where)
        raise SealError(
            "This is shown to the privacy officer only: that profile's key is not released here.",
            hint="See [keys.profiles.privacy-officer] in the settings, and docs/keys.md.",
        )

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
        now = self._now()
        self._use(
            ring_changes.destroy_staging(self._path, self._kek, self._tenant, now, in_use=in_use)
        )

    # --- secrets of the connector itself ---

    def seal_secret(self, name: str, plain: bytes) -> bytes:
        """Seal an access token or a place in a vendor's pages under the name of its slot."""
        key = self._ring.active(Purpose.SECRETS)
        return seal(key.cipher, key.header, context(self._tenant, "", "secret", "", name), plain)

    def open_secret(self, name: str, sealed: bytes) -> bytes:
        key = self._ring_key(sealed, Purpose.SECRETS)
        return unseal(key.cipher, context(self._tenant, "", "secret", "", name), sealed)

    def is_secret_current(self, sealed: bytes) -> bool:
        """Say whether a secret is under the key that seals today."""
        kid = read_header(sealed)[1] & ~RING_BIT
        return kid == self._ring.active(Purpose.SECRETS).kid

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

    def blind(self, identifier_kind: str, value: str) -> tuple[bytes, ...]:
        """A digest for each index key in use, equal for equal values of one kind of identifier.
        Values come normalised."""
        return self._blind(identifier_kind, value)

    def pseudonym(self, destination: str, value: str) -> bytes:
        """16 bytes that stand for a value at one destination: equal for equal values there, and
        nothing that two destinations could join."""
        mac = self._pseudonyms.get(destination)
        if mac is None:
            label = lp("pseudonym", self._tenant, destination)
            key = self._ring.active(Purpose.PSEUDONYM).derive(label)
            mac = self._pseudonyms[destination] = hmac.new(key, digestmod="sha256")
        mac = mac.copy()
        mac.update(value.encode())
        return mac.digest()[:DIGEST_BYTES]

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
            key = self._read_ring().key(kid)
        if key is None or key.purpose is not purpose:
            raise SealError(CANNOT_OPEN)
        return key


def _mark(path: Path) -> tuple[int, int, int]:
    """What changes whenever the ring's file is replaced."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0  # whoever reads it says what is wrong
    return found.st_ino, found.st_mtime_ns, found.st_size
