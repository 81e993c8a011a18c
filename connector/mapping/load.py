"""Load a mapping file, checked whole: every fault is listed at once, with its line."""

from __future__ import annotations

import datetime as dt
import importlib.resources
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from connector import registry
from connector.errors import MappingError
from connector.mapping.derived import DERIVED, read_derived
from connector.mapping.lens import OptionError, Where
from connector.mapping.lenses import BUILDERS, FITTING, LensSpec, build
from connector.mapping.names import FULL
from connector.mapping.schema import (
    DIRECTIONS,
    LOCAL_KEYS,
    ON_GONE,
    POLICIES,
    REFERENCES,
    RULE_KEYS,
    TYPES,
    VENDOR_KEYS,
    LocalMapping,
    OnGone,
    Rule,
    VendorMapping,
)
from connector.mapping.yamlfile import Table, read_table
from connector.plugin import ShipsMappings
from connector.records import Field, Kind, field_of

_RULE_KEYS = {
    "remote": RULE_KEYS - {"column"},
    "local": RULE_KEYS - {"field", "vendor_normalises"} | set(DERIVED),
}


def packaged(plugin_name: str) -> Path:
    """The folder of the mappings of one plugin: ours, or those that it ships itself.

    Raises: MappingError if there is none.
    """
    folder = Path(str(importlib.resources.files("connector_mappings"))) / plugin_name
    if plugin_name.isidentifier() and folder.is_dir():
        return folder
    plugin: object = registry.load(plugin_name) if plugin_name in registry.names() else None
    if isinstance(plugin, ShipsMappings):
        return plugin.mappings
    raise MappingError(
        f"No mappings are packaged for the plugin {plugin_name!r}.",
        hint="Set `mappings` of the connection to a folder of your own.",
    )


def load_vendor(path: Path | str) -> VendorMapping:
    """Load one file for one vendor. Raises: MappingError with all faults of the file."""
    reader = _Reader(Path(path), "remote")
    head, rules = reader.read(VENDOR_KEYS)
    object_ = reader.text(head, "object", needed=True)
    key = reader.text(head, "external_key")
    reference = reader.one_of(head, "reference", REFERENCES, "none")
    on_gone = reader.on_gone(head)
    match = reader.match(head, rules)
    reader.finish()
    assert reader.kind is not None
    assert object_ is not None
    return VendorMapping(
        kind=reader.kind,
        object=object_,
        external_key=key,
        match=match,
        reference=reference,
        on_gone=on_gone,
        rules=tuple(rules),
        path=reader.path,
    )


def load_local(path: Path | str) -> LocalMapping:
    """Load one file for the host's table. Raises: MappingError with all faults of the file."""
    reader = _Reader(Path(path), "local")
    _, rules = reader.read(LOCAL_KEYS)
    reader.finish()
    assert reader.kind is not None
    return LocalMapping(kind=reader.kind, rules=tuple(rules), path=reader.path)


