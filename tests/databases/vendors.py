"""Both vendors' sandboxes, in place of accounts."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from connector import registry
from connector.demo.scene import QUICK, references, toml_table
from connector.plugin import Sandboxed, SandboxHandle

VENDORS = ("zoho", "fxiaoke")
RATE = "2000/20s"


def connected(stack: ExitStack, name: str, folder: Path, **more: Any) -> tuple[SandboxHandle, str]:
    """Start a sandbox: it, and the settings' table for it; secrets go into files of the folder."""
    plugin = registry.load(name)
    assert isinstance(plugin, Sandboxed)
    box = plugin.start_sandbox(rate=RATE)
    stack.callback(box.close)

    def keep(key: str, value: str) -> str:
        file = folder / f"{name}.{key}"
        file.write_text(value, encoding="utf-8")
        file.chmod(0o600)
        return f"file:{file.name}"

    known = plugin.settings.model_fields
    quick = {k: v for k, v in {**QUICK, "rate": RATE}.items() if k in known}
    table = {**references(plugin.settings, box.settings, keep), **quick, **more}
    return box, toml_table(f"connections.{name}", table)
