"""Write a proposal down: `connector.toml` and the local mappings, commented for a person."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, SecretStr

from connector.proposing.propose import KindProposal, Line, quoted


def mapping_file(one: KindProposal) -> str:
    """The text of `mappings/local/KIND.yaml`."""
    lines = [
        f"# The shop's table {one.table.name} as a {one.kind}: canonical field <-> column.",
        "#",
        "# What is marked DECIDE is for you: correct the line and take its `#` away, or delete it.",
        f"kind: {one.kind}",
        "fields:",
    ]
    for line in one.lines:
        lines += _lines(line)
    if one.hints or one.unmapped or one.secrets:
        lines.append("")
    lines += [f"  # DECIDE: column {hint}" for hint in one.hints]
    if one.unmapped:
        lines.append(f"  # Not mapped: {', '.join(one.unmapped)}.")
    if one.secrets:
        lines.append(f"  # Columns left alone because they hold secrets: {one.secrets}.")
    return "\n".join([*lines, ""])


def _lines(line: Line) -> list[str]:
    rule = f"{line.canonical}: {{column: {quoted(line.column)}, lens: {line.lens}}}"
    if line.decide:
        return [f"  # DECIDE: {line.column}, {line.remark}: {line.decide}.", f"  # {rule}"]
    return [f"  # {line.remark}", f"  {rule}"]


def settings_file(
    *,
    tenant: str,
    url: str,
    kinds: Sequence[KindProposal],
    chinese: bool,
    plugins: Mapping[str, type[BaseModel]],
) -> str:
    """The text of `connector.toml`. `plugins` are the installed ones with their settings."""
    region = (
        ['phone_region = "CN"           # of numbers written without a country']
        if chinese
        else [
            "# DECIDE: the country of numbers written without one, by its two letters.",
            '# phone_region = "GB"',
        ]
    )
    lines = [
        "# Settings of crm-connector. What is marked DECIDE is for you.",
        "",
        "# Part of every seal: never change it after the first sync.",
        f"tenant = {json.dumps(tenant)}",
        "",
        "[state]",
        'url = "sqlite:///state.db"     # what the engine remembers',
        "",
        "[keys]",
        'path = "keyring.json"         # made by `crm-connector keys init`; back it up apart',
        'kek = "file:kek.bin"',
        'subjects = "sqlite:///keys.db"',
        "",
        "[local]",
        f"url = {json.dumps(url, ensure_ascii=False)}",
        "# DECIDE: the time zone of columns that have none.",
        f'zone = "{"Asia/Shanghai" if chinese else "UTC"}"',
        *region,
    ]
    for one in kinds:
        lines += ["", *_kind(one)]
    ready = [str(one.kind) for one in kinds if one.table.key is not None]
    for name, model in plugins.items():
        lines += ["", *_connection(name, model, ready)]
    return "\n".join([*lines, ""])


def _kind(one: KindProposal) -> list[str]:
    lines = []
    if one.others:
        lines.append(f"# DECIDE: or is it one of {', '.join(one.others)}?")
    body = [
        f"[local.{one.kind}]",
        f"table = {_text(one.table.name)}",
        f"key = {_text(one.table.key or '<column>')}",
        f'mapping = "mappings/local/{one.kind}.yaml"',
    ]
    if one.deleted is not None:
        body.append(f"deleted = {{ column = {_text(one.deleted)}, equals = 1 }}")
    elif one.deleted_at is not None:
        body += [
            f"# DECIDE: rows with {one.deleted_at} seem deleted; leave them out with",
            f"# where = {{ column = {_text(one.deleted_at)}, is_null = true }}",
        ]
    body += _creating(one)
    if one.table.key is None:
        lines.append("# DECIDE: this table has no key of one column; make one, and name it.")
        return [*lines, *(f"# {line}" if not line.startswith("#") else line for line in body)]
    return [*lines, *body]


def _creating(one: KindProposal) -> list[str]:
    blocking = one.blocking
    if one.table.key is not None and not one.table.numbers_itself:
        return [
            "# DECIDE: the database gives new rows no key, so a vendor's new record becomes none.",
            "create = false",
        ]
    if not blocking:
        return []
    given = ", ".join(f"{name} = <value>" for name in blocking)
    return [
        "# DECIDE: may a vendor's new record become a row here? Then give these columns a value:",
        f"# defaults = {{ {given} }}",
        "create = false",
    ]


def _connection(name: str, model: type[BaseModel], kinds: Sequence[str]) -> list[str]:
    lines = [
        f"[connections.{name}]",
        f"plugin = {_text(name)}",
    ]
    for key, field in model.model_fields.items():
        if field.annotation is SecretStr:
            lines.append(f'{key} = "env:{name.upper().replace("-", "_")}_{key.upper()}"')
        elif field.is_required():
            lines.append(f"{key} = <{key}>")
    lines.append(f"kinds = {json.dumps(list(kinds))}")
    return [
        f"# DECIDE: your account with {name}. Fill in what stands in <…>, set the environment's",
        "# variables, and take the `#` away.",
        *(f"# {line}" for line in lines),
    ]


def _text(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
