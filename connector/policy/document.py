"""The shape of a policy file, as it stands there; `checks.py` says whether it makes sense.

A field that is called a note decides nothing: it is there for whoever reads the file.
Sentences about a fault name keys and lines, never what stands there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

ACTIONS: Final = ("allow", "drop_field", "mask", "hash", "generalise", "block_record")
RANK: Final = {
    "allow": 0,
    "mask": 1,
    "generalise": 1,
    "hash": 2,
    "drop_field": 3,
    "block_record": 4,
}
"""The strictest of the rules that match decides; the file's order never matters."""
CHANGES: Final = frozenset({"mask", "hash", "generalise"})
"""Actions that send another value in place of the true one: such a field is never read back."""

GATES: Final = ("suppressed", "restricted", "minor", "transfer", "purpose", "unclassified")
"""The built-in gates, by the name they stand under among the reasons; no rule relaxes them."""


Fault = tuple[Sequence[str | int], str]
"""Where in the file, and a sentence without its full stop."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True)


def _day(value: Any) -> Any:
    if isinstance(value, str):
        return dt.date.fromisoformat(value)
    return value


def _listed(value: Any) -> Any:
    return (
        tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value
    )


Day = Annotated[dt.date, BeforeValidator(_day)]
Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""A word or a list of them."""
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class Controller(_Model):
    """Who decides why the data is used."""

    name: str
    """A note."""
    country: str
    contact_ref: str
    """A note, by reference: people's names and addresses stand in no policy."""


class AsAdult(_Model):
    """People of unknown age are adults here, and why that is so."""

    treat_as_adult: Annotated[str, Field(min_length=10)]
    """The reason, a note."""


class Defaults(_Model):
    """What holds where nothing is said. No value of the first three lets anything through."""

    unclassified_outbound: Literal["block_record", "drop_field"]
    unclassified_inbound: Literal["letter", "drop"]
    unknown_subject_country: Literal["deny_transfer"]
    """There is no other answer; it stands there to be read."""
    unknown_age: Literal["treat_as_minor"] | AsAdult
    local_consent: Literal["staff", "subject"] = "staff"
    """What an answer in the shop's row counts as where the mapping has no `.source` beside it."""


class ClassSpec(_Model):
    """One privacy class."""

    personal: bool
    sensitive: bool = False
    store: Literal["seal"] | None = None
    index: str | None = None
    """Checked, and changes nothing yet; so is `drives_age`."""
    drives_age: bool = False
    scan: Words = ()
    """What is masked inside its texts on the way out: phone, email, cnid."""
    base: Literal["values", "digest"] = "values"


class Destination(_Model):
    """A connection of the settings of the same name, and where what is sent there ends up."""

    plugin: str
    country: str
    role: Literal["processor", "controller", "joint_controller"]
    """A note."""
    data_centre: str | None = None


class Purpose(_Model):
    """Why data is used. One that names no field and no class is the purpose of all that no other
    one names."""

    basis: Literal[
        "contract",
        "consent",
        "legal_obligation",
        "vital_interest",
        "public_task",
        "legitimate_interest",
    ]
    consent: str | None = None
    channels: Words = ()
    classes: Words = ()
    fields: Words = ()
    on_existing: Literal["keep", "clear"] = "clear"
    """What becomes of its fields at a vendor once the basis is gone."""

    @property
    def names_fields(self) -> bool:
        return bool(self.classes or self.fields)


class Transfer(_Model):
    """What allows a class of data to cross a border. `from` and `to` are countries, or EU."""

    from_: str = Field(alias="from")
    to: str
    mechanism: Literal[
        "adequacy",
        "standard_contract",
        "certification",
        "security_assessment",
        "binding_rules",
        "exempt_volume",
    ]
    """A note, as are `ref` and `pia_ref`: which paper allows it."""
    ref: Annotated[str, Field(min_length=1)]
    valid_until: Day
    recipient: str
    classes: Words
    pia_ref: str | None = None
    consent: str | None = None


class Retention(_Model):
    """How long fields are kept, from which time on."""

    kind: Literal["customer", "membership", "feedback"]
    after: Annotated[str, Field(pattern=r"^P\d+[DMY]$")]
    from_: str = Field(alias="from")
    action: Literal["erase_fields", "erase_record"]
    classes: Words = ()


class Conditions(_Model):
    """All that are given must hold; of a list, one word must."""

    class_: Words | None = Field(default=None, alias="class")
    field: Words | None = None
    kind: Words | None = None
    destination: Words | None = None
    country: Words | None = None
    """The person's."""
    destination_country: Words | None = None
    crosses_border: bool | None = None
    purpose: Words | None = None
    """One for which the field may be used at all."""
    minor: bool | None = None
    sensitive: bool | None = None


class RuleSpec(_Model):
    """One rule: where it matches, and what it does to the field."""

    id: Id
    when: Conditions
    unless: Conditions | None = None
    action: Literal["allow", "drop_field", "mask", "hash", "generalise", "block_record"]
    with_: str | None = Field(default=None, alias="with")
    on_existing: Literal["keep", "clear"] = "keep"
    overridable: bool = False


class ExceptionSpec(_Model):
    """A rule that does not hold at one destination for a while; `ref` and `approver`, who said so,
    are notes."""

    rule: str
    destination: str
    ref: Annotated[str, Field(min_length=1)]
    approver: Annotated[str, Field(min_length=1)]
    valid_until: Day


class Document(_Model):
    """The whole file."""

    policy: Literal[1]
    tenant: str
    controller: Controller
    defaults: Defaults
    classes: dict[str, ClassSpec] = Field(default_factory=dict)
    fields: dict[str, str] = Field(default_factory=dict)
    destinations: dict[str, Destination]
    purposes: dict[str, Purpose]
    transfers: list[Transfer] = Field(default_factory=list)
    retention: list[Retention] = Field(default_factory=list)
    rules: list[RuleSpec] = Field(default_factory=list)
    exceptions: list[ExceptionSpec] = Field(default_factory=list)
