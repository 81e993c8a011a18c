"""`[keys]` of the settings: where the key-encrypting key lives, the ring, people's keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from connector.settings.model import Table


class KeyVaultSettings(Table):
    """`[keys.vault]`: a key of HashiCorp Vault's transit engine."""

    address: str
    """Where Vault answers: https, or http on this machine."""
    key: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,120}$")
    """The key's name, of a type that takes associated data (aes256-gcm96)."""
    token: str
    mount: str = Field(default="transit", pattern=r"^[A-Za-z0-9_./-]{1,120}$")
    """Where the transit engine is mounted."""
    namespace: str = Field(default="", pattern=r"^[A-Za-z0-9_./-]{0,120}$")
    """Vault's namespace, where it has several."""
    ca_file: str | None = None
    allow_loopback: bool = False
    """True for an agent on this machine."""


class KeyKmsSettings(Table):
    """`[keys.aws_kms]`: a symmetric key of AWS KMS; credentials are the machine's own."""

    key_id: str = Field(min_length=1)
    """The key's id, its ARN or its alias."""
    region: str | None = None
    """The key's region; the machine's own if left out."""


class KekSettings(Table):
    """Where a key-encrypting key lives."""

    provider: Literal["file", "env", "command", "vault", "aws-kms"] = "file"
    kek: str = "file:kek.bin"
    allow_env_key: bool = False
    command: list[str] | None = None
    vault: KeyVaultSettings | None = None
    aws_kms: KeyKmsSettings | None = None


class ProfileSettings(KekSettings):
    """`[keys.profiles.NAME]`: the provider that one profile alone is released."""

    previous: KekSettings | None = None
    """What its keys were wrapped with before, until `keys rotate kek` has run."""


class ProfilesSettings(Table):
    """`[keys.profiles]`: who has more than `[keys]` itself gives, which is what a run needs."""

    officer: ProfileSettings | None = Field(default=None, alias="privacy-officer")


class KeysSettings(KekSettings):
    """`[keys]`: the ring, what it is wrapped with, and the database of people's keys."""

    path: str = "keyring.json"
    subjects: str = "sqlite:///keys.db"
    previous: KekSettings | None = None
    """What the ring was wrapped with before, until `keys rotate kek` has run."""
    profiles: ProfilesSettings = ProfilesSettings()


_OF_PROVIDER = {
    "allow_env_key": "env",
    "command": "command",
    "vault": "vault",
    "aws_kms": "aws-kms",
}
"""Keys of `[keys]` that stand with one provider only."""


def wrong_keys(keys: KeysSettings) -> Iterator[str]:
    """Faults between the lines of `[keys]`, as sentences without values."""
    yield from _wrong_kek("keys", keys)
    if keys.previous is not None:
        yield from _wrong_kek("keys.previous", keys.previous)
    officer = keys.profiles.officer
    if officer is not None:
        where = "keys.profiles.privacy-officer"
        yield from _wrong_kek(where, officer)
        if officer.previous is not None:
            yield from _wrong_kek(f"{where}.previous", officer.previous)
        if officer.provider == "file" == keys.provider and officer.kek == keys.kek:
            yield f"{where}.kek is the ring's own: then every run has the officer's key"


def _wrong_kek(where: str, keys: KekSettings) -> Iterator[str]:
    provider = keys.provider
    for key, owner in _OF_PROVIDER.items():
        stands = bool(getattr(keys, key)) or getattr(keys, key) == []
        if stands and owner != provider:
            yield f'{where}.{key} stands with provider = "{owner}" only'
        elif not stands and owner == provider and owner != "env":
            yield f'{where}.{key} is missing: provider = "{owner}" needs it'
    scheme, _, rest = keys.kek.partition(":")
    if provider == "env":
        if not keys.allow_env_key:
            yield (
                f'{where}.allow_env_key must be true for provider = "env": whoever may list this'
                " process's environment has the key"
            )
        if scheme != "env" or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", rest):
            yield f'{where}.kek must name the variable, like "env:CRM_KEK"'
    elif provider == "file":
        if scheme != "file" or not rest:
            yield f'{where}.kek must be a reference like "file:kek.bin"'
    elif "kek" in keys.model_fields_set:
        yield f'{where}.kek stands with provider = "file" or "env" only'
    if keys.command is not None and not (keys.command and Path(keys.command[0]).is_absolute()):
        yield f"{where}.command must begin with the program's whole path: it is found by no PATH"
    if keys.vault is not None and not keys.vault.token.startswith(("env:", "file:")):
        yield f"{where}.vault.token is a secret: write env:NAME or file:PATH"