@dataclass
class _Reader:
    path: Path
    side: Literal["local", "remote"]
    kind: Kind | None = None
    faults: list[tuple[int, str]] = field(default_factory=list)

    def fault(self, line: int, sentence: str) -> None:
        self.faults.append((line, f"{self.path}:{line}: {sentence}."))

    def finish(self) -> None:
        if self.faults:
            faults = [text for _, text in sorted(self.faults, key=lambda fault: fault[0])]
            raise MappingError("The mapping cannot be used:", faults=faults)

    def read(self, keys: frozenset[str]) -> tuple[Table, list[Rule]]:
        head = read_table(self.path)
        self.check_keys(head, keys, "a mapping")
        kind = self.one_of(head, "kind", tuple(Kind), None)
        if kind is None:
            self.finish()
        self.kind = Kind(kind)
        fields = head.get("fields")
        if not isinstance(fields, Table) or not fields:
            line = head.lines.get("fields", head.line)
            self.fault(line, "`fields` must be a table of canonical fields")
            return head, []
        rules = [rule for name in fields if (rule := self.rule(name, fields)) is not None]
        self.check_targets(rules)
        self.check_groups(rules)
        return head, rules

    def check_keys(self, table: Table, known: frozenset[str], what: str) -> None:
        for key in table:
            if key not in known:
                names = ", ".join(sorted(known))
                self.fault(table.lines[key], f"{what} has no key `{key}`; write one of {names}")

    def text(self, table: Table, key: str, *, needed: bool = False) -> str | None:
        found = table.get(key)
        if isinstance(found, str) and found.strip():
            return found
        if key in table or needed:
            # `no` and `on` are true and false to YAML.
            quotes = "; put it in quotes" if isinstance(found, bool | int | float) else ""
            self.fault(table.lines.get(key, table.line), f"`{key}` must be a name{quotes}")
        return None

    def one_of(self, table: Table, key: str, known: tuple[str, ...], default: Any) -> Any:
        found = table.get(key, default)
        if isinstance(found, str) and found in known:
            return found
        line = table.lines.get(key, table.line)
        self.fault(line, f"`{key}` must be one of {', '.join(known)}")
        return default

    def on_gone(self, head: Table) -> OnGone:
        table = head.get("on_gone")
        if table is None and "on_gone" not in head:
            return OnGone()
        if not isinstance(table, Table):
            self.fault(
                head.lines["on_gone"], "`on_gone` must be such as {push: archive, pull: manual}"
            )
            return OnGone()
        self.check_keys(table, frozenset({"push", "pull", "merged"}), "`on_gone`")
        return OnGone(
            push=self.one_of(table, "push", ON_GONE, OnGone().push),
            pull=self.one_of(table, "pull", ON_GONE, OnGone().pull),
            merged=self.one_of(table, "merged", ON_GONE, OnGone().merged),
        )

    def match(self, head: Table, rules: list[Rule]) -> tuple[str, ...]:
        found = head.get("match", [])
        line = head.lines.get("match", head.line)
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            self.fault(line, "`match` must be a list of canonical fields")
            return ()
        mapped = {rule.canonical for rule in rules}
        for name in found:
            if name not in mapped:
                self.fault(
                    line, f"`match` names `{name}`, which has no line under `fields`; add one"
                )
        return tuple(found)

    def rule(self, name: Any, fields: Table) -> Rule | None:
        line, table = fields.lines[name], fields[name]
        own_key = "field" if self.side == "remote" else "column"
        assert self.kind is not None
        known = field_of(self.kind, name) if isinstance(name, str) else None
        if known is None:
            self.fault(
                line, f"a {self.kind} has no field `{name}`; see the list of fields, or `custom.`"
            )
            return None
        if not isinstance(table, Table):
            self.fault(line, f"`{name}` must be such as {{{own_key}: NAME, lens: text}}")
            return None
        self.check_keys(table, _RULE_KEYS[self.side], f"`{name}`")
        derived = None
        if self.side == "local" and any(key in table for key in DERIVED):
            derived = read_derived(self, name, table)
            own = derived.own if derived is not None else None
        else:
            own = self.text(table, own_key, needed=True)
        direction = self.direction(name, table)
        policy = self.policy(table, known)
        normalises = self.flag(table, "vendor_normalises")
        group = self.group(name, table, known)
        type_ = self.one_of(table, "type", TYPES, None) if "type" in table else None
        lens = self.lens(name, table, known, type_)
        if own is None or lens is None:
            return None
        return Rule(
            canonical=name,
            own=own,
            lens=lens,
            direction=direction,
            policy=policy,
            policy_stated="policy" in table,
            group=group,
            time=self.text(table, "time"),
            vendor_normalises=normalises,
            type=type_,
            derived=derived,
            line=line,
        )

    def direction(self, name: str, table: Table) -> Any:
        constant = name.startswith("constant.")
        shown = next((key for key in ("sum", "match") if key in table), None)
        default = "push" if constant or shown else "both"
        found = self.one_of(table, "direction", DIRECTIONS, default)
        if shown and found != "push":
            self.fault(table.lines["direction"], f"a `{shown}` is only read; write direction: push")
        if constant and (self.side == "local" or found != "push"):
            line = table.lines.get("direction", table.line)
            self.fault(
                line, "a constant goes to the vendor only; write it there, `direction: push`"
            )
        return found

    def policy(self, table: Table, known: Field) -> str:
        found: str = self.one_of(table, "policy", tuple(POLICIES), "manual")
        judged = POLICIES[found]
        if judged is not None and known.type not in judged and known.privacy:
            self.fault(
                table.lines["policy"],
                f"`{found}` cannot judge a {known.type}; write manual, local or remote",
            )
        if found == "newest" and "time" not in table:
            self.fault(
                table.lines["policy"], "`newest` needs `time`, the field that holds its time"
            )
        return found

    def flag(self, table: Table, key: str) -> bool:
        found = table.get(key, False)
        if isinstance(found, bool):
            return found
        self.fault(table.lines[key], f"`{key}` must be true or false")
        return False

    def group(self, name: str, table: Table, known: Field) -> str | None:
        assert self.kind is not None
        group = self.text(table, "group") or known.group
        beside = name.startswith("consent.") and group == known.group
        if group is not None and not beside and field_of(self.kind, group) is not None:
            line = table.lines.get("group", table.line)
            self.fault(line, f"`{group}` is a field and cannot be a group; choose another name")
        return group

    def lens(self, name: str, table: Table, known: Field, type_: str | None) -> LensSpec | None:
        line = table.lines.get("lens", table.line)
        found = table.get("lens")
        options: Any = None
        if isinstance(found, Table) and len(found) == 1:
            found, options = next(iter(found.items()))
        if not isinstance(found, str) or found not in BUILDERS:
            names = ", ".join(BUILDERS)
            self.fault(
                line, f"`lens` of `{name}` must be NAME or {{NAME: options}}, NAME of {names}"
            )
            return None
        constant = name.startswith("constant.")
        fitting = frozenset({"constant"}) if constant else FITTING[known.type]
        free = name.startswith("custom.") and found not in ("constant", "reference")
        if found not in fitting and not free:
            names = ", ".join(sorted(fitting))
            self.fault(line, f"`{name}` is a {known.type} and takes the lens {names}, not {found}")
            return None
        if found == "constant":
            options = {"value": options}
        if options is None:
            options = {}
        if not isinstance(options, dict):
            self.fault(line, f"the options of the lens `{found}` must be a table")
            return None
        spec = LensSpec(found, options)
        try:
            build(spec, Where(self.side, dt.UTC, "CN", known, type_))
        except OptionError as error:
            for sentence in error.sentences:
                self.fault(line, f"`{name}`: {sentence}")
            return None
        return spec

    def check_targets(self, rules: list[Rule]) -> None:
        # A field may feed two canonical ones, but only one may write it.
        unwritten = "pull" if self.side == "remote" else "push"
        writers: dict[str, Rule] = {}
        for rule in rules:
            if rule.direction == unwritten:
                continue
            first = writers.setdefault(rule.target, rule)
            if first is not rule:
                self.fault(
                    rule.line,
                    f"`{rule.target}` is written by `{first.canonical}` too (line {first.line});"
                    f" give one of them `direction: {unwritten}`",
                )

    def check_groups(self, rules: list[Rule]) -> None:
        groups: dict[str, Rule] = {}
        for rule in rules:
            # A full name beside its parts is often only shown, not written.
            if rule.group is None or rule.canonical == FULL:
                continue
            first = groups.setdefault(rule.group, rule)
            for what in ("policy", "direction", "time"):
                if getattr(first, what) != getattr(rule, what):
                    self.fault(
                        rule.line,
                        f"the group `{rule.group}` moves as one, but its `{what}` differs from"
                        f" line {first.line}; make them equal",
                    )
