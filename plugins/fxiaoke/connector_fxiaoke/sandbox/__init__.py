"""A strict, stateful stand-in of Fxiaoke over real HTTP, held to the facts and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from connector.plugin import Target
from connector.records import Kind

if TYPE_CHECKING:
    from connector_fxiaoke.sandbox.handle import FxiaokeSandbox

__all__ = ["start_sandbox"]


def start_sandbox(
    port: int = 0,
    targets: Mapping[Kind, Target] | None = None,
    objects: Path | None = None,
    rate: str | None = None,
) -> FxiaokeSandbox:
    """Start it in a process of its own on loopback; port 0 picks a free one.

    `rate` ("N/SECONDSs") takes the place of the vendor's own limit on calls.
    `targets` changes nothing: the default organisation has what the packaged mappings need, and
    `objects` names a file with another organisation.
    """
    del targets
    # lazily: most uses of the plugin never start a sandbox
    from connector_fxiaoke.sandbox.handle import FxiaokeSandbox

    return FxiaokeSandbox(port, objects, rate=rate)
