"""`[local]` of the settings: where the shop's rows are, and how each kind lies there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from connector.errors import SettingsError
from connector.records import Kind
from connector.settings.model import Table

KINDS_IN_ORDER = (Kind.CUSTOMER, Kind.MEMBERSHIP, Kind.FEEDBACK)
"""Parents before children."""


class ConditionSettings(Table):
    """A test on one column; exactly one of the four."""

    column: str
    """The column that is looked at."""
    equals: Any = None
    """True of rows whose column holds this."""
    in_: list[Any] | None = Field(default=None, alias="in")
    """True of rows whose column holds one of these."""
    not_in: list[Any] | None = None
    """True of rows whose column holds none of these."""
    is_null: bool | None = None
    """True of rows whose column is NULL; false: of those where it is not."""

    def test(self) -> tuple[str, Any]:
        given = self.model_fields_set - {"column", "absent"}
        if len(given) != 1:
            raise SettingsError("A condition takes exactly one of equals, in, not_in, is_null.")
        name = given.pop()
        value = getattr(self, name)
        if value == []:
            raise SettingsError("`in` and `not_in` name one value at least.")
        return name.rstrip("_"), value


class ExistsSettings(ConditionSettings):
    """When a row holds a record of a kind that lives in it, and what says that it holds none."""

    absent: Any = None
    """Of `exists` alone: what the column is set to when the record is removed; NULL if left out."""


class LocalKindSettings(Table):
    """`[local.KIND]`: how one kind lies in the host's database, or in a file."""

    table: str | None = None
    file: str | None = None
    encoding: Literal["utf-8", "gb18030"] = "utf-8"
    delimiter: str = ","
    """The sign between two cells of a CSV line."""
    missing: Literal["keep", "remove"] = "keep"
    """What becomes of the vendor's record of a row that is no longer in the file."""
    key: str | list[str] = "id"
    capture: Literal["journal", "column", "scan"] = "journal"
    modified: str | None = None
    deleted: ConditionSettings | None = None
    where: ConditionSettings | None = None
    mapping: str | None = None
    create: bool = True
    defaults: dict[str, Any] = Field(default_factory=dict)
    first_contact: Literal["local", "remote", "fill_blank", "manual"] = "manual"
    part_of: Kind | None = None
    exists: ExistsSettings | None = None


class LocalSettings(Table):
    """`[local]`: the host's database, or files. Without either the host hands its side in."""

    url: str | None = None
    zone: str = "UTC"
    phone_region: str | None = None
    customer: LocalKindSettings | None = None
    membership: LocalKindSettings | None = None
    feedback: LocalKindSettings | None = None

    @property
    def in_files(self) -> bool:
        """Whether the rows are in files, and there is no database."""
        return any(one.file is not None for one in self.kinds().values())

    def kinds(self) -> Mapping[Kind, LocalKindSettings]:
        given = {kind: getattr(self, kind) for kind in KINDS_IN_ORDER}
        return {kind: one for kind, one in given.items() if one is not None}


def wrong_local(local: LocalSettings) -> Iterator[str]:
    """Faults between the lines of `[local]`, as sentences without values."""
    if local.in_files and local.url is not None:
        yield "local.url is of a database, and there is a `file`: the rows are in one or the other"
    for kind, one in local.kinds().items():
        if one.mapping is None:
            yield f"local.{kind}.mapping is missing"
        if local.in_files:
            yield from _wrong_file(kind, one)
        elif one.part_of is None:
            yield from _wrong_table(local, kind, one)
        else:
            yield from _wrong_inner(local, kind, one)
        if (one.capture == "column") != (one.modified is not None):
            yield f'local.{kind}.modified belongs to capture = "column", and to nothing else'
        for key in ("where", "deleted", "exists"):
            condition = getattr(one, key)
            if condition is not None:
                try:
                    condition.test()
                except SettingsError as error:
                    yield f"local.{kind}.{key}: {error}"


_OF_FILES = ("encoding", "delimiter", "missing")
_OF_TABLES = ("table", "capture", "modified", "create", "defaults", "part_of", "exists")


def _wrong_file(kind: Kind, one: LocalKindSettings) -> Iterator[str]:
    if one.file is None:
        yield f"local.{kind}.file is missing: the rows of the other kinds are in files"
        return
    for key in _OF_TABLES:
        if key in one.model_fields_set:
            yield f"local.{kind}.{key} is of a table; a file is only read, row by row"
    if isinstance(one.key, list) and not one.key:
        yield f"local.{kind}.key names no column"
    if len(one.delimiter) != 1 or not one.delimiter.isascii() or one.delimiter in '"\r\n\0':
        yield f"local.{kind}.delimiter must be one sign, such as ; or a tab"


def _wrong_table(local: LocalSettings, kind: Kind, one: LocalKindSettings) -> Iterator[str]:
    for key in _OF_FILES:
        if key in one.model_fields_set:
            yield f"local.{kind}.{key} stands with `file` only"
    if one.table is None and local.url is not None:
        yield f"local.{kind}.table is missing"
    if isinstance(one.key, list) and not one.key:
        yield f"local.{kind}.key names no column"
    if one.exists is not None:
        yield f"local.{kind}.exists stands with `part_of` only; write `where` or `deleted`"
    for other, another in local.kinds().items():
        if other is kind:
            break
        if another.table is not None and another.table == one.table:
            yield (
                f"local.{kind}.table is that of {other} too; a kind that lives in its rows is"
                f' `part_of = "{other}"`'
            )


def _wrong_inner(local: LocalSettings, kind: Kind, one: LocalKindSettings) -> Iterator[str]:
    """A kind in another kind's rows takes table, key, where and deleted from there."""
    outer = local.kinds().get(one.part_of) if one.part_of is not None else None
    if one.part_of is not Kind.CUSTOMER or kind is Kind.CUSTOMER:
        yield f'local.{kind}.part_of must be "customer", and a customer is part of nothing'
    elif outer is None:
        yield f"local.{kind}.part_of is {one.part_of}, but there is no [local.{one.part_of}]"
    if one.exists is None:
        yield f"local.{kind}.exists is missing: it says which rows hold a {kind}"
    for key in ("table", "key", "capture", "modified", "where", "deleted"):
        if key in one.model_fields_set:
            yield f"local.{kind}.{key} is that of the {one.part_of}'s rows; leave it out"
