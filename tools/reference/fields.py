"""The canonical fields of each kind."""

from __future__ import annotations

from connector.records import FIELDS, PERSONAL_CLASSES, Field, Kind, field_of
from tools.reference.table import code, codes, table

BESIDE = (
    ("consent.PURPOSE.CHANNEL", "consent.marketing.email"),
    ("consent.PURPOSE.CHANNEL.at", "consent.marketing.email.at"),
    ("consent.PURPOSE.CHANNEL.source", "consent.marketing.email.source"),
    ("consent.PURPOSE.CHANNEL.evidence", "consent.marketing.email.evidence"),
    ("consent.PURPOSE.CHANNEL.version", "consent.marketing.email.version"),
    ("custom.NAME", "custom.name"),
    ("constant.NAME", "constant.name"),
)
"""Names with parts of one's own, each with an example to ask by."""


def page() -> str:
    parts = [
        "# Canonical fields\n\n"
        "What a record is made of, whatever the shop's columns and the vendor's fields are called. Mappings are\n"
        "written in these names. A *group* moves as one. The class decides, with the privacy policy, what may leave:\n"
        "[privacy](../privacy.md).\n"
    ]
    for kind in Kind:
        parts.append(f"## {kind}\n\n" + _table({n: (f, n) for n, f in FIELDS[kind].items()}))
    beside = {}
    for name, example in BESIDE:
        found = field_of(Kind.CUSTOMER, example)
        assert found is not None, f"there is no {example}"
        beside[name] = (found, example)
    parts.append(
        "## Names with a part of your own\n\n"
        "`custom.` is the host's: such a field has no class, and does not leave, until a policy gives it one.\n"
        "`constant.` fills a field that a vendor demands. Consents stand at customers.\n\n"
        + _table(beside)
    )
    classes = [
        [code(name), "yes" if personal else "no"] for name, personal in PERSONAL_CLASSES.items()
    ]
    parts.append("## Classes\n\n" + table(["class", "personal"], classes))
    return "\n".join(parts)


def _table(found: dict[str, tuple[Field, str]]) -> str:
    rows = [
        [
            code(name),
            f"{field.type}: {codes(field.choices)}" if field.choices else field.type,
            code(field.privacy) or "none",
            code(field.group.replace("marketing.email", "PURPOSE.CHANNEL")) if field.group else "",
        ]
        for name, (field, _) in found.items()
    ]
    return table(["field", "type", "class", "group"], rows)
