"""Read a YAML file strictly: plain tables, lists and scalars, each knowing its line.

Aliases, anchors, tags, duplicate keys and keys that are neither text, a whole number nor true/false
are faults: none of them has a place in a mapping, and each has surprised somebody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from connector.errors import MappingError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20

_SCALARS = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")
}


class Table(dict[Any, Any]):
    """A YAML mapping; `line` is its own first line, `lines` the line of each key, from 1."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[Any, int] = {}


def read_table(path: Path) -> Table:
    """Read the file's one table. Raises: MappingError, which never quotes the file's text."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MappingError(f"{path}: the file cannot be read: {error.strerror}.") from None
    if len(raw) > MAX_BYTES:
        raise MappingError(f"{path}: the file is larger than {MAX_BYTES // 1024} KiB.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise MappingError(f"{path}:{line}: the file is not UTF-8; save it as UTF-8.") from None
    faults: list[str] = []
    try:
        _check_events(text, path, faults)
        if faults:
            raise MappingError("The file cannot be used:", faults=faults)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        # The error's own words quote the text, which may be anything: only its place is told.
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark is not None else _line_of(error, text)
        raise MappingError(f"{path}:{line}: this is not YAML; check the signs near here.") from None
    if not isinstance(node, yaml.MappingNode):
        raise MappingError(f"{path}:1: the file must be one table that starts with `kind:`.")
    table = _build(node, path, faults)
    if faults:
        raise MappingError("The file cannot be used:", faults=faults)
    assert isinstance(table, Table)
    return table


def _line_of(error: yaml.YAMLError, text: str) -> int:
    position = getattr(error, "position", 0)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else 1


def _check_events(text: str, path: Path, faults: list[str]) -> None:
    # Events come one by one, so depth is known before anything recurses into it.
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark = event.start_mark
        line = mark.line + 1 if mark is not None else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            faults.append(f"{path}:{line}: anchors and aliases are not read; write it out.")
        elif getattr(event, "tag", None) is not None:
            faults.append(f"{path}:{line}: tags (`!`) are not read; write the plain value.")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents == 2:
                faults.append(f"{path}:{line}: a second document begins; keep one in a file.")
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                faults.append(f"{path}:{line}: the file nests deeper than {MAX_DEPTH} levels.")
                return
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            depth -= 1


def _build(node: yaml.Node, path: Path, faults: list[str]) -> Any:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        table = Table(line)
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            key = _build(key_node, path, faults)
            if not isinstance(key, str | int | bool):
                faults.append(f"{path}:{key_line}: a key must be text; put it in quotes.")
                continue
            # 1 and true are one key to Python, and to nobody else.
            if any(key == known for known in table):
                faults.append(f"{path}:{key_line}: this key stands twice in its table; keep one.")
                continue
            table[key] = _build(value_node, path, faults)
            table.lines[key] = key_line
        return table
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, path, faults) for item in node.value]
    if node.tag not in _SCALARS:
        faults.append(f"{path}:{line}: this kind of value is not read; put it in quotes.")
        return None
    if node.tag.endswith(":timestamp"):
        return node.value  # a date in a table of choices is the text that stands there
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError, OverflowError):
        faults.append(f"{path}:{line}: this value cannot be read; put it in quotes.")
        return None
