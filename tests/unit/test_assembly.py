"""What a person wrote into the settings is what a run works with."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from connector.assembly import parts
from connector.plugin import Kind
from connector.settings import parse
from connector.sync.counts import Limits


def test_the_settings_of_a_run_arrive(tmp_path: Path) -> None:
    settings = parse(
        {
            "tenant": "shop",
            "state": {"lease_s": 30},
            "local": {
                "zone": "Asia/Shanghai",
                "phone_region": "CN",
                "customer": {
                    "table": "people",
                    "mapping": "l.yaml",
                    "create": False,
                    "first_contact": "local",
                },
            },
            "connections": {
                "one": {"plugin": "zoho", "kinds": ["customer"], "sweep_h": 3, "compare_daily": 7},
                "two": {"plugin": "zoho", "kinds": ["customer"], "sweep_h": 0},
            },
            "safety": {"max_delete": "1% or 2", "max_change": "3% or 4", "tombstone_days": 50},
        },
        tmp_path,
    )
    installation: Any = SimpleNamespace(
        settings=settings,
        clock=None,
        vault=None,
        remote=lambda name: None,
        kinds=lambda name: [Kind.CUSTOMER],
        vendor_mapping=lambda name, kind: None,
        local_mapping=lambda kind: None,
        people=lambda: None,
        policy=lambda: None,
    )
    store: Any = SimpleNamespace(new_id=lambda: "run")
    local: Any = SimpleNamespace(archives=lambda kind: True)
    _, setup, opened = parts(
        installation, store, local, None, None, (None, "5% or 6"), lambda *told: None
    )
    assert (setup.zone, setup.phone_region) == ("Asia/Shanghai", "CN")
    assert (setup.max_delete, setup.max_change) == (Limits(1, 2), Limits(5, 6))
    assert setup.tombstone_life == dt.timedelta(days=50)
    assert setup.order[Kind.CUSTOMER] == ("one", "two")
    assert [one.sweep_every for one in opened] == [dt.timedelta(hours=3), None]
    assert [one.compare_daily for one in opened] == [7, 200]
    kind = opened[0].kinds[Kind.CUSTOMER]
    assert (kind.create_local, kind.first_contact) == (False, "local")
