"""Contacts of known times, and short ways of reading them, by queries and by lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from connector_zoho.remote import ZohoRemote

from connector.plugin import Ref
from tests.unit.rig import all_seen, refs
from tests.unit.zoho_rig import C, Rig

OLD = datetime(2026, 1, 31, 2, 0, tzinfo=UTC)
BOTH = pytest.mark.parametrize("coql", [True, False], ids=["queries", "lists"])


def at(seconds: int) -> str:
    """A moment in the form in which the vendor shows it."""
    zone = timedelta(hours=8)
    return (OLD + zone + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S+08:00")


def seed(rig: Rig, seconds: list[int]) -> list[Ref]:
    rows = [{"Last_Name": f"N{n}", "Modified_Time": at(s)} for n, s in enumerate(seconds)]
    return rig.sandbox.seed("Contacts", rows)


def changed(remote: ZohoRemote, since: datetime | None = OLD) -> list[str]:
    return refs(all_seen(remote.changes(C, since, None)))


def small(rig: Rig, coql: Any, **more: Any) -> ZohoRemote:
    """A remote whose pages are small, on a vendor whose first answers are as small."""
    rig.sandbox.limits(coql_rows=3)
    return rig.open(coql=coql, list_page=3, query_page=3, **more)
