"""Clients that nobody here wrote speak to the Zoho sandbox: `pytest -m peers`.

They are those of `make bench-peers`: the vendor's own SDK and dlt's REST source.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from connector_zoho import plugin
from connector_zoho.sandbox.handle import ZohoSandbox

from tools.bench_peers import SDK_TYPES, peer
from tools.bench_world import contact

pytestmark = pytest.mark.peers
PEOPLE = [contact(n, random.Random(7)) for n in range(230)]


@pytest.fixture
def sandbox() -> Iterator[ZohoSandbox]:
    with plugin.start_sandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", ["sdk", "dlt_rest"])
def test_all_records_are_read_page_by_page(sandbox: ZohoSandbox, name: str) -> None:
    sandbox.seed("Contacts", PEOPLE)
    assert peer(name, "read", sandbox)["rows"] == 230


def test_the_vendors_own_sdk_makes_records_and_finds_them_again(sandbox: ZohoSandbox) -> None:
    for _ in range(2):
        assert peer("sdk", "upsert", sandbox, records=PEOPLE, **SDK_TYPES)["rows"] == 230
    assert sorted(row["Email"] for row in sandbox.records("Contacts")) == sorted(
        one["Email"] for one in PEOPLE
    )
