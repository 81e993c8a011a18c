"""`kill -9` of the real command in the middle of its work, on real databases and real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from connector_zoho.sandbox.handle import ZohoSandbox

from tests.killing import kill_when
from tests.system.installation import Installation

ROWS = 1000
"""Customers in the shop, and as many others at the vendor: 2,000 records to write."""


def _rows_in_shop(inst: Installation, least: int) -> bool:
    return bool(inst.shop.execute("SELECT count(*) FROM buyers").fetchone()[0] >= least)


MOMENTS: dict[str, Callable[[Installation], bool]] = {
    "while the vendor's records are read": lambda i: i.box.calls().get("coql", 0) >= 1,
    "while creates are on their way": lambda i: i.box.calls().get("insert", 0) >= 4,
    "while rows are written into the shop": lambda i: _rows_in_shop(i, ROWS + 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_sync_of_2000_records_ends_complete_and_without_twins(
    moment: str, tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = Installation(tmp_path, sandbox, ROWS)
    sandbox.fault("slow", operation="insert", seconds=0.05, count=1000)
    process = inst.start("sync")
    kill_when(lambda: MOMENTS[moment](inst), process)
    inst.command("sync")
    assert inst.complete()
