"""Fields inside a field: the consent object of a record, whose parts a mapping names by a dot.

`Data_Processing_Basis_Details.Contact_Through_Phone` is a flag of that object. Queries do not show
it, so such parts are read by id; a write of one part carries the others as they are, because no
page says whether the vendor keeps what a write leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connector.errors import MappingError
from connector.plugin import FieldInfo
from connector_zoho import facts, queries


def name(text: str) -> str:
    """Check the name of a field, or of a part of one. Raises: MappingError.

    >>> name("Email"), name("Data_Processing_Basis_Details.Consent_Date")
    ('Email', 'Data_Processing_Basis_Details.Consent_Date')
    """
    head, dot, part = text.partition(".")
    if dot and part not in facts.CONSENT_PARTS:
        raise MappingError(
            "A part of a field in the mapping is none of the vendor's.",
            hint=f"There are {', '.join(facts.CONSENT_PARTS)}.",
        )
    queries.name(head)
    return text


def is_part(text: str) -> bool:
    return "." in text


def heads(names: Iterable[str]) -> list[str]:
    """The fields whose parts are named, each once."""
    return list(dict.fromkeys(one.partition(".")[0] for one in names if is_part(one)))


def picked(row: Mapping[str, Any], names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """What a row holds of these names; a name whose field was not delivered is left out.

    >>> row = {"Email": "a@example.test", "D": {"Consent_Date": "2026-03-02"}, "E": None}
    >>> dict(picked(row, ["Email", "D.Consent_Date", "D.Consent_Through", "F"]))
    {'Email': 'a@example.test', 'D.Consent_Date': '2026-03-02', 'D.Consent_Through': None}
    >>> dict(picked(row, ["E.Consent_Date"]))
    {'E.Consent_Date': None}
    """
    for one in names:
        head, dot, part = one.partition(".")
        if head in row:
            value = row[head]
            if dot:
                value = value.get(part) if isinstance(value, Mapping) else None
            yield one, value


def joined(fields: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """The vendor's form of what is to be written; `held` are the objects as they stand there.

    >>> held = {"D": {"id": "4", "Consent_Through": "Email"}}
    >>> joined({"Email": "x", "D.Consent_Date": None}, held)
    {'Email': 'x', 'D': {'id': '4', 'Consent_Through': 'Email', 'Consent_Date': None}}
    """
    written: dict[str, Any] = {}
    for one, value in fields.items():
        head, dot, part = one.partition(".")
        if not dot:
            written[one] = value
            continue
        if head not in written:
            kept = held.get(head)
            known = kept if isinstance(kept, Mapping) else {}
            written[head] = {k: v for k, v in known.items() if k in (*facts.CONSENT_PARTS, "id")}
        written[head][part] = value
    return written


def infos(head: FieldInfo) -> Iterator[FieldInfo]:
    """What a mapping may name of a consent object."""
    for part, type_ in facts.CONSENT_PARTS.items():
        yield FieldInfo(
            name=f"{head.name}.{part}",
            type=type_,
            label=f"{head.label}: {part.replace('_', ' ')}",
            readable=head.readable,
            writable=head.writable,
        )
