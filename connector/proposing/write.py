"""Write a proposal down: `connector.toml` and the local mappings, commented for a person.

What could not be decided is marked in one way: a comment that begins with `DECIDE:` and says what
is wanted. The lines after it that are comments too are what to write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, SecretStr

from connector.proposing.proposal import KindProposal, Line, Setting, toml_text

MARK = "# DECIDE: "


@dataclass(frozen=True, slots=True)
class Gap:
    """A place in a written file that waits for a person."""

    file: str
    line: int
    sentence: str


def gaps(files: Mapping[str, str]) -> list[Gap]:
    """All that is marked in these texts, by file name."""
    return [
        Gap(name, number, line.strip().removeprefix(MARK))
        for name, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip().startswith(MARK)
    ]


# --- a mapping ----------------------------------------------------------------------------------


def mapping_file(one: KindProposal) -> str:
    """The text of `mappings/local/KIND.yaml`."""
    where = f"In the customers' rows ({one.table.name})" if one.inner else one.table.name
    lines = [
        f"# {where} as a {one.kind}: canonical field <-> column.",
        "#",
        "# Before each line: the field's privacy class, and what its column looks like.",
        "# What is marked DECIDE is for you: correct the line and take its `#` away, or delete it.",
        f"kind: {one.kind}",
        "fields:",
    ]
    for line in one.lines:
        lines += _lines(one, line)
    if one.hints or one.unmapped or one.secrets:
        lines.append("")
    lines += [f"  {MARK}{hint}." for hint in one.hints.values()]
    if one.unmapped:
        lines.append(f"  # Not mapped: {', '.join(one.unmapped)}.")
    if one.secrets:
        lines.append(f"  # Columns left alone because they hold secrets: {one.secrets}.")
    return "\n".join([*lines, ""])


def _lines(one: KindProposal, line: Line) -> list[str]:
    remark = f"{line.remark} ({one.class_of(line)})"
    if line.decide:
        return [f"  {MARK}{line.column}, {remark}: {line.decide}.", f"  # {line.rule}"]
    return [f"  # {one.class_of(line)}: {line.remark}", f"  {line.rule}"]


# --- the settings -------------------------------------------------------------------------------


def settings_file(
    *,
    tenant: str,
    url: str,
    kinds: Sequence[KindProposal],
    chinese: bool,
    plugins: Mapping[str, type[BaseModel]],
    refused: Sequence[str] = (),
) -> str:
    """The text of `connector.toml`. `plugins` are the installed ones with their settings; `refused`
    are the tables that the account may not look at."""
    ready = [str(one.kind) for one in kinds if one.usable]
    blocks = [
        _HEAD.format(tenant=json.dumps(tenant)),
        _shop(url, chinese, refused),
        *(_kind(one) for one in kinds),
        *(_connection(name, model, ready) for name, model in plugins.items()),
    ]
    return "\n\n".join(blocks) + "\n"


_HEAD: Final = """\
# Settings of crm-connector. What is marked DECIDE is for you.

# Part of every seal: never change it after the first sync.
tenant = {tenant}

[state]
url = "sqlite:///state.db"     # what the engine remembers

[keys]
path = "keyring.json"         # made by `crm-connector keys init`; back it up apart
kek = "file:kek.bin"
subjects = "sqlite:///keys.db\""""


def _shop(url: str, chinese: bool, refused: Sequence[str]) -> str:
    lines = [
        "[local]",
        f"url = {json.dumps(url, ensure_ascii=False)}",
        f"{MARK}the time zone of columns that have none.",
        f'zone = "{"Asia/Shanghai" if chinese else "UTC"}"',
    ]
    if chinese:
        lines.append('phone_region = "CN"           # of numbers written without a country')
    else:
        lines.append(f"{MARK}the country of numbers written without one, by its two letters.")
        lines.append('# phone_region = "GB"')
    if refused:
        lines.append(f"# Not looked at, for want of the right: {', '.join(refused)}.")
    return "\n".join(lines)


def _kind(one: KindProposal) -> str:
    lines = []
    if one.others:
        lines.append(f"{MARK}or is it one of {', '.join(one.others)}?")
    body = [f"[local.{one.kind}]"]
    if one.inner:
        body.append('part_of = "customer"              # it lives in the customers\' rows')
    else:
        body += [f"table = {toml_text(one.table.name)}", f"key = {_key(one)}"]
    body.append(f'mapping = "mappings/local/{one.kind}.yaml"')
    for setting in one.settings:
        body += _setting(setting)
    if one.usable:
        return "\n".join([*lines, *body])
    if not one.inner:
        lines.append(f"{MARK}nothing that is declared names a row; write a key that is unique.")
    lines += [line if line.startswith("#") else f"# {line}" for line in body]
    return "\n".join(lines)


def _key(one: KindProposal) -> str:
    keys = one.table.keys
    if len(keys) > 1:
        return json.dumps(list(keys), ensure_ascii=False)
    return toml_text(keys[0] if keys else "<column>")


def _setting(setting: Setting) -> Iterator[str]:
    if setting.decide:
        yield f"{MARK}{setting.decide}{'' if setting.decide[-1] in '?.' else ':'}"
        yield setting.line if setting.stands else f"# {setting.line}"
        return
    if setting.why:
        yield f"# {setting.why}."
    yield setting.line


def _connection(name: str, model: type[BaseModel], kinds: Sequence[str]) -> str:
    lines = [
        f"[connections.{name}]",
        f"plugin = {toml_text(name)}",
    ]
    for key, field in model.model_fields.items():
        if field.annotation is SecretStr:
            lines.append(f'{key} = "env:{re.sub("[^A-Z0-9]", "_", name.upper())}_{key.upper()}"')
        elif field.is_required():
            lines.append(f"{key} = <{key}>")
    lines.append(f"kinds = {json.dumps(list(kinds))}")
    head = [
        f"{MARK}your account with {name}.",
        "# Fill in what stands in <…>, set the environment's variables, and take the `#` away.",
    ]
    return "\n".join([*head, *(f"# {line}" for line in lines)])
