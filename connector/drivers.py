"""The drivers of database servers: which one a URL means, and how a line to a server is opened."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from connector.errors import SettingsError

CONNECT_S, ANSWER_S = 10, 60
"""How long a server may take to let us in, and to answer; then the line counts as lost."""

POSTGRES: Mapping[str, Any] = {
    "connect_timeout": CONNECT_S,
    "tcp_user_timeout": ANSWER_S * 1000,
    "keepalives_idle": ANSWER_S // 2,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
LOCK_S = 30
"""How long a statement of ours waits for a lock of the host's: a table may be locked for minutes,
and a run that gives up goes on where it was."""
MARIADB: Mapping[str, Any] = {
    "connect_timeout": CONNECT_S,
    "read_timeout": ANSWER_S,
    "write_timeout": ANSWER_S,
    "charset": "utf8mb4",
}
"""What each driver is told of a line that has gone silent."""

_DRIVERS = {
    "postgresql": ("postgresql+psycopg", "psycopg", "postgres"),
    "mysql": ("mysql+pymysql", "pymysql", "mysql"),
    "mariadb": ("mariadb+pymysql", "pymysql", "mysql"),
}
"""By the start of a URL: SQLAlchemy's name, the driver's module, and our extra that brings it."""


def server_url(url: str, where: str) -> sa.URL:
    """A database URL with the driver that we use. `where` names the setting.

    Raises: SettingsError if it is no URL, another database's, or the driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        raise SettingsError(f"{where} is not a database URL.") from None
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite":
        return parsed
    if backend not in _DRIVERS:
        raise SettingsError(
            f"{where}: {backend} is not among the databases this works with.",
            hint="Name one as sqlite:///, postgresql://, mariadb:// or mysql://.",
        )
    name, module, extra = _DRIVERS[backend]
    if find_spec(module) is None:
        raise SettingsError(
            f"{where}: the driver for {backend} is not installed.",
            hint=f"Run: pip install 'crm-connector[{extra}]'",
        )
    return parsed.set(drivername=name)


class _Statements(logging.LoggerAdapter[logging.Logger]):
    """SQLAlchemy's log of one engine: statements where it is asked for them, and never a row."""

    def isEnabledFor(self, level: int) -> bool:
        return level > logging.DEBUG and super().isEnabledFor(level)


def keep_discreet(engine: sa.Engine) -> None:
    """Have this engine log no values: neither those of statements nor the rows that come back.

    A host may have SQLAlchemy log everything, and means its own.
    """
    engine.hide_parameters = True
    engine.logger = _Statements(engine.logger, None)  # type: ignore[arg-type, assignment]  # is asked for no more


def open_server(url: sa.URL, options: Mapping[str, Any]) -> sa.Engine:
    """An engine on a server; a line that broke while nobody used it is opened anew."""
    engine = sa.create_engine(
        url,
        connect_args=dict(options),
        # Locks no gaps: the host's own writers wait for none of our reads and deletes.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
    )
    keep_discreet(engine)
    return engine
