"""The plugin's settings, metadata and probing, and what it announces."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from connector_fxiaoke import facts, plugin, queries, values
from connector_fxiaoke.settings import RATE, FxiaokeSettings
from connector_fxiaoke.values import UnfitError
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from connector.errors import MappingError, SchemaDriftError, UsageError
from connector.http.limits import parse_rate
from connector.http.settings import HttpSettings
from connector.plugin import Finding, Op, Probing, Sandboxed, Target
from connector.records import Kind
from tests.unit.fxiaoke_rig import OBJECT, C, M, Rig

TABLE: dict[str, Any] = {
    "app_id": "CNRY-ID",
    "app_secret": "CNRY-SECRET",
    "permanent_code": "CNRY-CODE",
}


# --- settings ---


def test_the_documented_table_is_enough() -> None:
    settings = FxiaokeSettings(**TABLE)
    assert settings.api_url == "https://open.fxiaoke.com"
    assert (settings.auth_style, settings.user_id, settings.owner) == ("header", "1000", "")
    assert (settings.workflows, settings.approvals, settings.allow_loopback) == (False,) * 3
    assert (settings.zone, settings.page_size, settings.concurrency) == ("Asia/Shanghai", 100, 4)
    assert parse_rate(settings.rate) == parse_rate(RATE)
    assert settings.find_lag == timedelta(seconds=60)


def test_secrets_show_in_no_print_of_the_settings() -> None:
    settings = FxiaokeSettings(**TABLE)
    assert "CNRY" not in f"{settings!r} {settings} {settings.model_dump()} "
    assert "CNRY" not in settings.model_dump_json()


@pytest.mark.parametrize(
    "more",
    [
        {"app_secret": ["CNRY-SECRET"]},
        {"unknown_key": "CNRY"},
        {"rate": "CNRY/20s"},
        {"auth_style": "CNRY"},
        {"auth_style": "legacy"},
        {"auth_style": "legacy", "user_id": "FSUID_1", "owner": "1000"},
        {"open_ids": True, "owner": "1000"},
        {"owner": "FSUID_1"},
        {"user_id": ""},
        {"timeout_s": 0},
        {"timeout_s": 30, "call_life_s": 44},
        {"page_size": 101},
        {"page_size": 0},
        {"concurrency": 0},
        {"quota": 0},
        {"zone": "CNRY"},
        {"zone": ""},
        {"feed_lag_s": -1},
        {"find_lag_s": -1},
        {"find_lag_s": "CNRY"},
        {"clear_with": "CNRY"},
        {"deleted_get": "CNRY"},
    ],
)
def test_a_wrong_setting_is_refused_without_showing_its_value(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        FxiaokeSettings(**TABLE | more)
    assert "CNRY" not in str(caught.value)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        FxiaokeSettings(**TABLE).rate = "1/1s"


def test_every_setting_says_what_it_is_for() -> None:
    """Credentials explain themselves."""
    text = inspect.getsource(FxiaokeSettings) + inspect.getsource(HttpSettings)
    for name in FxiaokeSettings.model_fields.keys() - {"app_id", "app_secret", "permanent_code"}:
        assert re.search(rf"\n    {name}: .*\n    \"\"\"", text), name


@pytest.mark.parametrize("cloud", facts.CLOUDS)
def test_the_host_of_every_cloud_is_a_setting(cloud: str) -> None:
    assert FxiaokeSettings(**TABLE, api_url=facts.CLOUDS[cloud] + "/").api_url.startswith("https:")


# --- the plugin ---


def test_the_plugin_ships_a_sandbox_and_names_itself(fx: Rig) -> None:
    assert isinstance(plugin, Sandboxed)
    assert isinstance(fx.open(), Probing)
    assert (plugin.name, plugin.settings) == ("fxiaoke", FxiaokeSettings)


def test_naming_the_plugin_loads_no_http_library_and_no_sandbox() -> None:
    code = (
        "import sys, connector_fxiaoke; connector_fxiaoke.plugin.settings;"
        "print([m for m in ('requests', 'urllib3', 'starlette', 'uvicorn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_sandbox_of_the_plugin_answers_with_its_own_settings() -> None:
    with plugin.start_sandbox() as sandbox:
        remote = Rig(sandbox).open()
        assert remote.account
        remote.close()


def test_capabilities_are_what_the_settings_know_of_the_tenant(fx: Rig) -> None:
    can = fx.open(call_life_s=40).capabilities
    assert set(can.batch) == set(Op) and set(can.batch.values()) == {1}
    assert (can.external_key, can.conditional, can.counts_writes) == ("plain", False, True)
    assert (can.reports_removals, can.reports_merges, can.removal) == (False, False, "invalidate")
    assert (can.version_step, can.feed_lag) == (timedelta(0), timedelta(seconds=120))
    assert (can.find_lag, can.call_life) == (timedelta(seconds=60), timedelta(seconds=40))
    assert can.reads_own_writes and can.parallel == 4
    other = fx.open(find_lag_s="unknown", unique_key=True, reads_invalidated=True).capabilities
    assert (other.find_lag, other.external_key, other.reports_removals) == (None, "unique", True)
    assert fx.sandbox.calls() == {}


def test_a_kind_without_a_mapping_is_a_usage_error(fx: Rig) -> None:
    with pytest.raises(UsageError):
        fx.open().describe(Kind.FEEDBACK)


# --- metadata ---


@pytest.mark.parametrize("param", ["data", "top"])
def test_the_schema_says_types_lengths_options_and_targets(fx: Rig, param: str) -> None:
    fx.sandbox.switch(describe_param=param)
    remote = fx.open()
    field = remote.describe(C).fields
    assert (field["name"].type, field["name"].max_length, field["name"].required) == (
        "text",
        100,
        True,
    )
    assert (field["email"].type, field["tel"].type) == ("email", "phone")
    assert (field["remark"].type, field["remark"].max_length) == ("text", 2000)
    assert (field["do_not_contact__c"].type, field["birth_date__c"].type) == ("flag", "date")
    assert field["registered_at__c"].type == "datetime"
    assert field["stage__c"].options == ("prospect", "new", "loyal", "lost")
    assert field["tags__c"].type == "tags" and "VIP" in (field["tags__c"].options or ())
    assert (field["rfm_recency__c"].type, field["rfm_recency__c"].decimals) == ("integer", 0)
    assert (field["rfm_monetary__c"].type, field["rfm_monetary__c"].decimals) == ("decimal", 2)
    assert field["ext_key__c"].unique and not field["email"].unique
    assert not field["account_no"].writable and not field["last_modified_time"].writable
    assert (field["completion_rate"].type, field["completion_rate"].writable) == ("other", False)
    assert field["owner"].type == "text"
    cards = remote.describe(M)
    assert (cards.fields["customer__c"].type, cards.fields["customer__c"].target) == (
        "reference",
        OBJECT,
    )
    assert fx.calls() == {"describe": 2}


def test_an_object_the_tenant_lacks_is_drift(fx: Rig) -> None:
    fx.sandbox.fault("error", operation="describe", code=10006)
    with pytest.raises(SchemaDriftError):
        fx.open().describe(C)


def test_a_field_that_was_switched_off_is_no_field(fx: Rig) -> None:
    fields = [
        {"api_name": "name", "type": "text"},
        {"api_name": "old__c", "type": "text", "is_active": False},
    ]
    fx.sandbox.admin("define", objects=[{"api_name": "thing__c", "fields": fields}])
    target = Target(object="thing__c", fields=("name", "old__c"), key_field=None)
    assert not {"old__c"} & set(fx.open({C: target}).describe(C).fields)


# --- probing ---


def found(fx: Rig, **settings: Any) -> dict[str, Finding]:
    """What a look at the account tells; nothing may be written by it."""
    target = Target(object=OBJECT, fields=("name",), key_field="ext_key__c")
    told = {one.name: one for one in fx.open({C: target}, **settings).probe()}
    assert set(fx.calls()) <= {"objects", "describe", "query", "fetch"}
    return told


def test_a_tenant_as_the_settings_say_needs_no_advice(fx: Rig) -> None:
    fx.accounts(1, tel="13800000001")
    told = found(fx, unique_key=True, deleted_get="empty")
    assert all(one.good and not one.advice for one in told.values()), told
    assert set(told) == {
        "login",
        "customer page",
        "customer key",
        "customer invalidated",
        "customer deleted",
    }
    assert not any("13800000001" in one.text for one in told.values())


@pytest.mark.parametrize(
    ("switches", "settings", "name", "good", "advice"),
    [
        ({}, {}, "customer key", True, "unique_key = true"),
        ({}, {"deleted_get": "undecided"}, "customer deleted", True, 'deleted_get = "empty"'),
        ({}, {}, "customer deleted", True, ""),
        ({"deleted_get": "50009"}, {}, "customer deleted", False, 'deleted_get = "error"'),
        ({"deleted_get": "32000"}, {"deleted_get": "error"}, "customer deleted", True, ""),
        ({"deleted_get": "32000"}, {"deleted_get": "auto"}, "customer deleted", False, "deleted_"),
        ({"deleted_get": "no_data"}, {"deleted_get": "auto"}, "customer deleted", True, ""),
        ({}, {"deleted_get": "error"}, "customer deleted", False, 'deleted_get = "empty"'),
        ({}, {"reads_invalidated": True}, "customer invalidated", False, "reads_invalidated = fal"),
        ({"preset_shows_invalid": "yes"}, {}, "customer invalidated", True, ""),
        ({"list_shape": "bare"}, {}, "customer page", True, ""),
    ],
)
def test_a_tenant_that_differs_is_told_with_the_line_to_set(
    fx: Rig,
    switches: dict[str, str],
    settings: dict[str, Any],
    name: str,
    good: bool,
    advice: str,
) -> None:
    fx.sandbox.switch(**switches)
    _, away = fx.accounts(2)
    fx.sandbox.remove(OBJECT, away)
    finding = found(fx, **settings)[name]
    assert (finding.good, finding.advice.startswith(advice)) == (good, True), finding
    assert bool(finding.advice) == bool(advice)


def test_a_login_that_fails_is_the_only_finding(fx: Rig) -> None:
    told = found(fx, app_secret="wrong")
    assert {name: one.good for name, one in told.items()} == {"login": False}


def test_a_missing_object_and_a_refusal_are_findings_and_no_errors(fx: Rig) -> None:
    target = Target(object="NoSuchObj", fields=("name",), key_field=None)
    told = {one.name: one for one in fx.open({C: target}).probe()}
    assert not told["objects"].good and not told["customer"].good


def test_a_tenant_without_a_key_field_is_told_so(fx: Rig) -> None:
    fx.sandbox.admin("drop_field", object=OBJECT, field="ext_key__c")
    assert not found(fx)["customer key"].good


# --- bodies of calls and values ---


def test_where_the_objects_name_stands_differs_from_call_to_call() -> None:
    flags = {"triggerWorkFlow": False}
    assert queries.create("A", {"x": 1}, flags) == {
        "triggerWorkFlow": False,
        "data": {"object_data": {"x": 1, "dataObjectApiName": "A"}},
    }
    assert queries.update("A", "1f", {}, {})["data"]["object_data"]["_id"] == "1f"
    assert queries.get("A", "1f") == {"data": {"dataObjectApiName": "A", "objectDataId": "1f"}}
    assert queries.invalid("A", "1f")["data"]["object_data_id"] == "1f"
    assert queries.by_list("A", "1f")["data"]["idList"] == ["1f"]
    asked = queries.describe("A")
    assert asked["apiName"] == asked["data"]["apiName"] == "A"


@pytest.mark.parametrize("name", ["", "a b", "a'", "9a", "a.b", "é", "x" * 101])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(MappingError):
        queries.where(name, "EQ", ["x"])
    with pytest.raises(MappingError):
        queries.get(name, "1f")


@pytest.mark.parametrize("type_", [*values.TYPES, "formula"])
@pytest.mark.parametrize("told", [None, "", [], {}])
def test_whatever_is_empty_there_is_none_here(told: Any, type_: str) -> None:
    assert values.read(told, type_, ZoneInfo("UTC")) is None


ZONES = ("Asia/Shanghai", "UTC", "America/New_York", "Europe/Berlin", "America/Sao_Paulo")
DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))


@given(day=DAYS, zone=st.sampled_from(ZONES))
@example(day=date(2018, 11, 4), zone="America/Sao_Paulo")  # it began at one o'clock
def test_every_day_reads_back_as_it_was_written(day: date, zone: str) -> None:
    there = ZoneInfo(zone)
    sent = values.write(day.isoformat(), "date", there)
    assert values.read(sent, "date", there) == day.isoformat()


@given(at=st.builds(datetime.combine, DAYS, st.times(), st.sampled_from(ZONES).map(ZoneInfo)))
def test_every_second_reads_back_as_it_was_written(at: datetime) -> None:
    text = at.replace(microsecond=0, fold=0).isoformat()
    sent = values.write(text, "date_time", ZoneInfo("UTC"))
    back = values.read(sent, "date_time", ZoneInfo("Asia/Shanghai"))
    assert datetime.fromisoformat(back) == datetime.fromisoformat(text)


@given(told=st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5,
), type_=st.sampled_from([*values.TYPES, "formula"]))  # fmt: skip
def test_reading_a_value_never_raises(told: Any, type_: str) -> None:
    values.read(told, type_, ZoneInfo("Asia/Shanghai"))


@given(value=st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
       type_=st.sampled_from([*values.TYPES]))  # fmt: skip
def test_writing_a_value_gives_json_or_says_why_not(value: Any, type_: str) -> None:
    try:
        assert json.dumps(values.write(value, type_, ZoneInfo("Asia/Shanghai"), decimals=2))
    except UnfitError as error:
        assert error.code
        assert str(value) not in error.text or len(str(value)) < 3
