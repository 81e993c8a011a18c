"""The command `crm-connector`: parse, call one method of `Connector`, print.

Nothing but the version is known here, so that `--version` imports no library; `--help` pays for
click alone, and each verb for what it needs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from connector.version import __version__


def main() -> None:
    """The entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Carry out one command line and return its exit code; nothing is raised."""
    if list(argv) == ["--version"]:
        print(f"crm-connector {__version__}")
        return 0
    from connector.commands.boundary import carry_out

    return carry_out(argv)
