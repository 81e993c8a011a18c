"""`discover` and `describe`: what an account holds, and what the mappings make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation, chosen_connections
from connector.errors import ConnectorError, worst

if TYPE_CHECKING:
    from connector.operating.discovering import Description, Discovery, FieldUse, Use

_RIGHTS = ("read", "create", "update", "remove")
_ARROWS = {"both": "↔", "push": "→", "pull": "←"}


@click.command()
@click.argument("connection", required=False)
@json_option
@click.pass_obj
def discover(invocation: Invocation, connection: str | None) -> int:
    """List the objects of each account (or of CONNECTION's): what maps them, and our rights.

    Vendors are only read. An account that does not answer does not keep the others from being told.
    """
    from connector.operating.discovering import discover as look

    found: list[Discovery] = []
    errors: list[ConnectorError] = []
    with invocation.connector() as connector:
        named = (connection,) if connection is not None else ()
        for name in chosen_connections(connector, named) or connector.settings.connections:
            try:
                found.append(look(connector, name))
            except ConnectorError as error:
                errors.append(error)
    code = worst(error.exit_code for error in errors)
    if invocation.as_json:
        output.document(
            {
                "connections": [_as_document(one) for one in found],
                "errors": [output.told(error) for error in errors],
                "exit": code,
            }
        )
        return code
    for one in found:
        _print(one)
    for failed in errors:
        output.say(*output.lines_of(failed))
    return code


def _as_document(one: Discovery) -> dict[str, Any]:
    objects = [
        {**asdict(o.info), "there": o.there, "kinds": [str(kind) for kind in o.kinds]}
        for o in one.objects
    ]
    return {**asdict(one), "objects": objects}


def _print(one: Discovery) -> None:
    output.show(f"{one.connection}: account {one.account} ({one.plugin})")
    output.table(
        ["object", "label", "kind", "records", *_RIGHTS],
        [
            [
                o.info.name,
                o.info.label,
                ", ".join(o.kinds) or "-",
                o.info.records,
                *((_may(getattr(o.info, f"can_{w}")) for w in _RIGHTS) if o.there else ["-"] * 4),
            ]
            for o in one.objects
        ],
    )
    for gone in (o.info.name for o in one.objects if not o.there):
        output.show(f"{one.connection}: a mapping names {gone}, which this account does not show.")
    if not one.whole:
        output.say("Only the mapped objects: this plugin does not list others.")


def _may(right: bool | None) -> str:
    return "not told" if right is None else "yes" if right else "NO"


@click.command()
@click.argument("connection")
@click.argument("what", metavar="[KIND|OBJECT]", required=False)
@click.option("--options", "options", is_flag=True, help="List the options of choices and tags.")
@json_option
@click.pass_obj
def describe(invocation: Invocation, connection: str, what: str | None, options: bool) -> None:
    """Show the fields of a KIND's object, or of any OBJECT; without either, of all mapped ones.

    Each with its type, length and rights, what the mapping makes of it, and what has changed since
    a sync last read it. The vendor is only read.
    """
    from connector.operating.discovering import describe as look

    with invocation.connector() as connector:
        chosen_connections(connector, (connection,))
        found = look(connector, connection, what)
    if invocation.as_json:
        output.document({"objects": [_described(one, options) for one in found]})
        return
    for number, one in enumerate(found):
        if number:
            output.show("")
        _print_fields(one, options)


def _described(one: Description, options: bool) -> dict[str, Any]:
    schema = one.schema
    return {
        "connection": one.connection,
        "object": schema.object,
        "kinds": [str(kind) for kind in one.kinds],
        **{f"can_{word}": getattr(schema, f"can_{word}") for word in _RIGHTS},
        "fields": [_field(field, options) for field in one.fields],
        "seen_at": one.seen_at,
        "drift": [asdict(change) for change in one.drift],
    }


def _field(field: FieldUse, options: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"name": field.name, "there": field.info is not None}
    if field.info is not None:
        told |= asdict(field.info)
        listed = told.pop("options")
        told["options_count"] = len(listed) if listed is not None else None
        if options:
            told["options"] = listed
    return {**told, "uses": [{**asdict(use), "kind": str(use.kind)} for use in field.uses]}


def _print_fields(one: Description, options: bool) -> None:
    schema = one.schema
    denied = [word for word in _RIGHTS if not getattr(schema, f"can_{word}")]
    rights = f"; not allowed: {', '.join(denied)}" if denied else ""
    kinds = ", ".join(one.kinds) or "mapped by no kind"
    output.show(f"{one.connection}: {schema.object} ({kinds}), {len(schema.fields)} fields{rights}")
    output.table(
        ["field", "label", "type", "room", "is", "rights", "mapping"],
        [_row(field) for field in one.fields],
    )
    if options:
        for field in one.fields:
            if field.info is not None and field.info.options is not None:
                output.show(f"{field.name}: {', '.join(field.info.options) or 'no options'}")
    for field in one.fields:
        output.show(*(f"{field.name}: {text}." for use in field.uses for text in use.faults))
    if one.seen_at is None:
        output.say("No sync has read these fields yet.")
    elif one.drift:
        output.show(f"Changed since a sync read it ({one.seen_at}):")
        output.show(*(f"  {change.text}" for change in one.drift))
    else:
        output.say(f"As a sync read it at {one.seen_at}.")


def _row(field: FieldUse) -> Sequence[object]:
    mapping = "; ".join(map(_used, field.uses)) or "not mapped"
    info = field.info
    if info is None:
        return [field.name, "", "NOT THERE", "", "", "", mapping]
    marks = [w for w in ("required", "unique", "external") if getattr(info, w)]
    rights = "rw" if info.readable and info.writable else "r" if info.readable else "NO"
    return [
        field.name,
        info.label,
        f"{info.type} → {info.target}" if info.target else info.type,
        " ".join(_room(field)),
        ", ".join(marks),
        rights,
        mapping,
    ]


def _room(field: FieldUse) -> Iterator[str]:
    info = field.info
    assert info is not None
    if info.max_length is not None:
        yield str(info.max_length)
    if info.decimals is not None:
        yield f"{info.decimals} decimals"
    if info.options is not None:
        yield f"{len(info.options)} options"


def _used(use: Use) -> str:
    if use.canonical == "external_key":
        return "our key"
    if use.time:
        return f"when {use.canonical} was edited"
    return f"{_ARROWS[use.direction]} {use.canonical} ({use.lens})"
