"""The plugin's settings and metadata, and what it announces."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from connector_zoho import plugin
from connector_zoho.settings import RATE, ZohoSettings
from pydantic import ValidationError

from connector.http.limits import parse_rate
from connector.plugin import Op, Sandboxed
from connector.records import Kind
from tests.unit.zoho_rig import C, Rig

TABLE: dict[str, Any] = {
    "accounts_url": "https://accounts.zoho.com.cn/",
    "api_url": "https://www.zohoapis.com.cn",
    "upload_url": "https://content.zohoapis.com.cn",
    "client_id": "CNRY-ID",
    "client_secret": "CNRY-SECRET",
    "refresh_token": "CNRY-TOKEN",
}


# --- settings ---


def test_the_documented_table_is_enough() -> None:
    settings = ZohoSettings(**TABLE)
    assert settings.origins == (
        "https://accounts.zoho.com.cn",
        "https://www.zohoapis.com.cn",
        "https://content.zohoapis.com.cn",
    )
    assert (settings.workflows, settings.coql, settings.allow_loopback) == (False, "auto", False)
    assert parse_rate(settings.rate) == parse_rate(RATE)
    assert settings.refresh_token.get_secret_value() == "CNRY-TOKEN"


def test_secrets_show_in_no_print_of_the_settings() -> None:
    settings = ZohoSettings(**TABLE)
    assert "CNRY" not in f"{settings!r} {settings} {settings.model_dump()} "
    assert "CNRY" not in settings.model_dump_json()


@pytest.mark.parametrize(
    "more",
    [
        {"client_secret": ["CNRY-SECRET"]},
        {"unknown_key": "CNRY"},
        {"rate": "CNRY/20s"},
        {"rate": "fast"},
        {"coql": "CNRY"},
        {"timeout_s": 0},
        {"timeout_s": 20, "call_life_s": 29},
        {"list_page": 201},
        {"query_page": 2001},
        {"feed_lag_s": -1},
    ],
)
def test_a_wrong_setting_is_refused_without_showing_its_value(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        ZohoSettings(**TABLE | more)
    assert "CNRY" not in str(caught.value)


@pytest.mark.parametrize("coql_", ["auto", True, False])
def test_queries_may_be_chosen(coql_: Any) -> None:
    assert ZohoSettings(**TABLE, coql=coql_).coql is coql_


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        ZohoSettings(**TABLE).rate = "1/1s"


# --- the plugin ---


def test_the_plugin_ships_a_sandbox_and_names_itself() -> None:
    assert isinstance(plugin, Sandboxed)
    assert (plugin.name, plugin.settings) == ("zoho", ZohoSettings)


def test_naming_the_plugin_loads_no_http_library_and_no_sandbox() -> None:
    code = (
        "import sys, connector_zoho; connector_zoho.plugin.settings;"
        "print([m for m in ('requests', 'urllib3', 'starlette', 'uvicorn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_sandbox_of_the_plugin_answers_with_its_own_settings() -> None:
    with plugin.start_sandbox() as sandbox:
        rig = Rig(sandbox)
        remote = rig.open()
        assert remote.account
        remote.close()


def test_capabilities_are_what_the_vendor_can_do(rig: Rig) -> None:
    can = rig.open(call_life_s=40).capabilities
    assert [can.batch[op] for op in (Op.CREATE, Op.UPDATE, Op.REMOVE)] == [100, 100, 100]
    assert (can.external_key, can.conditional, can.counts_writes) == ("unique", True, False)
    assert (can.reports_removals, can.reports_merges, can.removal) == (True, False, "recycle")
    assert can.version_step.total_seconds() == 1 and can.feed_lag.total_seconds() == 120
    assert can.call_life.total_seconds() == 40
    assert rig.calls() == {}


# --- metadata ---


def test_the_schema_says_types_lengths_options_targets_and_rights(rig: Rig) -> None:
    remote = rig.open()
    people = remote.describe(C)
    field = people.fields
    assert (field["Last_Name"].type, field["Last_Name"].max_length) == ("text", 80)
    assert field["Last_Name"].required and not field["First_Name"].required
    assert (field["Email"].type, field["Mobile"].type) == ("email", "phone")
    assert (field["Email_Opt_Out"].type, field["Date_of_Birth"].type) == ("flag", "date")
    assert field["Customer_Stage"].options == ("潜在客户", "新客户", "忠诚客户", "流失客户")
    assert field["Customer_Tags"].type == "tags" and field["Churn_Risk"].decimals == 4
    assert field["Connector_Key"].unique and field["Connector_Key"].external
    assert not field["Email"].unique and not field["Email"].external
    assert not field["Full_Name"].writable and not field["Modified_Time"].writable
    assert people.can_read and people.can_create and people.can_update and people.can_remove
    cards = remote.describe(Kind.MEMBERSHIP)
    assert (cards.fields["Customer"].type, cards.fields["Customer"].target) == (
        "reference",
        "Contacts",
    )
    assert people.fingerprint == remote.describe(C).fingerprint != cards.fingerprint


def test_a_login_that_may_not_see_layouts_still_has_a_schema(rig: Rig) -> None:
    remote = rig.open()
    rig.sandbox.fault("error", operation="layouts", code="OAUTH_SCOPE_MISMATCH", status=401)
    assert remote.describe(C).fields["Last_Name"].required


def test_a_field_closed_by_privacy_settings_is_neither_asked_for_nor_delivered(rig: Rig) -> None:
    """It would read as null, and null would empty the other side."""
    rig.contacts(1, Email="a@example.test")
    closed = {"api_name": "Email", "data_type": "email", "private": {"restricted": True}}
    rig.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": [closed]}])
    remote = rig.open()
    assert not remote.describe(C).fields["Email"].readable
    [seen] = [s for page in remote.changes(C, None, None) for s in page.seen]
    assert "Email" not in seen.fields and "Last_Name" in seen.fields
    assert " Email," not in rig.sandbox.requests("coql")[-1]["body"]
