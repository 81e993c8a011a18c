"""Providers that keep the key-encrypting key to themselves: Vault's transit engine and AWS KMS.

Both are written to their published protocol and were never tried against a real server.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final, NoReturn, Protocol

import orjson

from connector.errors import SealError, UnknownOutcomeError, UnreachableError, VendorError
from connector.plugin import Response, Session
from connector.privacy.providers import CANNOT_UNWRAP, UNWRAP_HINT, ProviderInfo

_MAX_BYTES: Final = 1 << 16
_VAULT_MARK: Final = b"vault:v"


class VaultProvider:
    """HashiCorp Vault, secrets engine `transit`, with a key of an AEAD type such as aes256-gcm96.

    Encrypt is POST /v1/MOUNT/encrypt/KEY with `plaintext` and `associated_data`, both base64,
    answered by `data.ciphertext` ("vault:v1:…"); decrypt is its inverse. Errors are 400 (the
    request or the ciphertext), 403 (token), 404 (no such mount or key), 503 (sealed), 5xx. Source:
    Vault's HTTP API, "Transit secrets engine", read 2026-11-23.
    """

    id = "vault"

    def __init__(
        self,
        session: Session,
        *,
        address: str,
        key: str,
        token: Callable[[], str],
        mount: str = "transit",
        namespace: str = "",
    ) -> None:
        """`address` is the server's origin; `token` is asked before each call, so that an agent
        may renew it meanwhile."""
        self._session, self._key, self._token = session, key, token
        self._base = f"{address.rstrip('/')}/v1/{mount}"
        self._namespace = namespace

    def __repr__(self) -> str:
        return "<VaultProvider>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key provider cannot be pickled or copied.")

    def wrap(self, key: bytes, context: bytes) -> bytes:
        text = self._call("encrypt", "ciphertext", {"plaintext": _b64(key)}, context)
        wrapped = text.encode()
        if not wrapped.startswith(_VAULT_MARK):
            raise _unreadable("vault")
        return wrapped

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        if not wrapped.startswith(_VAULT_MARK) or not wrapped.isascii():
            raise SealError(CANNOT_UNWRAP, hint=UNWRAP_HINT)  # another provider's
        sealed = wrapped.decode("ascii")
        text = self._call("decrypt", "plaintext", {"ciphertext": sealed}, context)
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise _unreadable("vault") from None

    def describe(self) -> ProviderInfo:
        rotation = f"`vault write -f …/keys/{self._key}/rotate`, then `keys rotate kek`."
        return ProviderInfo(leaves_provider=False, hardware="as its seal is", rotation=rotation)

    def _call(self, verb: str, wanted: str, body: dict[str, str], context: bytes) -> str:
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        try:
            # Encrypting twice makes two ciphertexts of one key and harms nothing.
            answer = self._session.request(
                "POST",
                f"{self._base}/{verb}/{self._key}",
                json={**body, "associated_data": _b64(context)},
                headers=headers,
                repeatable=True,
                max_bytes=_MAX_BYTES,
            )
        except (UnreachableError, UnknownOutcomeError):
            raise _no_answer("vault", "Is its address right, and is it up?") from None
        except VendorError:
            raise _unreadable("vault") from None
        _check_vault(answer, verb)
        try:
            found: Any = orjson.loads(answer.body)["data"][wanted]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise _unreadable("vault") from None
        if not isinstance(found, str):
            raise _unreadable("vault")
        return found


def _check_vault(answer: Response, verb: str) -> None:
    """Turn a refusal into ours; Vault's own words are left out, for they may quote a request."""
    status = answer.status
    if status == 200:
        return
    if status == 400 and verb == "decrypt":
        raise SealError(CANNOT_UNWRAP, hint=UNWRAP_HINT)
    if status in (401, 403):
        raise SealError(
            "The key provider vault refuses our token.",
            hint="The token needs `update` on encrypt and decrypt of the key, and may have ended.",
        )
    if status == 404:
        raise SealError(
            "The key provider vault has no such mount or key.", hint="See [keys.vault]."
        )
    if status in (429, 472, 473) or status >= 500:
        raise _no_answer("vault", f"It answered {status}; 503 means that it is sealed.")
    raise SealError(f"The key provider vault refused the call ({status}).", hint="See its log.")


class KmsClient(Protocol):
    """The part of boto3's `kms` client that is used."""

    def encrypt(
        self, *, KeyId: str, Plaintext: bytes, EncryptionContext: dict[str, str]
    ) -> dict[str, Any]: ...

    def decrypt(
        self, *, KeyId: str, CiphertextBlob: bytes, EncryptionContext: dict[str, str]
    ) -> dict[str, Any]: ...


class KmsProvider:
    """AWS KMS with a symmetric key. `KeyId` is given on decrypt too, so that no other key opens.

    Source: the boto3 reference of KMS.Client.encrypt and decrypt, read 2026-11-23.
    """

    id = "aws-kms"

    def __init__(self, client: KmsClient, key_id: str) -> None:
        self._client, self._key_id = client, key_id

    def __repr__(self) -> str:
        return "<KmsProvider>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key provider cannot be pickled or copied.")

    def wrap(self, key: bytes, context: bytes) -> bytes:
        try:
            answer = self._client.encrypt(
                KeyId=self._key_id, Plaintext=key, EncryptionContext=_context(context)
            )
        except Exception as error:
            raise _kms(error) from None
        return _blob(answer, "CiphertextBlob")

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            answer = self._client.decrypt(
                KeyId=self._key_id, CiphertextBlob=wrapped, EncryptionContext=_context(context)
            )
        except Exception as error:
            raise _kms(error) from None
        return _blob(answer, "Plaintext")

    def describe(self) -> ProviderInfo:
        rotation = "Let KMS rotate the key by itself; after a change of key `keys rotate kek`."
        return ProviderInfo(leaves_provider=False, hardware="yes", rotation=rotation)


_ALTERED: Final = ("InvalidCiphertextException", "IncorrectKeyException")
_REFUSED: Final = (
    "AccessDeniedException",
    "DisabledException",
    "ExpiredTokenException",
    "InvalidKeyUsageException",
    "KMSInvalidStateException",
    "NotFoundException",
    "UnrecognizedClientException",
)


def _kms(error: Exception) -> Exception:
    """Read botocore's error by its code alone: its text may quote the request."""
    about = getattr(error, "response", None)
    code = str(about.get("Error", {}).get("Code", "")) if isinstance(about, dict) else ""
    if code in _ALTERED:
        return SealError(CANNOT_UNWRAP, hint=UNWRAP_HINT)
    if code in _REFUSED or type(error).__name__ in ("NoCredentialsError", "NoRegionError"):
        told = code or type(error).__name__
        return SealError(
            f"The key provider aws-kms refused the call ({told}).",
            hint="See [keys.aws_kms], the machine's AWS credentials and the key's policy.",
        )
    return _no_answer("aws-kms", f"({code or type(error).__name__})")


def _blob(answer: dict[str, Any], name: str) -> bytes:
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, bytes):
        raise _unreadable("aws-kms")
    return found


def _context(context: bytes) -> dict[str, str]:
    return {"crm-connector": _b64(context)}


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _no_answer(provider: str, hint: str) -> UnreachableError:
    return UnreachableError(f"The key provider {provider} did not answer.", hint=hint)


def _unreadable(provider: str) -> SealError:
    return SealError(f"The answer of the key provider {provider} is not what it documents.")
