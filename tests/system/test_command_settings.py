"""Each fault of settings, mappings, keys and databases: its exit code, and no value told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from connector.commands import run
from connector.demo.shop import LOCAL_SETTINGS, MAPPINGS
from connector.plugin import Kind
from connector.settings import load
from connector.store.database import Store, open_engine
from tests.system.rig import Ran, Rig

MARK = "geheim-4711"


def refused(ran: Ran, code: int, *words: str) -> None:
    """The run ended with this code and these words, and without the marked value."""
    assert ran.code == code, ran.all
    for word in words:
        assert word in ran.err, ran.err
    assert MARK not in ran.all
    assert ran.out == ""


def test_a_missing_settings_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(tmp_path / "no.toml"), "sync"]) == 3
    assert "no.toml" in capsys.readouterr().err


def test_bad_toml_is_told_by_its_line(rig: Rig) -> None:
    rig.config.write_text(f'tenant = "test"\nx = {MARK}\n', encoding="utf-8")
    refused(rig.run("sync"), 3, "not valid TOML", "line 2")


def test_unknown_keys_and_wrong_types_are_told_at_once(rig: Rig) -> None:
    rig.write(
        head=f'colour = "{MARK}"\n[safety]\nmax_delete = "{MARK}"\n[state]\nlease_s = "{MARK}"'
    )
    refused(rig.run("sync"), 3, "colour there is no such setting", "state.lease_s must be a number")


def test_a_wrong_limit_is_told_without_it(rig: Rig) -> None:
    rig.write(head=f'[safety]\nmax_delete = "{MARK}"')
    refused(rig.run("plan"), 3, "safety.max_delete", '"5% or 5"')


def test_a_known_setting_that_is_not_built_is_refused(rig: Rig) -> None:
    rig.write(head='[state]\nurl = "mysql://user@host/db"')
    refused(rig.run("sync"), 3, "state.url: mysql is known but not built yet")


def test_a_secret_in_the_file_itself_is_refused(rig: Rig) -> None:
    rig.ready()
    rig.write(client_secret=MARK)
    refused(rig.run("sync"), 3, "client_secret is a secret")


def test_a_secret_that_the_environment_lacks_is_named(rig: Rig) -> None:
    rig.ready()
    rig.write(client_secret="env:NOT_SET_ANYWHERE")
    refused(rig.run("sync"), 3, "NOT_SET_ANYWHERE")


def test_an_unknown_key_of_the_plugin_is_told(rig: Rig) -> None:
    rig.ready()
    rig.write(colour=MARK)
    refused(rig.run("sync"), 3, "connections.zoho.colour there is no such setting")


def test_a_plugin_that_is_not_installed_is_exit_2(rig: Rig) -> None:
    rig.ready()
    rig.write(plugin="nosuch")
    refused(rig.run("sync"), 2, "nosuch", "zoho")


def test_a_mapping_of_a_column_that_is_not_there_is_refused(rig: Rig) -> None:
    rig.ready()
    rig.mapping("customer", MAPPINGS["customer"].replace("column: job", "column: hobby"))
    refused(rig.run("sync"), 3, "hobby", "clients")


def test_a_broken_mapping_is_told_by_its_line_and_not_quoted(rig: Rig) -> None:
    rig.ready()
    rig.mapping("customer", f"kind: customer\nfields:\n  company: {{column: [{MARK}\n")
    refused(rig.run("sync"), 3, "customer.yaml")


def test_a_table_without_a_key_is_refused(rig: Rig) -> None:
    rig.shop.change("CREATE TABLE plain (client_no INTEGER, surname TEXT)")
    rig.write(LOCAL_SETTINGS.replace('"clients"', '"plain"').replace("deleted = {", "#"))
    refused(rig.run("local", "install"), 3, "neither its primary key nor unique")


def test_a_table_that_is_not_there_is_refused(rig: Rig) -> None:
    rig.write(LOCAL_SETTINGS.replace('"clients"', '"klients"'))
    refused(rig.run("local", "install"), 3, "klients", "clients")


def test_a_database_file_that_is_not_there_is_not_made(rig: Rig) -> None:
    rig.write(LOCAL_SETTINGS.replace("shop.db", "shpo.db"))
    refused(rig.run("local", "status"), 3, "no database file")
    assert not (rig.folder / "shpo.db").exists()


@pytest.mark.parametrize("argv", [["sync"], ["plan"], ["sync", "--dry-run"]])
def test_without_a_ring_it_is_exit_9_with_the_way_out(rig: Rig, argv: list[str]) -> None:
    assert rig.run("local", "install").code == 0
    refused(rig.run(*argv), 9, "crm-connector keys init")


@pytest.mark.parametrize("argv", [["letters", "list"], ["conflicts", "list"], ["status"]])
def test_what_shows_no_value_needs_no_ring(rig: Rig, argv: list[str]) -> None:
    assert rig.run("local", "install").code == 0
    assert rig.run(*argv).code == 0


def test_a_ring_that_others_can_read_is_exit_9(rig: Rig) -> None:
    rig.ready()
    (rig.folder / "keyring.json").chmod(0o644)
    refused(rig.run("sync"), 9, "chmod 600")


def test_a_second_ring_is_refused(rig: Rig) -> None:
    assert rig.run("keys", "init").code == 0
    before = (rig.folder / "keyring.json").read_bytes()
    refused(rig.run("keys", "init"), 2, "never overwritten")
    assert (rig.folder / "keyring.json").read_bytes() == before


def test_before_local_install_a_sync_is_exit_3(rig: Rig) -> None:
    assert rig.run("keys", "init").code == 0
    refused(rig.run("sync"), 3, "crm-connector local install")
    assert rig.sandbox.records("Contacts") == []


def test_another_account_is_refused_before_any_read(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    engine = open_engine(f"sqlite:///{rig.folder}/state.db")
    with engine.begin() as tx:
        tx.exec_driver_sql("UPDATE scope SET account = 'another' WHERE connection = 'zoho'")
    engine.dispose()
    calls = rig.sandbox.calls()["coql"]
    refused(rig.run("sync"), 3, "another account")
    assert rig.sandbox.calls()["coql"] == calls


def test_another_local_database_is_refused(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    shutil.copy(rig.folder / "shop.db", rig.folder / "test.db")
    rig.write(LOCAL_SETTINGS.replace("shop.db", "test.db"))
    assert rig.run("local", "remove").code == 0
    assert rig.run("local", "install").code == 0
    refused(rig.run("sync"), 3, "another local database")


def test_a_second_run_beside_the_first_does_nothing_or_says_so(rig: Rig) -> None:
    rig.ready()
    settings = load(rig.config)
    store = Store(open_engine(settings.url(settings.state.url)), tenant="test")
    leases = [store.acquire("zoho", kind) for kind in (*Kind,)]
    ran = rig.run("sync", "--json")
    assert ran.code == 0
    assert ran.json["passes"] == []
    assert "Another run is working" in ran.json["skipped"][0]
    refused(rig.run("sync", "--fail-if-locked"), 7, "Another run is working")
    for lease in leases:
        store.release(lease)
    store.close()
    assert rig.run("sync", "--fail-if-locked").code == 0


def test_an_unreachable_vendor_is_exit_6(rig: Rig) -> None:
    rig.ready()
    dead = "http://127.0.0.1:9"
    rig.write(accounts_url=dead, api_url=dead, upload_url=dead)
    ran = rig.run("sync", "--json")
    assert ran.code == ran.json["exit"] == 6
    assert ran.json["errors"][0]["code"] == "unreachable"


def test_wrong_credentials_are_exit_4_and_not_told(rig: Rig) -> None:
    rig.ready()
    (rig.folder / "mine").write_text(MARK, encoding="utf-8")
    rig.write(client_secret="file:mine")
    ran = rig.run("sync", "--json")
    assert ran.code == 4
    assert ran.json["errors"][0]["code"] == "login_refused"
    assert MARK not in ran.all
