"""Opening the host's database: what each of our lines to it is told first."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import event as sa_event

from connector.drivers import LOCK_S, MARIADB, POSTGRES, keep_discreet, open_server, server_url
from connector.errors import SettingsError
from connector.local.dialects import lenient


def open_local(url: str, zone: str = "UTC", lock_s: int = LOCK_S) -> sa.Engine:
    """An engine on the host's database. Nothing about that database is changed by opening it.

    `zone` is that of moments that name none, where they meet columns that know instants. `lock_s`:
    how many seconds a statement waits for somebody's lock.
    Raises: SettingsError if an SQLite file is not there: making an empty one would hide the fault.
    """
    parsed = server_url(url, "[local] url")
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return _open_postgres(parsed, zone, lock_s)
    if backend != "sqlite":
        return _open_mariadb(parsed, ZoneInfo(zone), lock_s)
    if parsed.database and parsed.database != ":memory:" and not Path(parsed.database).exists():
        raise SettingsError(f"[local] url: there is no database file {parsed.database}.")
    options = {"check_same_thread": False, "timeout": lock_s}
    engine = sa.create_engine(url, connect_args=options, execution_options={"zone": ZoneInfo(zone)})
    keep_discreet(engine)

    @sa_event.listens_for(engine, "connect")
    def connect(dbapi: Any, record: Any) -> None:
        dbapi.isolation_level = None  # transactions begin below, as writers where they write
        dbapi.text_factory = lenient

    @sa_event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _open_postgres(url: sa.URL, zone: str, lock_s: int) -> sa.Engine:
    options = {**POSTGRES, "client_encoding": "utf8"}
    engine = open_server(url, options).execution_options(zone=ZoneInfo(zone))

    @sa_event.listens_for(engine, "connect")
    def connect(dbapi: Any, record: Any) -> None:
        # Moments without a zone pass into columns with one, and back, by this zone.
        dbapi.execute("SELECT set_config('TimeZone', %s, false)", (zone,))
        dbapi.execute("SELECT set_config('lock_timeout', %s, false)", (f"{lock_s}s",))
        dbapi.commit()
        if dbapi.info.parameter_status("server_encoding") == "SQL_ASCII":
            _load_leniently(dbapi)

    return engine


def _load_leniently(dbapi: Any) -> None:
    """Such a database does not say what its bytes mean, and does not check them."""
    loader: Any = import_module("psycopg.adapt").Loader  # of an extra

    class Lenient(loader):  # type: ignore[misc]  # typed where the extra is
        def load(self, data: Any) -> str:
            return lenient(bytes(data))

    for type_ in ("text", "varchar", "bpchar", "name"):
        dbapi.adapters.register_loader(type_, Lenient)
    # Or the server looks for bytes that are no text, and refuses every row beside such a one.
    dbapi.execute("SET client_encoding TO 'SQL_ASCII'")
    dbapi.commit()


def fixed(zone: dt.tzinfo) -> dt.timezone:
    """A zone as the distance that it has now: a MariaDB server may not know zones by name."""
    return dt.timezone(dt.datetime.now(zone).utcoffset() or dt.timedelta())


def offset_of(zone: dt.tzinfo) -> str:
    """A zone of one fixed distance as MariaDB writes it.

    >>> offset_of(dt.timezone(-dt.timedelta(hours=3, minutes=30)))
    '-03:30'
    """
    offset = dt.datetime.now(zone).strftime("%z")
    return f"{offset[:3]}:{offset[3:]}"


def _open_mariadb(url: sa.URL, zone: dt.tzinfo, lock_s: int) -> sa.Engine:
    session = fixed(zone)  # instants pass by the same one
    engine = open_server(url, MARIADB).execution_options(zone=zone, session_zone=session)
    offset = offset_of(session)

    @sa_event.listens_for(engine, "connect")
    def connect(dbapi: Any, record: Any) -> None:
        with dbapi.cursor() as cursor:
            cursor.execute("SET SESSION time_zone = %s", (offset,))
            for wait in ("lock_wait_timeout", "innodb_lock_wait_timeout"):
                cursor.execute(f"SET SESSION {wait} = %s", (lock_s,))
            # Without it a server cuts what does not fit, and says nothing.
            cursor.execute("SET SESSION sql_mode = CONCAT_WS(',', @@sql_mode, 'STRICT_ALL_TABLES')")

    return engine
