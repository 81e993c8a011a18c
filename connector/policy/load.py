"""Read a policy file and say everything that is wrong with it at once, each fault with its line."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connector.errors import MappingError, PolicyFileError
from connector.mapping.yamlfile import Table, read_table
from connector.policy import checks
from connector.policy.document import Document


@dataclass(frozen=True, slots=True)
class Policy:
    """One checked policy file. `digest` changes with every byte of it."""

    document: Document
    path: Path
    digest: str
    lines: Mapping[tuple[str | int, ...], int]

    def line(self, *where: str | int) -> int:
        """The line of a part of the file, or of the nearest part around it."""
        for end in range(len(where), -1, -1):
            if where[:end] in self.lines:
                return self.lines[where[:end]]
        return 1

    def fault(self, where: Sequence[str | int], sentence: str) -> str:
        """A fault as people are shown it."""
        return f"{self.path}:{self.line(*where)}: {sentence}."


def load(path: Path | str, *, today: dt.date, tenant: str | None = None) -> Policy:
    """Load and check one file. Raises: PolicyFileError with all faults that can be seen at once.

    A transfer that has ended is no fault here: from then on its records stay behind, and the rest
    goes on. `ended` tells of it.
    """
    policy = read(path)
    faults = [
        policy.fault(where, text)
        for where, text in checks.faults_of(policy.document, today, tenant)
    ]
    if faults:
        raise PolicyFileError("The policy cannot be used:", faults=_in_order(faults))
    return policy


def ended(policy: Policy, today: dt.date) -> list[str]:
    """What no longer holds because its day has passed."""
    return _in_order(
        policy.fault(where, text) for where, text in checks.ended(policy.document, today)
    )


def read(path: Path | str) -> Policy:
    """Read a file as far as its shape goes. Raises: PolicyFileError."""
    file = Path(path)
    try:
        table = read_table(file)
    except MappingError as error:
        faults = error.faults or (error.sentence,)
        raise PolicyFileError("The policy cannot be read:", faults=faults) from None
    lines: dict[tuple[str | int, ...], int] = {}
    odd: list[str] = []
    _note(table, (), lines, odd, file)
    try:
        document = Document.model_validate(table)
    except ValidationError as error:
        told = error.errors(include_input=False, include_url=False, include_context=True)
        raise PolicyFileError(
            "The policy cannot be used:",
            faults=_in_order([*odd, *dict.fromkeys(_sentence(one, lines, file) for one in told)]),
        ) from None
    if odd:
        raise PolicyFileError("The policy cannot be used:", faults=_in_order(odd))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    return Policy(document, file, digest, lines)


def _note(
    value: Any,
    where: tuple[str | int, ...],
    lines: dict[tuple[str | int, ...], int],
    odd: list[str],
    file: Path,
) -> None:
    if isinstance(value, Table):
        lines.setdefault(where, value.line)
        for key, inner in value.items():
            line = value.lines[key]
            if not isinstance(key, str):
                odd.append(f"{file}:{line}: a key must be text; put it in quotes.")
                continue
            lines[(*where, key)] = line
            _note(inner, (*where, key), lines, odd, file)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _note(inner, (*where, number), lines, odd, file)


_SENTENCES = {
    "extra_forbidden": "there is no such key here",
    "missing": "is missing",
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "tuple_type": "must be a word or a list of words",
    "date_type": "must be a day such as 2027-12-31",
    "value_error": "must be a day such as 2027-12-31",
    "string_too_short": "must say something",
    "invalid_key": "must be text; put it in quotes",
}


def _sentence(fault: Any, lines: Mapping[tuple[str | int, ...], int], file: Path) -> str:
    # pydantic names the branch of a union it tried; no such word stands in the file.
    where = tuple(part for part in fault["loc"] if (part in _STEPS) is False)
    line = next(
        (lines[where[:end]] for end in range(len(where), -1, -1) if where[:end] in lines), 1
    )
    name = ".".join(str(part) for part in where)
    allowed = (fault.get("ctx") or {}).get("expected")
    said = _SENTENCES.get(fault["type"])
    if fault["type"] == "string_pattern_mismatch":
        said = "must be written with a-z, 0-9, - and _" if where[-1] == "id" else "has another form"
    if said is None:
        said = f"must be one of {allowed}" if allowed else "cannot be read"
    return f"{file}:{line}: `{name}` {said}."


_STEPS = {"AsAdult", "function-before[_listed(), tuple[str, ...]]"}


def _in_order(faults: Iterable[str]) -> list[str]:
    def line(text: str) -> tuple[int, str]:
        parts = text.split(":", 2)
        return (int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0, text)

    return sorted(faults, key=line)
