"""Compare a vendor mapping with the object as the account shows it, and the object with what it
was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connector.mapping.lens import Lens
from connector.mapping.schema import Rule
from connector.plugin import FieldInfo, Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A value that was left out of a write, or a line of the mapping that the account contradicts.

    `text` is a sentence for a person and carries no value.
    """

    canonical: str
    own: str
    code: str
    text: str
    mandatory: bool = False


def why_disabled(rule: Rule, lens: Lens, schema: Schema) -> Fault | None:
    """Say why a rule cannot work at all in this account; such a rule only disables itself."""
    info = schema.fields.get(rule.own)
    if info is None:
        text = f"{schema.object} has no field {rule.own} in this account"
        return Fault(canonical=rule.canonical, own=rule.own, code="absent", text=text)
    if rule.canonical.startswith("constant."):
        return None
    if not info.readable:
        text = f"{schema.object}.{rule.own} may not be read by this account's user"
        return Fault(canonical=rule.canonical, own=rule.own, code="unreadable", text=text)
    if info.type not in _expected(rule, lens) and info.type != "other":
        text = (
            f"{schema.object}.{rule.own} is of type {info.type}; the lens {rule.lens.name} works"
            f" with {', '.join(sorted(_expected(rule, lens)))}"
        )
        return Fault(canonical=rule.canonical, own=rule.own, code="type", text=text)
    return None


def faults_of(rule: Rule, lens: Lens, schema: Schema) -> Iterator[Fault]:
    """All that the account contradicts in one rule."""
    disabled = why_disabled(rule, lens, schema)
    if disabled is not None:
        yield disabled
        return
    info: FieldInfo = schema.fields[rule.own]
    if rule.direction != "pull" and not info.writable:
        text = f"{schema.object}.{rule.own} is read only; write `direction: pull`"
        yield Fault(canonical=rule.canonical, own=rule.own, code="read_only", text=text)
    if rule.direction != "pull" and info.options is not None:
        for option in lens.options:
            if option not in info.options:
                text = f"{schema.object}.{rule.own} has no option {option!r}; add it there"
                yield Fault(canonical=rule.canonical, own=rule.own, code="option", text=text)


def _expected(rule: Rule, lens: Lens) -> frozenset[str]:
    return lens.types | {rule.type} if rule.type is not None else lens.types


# --- the object then and now ---------------------------------------------------------------------

_FLAGS = {
    "required": ("is required", "is no longer required"),
    "readable": ("may be read", "may no longer be read"),
    "writable": ("may be written", "may no longer be written"),
    "unique": ("is unique", "is no longer unique"),
    "external": ("is external", "is no longer external"),
}
_RIGHTS = ("read", "create", "update", "remove")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """One difference of an object from what it was. `field` is empty where it is the object's."""

    field: str
    text: str


def changes(before: Schema, now: Schema) -> Iterator[SchemaChange]:
    """All that differs and that a mapping may depend on; labels are the vendor's own affair.

    >>> old = Schema(object="X", fields={"A": FieldInfo(name="A", type="text", max_length=9)})
    >>> new = Schema(object="X", fields={"A": FieldInfo(name="A", type="text", max_length=5)})
    >>> [change.text for change in changes(old, new)]
    ['A: its room was 9 and is 5']
    """
    for word in _RIGHTS:
        had, has = getattr(before, f"can_{word}"), getattr(now, f"can_{word}")
        if had != has:
            verb = "may" if has else "may no longer"
            yield SchemaChange(field="", text=f"the account {verb} {word} records of {now.object}")
    for name in dict.fromkeys((*before.fields, *now.fields)):
        old, new = before.fields.get(name), now.fields.get(name)
        if old is None or new is None:
            yield SchemaChange(field=name, text=f"{name} is {'new' if old is None else 'gone'}")
        else:
            yield from (SchemaChange(field=name, text=f"{name}: {t}") for t in _moved(old, new))


def _moved(old: FieldInfo, new: FieldInfo) -> Iterator[str]:
    if old.type != new.type:
        yield f"its type was {old.type} and is {new.type}"
    if old.max_length != new.max_length:
        yield f"its room was {old.max_length or 'not told'} and is {new.max_length or 'not told'}"
    if old.decimals != new.decimals:
        yield f"its decimals were {old.decimals} and are {new.decimals}"
    for word, (yes, no) in _FLAGS.items():
        if getattr(old, word) != getattr(new, word):
            yield yes if getattr(new, word) else no
    if old.target != new.target:
        yield f"it pointed to {old.target} and points to {new.target}"
    yield from _options_moved(old.options or (), new.options or ())


def _options_moved(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for verb, some in (
        ("lost", [one for one in old if one not in new]),
        ("got", [one for one in new if one not in old]),
    ):
        if some:
            yield f"it {verb} options: {', '.join(some)}"
