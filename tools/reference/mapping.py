"""Lenses with their options, policies, directions, and the words of a mapping file."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from typing import Final

from connector.mapping.lenses import BUILDERS, FITTING
from connector.mapping.schema import DIRECTIONS, ON_GONE, POLICIES, REFERENCES, TYPES
from tools.reference.table import code, codes, one_line, table


def page() -> str:
    rows = [
        [
            code(name),
            ", ".join(kind for kind, fit in FITTING.items() if name in fit) or "constant.NAME",
            codes(options(name)),
            one_line(inspect.getdoc(builder) or ""),
        ]
        for name, builder in BUILDERS.items()
    ]
    policies = [
        [code(name), "any" if kinds is None else ", ".join(sorted(kinds))]
        for name, kinds in POLICIES.items()
    ]
    words = [
        ["`direction`", codes(DIRECTIONS)],
        ["`on_gone`", codes(ON_GONE)],
        ["`reference`", codes(REFERENCES)],
        ["`type`", codes(TYPES)],
    ]
    return "\n".join(
        [
            "# Mapping files\n\n"
            "How to write one: [writing a mapping](../writing-a-mapping.md). Their names: [canonical fields](fields.md).\n",
            "## Lenses\n\n"
            "A lens is written `lens: NAME` or `lens: {NAME: {OPTION: VALUE}}`. Every lens but `choice`, `flag` and `constant` also\n"
            'takes `none: VALUE`, the own value that means "empty" on this side.\n\n'
            + table(["lens", "makes values of the types", "options", "is"], rows),
            "## Policies\n\n"
            "Who wins when both sides changed a field: [the merge rule](../merge-rule.md) has the cases.\n\n"
            + table(["policy", "judges the types"], policies),
            "## Words\n\n" + table(["key", "takes"], words),
        ]
    )


def options(lens: str) -> Sequence[str]:
    """The options that a lens's builder names in its check of them."""
    tree = ast.parse(inspect.getsource(BUILDERS[lens]))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "known_options"
        ):
            return [ast.literal_eval(one) for one in node.args[1:]]
    return _TABLES[lens]


_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "choice": ("CANONICAL: OWN", "else"),
    "flag": ("OWN: CANONICAL",),
    "constant": ("VALUE",),
}
"""What a lens takes whose options are a table of one's own values."""
