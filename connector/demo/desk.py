"""A person at a vendor's desk: the sandbox's own hands, and the mapping files read as plain YAML.

Nothing of the engine and nothing of its mapping code is used here: what the demo says about the
engine must not come from the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from connector.demo.lines import FULL, LINES, Plain, joined
from connector.plugin import Ref, SandboxHandle


class Desk:
    """One vendor's sandbox, spoken to in canonical field names."""

    def __init__(self, name: str, handle: SandboxHandle, folder: Path) -> None:
        self.name = name
        self.handle = handle
        self._files: dict[str, Any] = {
            file.stem: yaml.safe_load(file.read_text(encoding="utf-8"))
            for file in sorted(folder.glob("*.yaml"))
        }

    def object_of(self, kind: str) -> str:
        return str(self._files[kind]["object"])

    def field(self, kind: str, canonical: str) -> str | None:
        """The vendor's name of a field; None if the vendor has none for it."""
        line = self._files[kind]["fields"].get(canonical)
        return None if line is None else str(line["field"])

    def carried(self, kind: str) -> list[str]:
        """The fields that the demo compares and this vendor has."""
        return [name for name in LINES[kind] if self.field(kind, name) is not None]

    def choices(self, kind: str, canonical: str) -> Mapping[str, Any]:
        """Canonical value to the vendor's word, of a field with a table; else empty."""
        lens = self._files[kind]["fields"].get(canonical, {}).get("lens")
        table = lens.get("choice", {}) if isinstance(lens, dict) else {}
        return {str(key): word for key, word in table.items() if key != "else"}

    # --- reading ----------------------------------------------------------------------------------

    def records(self, kind: str) -> list[dict[str, Any]]:
        return self.handle.records(self.object_of(kind))

    def read(self, kind: str, record: Mapping[str, Any]) -> dict[str, Plain]:
        """A record, by canonical name in plain form."""
        return {name: self._plain(kind, name, record) for name in self.carried(kind)}

    def read_all(self, kind: str) -> list[dict[str, Plain]]:
        """All records, as `read` gives one."""
        return [self.read(kind, record) for record in self.records(kind)]

    def _plain(self, kind: str, canonical: str, record: Mapping[str, Any]) -> Plain:
        value, line = record.get(self.field(kind, canonical) or ""), LINES[kind][canonical]
        if not line.codes:
            return line.form(value)
        back = {word: name for name, word in self.choices(kind, canonical).items()}
        return back.get(value, value)

    def owner(self, kind: str, record: Mapping[str, Any]) -> str:
        """The id of the customer whose record this is; "" of nobody's."""
        link = record.get(self.field(kind, "customer") or "")
        link = link.get("id") if isinstance(link, dict) else link
        return str(link or "")

    def find(self, kind: str, canonical: str, value: object) -> list[dict[str, Any]]:
        """The records whose field holds a value, however it is written there."""
        wanted = LINES[kind][canonical].form(value)
        return [r for r in self.records(kind) if self._plain(kind, canonical, r) == wanted]

    def where(self, kind: str, canonical: str, value: object) -> dict[str, Any]:
        """The one record whose field holds a value."""
        found = self.find(kind, canonical, value)
        assert len(found) == 1, f"{len(found)} records of {self.name} answer, one should"
        return found[0]

    # --- writing ----------------------------------------------------------------------------------

    def words(self, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The vendor's fields for canonical ones; parts of a name become one where it is one."""
        told = dict(values)
        if self.field(kind, FULL) is not None and "names.family" in told:
            told[FULL] = joined(told.pop("names.family"), told.pop("names.given", None))
        found = {}
        for canonical, value in told.items():
            name = self.field(kind, canonical)
            if name is not None:
                found[name] = self.choices(kind, canonical).get(str(value), value)
        return found

    def create(self, kind: str, values: Mapping[str, Any]) -> Ref:
        return self.handle.create(self.object_of(kind), self.words(kind, values))

    def edit(self, kind: str, record: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self.handle.edit(self.object_of(kind), ref_of(record), self.words(kind, values))

    def remove(self, kind: str, record: Mapping[str, Any]) -> None:
        self.handle.remove(self.object_of(kind), ref_of(record))

    def copy(self, kind: str, record: Mapping[str, Any]) -> None:
        """Create a second record with the same mapped values; our key is not among them."""
        names = [self.field(kind, canonical) for canonical in self._files[kind]["fields"]]
        same = {n: record[n] for n in names if n is not None and record.get(n) is not None}
        self.handle.create(self.object_of(kind), same)


def ref_of(record: Mapping[str, Any]) -> Ref:
    """A record's id, which vendors call `id` or `_id`."""
    return Ref(str(record["id"] if "id" in record else record["_id"]))
