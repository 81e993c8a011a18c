"""The named lenses. Each builder checks its options and compiles the two directions once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from connector.mapping import choices, numbers, phones, texts, times
from connector.mapping.lens import Lens, OptionError, Options, Refusal, Where, as_text
from connector.records import Value

BUILDERS: Final[Mapping[str, Callable[[Options, Where], Lens]]] = {
    "text": texts.text,
    "email": texts.email,
    "phone": phones.phone,
    "date": times.date,
    "datetime": times.datetime,
    "integer": numbers.integer,
    "decimal": numbers.decimal,
    "flag": choices.flag,
    "choice": choices.choice,
    "tags": texts.tags,
    "reference": texts.reference,
    "constant": texts.constant,
}

FITTING: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"text", "choice", "phone", "email"}),
    "email": frozenset({"email", "text"}),
    "phone": frozenset({"phone", "text"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"datetime"}),
    "integer": frozenset({"integer"}),
    "decimal": frozenset({"decimal"}),
    "flag": frozenset({"flag", "choice"}),
    "choice": frozenset({"choice", "flag", "text"}),
    "tags": frozenset({"tags"}),
    "reference": frozenset({"reference"}),
    "consent": frozenset({"choice", "flag", "text"}),
}
"""Canonical type to the lenses that make values of it."""

_TABLES = frozenset({"choice", "flag", "constant"})


@dataclass(frozen=True, slots=True)
class LensSpec:
    """A lens as a mapping file names it."""

    name: str
    options: Options


def build(spec: LensSpec, where: Where) -> Lens:
    """Compile a lens for one place. Raises: OptionError.

    Every lens without a table of its own takes `none: VALUE`, the own value that means "empty".
    """
    builder = BUILDERS[spec.name]
    if spec.name in _TABLES or "none" not in spec.options:
        return builder(spec.options, where)
    options = {key: option for key, option in spec.options.items() if key != "none"}
    none = spec.options["none"]
    if none is None or isinstance(none, dict | list):
        raise OptionError("`none` needs the own value that means empty, such as `none: 0`")
    return _with_none(builder(options, where), none)


def _with_none(lens: Lens, none: Any) -> Lens:
    mark, read_on, write_on = as_text(none), lens.read, lens.write

    def read(own: Any) -> Value:
        return None if own is None or as_text(own) == mark else read_on(own)

    def write(value: Value) -> Any:
        own = write_on(value)
        if own is None:
            return none
        if as_text(own) == mark:
            raise Refusal("none", "the value is what means empty on this side")
        return own

    return replace(lens, read=read, write=write)
