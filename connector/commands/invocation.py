"""What holds for one command line: the settings file, the log, the way to stop."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from connector.errors import SettingsError, UsageError
from connector.log import JsonFormatter, Redactor, quiet_libraries

if TYPE_CHECKING:
    from connector.app import Connector
    from connector.commands.stopping import Stopping
    from connector.plugin import Clock, Kind
    from connector.settings import Settings


Opened: TypeAlias = "Callable[[Clock], Connector]"
"""How a host opens its connector on this clock."""


@dataclass(slots=True)
class Invocation:
    """click's `ctx.obj`. `as_json`: results and errors are one JSON document on stdout.

    `opened` takes the place of the settings file `config`.
    """

    stopping: Stopping
    config: str | None = None
    as_json: bool = False
    opened: Opened | None = None
    redactor: Redactor = field(default_factory=Redactor)

    def log_to_stderr(self, level: str) -> None:
        """One handler of ours on the root logger, in place of an earlier one of ours."""
        handler = _Handler(sys.stderr)
        handler.setFormatter(JsonFormatter())
        handler.addFilter(self.redactor)
        root = logging.getLogger()
        for old in [one for one in root.handlers if isinstance(one, _Handler)]:
            root.removeHandler(old)
        root.addHandler(handler)
        root.setLevel(level.upper())
        quiet_libraries()

    def open(self, clock: Clock) -> Connector:
        """The connector on the settings file, or the host's; its secrets never reach a log line."""
        # lazily: most of it is heavy
        from connector.app import open_connector

        if self.opened is not None:
            connector = self.opened(clock)
        else:
            connector = open_connector(self.config, clock=clock)
        self._register_all(connector.settings)
        return connector

    def _register_all(self, loaded: Settings) -> None:
        for name, connection in loaded.connections.items():
            for key, value in connection.own().items():
                if isinstance(value, str) and value.startswith(("env:", "file:")):
                    self._register(loaded, f"connections.{name}.{key}", value)

    def _register(self, loaded: Settings, where: str, reference: str) -> None:
        from connector.settings import follow

        with suppress(SettingsError):  # whoever needs the secret says that it is missing
            self.redactor.register(follow(loaded, where, reference))

    @contextmanager
    def connector(self) -> Iterator[Connector]:
        """The same, closed at the end."""
        from connector.commands.stopping import StoppableClock

        with self.open(StoppableClock(self.stopping)) as connector:
            yield connector


class _Handler(logging.StreamHandler[Any]):
    """The command's own handler, told from a host's by its class."""


def chosen_connections(connector: Connector, names: tuple[str, ...]) -> list[str] | None:
    """The connections that `--connection` names; None means all. Raises: UsageError."""
    known = list(connector.settings.connections)
    if any(name not in known for name in names):
        raise UsageError(
            "--connection: the settings have no such connection.",
            hint=f"There are: {', '.join(known) or 'none'}.",
        )
    return list(names) or None


def chosen_kinds(names: tuple[str, ...]) -> list[Kind] | None:
    """The kinds that `--kind` names; None means all."""
    from connector.plugin import Kind

    return [Kind(name) for name in names] or None


def limit(option: str, text: str | None) -> str | None:
    """Check an option that stands in for a `[safety]` limit. Raises: UsageError."""
    from connector.settings import parse_limit

    if text is not None:
        try:
            parse_limit(text)
        except SettingsError as error:
            raise UsageError(f"{option}: {error.sentence}.") from None
    return text
