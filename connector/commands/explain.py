"""`explain`: why a record, or a field of it, is as it is."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from connector.commands import output
from connector.commands.choosing import KINDS
from connector.commands.group import json_option, reason_option
from connector.commands.invocation import Invocation

if TYPE_CHECKING:
    from connector.operating.explain import Explanation, FieldView, Shown

_FROM = {
    "now": "read by id just now",
    "staged": "read, and not decided yet",
    "base": "nothing newer has been read",
}


@click.command()
@click.argument("record")
@click.argument("field", required=False)
@click.option("--connection", metavar="NAME", help="Only at this connection.")
@click.option("--kind", type=click.Choice(KINDS), help="RECORD is an id of this kind.")
@click.option("--live", is_flag=True, help="Also ask the vendor for the record, by id.")
@click.option("--show", is_flag=True, help="Show values unmasked; the record's events note it.")
@reason_option
@json_option
@click.pass_obj
def explain(
    invocation: Invocation,
    record: str,
    field: str | None,
    connection: str | None,
    kind: str | None,
    live: bool,
    show: bool,
    reason: str,
) -> None:
    """Say why RECORD, or one FIELD of it, is as it is.

    RECORD is CONNECTION/KIND/ID, or an id of the shop or of the vendor. FIELD is our name of it, a
    column or a vendor's field. The state and the shop are looked at; the vendor only with --live.
    """
    from connector.operating.explain import explain as told_of
    from connector.plugin import Kind

    with invocation.connector() as connector:
        found = told_of(
            connector,
            record,
            field,
            connection=connection,
            kind=Kind(kind) if kind else None,
            live=live,
            show=show,
            reason=reason,
        )
    if invocation.as_json:
        output.document({"records": [_document(one) for one in found]})
        return
    for one in found:
        _head(one)
        if field is None:
            _overview(one)
        else:
            _detail(one.fields[0])
        _rest(one)


def _document(one: Explanation) -> dict[str, Any]:
    return asdict(one)


def _head(one: Explanation) -> None:
    output.show(
        f"{one.connection}/{one.kind}: local {one.local_id or '-'}, remote {one.remote_id or '-'}",
        f"  {one.sentence}",
    )
    if one.remote_id is not None:
        version = f"version {one.remote_version}" if one.remote_version else "version not known"
        seen = f"seen {one.remote_seen}, " if one.remote_seen else ""
        output.show(f"  the vendor's record: {version},", f"  {seen}{_FROM[one.remote_from]}")
    if one.url:
        output.show(f"  {one.url}")
    if one.sealed:
        output.show("  The person's key does not open: what was agreed is not shown.")
    output.show("")


def _overview(one: Explanation) -> None:
    """Every field in a line, and a sentence on those that are not in step."""
    output.table(
        ["", "field", "local now", "remote now"],
        [
            [
                "=" if view.cause == "nothing" else "≠",
                name,
                view.local.get(name, "-"),
                view.remote.get(name, "-"),
            ]
            for view in one.fields
            for name in view.rule.fields
        ],
    )
    said: dict[str, list[str]] = {}
    for view in one.fields:
        if view.cause != "nothing":
            said.setdefault(view.sentence, []).append(view.name)
    for sentence, names in said.items():
        whole = len(names) == len(one.fields)
        output.show(sentence if whole else f"{', '.join(names)}: {sentence}")
    output.show("")


def _detail(view: FieldView) -> None:
    output.show(f"{view.name}: {view.rule.sentence}")
    if view.local or view.remote or view.base_local:
        output.table(
            ["", "local", "remote"],
            [
                ["when both agreed", _joined(view.base_local), _joined(view.base_remote)],
                ["now", _joined(view.local), _joined(view.remote)],
                *_edited(view),
            ],
        )
    output.show(f"  {view.sentence}", "")


def _edited(view: FieldView) -> list[list[str]]:
    if not (view.local_edited or view.remote_edited):
        return []
    return [["edited", view.local_edited or "-", view.remote_edited or "-"]]


def _joined(values: Shown) -> str:
    """The values of a unit in one cell; a group's with their last names.

    >>> _joined({"names.given": "W***", "names.family": "L*"})
    'given W***, family L*'
    >>> _joined({"tags": "{2}"}), _joined({})
    ('{2}', '-')
    """
    if len(values) < 2:
        return next(iter(values.values()), "-")
    return ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in values.items())


def _rest(one: Explanation) -> None:
    if one.open:
        output.show("not settled:")
        for row in one.open:
            where = f"{row.what.replace('_', ' ')} {row.id}" if row.id else row.what
            field = f", field {row.field}" if row.field else ""
            output.show(f"  {where}{field}", f"    {row.sentence}")
            if row.since:
                output.show(f"    since {row.since}")
        output.show("")
    if not one.events:
        output.show("No event is noted about it.")
        return
    output.show("what happened:")
    for run, some in groupby(one.events, key=lambda event: event.run):
        many = list(some)
        output.show(f"  {many[0].at}  run {run}")
        for event in many:
            field = f"{event.field}: " if event.field else ""
            lost = f" ({_joined(event.values)})" if event.values else ""
            output.show(f"    {field}{event.sentence}{lost}")
