"""The key provider that the settings name, opened: the only place that may."""

from __future__ import annotations

from functools import partial
from random import SystemRandom
from typing import Final

from connector.errors import SealError, SettingsError
from connector.http.aws import kms_client
from connector.http.session import HttpSession
from connector.plugin import AllowList, Clock
from connector.privacy.providers import (
    Kek,
    KeyProvider,
    WithPrevious,
    command_provider,
    env_provider,
)
from connector.privacy.remote_providers import KmsProvider, VaultProvider
from connector.settings import Settings, follow
from connector.settings.keys import KekSettings, KeyVaultSettings

TIMEOUT_S: Final = 10.0


def kek_of(settings: Settings, clock: Clock) -> Kek:
    """What the ring is wrapped with. Nothing is asked before a ring is loaded."""
    keys = settings.keys
    now = _one(settings, "keys", keys, clock)
    if keys.previous is None:
        return now
    before = _one(settings, "keys.previous", keys.previous, clock)
    return WithPrevious(now, before, settings.path(keys.path).parent)


def officers_kek_of(settings: Settings, clock: Clock) -> Kek | None:
    """What the privacy officer's key is wrapped with; None where no profile is set."""
    officer = settings.keys.profiles.officer
    if officer is None:
        return None
    where = "keys.profiles.privacy-officer"
    now = _one(settings, where, officer, clock)
    if officer.previous is None:
        return now
    before = _one(settings, f"{where}.previous", officer.previous, clock)
    return WithPrevious(now, before, settings.path(settings.keys.path).parent)


def _one(settings: Settings, where: str, keys: KekSettings, clock: Clock) -> Kek:
    if keys.provider == "env":
        return env_provider(keys.kek.partition(":")[2])
    if keys.provider == "command":
        assert keys.command is not None, "the settings were checked"
        return command_provider(keys.command)
    if keys.provider == "vault":
        assert keys.vault is not None, "the settings were checked"
        return _vault(settings, where, keys.vault, clock)
    if keys.provider == "aws-kms":
        assert keys.aws_kms is not None, "the settings were checked"
        return KmsProvider(kms_client(keys.aws_kms.region, TIMEOUT_S), keys.aws_kms.key_id)
    return keys.kek


def _vault(settings: Settings, where: str, vault: KeyVaultSettings, clock: Clock) -> KeyProvider:
    ca_file = str(settings.path(vault.ca_file)) if vault.ca_file is not None else None
    session = HttpSession(
        AllowList((vault.address.rstrip("/"),), vault.allow_loopback),
        clock=clock,
        rng=SystemRandom(),
        timeout_s=TIMEOUT_S,
        pool=1,
        ca_file=ca_file,
    )
    return VaultProvider(
        session,
        address=vault.address,
        key=vault.key,
        token=partial(_token, settings, f"{where}.vault.token", vault.token),
        mount=vault.mount.strip("/"),
        namespace=vault.namespace,
    )


def _token(settings: Settings, where: str, reference: str) -> str:
    try:
        token = follow(settings, where, reference)
    except SettingsError as error:
        raise SealError(error.sentence) from None
    if not token or not token.isascii() or not token.isprintable():
        raise SealError(f"{where}: what it names is no token.")
    return token
