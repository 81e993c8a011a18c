"""What holds people's values shows their names alone, and an error of ours hides foreign ones."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import re
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields, is_dataclass
from typing import Any

import connector_fxiaoke
import connector_zoho
import pytest

import connector
from connector.errors import ConnectorError, StoreError
from connector.local.contract import Row
from connector.plugin import Ref, Seen
from connector.sync.documents import Base

VALUES = re.compile(
    r"\b(Own|Values|Fields|Canonical)\b|(Mapping|dict)\[str, (Any|object|Value|tuple\[Any, Any\])\]"
)
"""What annotations of people's values look like."""

HARMLESS = {
    "connector.local.shapes.KindTable": "settings: what a new row gets",
    "connector.local.table.Found": "columns as the database describes them",
    "connector.proposing.facts._Declared": "columns as the database describes them",
}
"""Dataclasses that match and hold nobody's values, each with what they hold."""

CANARY = "cnry.ada@example.test"


def dataclasses() -> Iterator[type]:
    for package in (connector, connector_zoho, connector_fxiaoke):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if {"demo", "sandbox", "testing", "__main__"} & set(found.name.split(".")):
                continue
            module = importlib.import_module(found.name)
            for one in vars(module).values():
                if isinstance(one, type) and is_dataclass(one) and one.__module__ == found.name:
                    yield one


def test_every_dataclass_that_holds_values_is_discreet_about_them() -> None:
    holding = {}
    for one in dataclasses():
        if any(VALUES.search(str(f.type)) for f in fields(one) if f.repr):
            holding[f"{one.__module__}.{one.__name__}"] = one
    assert holding.keys() >= HARMLESS.keys(), "what is not there any more is not listed"
    assert len(holding) > 15
    talking = [
        name
        for name, one in holding.items()
        if name not in HARMLESS and "discreet" not in vars(one)["__repr__"].__qualname__
    ]
    assert talking == []


@pytest.mark.parametrize(
    "held",
    [
        Row("7", {"mail": CANARY}),
        Seen(ref=Ref("1"), version="2", changed_at=None, fields={"Email": CANARY}),
        Base(local={"mail": CANARY}, remote={"Email": CANARY}),
    ],
)
def test_no_value_is_in_what_a_debugger_shows(held: Any) -> None:
    shown = f"{held!r} {held} {[held]} { {0: held} }"
    assert CANARY not in shown
    assert "mail" in shown.lower()


class Driver(Exception):
    """As a driver's error, whose text quotes the row."""


def answered() -> None:
    try:
        raise Driver(f"Key (mail)=({CANARY}) already exists")
    except Driver:
        raise StoreError("The state database did not answer (Driver).") from None


def test_an_error_of_ours_shows_no_other_error_that_it_came_from() -> None:
    with pytest.raises(ConnectorError) as caught:
        answered()
    error = caught.value
    assert (error.__cause__, error.__context__) == (None, None)
    whole = "".join(traceback.TracebackException.from_exception(error, compact=False).format())
    assert CANARY not in whole + repr(error) + str(vars(error)) + str(error.args)
    assert CANARY.encode() not in pickle.dumps(error)


def test_an_error_of_ours_shows_ours_that_it_came_from() -> None:
    with pytest.raises(ConnectorError) as caught:
        try:
            answered()
        except StoreError:
            raise ConnectorError("The run ended.")  # noqa: B904 - the context is what is tested
    assert isinstance(caught.value.__context__, StoreError)


def test_an_error_of_ours_passes_through_the_ends_of_contexts() -> None:
    """`contextlib` puts the chain of errors right where several ends fail, and sets it."""

    def fail(*told: object) -> None:
        raise StoreError("The state database did not answer.")

    with pytest.raises(StoreError), ExitStack() as stack:
        stack.push(fail)
        stack.push(fail)
        raise Driver(CANARY)
