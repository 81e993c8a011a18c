"""Each plugin's page names all that its sandbox can be told, and has the sections in one order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import connector_fxiaoke.sandbox.admin
import connector_fxiaoke.sandbox.app
import connector_fxiaoke.sandbox.config
import connector_fxiaoke.sandbox.faults
import connector_zoho.sandbox.admin
import connector_zoho.sandbox.config
import connector_zoho.sandbox.faults
import pytest
from connector_fxiaoke import facts as fxiaoke_facts
from connector_fxiaoke import plugin as fxiaoke
from connector_zoho import facts as zoho_facts
from connector_zoho import plugin as zoho

from connector.plugin import NamesFieldTypes
from connector.sandbox.admin import SHARED

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
CONSOLES: dict[str, NamesFieldTypes] = {"zoho": zoho, "fxiaoke": fxiaoke}
SANDBOXES = {"zoho": connector_zoho.sandbox, "fxiaoke": connector_fxiaoke.sandbox}


def page(vendor: str) -> str:
    return (PLUGINS / vendor / "README.md").read_text(encoding="utf-8")


def told(sandbox: ModuleType) -> Iterator[str]:
    """What a person may name to a sandbox."""
    yield from sandbox.config.SWITCHES
    yield from (one.name for one in fields(sandbox.config.Limits))
    yield from sandbox.faults.FAULTS
    yield from (*SHARED, *sandbox.admin.ACTIONS)


@pytest.mark.parametrize("vendor", list(SANDBOXES))
def test_whatever_a_sandbox_can_be_told_stands_on_its_page(vendor: str) -> None:
    named = set(re.findall(r"`([a-z_]+)`", page(vendor)))
    assert sorted(set(told(SANDBOXES[vendor])) - named) == []


def test_each_operation_that_a_fault_can_strike_stands_on_the_page() -> None:
    (listed,) = re.findall(r"(?s)^Operations: (.*?)\.$", page("fxiaoke"), re.M)
    names = {name.split()[0] for name in listed.replace("\n", " ").split(",")}
    assert names == {*connector_fxiaoke.sandbox.app.OPERATIONS, "unknown"}


def test_the_open_forms_are_those_of_the_switches() -> None:
    """The first form is in force: the page must not say otherwise."""
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| `(\w+)` \| [^|]+ \|$", page("fxiaoke"), re.M)
    shown = {
        name: re.findall(r"[\w-]+", re.sub(r"\([^)]*\)|`|data\.", "", forms))
        for forms, name in rows
    }
    assert {name: tuple(forms) for name, forms in shown.items()} == dict(
        connector_fxiaoke.sandbox.config.SWITCHES
    )


def test_the_pages_have_the_same_sections_in_the_same_order() -> None:
    first, second = (re.findall(r"(?m)^##+ (.+)$", page(vendor)) for vendor in SANDBOXES)
    common = [name for name in first if name in second]
    assert common == [name for name in second if name in first]
    needed = {"Setting up 开通步骤", "Login", "Tokens", "Hosts", "Values", "Error codes", "Sandbox"}
    assert needed <= set(common)


def test_the_settings_that_the_fxiaoke_page_names_are_there() -> None:
    rows = re.findall(r"^\| [^|]+ \| [^|]+ \| `\w+` \| ([^|]+) \|$", page("fxiaoke"), re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named
    assert named <= set(fxiaoke.settings.model_fields)
    example = re.findall(r"(?ms)^```toml\n\[connections\.fxiaoke\]\n(.*?)^```$", page("fxiaoke"))[0]
    keys = set(re.findall(r"(?m)^(\w+) =", example)) - {"plugin", "kinds"}
    assert keys <= set(fxiaoke.settings.model_fields)


def test_the_scopes_to_ask_for_are_those_that_we_need() -> None:
    assert ",".join(zoho_facts.SCOPES) in page("zoho")


@pytest.mark.parametrize("vendor", list(SANDBOXES))
def test_the_types_in_the_table_are_the_consoles(vendor: str) -> None:
    text = page(vendor).partition("## Login")[0]
    for word in ("text", "phone", "email", "date", "datetime", "choice", "tags", "flag"):
        for one in CONSOLES[vendor].field_types(word):
            assert one.zh in text
    assert f"{fxiaoke_facts.LONG_TEXT_LENGTH:,}" in text or vendor == "zoho"
