"""What the stories of all example hosts have in common; runs in the host's own process."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from connector_zoho import plugin
from connector_zoho.sandbox.handle import ZohoSandbox
from pydantic import SecretStr

OWN_NAMES = ("plugins", "mappings", "cli")
SECRETS = ("client_id", "client_secret", "refresh_token")


def connection(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A sandbox's `[connections.zoho]` table with the secrets as a host's vault may give them."""
    table = {key: value for key, value in settings.items() if key != "plugin"}
    return {
        **table,
        **{key: SecretStr(table[key]) for key in SECRETS},
        "timeout_s": 4,
        "call_life_s": 6,
    }


def sandbox() -> ZohoSandbox:
    return plugin.start_sandbox()


def live(box: ZohoSandbox, field: str = "Last_Name") -> Mapping[str, dict[str, Any]]:
    """The CRM's people, by one of their fields."""
    return {record[field]: record for record in box.records("Contacts")}


def until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for what a thread does. Fails if it never does it."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


class Calls:
    """The threads that open lines to the network from now on."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            self.threads.append(threading.current_thread().name)


def ways() -> dict[str, Any]:
    """What a library must leave alone in its host's process."""
    root = logging.getLogger()
    ours = [logging.getLogger(name) for name in ("connector", "connector_zoho")]
    return {
        "handlers": [list(root.handlers), *(list(one.handlers) for one in ours)],
        "level": [root.level, *(one.level for one in ours)],
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook),
        "path": list(sys.path),
    }


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def check_private(folder: Path) -> None:
    """Nobody else on the machine reads the state and the keys, whatever the host's umask is."""
    for file in ("state.db", "keys.db", "keyring.json", "kek.bin"):
        assert (folder / file).stat().st_mode & 0o077 == 0, file


def check_own_names(folder: Path) -> None:
    """The host's packages are the host's, whatever folders the connector's checkout has."""
    for name in OWN_NAMES:
        module = import_module(name)
        assert module.__file__ is not None
        assert Path(module.__file__).resolve().is_relative_to(folder.resolve()), module.__file__
        assert module.NAME.startswith(name)


def main(stories: Mapping[str, Any]) -> None:
    """Play the story that the command line names."""
    name, folder = sys.argv[1:]
    stories[name](Path(folder))
