"""The line of the mappings that a field travels by, or the reason why it does not."""

from __future__ import annotations

from dataclasses import dataclass

from connector.mapping.schema import Rule
from connector.mapping.translate import Pair, Unit
from connector.records import may_leave


@dataclass(frozen=True, slots=True)
class RuleView:
    """How a unit travels. `direction` is `both`, `push` (towards the vendor), `pull` or `none`."""

    canonical: str
    fields: tuple[str, ...]
    columns: tuple[str, ...]
    remote_fields: tuple[str, ...]
    lenses: tuple[str, ...]
    policy: str
    direction: str

    @property
    def sentence(self) -> str:
        """The rule in one line for a person."""
        ways = {
            "both": "both ways",
            "push": "to the vendor only",
            "pull": "to the shop only",
            "none": "nowhere",
        }
        columns, fields = ", ".join(self.columns) or "-", ", ".join(self.remote_fields) or "-"
        lenses = ", ".join(self.lenses)
        return f"{columns} ↔ {fields} ({lenses}), {ways[self.direction]}, policy {self.policy}"


def rule_view(pair: Pair, unit: Unit) -> RuleView:
    """How a unit travels, as both files say it together."""
    lenses = [rule.lens.name for rule in pair.vendor.rules if rule.canonical in unit.fields]
    directions = {(True, True): "both", (True, False): "push", (False, True): "pull"}
    return RuleView(
        unit.name,
        unit.fields,
        pair.columns_of(unit),
        pair.remote_fields_of(unit),
        tuple(dict.fromkeys(lenses)) or ("text",),
        unit.policy,
        directions.get((unit.push, unit.pull), "none"),
    )


def left_out_rules(pair: Pair) -> dict[str, tuple[RuleView, str]]:
    """The lines of the mappings that do not travel, by each of their names, with the reason."""
    travelling = {name for unit in pair.units for name in unit.fields}
    found: dict[str, tuple[RuleView, str]] = {}
    for side, mapping in (("shop", pair.local), ("vendor", pair.vendor)):
        for rule in mapping.rules:
            if rule.canonical in travelling or rule.canonical.startswith("constant."):
                continue
            view = (_alone(rule, side), f"it does not travel: {_why(pair, rule.canonical)}")
            found[rule.canonical] = found[rule.own] = view
    return found


def _why(pair: Pair, name: str) -> str:
    faults = pair.drift(pair.schema) if pair.schema is not None else []
    fault = next((one for one in faults if one.canonical == name), None)
    if not may_leave(pair.kind, name):
        return "its privacy class does not let it leave the shop"
    if fault is not None:
        return fault.text
    if all(rule.canonical != name for rule in pair.vendor.rules):
        return "only the shop's mapping names it"
    if all(rule.canonical != name for rule in pair.local.rules):
        return "only the vendor's mapping names it"
    return "other fields of the mappings stand for it"


def _alone(rule: Rule, side: str) -> RuleView:
    own = (rule.own,)
    columns, fields = (own, ()) if side == "shop" else ((), own)
    return RuleView(
        rule.canonical, (rule.canonical,), columns, fields, (rule.lens.name,), rule.policy, "none"
    )
