"""What a host hands to `open_connector`: settings of its own, an engine, a side of its own."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from connector import open_connector
from connector.doctor import examine
from connector.errors import SettingsError, UsageError
from connector.host import MachineClock
from connector.local.contract import Local
from connector.settings import plugin_settings

TABLE: Mapping[str, Any] = {
    "tenant": "host",
    "local": {"customer": {"table": "people", "mapping": "customer.yaml"}},
}
MAPPING = "kind: customer\nfields:\n  names.full: {column: name, lens: text}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "customer.yaml").write_text(MAPPING, encoding="utf-8")
    return tmp_path


@pytest.fixture
def engine(folder: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{folder / 'shop.db'}")
    with engine.begin() as tx:
        tx.exec_driver_sql("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)")
    yield engine
    engine.dispose()


def changed(**customer: Any) -> dict[str, Any]:
    table: dict[str, Any] = copy.deepcopy(dict(TABLE))
    table["local"]["customer"] |= customer
    return table


def test_a_table_of_settings_counts_its_paths_from_the_folder_it_is_given(
    folder: Path, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    with open_connector(TABLE, folder=folder, local=engine) as connector:
        assert connector.make_keys() == folder / "keyring.json"
        assert connector.install_local().installed
        assert (folder / "state.db").exists()
        assert connector.local_status().waiting == {"customer": 0}
        dropped = connector.remove_local()
    assert len(dropped) == 5


def test_a_table_without_a_folder_is_refused() -> None:
    with pytest.raises(UsageError, match="folder"):
        open_connector(TABLE)


def test_without_url_and_side_nothing_is_read_and_the_rest_works(folder: Path) -> None:
    with open_connector(TABLE, folder=folder) as connector:
        connector.make_keys()
        assert connector.letters() == []
        with pytest.raises(SettingsError, match="nobody handed the shop's side in"):
            connector.local_status()


def test_the_doctor_does_not_look_for_what_a_program_hands_in(folder: Path) -> None:
    file = folder / "connector.toml"
    file.write_text(
        'tenant = "host"\n[local.customer]\nmapping = "customer.yaml"\n', encoding="utf-8"
    )
    checks = {one.name: one for one in examine(lambda: open_connector(file), MachineClock())}
    assert checks["settings"].state == checks["local database"].state == "ok"
    assert "hands the shop's side in" in checks["local database"].sentence


def test_an_engine_without_a_table_in_the_settings_is_refused_at_once(
    folder: Path, engine: sa.Engine
) -> None:
    table = changed()
    del table["local"]["customer"]["table"]
    with pytest.raises(SettingsError, match=r"local\.customer\.table is missing"):
        open_connector(table, folder=folder, local=engine)


def test_settings_of_tables_beside_a_side_of_the_hosts_own_are_never_ignored(folder: Path) -> None:
    def make(store_id: str) -> Local:
        raise AssertionError("nothing is opened")

    table = changed(deleted={"column": "dead", "equals": 1}, defaults={"a": 1})
    table["local"]["url"] = "sqlite:///shop.db"
    with pytest.raises(SettingsError) as told:
        open_connector(table, folder=folder, local=make)
    for key in ("customer.table", "customer.deleted", "customer.defaults", "local.url"):
        assert key in str(told.value)


def test_a_secret_may_be_handed_in_as_such_and_not_as_plain_text(folder: Path) -> None:
    from connector_zoho import plugin

    host = "https://crm.example.test"
    own = {
        **dict.fromkeys(("accounts_url", "api_url", "upload_url"), host),
        **dict.fromkeys(("client_id", "client_secret", "refresh_token"), SecretStr("hush")),
    }
    table = changed()
    table["connections"] = {"crm": {"plugin": "zoho", "kinds": ["customer"], **own}}
    with open_connector(table, folder=folder) as connector:
        assert plugin_settings(connector.settings, "crm", plugin.settings)
        assert "hush" not in repr(connector.settings)
    table["connections"]["crm"]["client_secret"] = "hush"
    with (
        open_connector(table, folder=folder) as connector,
        pytest.raises(SettingsError, match="client_secret is a secret"),
    ):
        connector.remote("crm")


def test_something_else_than_an_engine_or_a_callable_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="is a PosixPath"):
        open_connector(TABLE, folder=folder, local=folder)  # type: ignore[arg-type]  # on purpose
