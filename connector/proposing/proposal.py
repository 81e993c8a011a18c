"""A proposal for one kind, before it is written down."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from connector.proposing.found import Table
from connector.records import Kind, field_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a mapping; with `decide` it is written as a comment, for a person."""

    canonical: str
    column: str
    """The column of the row; for a sum the one that is added up."""
    lens: str
    remark: str
    decide: str = ""
    direction: str = "both"
    form: str = ""
    """What stands in place of `column: NAME`."""

    @property
    def rule(self) -> str:
        """The line as a mapping file has it."""
        own = self.form or f"column: {quoted(self.column)}"
        direction = f", direction: {self.direction}" if self.direction != "both" else ""
        return f"{self.canonical}: {{{own}, lens: {self.lens}{direction}}}"

    @property
    def writes(self) -> bool:
        """A new row gets the column from the mapping."""
        return not self.decide and self.direction != "push"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of `[local.KIND]`: its line, and a comment before it.

    With `decide` the line is a comment too, for a person, unless it `stands` until then.
    """

    line: str
    why: str = ""
    decide: str = ""
    stands: bool = False


@dataclass(slots=True)
class KindProposal:
    """One kind: its table, its mapping, and how its rows are to be taken."""

    kind: Kind
    table: Table
    others: tuple[str, ...] = ()
    """Tables that might be meant as well."""
    inner: bool = False
    """It lives in the customers' rows."""
    lines: list[Line] = field(default_factory=list)
    hints: dict[str, str] = field(default_factory=dict)
    """What the mapping leaves open, by column or field: sentences without their end."""
    unmapped: list[str] = field(default_factory=list)
    secrets: int = 0
    settings: list[Setting] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """The settings can say where its records are."""
        if self.inner:
            return any(one.line.startswith("exists") and not one.decide for one in self.settings)
        return bool(self.table.keys)

    @property
    def mapped(self) -> dict[str, Line]:
        """The lines that are decided, by field."""
        return {line.canonical: line for line in self.lines if not line.decide}

    def class_of(self, line: Line) -> str:
        """The privacy class of a line's field."""
        known = field_of(self.kind, line.canonical)
        return known.privacy if known is not None else ""


def quoted(name: str) -> str:
    """A name as YAML reads it back.

    >>> quoted("mobile"), quoted("手机"), quoted("no"), quoted("a b")
    ('mobile', '手机', '"no"', '"a b"')
    """
    plain = re.fullmatch(r"[^\W\d]\w*", name) and name.casefold() not in _YAML_WORDS
    return name if plain else json.dumps(name, ensure_ascii=False)


_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def toml_text(name: str) -> str:
    """A name as TOML reads it back."""
    return json.dumps(name, ensure_ascii=False)


def percent(share: float) -> str:
    """A share in words.

    >>> percent(0.875)
    '88 %'
    """
    return f"{share:.0%}".replace("%", " %")
