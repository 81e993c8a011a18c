"""Looking at an organisation to answer what the vendor's pages leave open. Nothing is written.

How far its clock is from ours, `doctor` sees by itself in any vendor's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from connector.errors import ConnectorError, CursorExpiredError, InvalidError, LoginRefusedError
from connector.plugin import Finding, Gone, Kind, Ref
from connector_zoho import facts, feed, queries
from connector_zoho.records import SCOPE_CODES, Records
from connector_zoho.schema import describe
from connector_zoho.values import changed, checked

Look: TypeAlias = Callable[[str, Records], Finding]
"""Looks at one module; the text is the finding's name. Raises: ConnectorError."""


def probe(kinds: Mapping[Kind, Records]) -> Iterator[Finding]:
    """Look at the login, then at the modules of all kinds, each by a few reads."""
    for records in list(kinds.values())[:1]:
        yield _found("queries", _queries, records)
    for kind, records in kinds.items():
        for word, look in _LOOKS.items():
            yield _found(f"{kind} {word}", look, records)


def _found(name: str, look: Look, records: Records) -> Finding:
    try:
        return look(name, records)
    except ConnectorError as error:
        return Finding(name=name, good=False, text=error.sentence)


def _queries(name: str, records: Records) -> Finding:
    """Whether the login may query: some logins that may read all else may not."""
    wanted = records.settings.coql
    text = queries.query(records.module, ["id"], queries.after_id("0"), "id", 1)
    try:
        records.client.query(text, 1)
    except LoginRefusedError as error:
        if error.code not in SCOPE_CODES:
            raise
        said = f"The login may not query ({error.code}), so all is read by lists"
        if wanted is False:
            return Finding(name=name, good=True, text=f"{said}, as the settings say.")
        text = f"{said} and a lost create waits for long: connect anew, with {facts.COQL_SCOPE}."
        advice = 'coql = "auto"' if wanted is True else ""
        return Finding(name=name, good=False, text=text, advice=advice)
    if wanted is False:
        text = "The login may query, and the settings forbid it: lists cost more and prove less."
        return Finding(name=name, good=True, text=text, advice='coql = "auto"')
    return Finding(name=name, good=True, text="The login may query.")


def _removals(name: str, records: Records) -> Finding:
    """Whether the feed of removals is readable, and past its first 2,000 too."""
    feed.removals(records, feed.LONG_AGO, 1)
    try:
        feed.removals(records, feed.LONG_AGO, facts.LIST_BY_NUMBER // facts.LIST_PAGE + 1)
    except (CursorExpiredError, InvalidError):
        text = (
            f"Removals from {records.module} are readable up to {facts.LIST_BY_NUMBER:,} at once:"
            " let a run come between larger clearances."
        )
        return Finding(name=name, good=True, text=text)
    text = (
        f"Removals from {records.module} are readable, and pages past the first"
        f" {facts.LIST_BY_NUMBER:,} are not refused."
    )
    return Finding(name=name, good=True, text=text)


def _since(name: str, records: Records) -> Finding:
    """Whether a list since a time holds what changed in that second, and nothing older."""
    module = records.module
    one = {"sort_by": "Modified_Time", "sort_order": "desc", "per_page": "1"}
    newest = records.page(one, ids_only=True).rows
    if not newest:
        text = f"{module} has no record to look at; what a list since a time holds stays open."
        return Finding(name=name, good=True, text=text)
    _, at = changed(checked(newest[0]))
    then, later = (
        [changed(checked(row))[1] for row in records.page(one, since, ids_only=True).rows]
        for since in (at, at + facts.VERSION_STEP)
    )
    if any(told <= at for told in later):
        text = f"A list of {module} since a time holds older records too: they may be too many."
        return Finding(name=name, good=records.querying.allowed, text=text)
    if not then:
        text = f"A list of {module} since a time leaves that second out: lists may skip a change."
        return Finding(name=name, good=records.querying.allowed, text=text)
    text = f"A list of {module} since a time holds what changed in that second, and nothing older."
    return Finding(name=name, good=True, text=text)


def _key(name: str, records: Records) -> Finding:
    """Whether the key field is unique, and external, by which it is found without queries."""
    field = records.key_field
    info = describe(records.client, records.module).fields.get(field) if field else None
    if info is None:
        text = f"{records.module} has no field for our key; make a text field and name it."
        return Finding(name=name, good=False, text=text)
    lacking = [
        word for word, has in (("unique", info.unique), ("external", info.external)) if not has
    ]
    if lacking:
        text = f"{records.module}.{field} is not {' and not '.join(lacking)}: set it so in the CRM."
        good = info.unique and records.querying.allowed
        return Finding(name=name, good=good, text=text)
    text = f"{records.module}.{field} is unique and external, so a lost create is found by it."
    return Finding(name=name, good=True, text=text)


def _missing(name: str, records: Records) -> Finding:
    """What a read of an id that never was answers: gone, or the same as for one out of sight."""
    [seen] = records.fetch([Ref(facts.NOBODY)])
    if seen.gone is Gone.NOT_FOUND:
        text = f"A record of {records.module} that is not there reads as gone."
        return Finding(name=name, good=True, text=text)
    text = (
        f"A record of {records.module} that is not there reads as one out of sight: give the"
        " login's user the right to see all of them."
    )
    return Finding(name=name, good=False, text=text)


_LOOKS: Final[Mapping[str, Look]] = {
    "removals": _removals,
    "since": _since,
    "key": _key,
    "missing": _missing,
}
"""The last part of a finding's name, and how it is found."""
