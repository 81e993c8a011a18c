"""Values that a base must not keep: keyed digests that compare just as the values would.

Two values are one if they are equal, or if either side would hold the same for both (`Pair.same`).
So three hashes are kept: of the value, and of what each side would give back for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Protocol

from connector.mapping.sides import Side
from connector.plugin import Schema
from connector.records import Digest, Value

Mark = Callable[[str, str, bytes], str]
"""Salt, name and bytes to a keyed hash in hexadecimal."""


class Forms(Protocol):
    """What a pair knows of a field's values; see `translate.Pair`."""

    schema: Schema | None

    def near_form(self, canonical: str, value: Value) -> Value: ...
    def far_form(self, canonical: str, value: Value) -> Value: ...


class Digests:
    """Makes and compares the digests of one pair. `digested`: the fields that are kept so."""

    def __init__(
        self, forms: Forms, near: Side, far: Side, mark: Mark | None, digested: Collection[str]
    ) -> None:
        self._forms = forms
        self._sides = {"local": near, "remote": far}
        self._mark = mark
        self._rules: dict[str, str] = {}
        self.fields = frozenset(n for n in digested if near.owns(n) and far.owns(n))
        self._own = {
            name: {side.owns(field)[0].rule.own: field for field in self.fields}
            for name, side in self._sides.items()
        }
        near.rule_of = far.rule_of = self.rule_of

    def __bool__(self) -> bool:
        return bool(self.fields)

    def rule_of(self, canonical: str) -> str:
        """A name of all that makes a field's canonical value and its forms."""
        found = self._rules.get(canonical)
        if found is None:
            told: list[object] = []
            for name, side in self._sides.items():
                for bound in side.owns(canonical):
                    told += [name, replace(bound.rule, line=0)]
                    if name == "remote" and self._forms.schema is not None:
                        told.append(self._forms.schema.fields.get(bound.rule.own))
            found = self._mark("", "rule", repr(told).encode())[:8] if self._mark else ""
            self._rules[canonical] = found
        return found

    def field_of(self, side: str, own: str) -> str | None:
        """The field of which a side's own name holds digests; None if it holds none."""
        return self._own[side].get(own)

    def rule_at(self, side: str, own: str) -> str:
        """The name of the mapping of whatever field an own name holds; empty if none."""
        found = self._sides[side].holds_at(own)
        return self.rule_of(found) if found is not None else ""

    # --- making ---------------------------------------------------------------------------------

    def own(self, salt: str, value: Any) -> str:
        """The hash of a side's own value."""
        return self._hash(salt, "own", value)

    def whole(self, salt: str, canonical: str, value: Value) -> str:
        """The hash of a canonical value, which stands for it in a record's digest."""
        if isinstance(value, Digest):
            return value.whole
        return self._hash(salt, canonical, value)

    def of(self, salt: str, canonical: str, value: Value, own: Any) -> Digest:
        """The digest of one value; `own` is what the side holds for it."""
        whole, near, far = self._three(salt, canonical, value)
        return Digest(salt, self.rule_of(canonical), self.own(salt, own), whole, near, far)

    def kept(self, side: str, own: Mapping[str, Any], salt: str) -> dict[str, Any]:
        """Own values as a base keeps them; that there is none is no secret."""
        held = dict(own)
        for name, canonical in self._own[side].items():
            value = held.get(name)
            if value not in (None, "") and not isinstance(value, Digest):
                shown = self._sides[side].read_one(canonical, {name: value})
                if shown is not None:
                    held[name] = self.of(salt, canonical, shown, value)
        return held

    def stand_in(self, own: Mapping[str, Any], salt: str) -> dict[str, Any]:
        """What was put at the vendor in place of values: only its own form is compared."""
        mine = self._own["remote"]
        return {
            name: Digest(salt, self.rule_of(mine[name]), self.own(salt, value), "")
            if name in mine and value not in (None, "") and not isinstance(value, Digest)
            else value
            for name, value in own.items()
        }

    def shown(self, values: Mapping[str, Value], salt: str) -> dict[str, Value]:
        """Canonical values for a document that must not keep these either."""
        return {
            name: self.of(salt, name, value, None)
            if name in self.fields and value is not None and not isinstance(value, Digest)
            else value
            for name, value in values.items()
        }

    # --- comparing ------------------------------------------------------------------------------

    def same(self, canonical: str, a: Value, b: Value) -> bool:
        """As `Pair.same`, where one of both is a digest at least."""
        kept = a if isinstance(a, Digest) else b
        assert isinstance(kept, Digest)
        one, other = (self._hashes(kept.salt, canonical, value) for value in (a, b))
        return any(x == y and x != "" for x, y in zip(one, other, strict=True))

    def holds(self, kept: Any, own: Any) -> bool:
        """Whether an own value is the one that was kept, whole or as a digest."""
        if isinstance(kept, Digest) and not isinstance(own, Digest):
            return own not in (None, "") and kept.own == self.own(kept.salt, own)
        return bool(kept == own)

    def keeps(self, kept: Any, side: str, name: str, own: Any) -> bool:
        """Whether a base holds a digest of just this own value, of use under this mapping."""
        return (
            isinstance(kept, Digest)
            and kept.rule == self.rule_at(side, name)
            and self.holds(kept, own)
        )

    def _hashes(self, salt: str, canonical: str, value: Value) -> tuple[str, str, str]:
        if not isinstance(value, Digest):
            whole, near, far = self._three(salt, canonical, value)
        else:
            whole, near, far = value.whole, value.near, value.far
        return whole, near or whole, far or whole

    def _three(self, salt: str, canonical: str, value: Value) -> tuple[str, str, str]:
        """The hashes of a value and of its two forms; empty where a form is the value itself."""
        forms = self._forms.near_form(canonical, value), self._forms.far_form(canonical, value)
        whole = self._hash(salt, canonical, value)
        near, far = ("" if form == value else self._hash(salt, canonical, form) for form in forms)
        return whole, near, far

    def _hash(self, salt: str, name: str, value: Any) -> str:
        if self._mark is None:
            return ""  # whoever has no keys compares nothing
        told = f"{type(value).__name__}\0{value!r}"
        return self._mark(salt, name, told.encode("utf-8", "surrogatepass"))
