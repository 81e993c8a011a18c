"""Looking at a tenant to answer what the vendor's pages leave open. Nothing is written.

How far its clock is from ours, `doctor` sees by itself in any vendor's answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.errors import ConnectorError
from connector.plugin import Finding, Kind
from connector_fxiaoke import facts, objects, queries
from connector_fxiaoke.client import Client
from connector_fxiaoke.records import Records
from connector_fxiaoke.settings import FxiaokeSettings

_NEEDED = ("_id", "version", "last_modified_time", "life_status")


def probe(
    client: Client, settings: FxiaokeSettings, kinds: Mapping[Kind, Records]
) -> Iterator[Finding]:
    """Look at the login, then at the objects of all kinds, each by a few reads."""
    try:
        tenant = client.login.tenant
    except ConnectorError as error:
        yield Finding(name="login", good=False, text=str(error))
        return
    text = f"The {settings.auth_style} login opens the tenant {tenant}."
    yield Finding(name="login", good=True, text=text)
    yield from _objects(client, kinds)
    for kind, records in kinds.items():
        for look in (_shape, _key, _invalidated, _missing):
            try:
                yield look(kind, records)
            except ConnectorError as error:
                yield Finding(name=f"{kind}", good=False, text=error.sentence)
                break


def _objects(client: Client, kinds: Mapping[Kind, Records]) -> Iterator[Finding]:
    """Whether the tenant lists the mapped objects."""
    try:
        names = {one.name for one in objects.listed(client)}
    except ConnectorError as error:
        yield Finding(name="objects", good=False, text=error.sentence)
        return
    for kind, records in kinds.items():
        if records.object not in names:
            text = f"The tenant lists no object {records.object} for the kind {kind}."
            yield Finding(name="objects", good=False, text=text)


def _shape(kind: Kind, records: Records) -> Finding:
    """Whether a page has the form we read, and its records what we go by."""
    name = f"{kind} page"
    described = records.described.types
    answer, rows, _ = next(records.pages([]))
    if not rows:
        text = f"{records.object} has no record to look at; what a page looks like stays open."
        return Finding(name=name, good=True, text=text)
    lacking = [field for field in _NEEDED if field not in rows[0]]
    if lacking:
        text = (
            f"Records of {records.object} lack {', '.join(lacking)}: they cannot be kept in step."
        )
        return Finding(name=name, good=False, text=text)
    form = "in data.dataList" if "dataList" in answer.data else "bare in data"
    text = f"{records.object} has {len(described)} fields; its pages come {form} and are readable."
    return Finding(name=name, good=True, text=text)


def _key(kind: Kind, records: Records) -> Finding:
    """Whether describe calls the key field unique, and what we make of it."""
    name, field = f"{kind} key", records.key_field
    info = records.described.schema.fields.get(field) if field else None
    if info is None:
        text = f"{records.object} has no field for our key; make a text field and name it."
        return Finding(name=name, good=False, text=text)
    trusted = records.settings.unique_key
    if info.unique == trusted:
        said = "unique, and taken for so" if trusted else "not unique; it is searched before use"
        return Finding(name=name, good=True, text=f"{records.object}.{field} is {said}.")
    if trusted:
        text = f"{records.object}.{field} is not unique, and the settings say that it is."
        return Finding(name=name, good=False, text=text, advice="unique_key = false")
    text = (
        f"{records.object}.{field} is marked unique. If the tenant refuses a second record with"
        " one key, say so: a create whose answer was lost is then settled at once."
    )
    return Finding(name=name, good=True, text=text, advice="unique_key = true")


def _invalidated(kind: Kind, records: Records) -> Finding:
    """Whether queries show invalidated records."""
    name = f"{kind} invalidated"
    shown = queries.where("life_status", "EQ", [facts.INVALID])
    _, rows, _ = next(records.pages([shown], bare=True))
    if rows:
        text = f"Queries of {records.object} show invalidated records: removals come with changes."
        return Finding(name=name, good=True, text=text)
    text = (
        f"Queries of {records.object} show no invalidated record: there is none, or they hide"
        " them. A removal is then noticed when its record is next read by id."
    )
    wrong = records.settings.reads_invalidated
    advice = "reads_invalidated = false" if wrong else ""
    return Finding(name=name, good=not wrong, text=text, advice=advice)


def _missing(kind: Kind, records: Records) -> Finding:
    """What a read of an id that never was answers, and what follows for missing records."""
    wanted = records.settings.deleted_get
    _, answer = records.look(facts.NOBODY)
    empty = answer.code == facts.OK and not answer.data
    told = "with nothing" if empty else f"with a refusal ({answer.code})"
    text = f"Reading a record of {records.object} that is not there is answered {told}."
    if wanted == "undecided":
        text += (
            " Missing records wait for a person. If our user sees all records of the tenant, they"
            " may count as deleted."
        )
    advice = "empty" if empty else "error"
    fits = wanted in ("undecided", advice) or (wanted == "auto" and empty)
    settled = fits and wanted != "undecided"
    return Finding(
        name=f"{kind} deleted",
        good=fits,
        text=text,
        advice="" if settled else f'deleted_get = "{advice}"',
    )
