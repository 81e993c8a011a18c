"""Compare a vendor mapping with the object as the account shows it."""

from __future__ import annotations

from collections.abc import Iterator
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
