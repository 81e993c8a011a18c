"""Setting up a vendor's account for a mapping: what can be made by the API, what only by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connector.account import Made, MissingField, SetsUp
from connector.app import Connector
from connector.doctor.lacking import lacking
from connector.errors import RejectedError, SchemaDriftError, SettingsError
from connector.plugin import Kind, Remote, Schema

NO_API = "the vendor's API makes no fields"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One field to be made. `why`: why a person has to do it; empty if the API can."""

    field: MissingField
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupPlan:
    """What one account still lacks. `notes` are sentences on things that are there and have to be
    changed by a person."""

    connection: str
    account: str
    steps: Sequence[Step]
    notes: Sequence[str]

    @property
    def ours(self) -> list[MissingField]:
        """The fields that the API can make."""
        return [step.field for step in self.steps if not step.why]

    @property
    def theirs(self) -> list[MissingField]:
        """The fields that a person has to make."""
        return [step.field for step in self.steps if step.why]


def plan_setup(connector: Connector, name: str) -> SetupPlan:
    """Look at what the mappings of a connection still need; nothing is written.

    Raises: UsageError, SettingsError, VendorError.
    """
    remote = connector.remote(name)
    account = remote.account
    steps: list[Step] = []
    notes: list[str] = []
    for kind, target in connector.targets(name).items():
        try:
            schema = remote.describe(kind)
        except (RejectedError, SchemaDriftError):
            schema = Schema(object=target.object, fields={})
            why = f"the account shows no object {target.object}: make it first"
            notes.append(f"Make the object {target.object}, or let this login see it.")
            steps += [Step(field=f, why=why) for f in lacking(connector, name, kind, schema)]
            continue
        for field in lacking(connector, name, kind, schema):
            why = remote.by_hand(field) if isinstance(remote, SetsUp) else NO_API
            steps.append(Step(field=field, why=why))
        notes += _notes(connector, name, kind, remote, schema)
    # Two kinds may lie in one object, and need one field of it.
    once = {(step.field.object, step.field.name): step for step in reversed(steps)}
    ordered = [step for step in steps if once[step.field.object, step.field.name] is step]
    return SetupPlan(
        connection=name, account=account, steps=ordered, notes=list(dict.fromkeys(notes))
    )


def _notes(
    connector: Connector, name: str, kind: Kind, remote: Remote, schema: Schema
) -> Iterator[str]:
    """What is there and is not as the mapping needs it."""
    key = schema.fields.get(connector.targets(name)[kind].key_field or "")
    if key is not None and isinstance(remote, SetsUp):
        if advice := remote.key_advice(key):
            yield f"{schema.object}.{key.name}: {advice}"
    elif key is not None and not key.unique:
        yield f"{schema.object}.{key.name}: let it take no value twice."
    try:
        pair = connector.pair(name, kind, schema)
    except SettingsError:
        return  # `doctor` tells of it
    local = {rule.canonical for rule in pair.local.rules}
    for fault in pair.drift(schema):
        if fault.code == "option" and fault.canonical in local:
            yield f"{fault.text}."


def set_up(connector: Connector, plan: SetupPlan) -> Iterator[tuple[MissingField, Made]]:
    """Make the fields that the API can make, one by one; ended anywhere, it goes on when repeated.

    A field that the vendor refuses is left to a person. Raises: VendorError.
    """
    remote = connector.remote(plan.connection)
    for field in plan.ours:
        assert isinstance(remote, SetsUp), "the plan leaves all to a person otherwise"
        try:
            yield field, remote.make_field(field)
        except RejectedError as error:
            text = f"The vendor will not have it: {error.sentence}"
            yield field, Made(state="by_hand", text=text, click="Make it in the console.")
