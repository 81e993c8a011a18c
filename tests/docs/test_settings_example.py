"""`docs/connector.toml` explains every setting, and loads."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from connector import registry, settings
from connector.errors import SettingsError
from connector.records import Kind
from connector.settings import keys as key_tables
from connector.settings import local as local_tables

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "connector.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")

SECRETS = (
    *("ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN"),
    *("FX_APP_ID", "FX_APP_SECRET", "FX_PERMANENT_CODE"),
)
SAMPLES = {"upload_url", "download_url", "owner", "quota", "record_url"}
"""Keys that are left out by default: the file shows one that a person might write."""

NOT_IN_THE_FILE = {"folder", "customer", "membership", "feedback"}
"""Given by `load`; and the kinds, which are tables and not keys."""


def models() -> list[type[BaseModel]]:
    """Every settings model, the plugins' own too."""
    own = [
        one
        for module in (settings, key_tables, local_tables)
        for one in vars(module).values()
        if isinstance(one, type)
        and issubclass(one, BaseModel)
        and one.__module__ == module.__name__
    ]
    return [*own, *(registry.load(name).settings for name in registry.names())]


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def explained(key: str) -> bool:
    """Whether the key stands in the file: as a setting, a table, or in a `Later:` comment."""
    name = re.escape(key)
    setting, inline = rf"^{name} = ", rf"^\w.*[{{,] ?{name} = "
    file = rf"^# {name} = "
    table, later = rf"^\[{name}[\].]", rf"^# Later: .*(?:\[{name}\]|\b{name} = )"
    inner = rf"^# \[keys\.(?:profiles\.)?{name}\]"
    return re.search(rf"(?m){setting}|{inline}|{file}|{table}|{later}|{inner}", TEXT) is not None


def test_the_example_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "sample")
    loaded = settings.load(EXAMPLE)
    assert set(loaded.local.kinds()) == set(Kind)
    for name, connection in loaded.connections.items():
        settings.plugin_settings(loaded, name, registry.load(connection.plugin).settings)


def test_every_setting_is_in_the_example() -> None:
    unknown = [
        f"{model.__name__}.{key}"
        for model in models()
        for key in keys_of(model)
        if key not in NOT_IN_THE_FILE and not explained(key)
    ]
    assert unknown == []


def test_the_example_of_files_loads_and_names_the_defaults() -> None:
    lines = TEXT[TEXT.index("# [local]\n") :].split("\n\n", 1)[0].splitlines()
    table = tomllib.loads("\n".join(line.removeprefix("# ") for line in lines))
    (one,) = settings.parse({"tenant": "shop-a", **table}, EXAMPLE.parent).local.kinds().values()
    for key in ("encoding", "delimiter", "missing", "first_contact"):
        assert getattr(one, key) == local_tables.LocalKindSettings.model_fields[key].default


@pytest.mark.parametrize("provider", ["command", "vault", "aws-kms"])
def test_the_example_of_each_key_provider_loads(provider: str) -> None:
    part = TEXT[TEXT.index("# command = ") : TEXT.index("[local]")]
    lines = [line.removeprefix("# ") for line in part.splitlines()]
    kept = [line for line in lines if re.match(r"\[|[a-z_]+ = ", line)]
    keys = tomllib.loads("\n".join(["[keys]", *kept]))["keys"]
    own = {"command": "command", "vault": "vault", "aws-kms": "aws_kms"}[provider]
    local = {"url": "sqlite:///shop.db"}
    chosen = {"provider": provider, own: keys[own], "previous": keys["previous"]}
    loaded = settings.parse({"tenant": "t", "keys": chosen, "local": local}, EXAMPLE.parent)
    assert loaded.keys.provider == provider
    for key, field in key_tables.KeyVaultSettings.model_fields.items():
        if loaded.keys.vault is not None and not field.is_required() and key != "ca_file":
            assert getattr(loaded.keys.vault, key) == field.default, key


def test_a_setting_that_is_nowhere_in_the_example_is_noticed() -> None:
    assert not explained("max_chang")
    assert not explained("colour")


def test_the_defaults_named_in_the_example_are_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "sample")
    loaded = settings.load(EXAMPLE)
    assert loaded.state == settings.StateSettings()
    assert loaded.keys == key_tables.KeysSettings()
    assert loaded.backup == settings.BackupSettings()
    assert loaded.safety == settings.SafetySettings()
    for name, connection in loaded.connections.items():
        model = registry.load(connection.plugin).settings
        own = settings.plugin_settings(loaded, name, model)
        for key, field in model.model_fields.items():
            if not field.is_required() and key not in SAMPLES:
                assert getattr(own, key) == field.default, key


@pytest.mark.parametrize("choice", ["local", "remote", "fill_blank", "manual"])
def test_every_first_contact_rule_is_explained(choice: str) -> None:
    allowed = get_args(local_tables.LocalKindSettings.model_fields["first_contact"].annotation)
    assert choice in allowed
    assert len(allowed) == 4
    assert f'"{choice}"' in TEXT


def test_what_the_example_calls_later_is_refused_with_that_sentence() -> None:
    table = {
        "tenant": "shop-a",
        "state": {"url": "mysql://user@host/state"},
        "local": {"url": "sqlite:///shop.db", "customer": {"table": "c", "mapping": "m.yaml"}},
    }
    with pytest.raises(SettingsError, match="known but not built yet"):
        settings.parse(table, EXAMPLE.parent)
