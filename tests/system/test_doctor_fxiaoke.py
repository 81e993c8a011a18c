"""`doctor` on a second vendor: its findings, and the fields that its tenant lacks, in Chinese."""

from __future__ import annotations

from typing import Any

import pytest
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox

from connector.demo.shop import MAPPINGS
from tests.system.rig import Rig


@pytest.fixture
def both(rig: Rig, tenant: FxiaokeSandbox) -> Rig:
    """The rig with a second connection, all ready."""
    rig.append(rig.other(tenant))
    rig.ready()
    return rig


def doctor(rig: Rig) -> tuple[int, dict[str, tuple[str, str]], list[dict[str, Any]]]:
    """Exit code, state and words of each check of this vendor, missing fields."""
    ran = rig.run("doctor", "--json")
    checks = {
        one["name"]: (one["state"], f"{one['sentence']} {one['fix']}")
        for one in ran.json["checks"]
        if one["name"].startswith("fxiaoke")
    }
    return ran.code, checks, ran.json["missing_fields"]


def test_a_tenant_with_all_fields_is_well(both: Rig) -> None:
    code, checks, missing = doctor(both)
    assert (code, missing) == (0, [])
    assert checks["fxiaoke login"][0] == "ok"
    for kind in MAPPINGS:
        assert checks[f"fxiaoke {kind} mapping"][0] == "ok"
        assert "fields travel" in checks[f"fxiaoke {kind} mapping"][1]


def test_what_the_plugin_finds_by_looking_is_told_with_the_line_to_set(both: Rig) -> None:
    _, checks, _ = doctor(both)
    findings = {name: told for name, told in checks.items() if " probe " in name}
    assert len(findings) > len(MAPPINGS)
    for state, words in findings.values():
        assert state == "ok" or "Set in [connections.fxiaoke]: " in words


def test_the_doctor_writes_nothing_at_this_vendor_either(both: Rig, tenant: FxiaokeSandbox) -> None:
    tenant.admin("calls", reset=True)
    doctor(both)
    assert set(tenant.calls()) <= {"token", "describe", "objects", "query", "fetch"}


def test_fields_that_a_tenant_lacks_are_listed_in_the_consoles_words(
    both: Rig, tenant: FxiaokeSandbox
) -> None:
    tenant.admin("drop_field", object="AccountObj", field="stage__c")
    tenant.admin("drop_field", object="feedback__c", field="body__c")
    code, checks, (stage, body) = doctor(both)
    assert code == 0
    assert checks["fxiaoke customer fields"][0] == "warn"
    assert (stage["name"], stage["label_zh"], stage["type_zh"]) == ("stage__c", "客户阶段", "单选")
    assert stage["options"][0] == {
        "value": "prospect",
        "label_en": "Prospect",
        "label_zh": "潜在客户",
    }
    assert (body["type_zh"], body["type_en"]) == ("多行文本", "Multi-Line Text")
    assert (body["max_length"], body["required_by"]) == (2000, ["text"])
    assert "潜在客户/Prospect=prospect" in both.run("doctor").out


def test_a_tenant_without_our_key_is_told_to_make_it_first(
    both: Rig, tenant: FxiaokeSandbox
) -> None:
    tenant.admin("drop_field", object="AccountObj", field="ext_key__c")
    code, checks, (key,) = doctor(both)
    assert code == 3
    assert checks["fxiaoke customer key"][0] == "fail"
    assert (key["name"], key["unique"], key["required_by"]) == (
        "ext_key__c",
        True,
        ["external_key"],
    )
