"""The plugin that `make third-vendor` puts into a copy keeps the contract here too."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.system.rig import environment
from tools.third_vendor import TOY


def test_the_toy_vendor_keeps_the_plugin_contract() -> None:
    told = environment()
    path = os.pathsep.join((str(TOY / "plugins" / "toy"), told["PYTHONPATH"]))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(TOY / "tests")],
        env={**told, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
