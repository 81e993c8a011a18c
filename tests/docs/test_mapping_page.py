"""The files on the page for authors of mappings load, and every key on it is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.errors import MappingError
from connector.mapping import schema
from connector.mapping.load import load_local, load_vendor

PAGE = Path(__file__).resolve().parents[2] / "docs" / "writing-a-mapping.md"
TEXT = PAGE.read_text(encoding="utf-8")
LOCAL, VENDOR = re.findall(r"(?ms)^```yaml\n(.*?)^```$", TEXT)


def test_both_files_load_and_have_the_same_fields(tmp_path: Path) -> None:
    local, vendor = tmp_path / "local.yaml", tmp_path / "vendor.yaml"
    local.write_text(LOCAL, encoding="utf-8")
    vendor.write_text(VENDOR, encoding="utf-8")
    here = {rule.canonical for rule in load_local(local).rules}
    there = {rule.canonical for rule in load_vendor(vendor).rules}
    assert len(here & there) >= 6


def test_a_fault_in_the_page_would_be_noticed(tmp_path: Path) -> None:
    file = tmp_path / "local.yaml"
    file.write_text(LOCAL.replace("lens: email", "lens: mail"), encoding="utf-8")
    with pytest.raises(MappingError):
        load_local(file)


def test_the_tables_name_every_key() -> None:
    head, line = TEXT.split("| key of a line |")
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", head)) == schema.VENDOR_KEYS
    named = re.findall(r"(?m)^\| ((?:`\w+`(?:, )?)+) \|", line.split("\n## ")[0])
    keys = {key for cell in named for key in re.findall(r"`(\w+)`", cell)}
    assert keys == schema.RULE_KEYS
