"""What each plugin can do, by the settings of `docs/connector.toml`, and what more it offers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from connector import bulk, plugin, registry, settings
from connector.plugin import Capabilities, Remote
from connector.testing.host import MemoryHost
from tools.reference.source import attributes
from tools.reference.table import code, one_line, table

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "docs" / "connector.toml"


def page() -> str:
    parts = [
        "# Plugins\n\n"
        "What an account can do as far as its settings say it, with those of `docs/connector.toml`. `crm-connector doctor` prints what\n"
        "*your* account can do. The pages of the vendors: [Zoho](../../plugins/zoho/README.md),\n"
        "[Fxiaoke](../../plugins/fxiaoke/README.md).\n"
    ]
    with ExitStack() as stack:
        remotes = stack.enter_context(opened())
        says = attributes(plugin)["Capabilities"]
        rows = [
            [
                code(one.name),
                *(_shown(getattr(r.capabilities, one.name)) for r in remotes.values()),
                one_line(says.get(one.name, "")),
            ]
            for one in fields(Capabilities)
        ]
        parts.append("## Capabilities\n\n" + table(["capability", *remotes, "means"], rows))
        rows = [
            [
                code(name),
                *(
                    "yes" if _offers(protocol, registry.load(p), r) else "no"
                    for p, r in remotes.items()
                ),
                one_line((protocol.__doc__ or "").split("\n\n")[0]),
            ]
            for name, protocol in protocols().items()
        ]
        parts.append("## What more they offer\n\n" + table(["Protocol", *remotes, "is"], rows))
    return "\n".join(parts)


def protocols() -> Mapping[str, Any]:
    """The optional abilities that the core asks for by `isinstance`, by name."""
    return {
        name: one
        for module in (plugin, bulk)
        for name, one in vars(module).items()
        if getattr(one, "_is_runtime_protocol", False)
    }


@contextmanager
def opened() -> Iterator[Mapping[str, Remote]]:
    """An account of each plugin of this repository; nothing is sent."""
    text = EXAMPLE.read_text(encoding="utf-8")
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(re.findall(r'"env:(\w+)"', text), "sample"))
    try:
        loaded = settings.load(EXAMPLE)
        found = {}
        for name, one in loaded.connections.items():
            vendor = registry.load(one.plugin)
            own = settings.plugin_settings(loaded, name, vendor.settings)
            found[one.plugin] = vendor.open(own, {}, MemoryHost())
    finally:
        os.environ.clear()
        os.environ.update(before)
    try:
        yield dict(sorted(found.items()))
    finally:
        for remote in found.values():
            remote.close()


def _offers(protocol: Any, vendor: Any, remote: Remote) -> bool:
    return isinstance(vendor, protocol) or isinstance(remote, protocol)


def _shown(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "nobody knows"
        case timedelta():
            return f"{value.total_seconds():g} s"
        case Mapping():
            return ", ".join(f"{op} {count}" for op, count in value.items())
        case _:
            return str(value)
