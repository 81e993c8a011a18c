"""The command `crm-connector`: parse, call one method of `Connector`, print.

Nothing but the version is known here, so that `--version` imports no library; `--help` pays for
click alone, and each verb for what it needs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from connector.version import __version__

if TYPE_CHECKING:
    from connector.app import Connector
    from connector.plugin import Clock


def main() -> None:
    """The entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str], *, opened: Callable[[Clock], Connector] | None = None) -> int:
    """Carry out one command line and return its exit code; nothing is raised.

    `opened`: how a host opens its connector, in place of a settings file; see `docs/embedding.md`.
    """
    if list(argv) == ["--version"]:
        print(f"crm-connector {__version__}")
        return 0
    from connector.commands.boundary import carry_out

    return carry_out(argv, opened)
