"""Which fields an account still lacks for a mapping, ready to hand to its administrator. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from connector.account import MissingField, Option
from connector.doctor.labels import CHOICES, KEY, Label, label_of, opt_out_label
from connector.mapping.choices import NO, STRICTNESS
from connector.mapping.lens import Lens, Where, as_text
from connector.mapping.lenses import build
from connector.mapping.names import NAMES
from connector.mapping.schema import Rule, VendorMapping
from connector.plugin import FieldType, Schema
from connector.records import Kind, field_of, may_leave

__all__ = ["MissingField", "Option", "missing_fields"]

EXTERNAL_KEY: Final = "external_key"
"""Stands in `required_by` for the mapping's own line of that name."""
_TEXTS: Final = frozenset({"text", "email", "phone"})


def missing_fields(
    connection: str,
    mapping: VendorMapping,
    local: Collection[str],
    schema: Schema,
    *,
    types: Callable[[str], Sequence[FieldType]] = lambda word: (),
    objects: Mapping[Kind, str],
) -> list[MissingField]:
    """The fields that a connection's `schema` lacks, our key first, then in the mapping's order.

    `local` are the canonical fields that the shop maps: nobody needs a field for another. `types`
    names the vendor's types (`NamesFieldTypes.field_types`), `objects` each kind's object.
    """
    found: dict[str, MissingField] = {}
    for one in _wanted(mapping, local, objects):
        if one.name in schema.fields:
            continue
        # A field may feed two canonical ones: it is made once, as the first needs it.
        first = found.get(one.name)
        found[one.name] = (
            _named(replace(one, connection=connection), types(one.type))
            if first is None
            else replace(first, required_by=(*first.required_by, *one.required_by))
        )
    return list(found.values())


def _named(one: MissingField, types: Sequence[FieldType]) -> MissingField:
    """With the console's type: the first that has room enough, else the roomiest."""
    roomy = [t for t in types if t.max_length is None or t.max_length >= (one.max_length or 0)]
    if not types:
        return one
    chosen = (roomy or types[-1:])[0]
    return replace(one, type_en=chosen.en, type_zh=chosen.zh, max_length=chosen.max_length)


def _wanted(
    mapping: VendorMapping, local: Collection[str], objects: Mapping[Kind, str]
) -> Iterator[MissingField]:
    if mapping.external_key is not None:
        yield _field(mapping, mapping.external_key, KEY, "text", EXTERNAL_KEY, unique=True)
    for rule in mapping.rules:
        if not _needed(mapping.kind, rule.canonical, local):
            continue
        lens = _lens(mapping.kind, rule)
        label, word = _label(mapping.kind, rule), _word(rule, lens)
        yield _field(
            mapping,
            rule.own,
            label,
            word,
            rule.canonical,
            options=_options(rule, lens) if word == "choice" else (),
            target=objects.get(Kind(rule.lens.options["kind"])) if word == "reference" else None,
        )
        if rule.time is not None:
            edited = Label(f"{label.en}: last edited", f"{label.zh}（最后修改时间）")
            yield _field(mapping, rule.time, edited, "datetime", rule.canonical)


def _field(
    mapping: VendorMapping, name: str, label: Label, word: str, needed_by: str, **more: Any
) -> MissingField:
    decimals = {"integer": 0, "decimal": label.decimals}
    return MissingField(
        object=mapping.object,
        name=name,
        label_en=label.en,
        label_zh=label.zh,
        type=word,
        max_length=label.length if word in _TEXTS else None,
        decimals=decimals.get(word),
        required_by=(needed_by,),
        **more,
    )


def _needed(kind: Kind, canonical: str, local: Collection[str]) -> bool:
    if canonical.startswith("constant."):
        return True
    if not may_leave(kind, canonical):
        return False
    # A side with parts of a name and one with the whole meet in `names.full`.
    return canonical in local or (canonical in NAMES and not NAMES.isdisjoint(local))


def _lens(kind: Kind, rule: Rule) -> Lens:
    known = field_of(kind, rule.canonical)
    assert known is not None, f"the loader let {rule.canonical} through"
    return build(rule.lens, Where("remote", dt.UTC, None, known, rule.type))


def _word(rule: Rule, lens: Lens) -> str:
    if rule.type is not None:
        return rule.type
    return rule.lens.name if rule.lens.name in lens.types else "text"


def _label(kind: Kind, rule: Rule) -> Label:
    says_no = rule.lens.name == "flag" and STRICTNESS.get(rule.lens.options.get(True)) == NO
    if says_no and rule.canonical.startswith("consent."):
        return opt_out_label(rule.canonical)
    return label_of(kind, rule.canonical)


def _options(rule: Rule, lens: Lens) -> tuple[Option, ...]:
    """The own values of the lens's table, with what people call their canonical values."""
    pairs = [(key, own) for key, own in rule.lens.options.items() if key != "else"]
    if rule.lens.name == "flag":  # the one table that is written own → canonical
        pairs = [(canonical, own) for own, canonical in pairs]
    said: dict[str, tuple[str, str]] = {}
    for canonical, own in pairs:
        said.setdefault(as_text(own), CHOICES.get(as_text(canonical), (as_text(own),) * 2))
    return tuple(
        Option(value=own, label_en=en, label_zh=zh)
        for own in lens.options
        for en, zh in [said.get(own, (own, own))]
    )
