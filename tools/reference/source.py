"""What stands under an attribute in the source: its docstring, which Python itself forgets."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from itertools import pairwise
from types import ModuleType


def attributes(module: ModuleType) -> Mapping[str, Mapping[str, str]]:
    """Class to its attributes with a docstring, of one module.

    >>> import connector.settings
    >>> attributes(connector.settings)["ConnectionSettings"]["sweep_h"]
    'Hours between two listings of all ids; 0 = never.'
    """
    found = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = dict(_pairs(node.body))
    return found


def _pairs(body: list[ast.stmt]) -> list[tuple[str, str]]:
    pairs = []
    for node, after in pairwise(body):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            pairs.append((node.target.id, after.value.value))
    return pairs
