"""The real command on real databases and real HTTP, while the world around it breaks.

The shop and the state are SQLite here; tests of other databases parametrise the same stories.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from connector_zoho.sandbox.handle import ZohoSandbox

from tests.system.disks import fill, grow, small_disk
from tests.system.installation import Installation
from tests.system.line import Cut, Line

ROWS = 150


@pytest.mark.parametrize("cut", list(Cut))
def test_a_line_to_the_vendor_that_is_cut_loses_and_doubles_nobody(
    cut: Cut, tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    with Line(sandbox.url, dict.fromkeys((2, 4, 5, 7, 8), cut)) as line:
        inst = Installation(tmp_path, sandbox, ROWS, url=line.url)
        inst.until_complete()
        assert line.cut[cut] == 5
    assert inst.complete()


def test_two_processes_that_race_for_one_scope_do_the_work_once(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    inst = Installation(tmp_path, sandbox, ROWS)
    racing = [inst.start("sync") for _ in range(4)]
    assert [one.wait(timeout=120) for one in racing] == [0] * 4
    assert inst.complete()
    assert sandbox.calls()["insert"] == -(-ROWS // 100), "no create was sent twice"


def test_a_full_disk_under_the_state_loses_and_doubles_nobody(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, "1m"):
        inst = Installation(tmp_path, sandbox, ROWS, state=disk)
        taken = fill(disk)
        code, said = told(inst)
        assert code != 0
        assert "Traceback" not in said and "@example.test" not in said
        taken.unlink()
        grow(disk, "64m")
        inst.until_complete()
        assert inst.complete()


def told(inst: Installation) -> tuple[int, str]:
    """The exit code of a sync, and all that it said."""
    process = inst.start("sync", output=subprocess.PIPE)
    out, err = process.communicate(timeout=120)
    return process.returncode, (out + err).decode()
