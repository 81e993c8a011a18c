"""Checks of an installation, from its settings to each vendor's rights. Vendors are only read.

Each check is a `Check`; `examine` yields them in the order in which one depends on another, and
leaves out what cannot be looked at.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

import connector as package
from connector import registry
from connector.app import Connector
from connector.errors import ConnectorError, SealError, SettingsError, worst
from connector.mapping.translate import Pair
from connector.plugin import Capabilities, Clock, Kind, Remote, Schema
from connector.settings import load
from connector.store import scopes
from connector.version import __version__

State = Literal["ok", "warn", "fail"]

LIBRARIES = ("SQLAlchemy", "pydantic", "requests", "cryptography", "phonenumbers")
MOST_SKEW_S = 60.0
"""A vendor's clock may differ from ours by so much before it is worth a word."""
NOBODY = "crm-connector-doctor-asks-for-nobody"
"""A key that no record has; asking for it proves that the login may search."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `fix` says what to do; `exit_code` counts when `state` is fail."""

    name: str
    state: State
    sentence: str
    fix: str = ""
    exit_code: int = 0


def exit_of(checks: Sequence[Check]) -> int:
    """The exit code of a doctor's visit: warnings are none, of failures the worst counts."""
    return worst(check.exit_code for check in checks if check.state == "fail")


def examine(config: str | os.PathLike[str] | None, clock: Clock) -> Iterator[Check]:
    """Look at everything. Raises nothing of ours; a bug of a plugin's passes through."""
    yield _program()
    try:
        settings = load(config)
    except SettingsError as error:
        yield _failed("settings", error)
        yield from _plugins(())
        return
    yield Check("settings", "ok", f"The settings in {settings.folder} can be used.")
    yield from _plugins({one.plugin for one in settings.connections.values()})
    with Connector(settings, clock) as connector:
        keys = list(_keys(connector))
        yield from keys
        state = list(_state(connector))
        yield from state
        if any(check.state == "fail" for check in state):
            return
        yield from _local(connector)
        if any(check.state == "fail" for check in keys):
            yield Check("connections", "warn", "Not looked at: they need the key ring.")
            return
        if not settings.connections:
            fix = "Add a [connections.NAME] table."
            yield Check("connections", "warn", "The settings name no connection.", fix)
        for name in settings.connections:
            yield from _connection(connector, name, clock)


def _failed(name: str, error: ConnectorError) -> Check:
    faults = error.faults if isinstance(error, SettingsError) else ()
    said = str(error.args[0]) if faults else error.sentence
    return Check(name, "fail", said, error.hint or "", error.exit_code)


# --- the program and its files ------------------------------------------------------------------


def _program() -> Check:
    found = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            fix = "Install crm-connector with its dependencies."
            return Check("program", "fail", f"The library {library} is missing.", fix, 3)
    place = Path(package.__file__ or "").parent
    return Check(
        "program",
        "ok",
        f"crm-connector {__version__} from {place}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, {', '.join(found)}.",
    )


def _plugins(wanted: Sequence[str] | set[str]) -> Iterator[Check]:
    names = registry.names()
    broken = []
    for name in names:
        try:
            registry.load(name)
        except ImportError as error:
            broken.append(name)
            missing = error.name or "one of its modules"
            yield Check(f"plugin {name}", "fail", f"It cannot be imported: {missing}.", "", 3)
    for name in sorted(set(wanted) - set(names)):
        fix = "Install the distribution that brings it."
        yield Check(f"plugin {name}", "fail", "A connection names it; it is not installed.", fix, 2)
    whole = [name for name in names if name not in broken]
    if whole:
        yield Check("plugins", "ok", f"Installed: {', '.join(whole)}.")
    else:
        yield Check("plugins", "warn", "No plugin is installed.", "Install one for your vendor.")


def _keys(connector: Connector) -> Iterator[Check]:
    settings = connector.settings
    ring = settings.path(settings.keys.path)
    try:
        assert connector.vault is not None
    except (SealError, SettingsError) as error:
        yield _failed("key ring", error)
        return
    # Opening it proved that nobody else can read the ring and what it is wrapped with.
    yield Check("key ring", "ok", f"{ring} opens, and only its owner can read it.")
    url = settings.url(settings.keys.subjects)
    yield from _private("keys database", _file_of(url))
    if url == settings.url(settings.state.url):
        fix = "Give [keys] subjects a database of its own, and its own backup."
        yield Check("keys database", "fail", "People's keys lie beside what they seal.", fix, 3)


