"""The settings file: faults are all told at once, by key, with what to write; never by value."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from connector_fxiaoke.settings import FxiaokeSettings

from connector import settings, shop
from connector.errors import MappingError, SettingsError
from connector.mapping.load import load_local
from connector.records import Kind
from connector.settings import load, parse, parse_limit

GOOD: dict[str, Any] = {
    "tenant": "shop-a",
    "local": {
        "url": "sqlite:///shop.db",
        "customer": {"table": "customers", "mapping": "customer.yaml"},
    },
    "connections": {"crm": {"plugin": "memory", "kinds": ["customer"], "anything": 1}},
}
SECRET = "do-not-tell"


def changed(path: str, value: Any) -> dict[str, Any]:
    table = copy.deepcopy(GOOD)
    *before, last = path.split(".")
    place = table
    for name in before:
        place = place.setdefault(name, {})
    place[last] = value
    return table


def faults(table: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as told:
        parse(table, Path("/shop"))
    assert told.value.exit_code == 3
    return str(told.value)


def test_a_good_file_is_taken() -> None:
    found = parse(GOOD, Path("/shop"))
    assert found.connections["crm"].own() == {"anything": 1}
    assert found.safety.max_delete == "5% or 5"


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("colour", SECRET, "colour there is no such setting"),
        ("state.urll", SECRET, "state.urll there is no such setting"),
        ("local.customer.tabel", SECRET, "local.customer.tabel there is no such setting"),
        ("tenant", "Shop A", "tenant may hold only a-z, 0-9 and -"),
        ("state.url", 7, "state.url must be text"),
        ("local.customer.create", SECRET, "local.customer.create must be true or false"),
        ("local.customer.first_contact", SECRET, "local.customer.first_contact must be one of"),
        ("connections.crm.kinds", SECRET, "connections.crm.kinds must be a list"),
        ("connections.crm.kinds", ["feedback"], "there is no [local.feedback]"),
        ("connections.local", {"plugin": "x", "kinds": []}, "not `local`"),
        ("local.customer.table", None, "local.customer.table is missing"),
        ("local.customer.where", {"column": "s"}, "exactly one of equals, in, not_in, is_null"),
        ("local.customer.deleted", {"column": "s", "in": []}, "name one value at least"),
        ("local.customer.where", {"column": "s", "equals": 1, "in": [1]}, "exactly one of"),
        ("safety.max_delete", "lots", 'written like "5% or 5"'),
        ("safety.max_change", "5%", 'written like "5% or 5"'),
        ("privacy", {"rules": "p.yaml"}, "privacy.rules there is no such setting"),
        ("keys.provider", "vault", 'keys.vault is missing: provider = "vault" needs it'),
        ("keys.provider", "aws-kms", "keys.aws_kms is missing"),
        ("keys.provider", "command", "keys.command is missing"),
        ("keys.provider", "env", "keys.allow_env_key must be true"),
        ("keys.provider", "paper", "keys.provider must be one of"),
        ("keys.kek", "env:NAME", 'keys.kek must be a reference like "file:kek.bin"'),
        ("keys.allow_env_key", True, 'keys.allow_env_key stands with provider = "env" only'),
        ("keys.command", ["/bin/x"], 'keys.command stands with provider = "command" only'),
        ("keys", {"provider": "command", "command": ["pass"]}, "the program's whole path"),
        ("keys", {"provider": "command", "command": []}, "the program's whole path"),
        ("keys.previous", {"provider": "vault"}, "keys.previous.vault is missing"),
        (
            "keys",
            {"provider": "vault", "vault": {"address": "https://v", "key": "k", "token": SECRET}},
            "keys.vault.token is a secret: write env:NAME or file:PATH",
        ),
        (
            "keys",
            {
                "provider": "vault",
                "kek": "file:kek.bin",
                "vault": {"address": "https://v", "key": "../x", "token": "env:T"},
            },
            "keys.vault.key",
        ),
        (
            "keys",
            {
                "provider": "vault",
                "kek": "file:kek.bin",
                "vault": {"address": "https://v", "key": "k", "token": "env:T"},
            },
            'keys.kek stands with provider = "file" or "env" only',
        ),
        ("status.stale_after", SECRET, "status.stale_after must be a span such as"),
        ("local.customer", {"table": "customers"}, "local.customer.mapping is missing"),
        (
            "local",
            {"membership": {"part_of": "customer", "exists": {"column": "s", "equals": 1}}},
            "local.membership.part_of is customer, but there is no [local.customer]",
        ),
        ("local.customer.capture", "column", "local.customer.modified belongs to"),
        ("local.customer.modified", "changed", "local.customer.modified belongs to"),
        ("state.url", "mysql://user:do-not-tell@host/db", "state.url: mysql is known but not"),
        (
            "keys.subjects",
            "mariadb://u:do-not-tell@h/db",
            "keys.subjects: mariadb is known but not",
        ),
        ("local.customer.part_of", "customer", "a customer is part of nothing"),
        ("local.customer.exists", {"column": "s", "equals": 1}, "stands with `part_of` only"),
        ("local.customer.key", [], "local.customer.key names no column"),
        ("local.membership", {"part_of": "customer", "mapping": "m"}, "exists is missing"),
        ("local.membership", {"part_of": "feedback", "mapping": "m"}, 'must be "customer"'),
        ("local.membership", {"table": "customers", "mapping": "m"}, 'is `part_of = "customer"`'),
        ("local.customer.encoding", "utf-8", "local.customer.encoding stands with `file` only"),
        ("local.customer.file", "c.csv", "the rows are in one or the other"),
        ("local.customer.file", "c.csv", "local.customer.table is of a table"),
        ("local.membership", {"file": "c.csv", "mapping": "m"}, "local.customer.file is missing"),
        (
            "local.membership",
            {"file": "c.csv", "mapping": "m", "delimiter": "||"},
            "local.membership.delimiter must be one sign",
        ),
    ],
)
def test_a_fault_is_named_by_its_key_and_never_by_its_value(
    path: str, value: Any, sentence: str
) -> None:
    told = faults(changed(path, value))
    assert sentence in told
    assert SECRET not in told


def faults_of_a_connection(monkeypatch: pytest.MonkeyPatch, **own: Any) -> tuple[str, ...]:
    monkeypatch.setenv("HAVE_IT", SECRET)
    secrets = dict.fromkeys(("app_id", "app_secret", "permanent_code"), "env:HAVE_IT")
    table = changed("connections.crm", {"plugin": "x", "kinds": ["customer"], **secrets, **own})
    with pytest.raises(SettingsError) as told:
        settings.plugin_settings(parse(table, Path("/shop")), "crm", FxiaokeSettings)
    assert SECRET not in str(told.value)
    return tuple(told.value.faults)


def test_a_plugins_own_sentence_is_told_by_its_key_and_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert faults_of_a_connection(monkeypatch, zone="Shanghai", timeout_s=0) == (
        "connections.crm.timeout_s input should be greater than 0",
        "connections.crm.zone must be a name such as Asia/Shanghai",
    )
    assert faults_of_a_connection(monkeypatch, timeout_s=9, call_life_s=9) == (
        "connections.crm.call_life_s must be at least 1.5 times timeout_s",
    )


def test_a_setting_of_several_forms_is_told_once_with_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert faults_of_a_connection(monkeypatch, find_lag_s=SECRET) == (
        "connections.crm.find_lag_s must be a number, or must be one of 'unknown'",
    )


def test_a_rate_of_another_form_is_told_by_its_key_and_beside_the_other_faults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = faults_of_a_connection(monkeypatch, rate=SECRET, page_size=0)
    assert [one.split()[0] for one in told] == [
        "connections.crm.rate",
        "connections.crm.page_size",
    ]


def test_all_faults_are_told_at_once() -> None:
    table = changed("colour", 1)
    table["state"] = {"url": 7}
    del table["tenant"]
    told = faults(table)
    for name in ("colour", "state.url", "tenant is missing"):
        assert name in told


def test_paths_and_urls_count_from_the_files_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "connector.toml").write_text(
        'tenant = "t"\n[local]\nurl = "sqlite:///shop.db"\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    found = load("etc/connector.toml")
    assert found.url(found.local.url or "") == f"sqlite:///{folder}/shop.db"
    assert found.path("keyring.json") == folder / "keyring.json"
    assert found.url("sqlite:////abs/shop.db") == "sqlite:////abs/shop.db"
    assert found.path("/abs/keyring.json") == Path("/abs/keyring.json")


def test_a_file_that_is_not_there_or_not_toml_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no settings file"):
        load(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match=r"cannot be read \(IsADirectoryError\)"):
        load(tmp_path)
    bad = tmp_path / "bad.toml"
    bad.write_text(f'tenant = "{SECRET}\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="line 1") as told:
        load(bad)
    assert SECRET not in str(told.value)
    assert told.value.__cause__ is None


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my.toml"
    file.write_text('tenant = "t"\n[local]\nurl = "sqlite:///shop.db"\n', encoding="utf-8")
    monkeypatch.setenv(settings.ENV_FILE, str(file))
    assert load().folder == tmp_path


@pytest.mark.parametrize("text", ["", "5", "5% of 5", "-1% or 5", "5% or 5.5", "five% or 5"])
def test_a_limit_is_a_share_and_a_number(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_limit(text)
    assert parse_limit(" 0.5 %  or 20 ") == (0.5, 20)


def test_a_reference_that_leads_nowhere_names_the_key_and_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAVE_IT", SECRET)
    (tmp_path / "token").write_text(f"{SECRET}\n", encoding="utf-8")
    found = parse(GOOD, tmp_path)
    assert settings.follow(found, "k", "env:HAVE_IT") == SECRET
    assert settings.follow(found, "k", "file:token") == SECRET
    assert settings.follow(found, "k", "plain") == "plain"
    for text in ("env:LACK_IT", "file:none"):
        with pytest.raises(SettingsError, match=r"some\.key"):
            settings.follow(found, "some.key", text)


def test_what_only_a_database_can_look_up_is_refused_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "customer.yaml").write_text(
        "kind: customer\nfields:\n  names.full: {column: name, lens: text}\n"
        "  value_tier: {column: g, lookup: {table: t, key: id, value: n}, lens: text}\n"
    )
    local = {"customer": {"file": "c.csv", "mapping": "customer.yaml"}}
    loaded = parse({"tenant": "t", "local": local}, tmp_path)
    mapping = load_local(tmp_path / "customer.yaml")
    with pytest.raises(MappingError, match=r"customer\.yaml:4: value_tier is looked up"):
        shop.files(loaded, {Kind.CUSTOMER: mapping})
