"""The settings: one TOML file, checked whole before anything is opened.

Relative paths and SQLite URLs count from the file's own folder, not from the working folder, so
that a scheduled job means the same as a person. Secrets are references (`env:NAME`, `file:path`).
A known setting that is not built yet is an error that says so; it is never ignored.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from connector.errors import SettingsError
from connector.records import Kind
from connector.settings.keys import KeysSettings, wrong_keys
from connector.settings.local import LocalSettings, wrong_local
from connector.settings.model import Table
from connector.spans import SPAN, span

ENV_FILE = "CRM_CONNECTOR_CONFIG"
DEFAULT_FILE = "connector.toml"


class StateSettings(Table):
    """`[state]`: where the engine remembers."""

    url: str = "sqlite:///state.db"
    lease_s: float = Field(default=90, ge=10)


class BackupSettings(Table):
    """`[backup]`: where backups are made, and how long they may be put back."""

    folder: str = "backups"
    keep_days: int = Field(default=90, ge=1)
    key_days: int = Field(default=7, ge=1, le=90)


class ConnectionSettings(BaseModel):
    """`[connections.NAME]`: the keys every plugin has; the rest is the plugin's own."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    plugin: str
    kinds: list[Kind]
    mappings: str | None = None
    sweep_h: float = Field(default=24, ge=0)
    """Hours between two listings of all ids; 0 = never."""
    compare_daily: int = Field(default=200, ge=0)
    """Linked records of each kind that are read whole each day and compared; 0 = none."""

    def own(self) -> dict[str, Any]:
        """The plugin's own keys, references not yet followed."""
        return dict(self.__pydantic_extra__ or {})


class SafetySettings(Table):
    """`[safety]`: the most that one run may remove or change in one scope."""

    max_delete: str = "5% or 5"
    max_change: str = "50% or 200"
    tombstone_days: int = Field(default=400, ge=30)
    """How long what was deleted is remembered, so that no late copy brings it back."""


class PrivacySettings(Table):
    """`[privacy]`: what the host decided about its people's data."""

    policy: str | None = None
    """The policy file; without one the classes of the canonical fields alone decide."""
    local_erasure: Literal["delete", "blank", "callback"] | None = None
    """What becomes of an erased person's rows in the shop; nobody is erased before that is said."""
    people_an_hour: int = Field(default=20, ge=1)
    """Of how many people the privacy officer is shown values in an hour; in a split ring only."""


class StatusSettings(Table):
    """`[status]`: from when on something waits for too long."""

    stale_after: str = "24h"
    """Without a success for so long a scope is stale."""
    letters_after: str = "7d"
    """Letters and conflicts that wait longer are told by `doctor`."""

    @property
    def stale(self) -> dt.timedelta:
        return span(self.stale_after) or dt.timedelta(0)

    @property
    def old(self) -> dt.timedelta:
        return span(self.letters_after) or dt.timedelta(0)


class Settings(Table):
    """The whole file."""

    tenant: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    state: StateSettings = StateSettings()
    keys: KeysSettings = KeysSettings()
    local: LocalSettings
    connections: dict[str, ConnectionSettings] = Field(default_factory=dict)
    safety: SafetySettings = SafetySettings()
    privacy: PrivacySettings = PrivacySettings()
    backup: BackupSettings = BackupSettings()
    status: StatusSettings = StatusSettings()
    folder: Path = Field(exclude=True)

    def path(self, text: str) -> Path:
        """A path of the file, counted from the file's folder."""
        return self.folder / text

    def url(self, text: str) -> str:
        """A database URL with an SQLite path counted from the file's folder."""
        if text.startswith("sqlite:///") and not text.startswith("sqlite:////"):
            name = text.removeprefix("sqlite:///")
            if name and name != ":memory:":
                return f"sqlite:///{(self.folder / name).resolve()}"
        return text


def load(path: str | os.PathLike[str] | None = None) -> Settings:
    """Read and check a settings file: the given one, that of the environment, or the default.

    Raises: SettingsError with all faults at once; it names keys, never values.
    """
    file = Path(path or os.environ.get(ENV_FILE) or DEFAULT_FILE)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"There is no settings file {file}.",
            hint=f"Run `crm-connector init`, or name one with --config or {ENV_FILE}.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = re.search(r"\(at line \d+, column \d+\)", str(error))
        raise SettingsError(
            f"{file} is not valid TOML {place.group() if place else ''}".rstrip() + "."
        ) from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read ({type(error).__name__}).") from None
    return parse(table, file.resolve().parent)


def parse(table: Mapping[str, Any], folder: Path) -> Settings:
    """Check a settings table, as `load` does. Raises: SettingsError."""
    try:
        settings = Settings.model_validate({**table, "folder": folder})
    except ValidationError as error:
        raise SettingsError("The settings are wrong:", faults=_sentences(error)) from None
    faults = [*_not_built(settings), *_wrong(settings)]
    if faults:
        raise SettingsError("The settings cannot be used:", faults=faults)
    return settings


