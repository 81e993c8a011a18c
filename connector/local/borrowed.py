"""The host's own engine as the way to its tables: used as it is, and left as it was.

Nothing is registered with the host's engine or its pool. What our statements need of a session
(its zone, strictness, how a transaction begins) is set where a transaction of ours begins and is
over when it ends; the engine is never disposed of.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy import exc

from connector.drivers import LOCK_S, keep_discreet
from connector.errors import SettingsError
from connector.local.opening import fixed, offset_of

_DRIVERS: Final = {
    "sqlite": ("pysqlite",),
    "postgresql": ("psycopg",),
    "mysql": ("pymysql",),
    "mariadb": ("pymysql",),
}
_BEFORE: Final = "crm_connector_before"
"""Where a MariaDB line keeps what its session was like before our transaction."""


def borrow(engine: sa.Engine, zone: str) -> sa.Engine:
    """The host's engine for transactions of ours, on lines of the host's pool.

    `zone` as in `open_local`. Raises: SettingsError if transactions of ours could not stand alone
    on it, or if it speaks through a driver that is not among those tested.
    """
    name, driver = engine.dialect.name, engine.dialect.driver
    if driver not in _DRIVERS.get(name, ()):
        known = ", ".join(sorted({f"{n}+{d}" for n, ds in _DRIVERS.items() for d in ds}))
        raise SettingsError(
            f"The engine handed in speaks {name}+{driver}, which this is not tested with.",
            hint=f"Hand in one of {known}; or give [local] url, and an engine is opened for it.",
        )
    if isinstance(engine.pool, sa.StaticPool | sa.SingletonThreadPool):
        raise SettingsError(
            "The engine handed in shares one line between its users"
            f" ({type(engine.pool).__name__}): our commit would be yours.",
            hint="Use a database file or server, with a pool of more lines.",
        )
    options: dict[str, Any] = {"zone": ZoneInfo(zone), "schema_translate_map": None}
    if name == "sqlite":
        lent = engine.execution_options(**options, began=_begin_sqlite)
    elif name == "postgresql":
        options["isolation_level"] = "READ COMMITTED"
        lent = engine.execution_options(**options, began=_begin_postgres)
    else:
        options["session_zone"] = fixed(ZoneInfo(zone))
        options["isolation_level"] = "READ COMMITTED"
        lent = engine.execution_options(**options, began=_begin_mariadb)
        sa_event.listen(lent, "commit", _restore_mariadb)
        sa_event.listen(lent, "rollback", _restore_mariadb_after_all)
    keep_discreet(lent)
    return lent


def began(connection: sa.Connection) -> None:
    """What comes first in each of our transactions. On an engine of our own that is nothing.

    No listener does this: the host's own, which may begin transactions too, would come after it.
    """
    begin = connection.get_execution_options().get("began")
    if begin is not None:
        begin(connection)


def _begin_sqlite(connection: sa.Connection) -> None:
    """Begin as a writer where we write, whatever the host's way to begin is."""
    if connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]  # sqlite3's
        connection.exec_driver_sql("ROLLBACK")  # the host's listener or driver began it
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _begin_postgres(connection: sa.Connection) -> None:
    zone = str(connection.get_execution_options()["zone"])
    connection.exec_driver_sql("SELECT set_config('TimeZone', %s, true)", (zone,))
    connection.exec_driver_sql("SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_S}s",))


def _begin_mariadb(connection: sa.Connection) -> None:
    held = connection.exec_driver_sql(
        "SELECT @@session.time_zone, @@session.sql_mode, @@session.lock_wait_timeout,"
        " @@session.innodb_lock_wait_timeout, @@session.character_set_client"
    ).one()
    *before, charset = held
    if charset != "utf8mb4":
        raise SettingsError(
            f"The engine handed in speaks {charset}, which has no place for every name.",
            hint="Add ?charset=utf8mb4 to its URL.",
        )
    connection.info[_BEFORE] = tuple(before)
    zone = connection.get_execution_options()["session_zone"]
    connection.exec_driver_sql(
        "SET SESSION time_zone = %s, lock_wait_timeout = %s, innodb_lock_wait_timeout = %s",
        (offset_of(zone), LOCK_S, LOCK_S),
    )
    connection.exec_driver_sql(
        "SET SESSION sql_mode = CONCAT_WS(',', @@sql_mode, 'STRICT_ALL_TABLES')"
    )


_RESTORE_MARIADB = (
    "SET SESSION time_zone = %s, sql_mode = %s, lock_wait_timeout = %s,"
    " innodb_lock_wait_timeout = %s"
)


def _restore_mariadb(connection: sa.Connection) -> None:
    held = connection.info.pop(_BEFORE, None)
    if held is None:
        return
    try:
        connection.exec_driver_sql(_RESTORE_MARIADB, held)
    except exc.DBAPIError:
        connection.invalidate()  # nobody else is to get this line
        raise


def _restore_mariadb_after_all(connection: sa.Connection) -> None:
    with suppress(exc.DBAPIError):  # the line broke, which is why we are here
        _restore_mariadb(connection)
