"""Checks of what is on this machine: the program, the keys, the state, the shop's database."""

from __future__ import annotations

import platform
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import connector as package
from connector import registry
from connector.app import Connector
from connector.doctor.check import Check, failed
from connector.errors import ConnectorError, SealError, SettingsError, StoreError
from connector.local.contract import Local
from connector.local.files import FileLocal
from connector.local.shapes import KEY
from connector.local.sql import SqlLocal
from connector.policy.load import ended
from connector.store.tables import SCHEMA_VERSION
from connector.version import __version__

LIBRARIES = ("SQLAlchemy", "pydantic", "requests", "cryptography", "phonenumbers")


def program() -> Check:
    """Where the program is, and the versions it runs on."""
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


def plugins(wanted: Sequence[str] | set[str]) -> Iterator[Check]:
    """Which plugins there are, and whether they can be imported."""
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


def keys(connector: Connector) -> Iterator[Check]:
    """Whether the ring opens, and lies apart from what it seals."""
    settings = connector.settings
    ring = settings.path(settings.keys.path)
    try:
        assert connector.vault is not None
    except (SealError, SettingsError) as error:
        yield failed("key ring", error)
        return
    # Opening it proved that nobody else can read the ring and what it is wrapped with.
    yield Check("key ring", "ok", f"{ring} opens, and only its owner can read it.")
    url = settings.url(settings.keys.subjects)
    yield from _private("keys database", _file_of(url))
    if url == settings.url(settings.state.url):
        fix = "Give [keys] subjects a database of its own, and its own backup."
        yield Check("keys database", "fail", "People's keys lie beside what they seal.", fix, 3)


def state(connector: Connector) -> Iterator[Check]:
    """Whether the state opens, is sound and is private."""
    settings = connector.settings
    try:
        store = connector.store
    except StoreError as error:
        fix = "Mend [state] url, or restore it from a backup."
        yield Check("state", "fail", error.sentence, fix, 3)
        return
    except ConnectorError as error:
        yield failed("state", error)
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
    schema = f"schema {store.meta('schema')} of {SCHEMA_VERSION}"
    yield Check("state", "ok", f"It opens and is sound; {schema}, store {store.store_id}.")
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


def policy(connector: Connector) -> Iterator[Check]:
    """The privacy policy: whether it can be used with these settings, and what of it has ended."""
    if connector.settings.privacy.policy is None:
        return
    try:
        found = connector.policy()
    except ConnectorError as error:
        yield failed("privacy policy", error)
        return
    assert found is not None
    past = ended(found, connector.now().date())
    if past:
        yield Check("privacy policy", "warn", "Its day has passed: " + " ".join(past))
        return
    rules = len(found.document.rules)
    yield Check("privacy policy", "ok", f"{found.path}: {rules} rules, hash {found.digest}.")


def local(connector: Connector) -> Iterator[Check]:
    """Whether the shop's tables are as the settings and mappings say."""
    if not connector.reaches_local:
        said = "The host's own program hands the shop's side in; it is not looked at from here."
        yield Check("local database", "ok", said)
        return
    try:
        local = connector.local
    except ConnectorError as error:
        yield failed("local database", error)
        return
    if not local.kinds():
        fix = "Add a [local.customer] table."
        yield Check("local database", "warn", "The settings map no table of it.", fix)
        return
    if isinstance(local, FileLocal):
        yield from _files(connector, local)
        return
    yield from _tables(connector, local) if isinstance(local, SqlLocal) else _own(connector, local)
    try:
        yield _capture(connector)
        for kind in local.kinds():
            if unseen := local.unseen(kind):
                said = f"The {local.capture(kind)} does not see {', or '.join(unseen)};"
                said += " once a day all rows are looked at, which finds it."
                yield Check(f"local {kind} capture", "ok", said)
    except ConnectorError as error:
        yield failed("local capture", error)


def _tables(connector: Connector, local: SqlLocal) -> Iterator[Check]:
    for kind, spec in local.specs().items():
        name = f"local {kind}"
        try:
            mapping = connector.local_mapping(kind)
        except SettingsError as error:
            yield failed(name, error)
            continue
        there = set(local.column_names(kind))
        asked = [n for rule in mapping.rules for n in (rule.own, rule.time) if n is not None]
        lacking = sorted(set(asked) - there - set(spec.derived) - {KEY})
        if lacking:
            yield Check(
                name,
                "fail",
                f"The mapping names columns that table {spec.table} lacks: {', '.join(lacking)}.",
                f"Correct {mapping.path.name}; the table has {', '.join(sorted(there))}.",
                3,
            )
            continue
        mapped = len({rule.canonical for rule in mapping.rules if rule.own != KEY})
        where = "In the rows of table" if spec.inner is not None else "Table"
        said = f"{where} {spec.table}, key {', '.join(spec.keys)}, {mapped} columns mapped."
        yield Check(name, "ok", said)


def _own(connector: Connector, local: Local) -> Iterator[Check]:
    """A side that the host wrote."""
    for kind in connector.settings.local.kinds():
        name = f"local {kind}"
        try:
            mapping = connector.local_mapping(kind)
            local.observe(
                kind, [n for r in mapping.rules for n in (r.own, r.time) if n is not None]
            )
        except ConnectorError as error:
            yield failed(name, error)
            continue
        mapped = len({rule.canonical for rule in mapping.rules})
        yield Check(name, "ok", f"The host's own side, {mapped} fields mapped.")


def _files(connector: Connector, local: FileLocal) -> Iterator[Check]:
    """Whether the files can be read and have what the mappings name."""
    for kind in local.kinds():
        name = f"local {kind}"
        try:
            mapping = connector.local_mapping(kind)
            columns = [n for rule in mapping.rules for n in (rule.own, rule.time) if n is not None]
            local.observe(kind, list(dict.fromkeys(columns)))
            bad = local.count_bad(kind)
        except ConnectorError as error:
            yield failed(name, error)
            continue
        said = f"File {local.path(kind).name}, {len(mapping.rules)} columns mapped"
        if bad:
            fix = "Run `crm-connector plan`: it names each with its line."
            yield Check(name, "warn", f"{said}; rows that cannot be used: {bad}.", fix)
        else:
            yield Check(name, "ok", f"{said}; every row can be read.")


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