def _state(connector: Connector) -> Iterator[Check]:
    settings = connector.settings
    try:
        store = connector.store
    except ConnectorError as error:
        yield _failed("state", error)
        return
    except SQLAlchemyError as error:
        said = f"The state database cannot be opened ({type(error).__name__})."
        yield Check("state", "fail", said, "Mend [state] url, or restore it from a backup.", 3)
        return
    if store.engine.dialect.name == "sqlite":
        with store.read() as tx:
            secure = tx.exec_driver_sql("PRAGMA secure_delete").scalar()
            sound = tx.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if sound != "ok":
            fix = "Restore it from a backup."
            yield Check("state", "fail", "The state database is damaged.", fix, 3)
            return
        if not secure:
            yield Check("state", "warn", "This SQLite keeps deleted bytes (secure_delete is off).")
    schema = store.meta("schema")
    yield Check("state", "ok", f"It opens and is sound; schema {schema}, store {store.store_id}.")
    yield from _private("state", _file_of(settings.url(settings.state.url)))


def _file_of(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:////") else None


def _private(name: str, file: Path | None) -> Iterator[Check]:
    if file is None or not file.exists():
        return
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        said = f"Other users of this machine can reach {file}."
        yield Check(name, "warn", said, f"Run: chmod 600 {file}")


# --- the shop's database ------------------------------------------------------------------------


def _local(connector: Connector) -> Iterator[Check]:
    try:
        local = connector.local
    except ConnectorError as error:
        yield _failed("local database", error)
        return
    if not local.kinds():
        fix = "Add a [local.customer] table."
        yield Check("local database", "warn", "The settings map no table of it.", fix)
        return
    for kind, one in connector.settings.local.kinds().items():
        name = f"local {kind}"
        try:
            mapping = connector.local_mapping(kind)
        except SettingsError as error:
            yield _failed(name, error)
            continue
        there = set(local.column_names(kind))
        asked = [n for rule in mapping.rules for n in (rule.own, rule.time) if n is not None]
        lacking = sorted(set(asked) - there)
        if lacking:
            yield Check(
                name,
                "fail",
                f"The mapping names columns that table {one.table} lacks: {', '.join(lacking)}.",
                f"Correct {mapping.path.name}; the table has {', '.join(sorted(there))}.",
                3,
            )
            continue
        said = f"Table {one.table}, key {one.key}, {len(mapping.rules)} columns mapped."
        yield Check(name, "ok", said)
    try:
        yield _capture(connector)
    except ConnectorError as error:
        yield _failed("local capture", error)


def _capture(connector: Connector) -> Check:
    name = "local capture"
    status = connector.local_status()
    bound, identity = connector.store.meta("local_id"), connector.local.identity()
    if bound is not None and identity is not None and bound != identity:
        said = "The state belongs to another local database than [local] url names."
        return Check(name, "fail", said, "Point [local] url back, or use another state.", 3)
    if not status.installed:
        if bound is not None:
            said = "The state knows a local database in which changes were noticed; not this one."
            fix = "Point [local] url back, or run `crm-connector local install` here again."
            return Check(name, "warn", said, fix)
        said = "Still to do: changes in the shop's database are not noticed yet."
        return Check(name, "warn", said, "Run `crm-connector local install`.")
    if status.missing:
        said = f"Triggers are missing on: {', '.join(status.missing)}."
        return Check(name, "fail", said, "Run `crm-connector local install`.", 3)
    waiting = sum(status.waiting.values())
    return Check(name, "ok", f"Changes are noticed; {waiting} wait to be read.")


# --- a connection -------------------------------------------------------------------------------


def _connection(connector: Connector, name: str, clock: Clock) -> Iterator[Check]:
    try:
        targets = connector.targets(name)
        remote = connector.remote(name)
        account = remote.account
        able = remote.capabilities
    except ConnectorError as error:
        yield _failed(f"{name} login", error)
        return
    yield Check(f"{name} login", "ok", f"Logged in to the account {account}.")
    yield from _same_account(connector, name, account, targets)
    yield Check(f"{name} abilities", "ok", _abilities(able))
    told_time = False
    for kind in targets:
        try:
            yield from _kind(connector, name, remote, kind, able)
            if not told_time:
                yield from _clock(name, remote, kind, clock)
                told_time = True
        except ConnectorError as error:
            yield _failed(f"{name} {kind}", error)


def _same_account(
    connector: Connector, name: str, account: str, kinds: Mapping[Kind, object]
) -> Iterator[Check]:
    with connector.store.read() as tx:
        known = [scopes.get(tx, name, kind) for kind in kinds]
    if any(one is not None and one.account not in (None, account) for one in known):
        said = "The state belongs to another account of the vendor than these credentials open."
        fix = "Use that account's credentials, or a state of its own."
        yield Check(f"{name} account", "fail", said, fix, 3)


def _abilities(able: Capabilities) -> str:
    batch = ", ".join(f"{op} {size}" for op, size in able.batch.items() if size)
    lag = "never proven" if able.find_lag is None else f"after {able.find_lag.total_seconds():g} s"
    return (
        f"In one call: {batch}. External key: {able.external_key}; absence: {lag};"
        f" removal: {able.removal}; changes show after {able.feed_lag.total_seconds():g} s."
    )


def _clock(name: str, remote: Remote, kind: Kind, clock: Clock) -> Iterator[Check]:
    pages = remote.listing(kind, None)
    page = next(iter(pages), None)
    if page is None:
        return
    skew = (page.read_at - clock.now()).total_seconds()
    said = f"Its clock differs from ours by {abs(skew):.0f} s."
    if abs(skew) > MOST_SKEW_S:
        fix = "Set this machine's clock by NTP; whose edit was last may depend on it."
        yield Check(f"{name} clock", "warn", said, fix)
    else:
        yield Check(f"{name} clock", "ok", said)


def _kind(
    connector: Connector, name: str, remote: Remote, kind: Kind, able: Capabilities
) -> Iterator[Check]:
    title = f"{name} {kind}"
    schema = remote.describe(kind)
    if not schema.can_read:
        said = f"The account may not read {schema.object}."
        yield Check(title, "fail", said, "Give its user the right to read it.", 3)
        return
    denied = [
        what
        for what, may in (
            ("create", schema.can_create),
            ("update", schema.can_update),
            ("remove", schema.can_remove),
        )
        if not may
    ]
    if denied:
        said = f"The account may read {schema.object}, but not {', '.join(denied)} its records."
        yield Check(title, "warn", said, "Give its user these rights, or expect letters.")
    else:
        said = f"{schema.object} may be read, created, updated and removed, as described."
        yield Check(title, "ok", said)
    yield from _mapping(connector, name, kind, schema)
    yield from _key(title, connector, name, remote, kind, schema, able)


def _mapping(connector: Connector, name: str, kind: Kind, schema: Schema) -> Iterator[Check]:
    title = f"{name} {kind} mapping"
    home = connector.settings.local
    try:
        pair = Pair(
            connector.local_mapping(kind),
            connector.vendor_mapping(name, kind),
            zone=home.zone,
            phone_region=home.phone_region,
            schema=schema,
        )
    except SettingsError as error:
        yield _failed(title, error)
        return
    wanted = {name for unit in pair.units for name in unit.fields}
    local = {rule.canonical for rule in pair.local.rules}
    idle = [fault for fault in pair.drift(schema) if fault.canonical in local]
    for fault in idle:
        fix = "Make the field there, or take the line out of the mapping."
        yield Check(title, "warn", f"{fault.canonical}: {fault.text}.", fix)
    filled = {rule.own for rule in pair.vendor.rules if _fills(rule.canonical, wanted)}
    for info in schema.fields.values():
        if info.required and info.writable and info.name not in filled:
            said = f"The vendor demands {info.name}, and nothing of the shop's fills it."
            fix = "Map a field to it, or fill it with a `constant.` line; else creates are letters."
            yield Check(title, "warn", said, fix)
    if not wanted:
        fix = "Map the same canonical fields in both files."
        yield Check(title, "fail", "The two mappings have no field in common.", fix, 3)
    elif not idle:
        yield Check(title, "ok", f"{len(wanted)} fields travel.")


def _fills(canonical: str, wanted: set[str]) -> bool:
    # A side with parts of a name and one with the whole meet in `names.full`.
    if canonical.startswith("names.") and any(name.startswith("names.") for name in wanted):
        return True
    return canonical in wanted or canonical.startswith("constant.")


def _key(
    title: str,
    connector: Connector,
    name: str,
    remote: Remote,
    kind: Kind,
    schema: Schema,
    able: Capabilities,
) -> Iterator[Check]:
    target = connector.targets(name)[kind]
    if target.key_field is None or able.external_key == "none":
        said = "Without an external key a lost answer can only be waited for."
        yield Check(f"{title} key", "warn", said, "Name a field as `external_key`.")
        return
    info = schema.fields.get(target.key_field)
    if info is None:
        said = f"{schema.object} has no field {target.key_field}, the external key."
        fix = f"Make {target.key_field} there: text, unique, external."
        yield Check(f"{title} key", "fail", said, fix, 3)
        return
    lacking = [w for w, has in (("unique", info.unique), ("writable", info.writable)) if not has]
    if lacking:
        said = f"{schema.object}.{target.key_field} is not {' and not '.join(lacking)}."
        state: State = "fail" if "writable" in lacking else "warn"
        yield Check(f"{title} key", state, said, "Set it so at the vendor.", 3)
        return
    for field in (target.key_field, *(f for f in target.match_fields if f in schema.fields)):
        remote.find(kind, field, [_probe(schema.fields[field].type)])
    found = [f for f in target.match_fields if f in schema.fields]
    said = f"{target.key_field} is unique, and records are found by it"
    yield Check(f"{title} key", "ok", said + (f", {', '.join(found)}." if found else "."))
    for field in (f for f in target.match_fields if f not in schema.fields):
        fix = "Take it out of `match`, or make the field."
        yield Check(f"{title} key", "warn", f"{schema.object} has no field {field}.", fix)


def _probe(type_: str) -> str:
    """A value of the field's type that nobody has."""
    return {"email": f"{NOBODY}@example.invalid", "phone": "+999000000000"}.get(type_, NOBODY)
