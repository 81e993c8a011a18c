"""The scene: a folder with a shop, and a sandbox for each plugin that ships one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from connector import registry
from connector.app import Connector, open_connector
from connector.demo.desk import Desk
from connector.demo.shop import LOCAL_SETTINGS, MAPPINGS, Shop
from connector.errors import UsageError
from connector.mapping.load import packaged
from connector.plugin import Clock, Sandboxed

QUICK: Mapping[str, Any] = {
    "timeout_s": 2.0,
    "call_life_s": 3.0,
    "feed_lag_s": 2.0,
    "find_lag_s": 0.5,
    "unique_key": True,
}
"""So that the fate of a lost answer is known soon; set where a plugin's settings have the names.
A sandbox on this machine has no lag worth waiting for, and refuses a second record with our key."""
RATE: Final = "2000/20s"
"""What each sandbox takes and each connection may use, unless the person says otherwise."""


@dataclass(slots=True)
class Scene:
    """What the story plays in."""

    folder: Path
    shop: Shop
    desks: list[Desk]
    connector: Connector


def sandboxed_plugins() -> list[str]:
    """Names of the installed plugins that ship a sandbox."""
    return [name for name in registry.names() if isinstance(registry.load(name), Sandboxed)]


def references(
    model: type[BaseModel], table: Mapping[str, Any], reference: Callable[[str, str], str]
) -> dict[str, Any]:
    """A sandbox's connection table with references in place of its secrets.

    `reference` is called with a secret's key and value and says what to write.
    """
    secret = {n for n, field in model.model_fields.items() if field.annotation is SecretStr}
    return {
        key: reference(key, str(value)) if key in secret else value for key, value in table.items()
    }


def toml_table(name: str, table: Mapping[str, Any]) -> str:
    """A table of plain values as TOML, whose texts, numbers and booleans are those of JSON.

    >>> print(toml_table("a.b", {"url": "http://x", "on": True}), end="")
    [a.b]
    url = "http://x"
    on = true
    """
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    return "\n".join([f"[{name}]", *lines, ""])


@contextmanager
def set_up(
    folder: Path, rng: Random, *, rate: str, clock: Clock | None, say: Callable[[str], None]
) -> Iterator[Scene]:
    """Build it all in an empty folder, install the noticing of changes, and clear up after."""
    names = sandboxed_plugins()
    if not names:
        raise UsageError(
            "No installed plugin ships a sandbox.",
            hint="Install one with the extra `sandbox`: pip install 'crm-connector[sandbox]'.",
        )
    (folder / "mappings" / "local").mkdir(parents=True)
    (folder / "secrets").mkdir(mode=0o700)
    for kind, text in MAPPINGS.items():
        (folder / "mappings" / "local" / f"{kind}.yaml").write_text(text, encoding="utf-8")
    shop = Shop(folder / "shop.db")
    shop.open_for_business(rng)
    with ExitStack() as stack:
        desks, tables = [], []
        for name in names:
            say(f"starting the sandbox of {name} …")
            desk, table = _start(folder, name, rate, stack)
            desks.append(desk)
            tables.append(table)
        file = folder / "connector.toml"
        file.write_text("\n".join(['tenant = "demo"\n', LOCAL_SETTINGS, *tables]), encoding="utf-8")
        connector = stack.enter_context(open_connector(file, clock=clock))
        connector.make_keys()
        connector.install_local()
        yield Scene(folder, shop, desks, connector)


def _start(folder: Path, name: str, rate: str, stack: ExitStack) -> tuple[Desk, str]:
    plugin = registry.load(name)
    assert isinstance(plugin, Sandboxed)
    handle = plugin.start_sandbox(rate=rate)
    stack.callback(handle.close)

    def keep(key: str, value: str) -> str:
        file = folder / "secrets" / f"{name}.{key}"
        file.touch(mode=0o600)
        file.write_text(value, encoding="utf-8")
        return f"file:secrets/{file.name}"

    known = plugin.settings.model_fields
    extra = {key: value for key, value in {**QUICK, "rate": rate}.items() if key in known}
    table = references(plugin.settings, handle.settings, keep)
    desk = Desk(name, handle, packaged(name))
    kinds = list(MAPPINGS)
    return desk, toml_table(f"connections.{name}", {**table, **extra, "kinds": kinds})
