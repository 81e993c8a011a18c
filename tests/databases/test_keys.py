"""People's keys on a real PostgreSQL."""

from __future__ import annotations

import threading
from pathlib import Path

from connector.privacy.ring import create_ring
from connector.privacy.vault import open_vault
from connector.testing.clock import ManualClock
from tests.servers import database


def test_new_keys_may_be_opened_by_many_workers_at_once(tmp_path: Path) -> None:
    clock = ManualClock()
    create_ring(tmp_path / "ring.json", "file:kek.bin", "t", clock.now())
    opened: list[bool] = []

    def begin(url: str) -> None:
        vault = open_vault(
            ring_path=tmp_path / "ring.json",
            kek="file:kek.bin",
            subjects_url=url,
            tenant="t",
            clock_now=clock.now,
        )
        vault.close()
        opened.append(True)

    with database("postgresql") as url:
        racing = [threading.Thread(target=begin, args=(url,)) for _ in range(6)]
        for one in racing:
            one.start()
        for one in racing:
            one.join()
    assert len(opened) == 6
