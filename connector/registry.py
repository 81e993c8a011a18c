"""Finding installed plugins by their entry points. `names` imports nothing."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from connector.errors import UnknownPluginError
from connector.plugin import Plugin

GROUP = "crm_connector.plugins"


def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> list[str]:
    """Names of the installed plugins."""
    return sorted(_points())


def load(name: str) -> Plugin[Any]:
    """Import one plugin. Raises: UnknownPluginError naming those there are."""
    point = _points().get(name)
    if point is None:
        raise UnknownPluginError(
            f"No plugin {name!r} is installed.", hint=f"There are: {', '.join(names())}."
        )
    plugin: Plugin[Any] = point.load()
    return plugin
