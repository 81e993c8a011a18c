"""Every verb with its arguments and options, as click knows them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from connector.commands.group import EXIT_CODES, cli
from tools.reference.table import code, one_line, table

NAME = "crm-connector"


def page() -> str:
    context = click.Context(cli, info_name=NAME)
    parts = [
        "# Commands\n\n"
        f"`{NAME} [OPTIONS] VERB …`. Results go to stdout, everything for a person to stderr; `--json` prints one document and\n"
        "nothing else. `VERB --help` says what stands here.\n",
        _options(cli),
    ]
    parts += [_section(path, command) for path, command in commands(cli, context)]
    rows = [
        [line[:3].strip(), line[3:].strip()]
        for line in (text.strip() for text in EXIT_CODES.splitlines())
        if line[:1].isdigit()
    ]
    codes = "## Exit codes\n\n" + table(["code", "meaning"], rows)
    return "\n".join([*parts, codes + "\nWhat to do about each: [errors](../errors.md).\n"])


def commands(
    group: click.Group, context: click.Context, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group with the words that lead to it, groups too."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, f"{name} is listed and not there"
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, context, (*path, name))


def _section(path: tuple[str, ...], command: click.Command) -> str:
    words = " ".join(path)
    title = f"{'#' * (1 + len(path))} {words}\n\n"
    help_ = "\n\n".join(one_line(part) for part in (command.help or "").split("\n\n"))
    if isinstance(command, click.Group):
        return f"{title}{help_}\n"
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    shown = " ".join([NAME, words, "[OPTIONS]", *(_argument(one) for one in arguments)])
    return f"{title}`{shown}`\n\n{help_}\n\n{_options(command)}"


def _argument(one: click.Argument) -> str:
    text = one.metavar or one.human_readable_name.upper()
    if isinstance(one.type, click.Choice):
        text = "|".join(map(str, one.type.choices))
    more = "..." if one.nargs != 1 else ""
    return f"{text}{more}" if one.required else f"[{text}]{more}"


def _options(command: click.Command) -> str:
    rows = [_row(one) for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return table(["option", "means"], rows) if rows else ""


def _row(one: click.Option) -> list[str]:
    names = ", ".join((*one.opts, *one.secondary_opts))
    if not one.is_flag and not one.count:
        choices = "|".join(map(str, one.type.choices)) if isinstance(one.type, click.Choice) else ""
        names += f" {one.metavar or choices or one.type.name.upper()}"
    says = one_line(one.help or "")
    if one.show_default and isinstance(one.default, str | int | float):
        says += f" If left out: {code(str(one.default))}."
    return [code(names), says]