_SENTENCES = {
    "extra_forbidden": "there is no such setting",
    "missing": "is missing",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "string_pattern_mismatch": "may hold only a-z, 0-9 and -, at most 40 of them",
}


_FORM = re.compile(r"float|int|str|bool|literal\[.*\]")
"""How pydantic names one of the forms that a setting may have; it is no part of the key."""


def _sentences(error: ValidationError) -> list[str]:
    """Each wrong setting with what it must be; where it may have several forms, with all."""
    found: dict[str, list[str]] = {}
    for fault in error.errors(include_input=False, include_url=False):
        parts = [str(part) for part in fault["loc"]]
        where = ".".join(part for part in parts if not _FORM.fullmatch(part))
        found.setdefault(where, []).append(_said(fault, where))
    return [f"{where} {', or '.join(said)}".lstrip() for where, said in found.items()]


def _said(fault: Any, where: str) -> str:
    if fault["type"] == "value_error":  # a validator's own sentence; most name their key first
        return str(fault["ctx"]["error"]).removeprefix(where).lstrip()
    allowed = (fault.get("ctx") or {}).get("expected")
    said = _SENTENCES.get(fault["type"])
    if said is None:
        said = f"must be one of {allowed}" if allowed else fault["msg"].lower()
    return said


def _not_built(settings: Settings) -> Iterator[str]:
    """Settings that are known and that this version does not carry out yet."""
    later = "is known but not built yet"
    for where, url in (
        ("state.url", settings.state.url),
        ("keys.subjects", settings.keys.subjects),
    ):
        if not url.startswith(("sqlite:", "postgresql")):
            backend = url.split(":")[0]
            yield f"{where}: {backend} {later}; use an sqlite:/// or postgresql:// URL"


def _wrong(settings: Settings) -> Iterator[str]:
    yield from wrong_keys(settings.keys)
    for name in ("stale_after", "letters_after"):
        if not span(getattr(settings.status, name)):
            yield f"status.{name} must be a span such as {SPAN}"
    yield from wrong_local(settings.local)
    for name, connection in settings.connections.items():
        if not re.fullmatch(r"[a-z0-9_-]{1,40}", name) or name == "local":
            yield f"connections.{name}: a connection is named with a-z, 0-9, - and _, not `local`"
        for kind in connection.kinds:
            if kind not in settings.local.kinds():
                yield f"connections.{name}.kinds has {kind}, but there is no [local.{kind}]"
    for key in ("max_delete", "max_change"):
        try:
            parse_limit(getattr(settings.safety, key))
        except SettingsError as error:
            yield f"safety.{key}: {error}"


def parse_limit(text: str) -> tuple[float, int]:
    """Read "5% or 5": a share and a number.

    >>> parse_limit("5% or 5")
    (5.0, 5)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*or\s*(\d+)\s*", text)
    if match is None:
        raise SettingsError('it is written like "5% or 5"')
    return float(match[1]), int(match[2])


# --- secrets --------------------------------------------------------------------------------------


def follow(settings: Settings, where: str, text: str) -> str:
    """Follow a reference (`env:NAME`, `file:path`). Raises: SettingsError naming key and reference.

    Text that is no reference comes back as it is.
    """
    scheme, _, rest = text.partition(":")
    if scheme == "env":
        value = os.environ.get(rest)
        if value is None:
            raise SettingsError(f"{where}: the environment has no {rest}.")
        return value
    if scheme == "file":
        try:
            return settings.path(rest).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(
                f"{where}: the file it names cannot be read ({type(error).__name__})."
            ) from None
    return text


def plugin_settings(settings: Settings, name: str, model: type[BaseModel]) -> BaseModel:
    """Check a connection's own keys against its plugin's model, references followed.

    Raises: SettingsError, also for a secret that stands in the file itself.
    """
    own = settings.connections[name].own()
    faults = []
    for key, value in own.items():
        field = model.model_fields.get(key)
        secret = field is not None and field.annotation is SecretStr
        if not isinstance(value, str):
            continue
        if secret and not value.startswith(("env:", "file:")):
            faults.append(f"connections.{name}.{key} is a secret: write env:NAME or file:PATH")
            continue
        try:
            own[key] = follow(settings, f"connections.{name}.{key}", value)
        except SettingsError as error:
            faults.append(str(error))
    if not faults:
        try:
            return model.model_validate(own)
        except ValidationError as error:
            faults = [f"connections.{name}.{sentence}" for sentence in _sentences(error)]
    raise SettingsError("The settings are wrong:", faults=faults)
