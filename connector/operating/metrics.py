"""How an installation stands, in the text format that Prometheus reads from a file.

Counts, times and names of connections and kinds: nothing of a person, and no id of a record.
Format: the page "Exposition formats", text version 0.0.4.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from connector.errors import UsageError
from connector.operating.standing import Standing
from connector.sync.budgets import Budget
from connector.sync.status import ScopeStatus, Status

PREFIX: Final = "crm_connector_"
READABLE: Final = 0o644
"""The collector runs as another user; nothing in the file is a secret."""

Sample = tuple[Mapping[str, str], float]


def exposition(status: Status, standings: Sequence[Standing]) -> str:
    """The whole file. Times are seconds since 1970, spans are seconds."""
    lines: list[str] = []
    for name, meaning, samples in _gauges(status, standings):
        if samples:
            lines.append(f"# HELP {PREFIX}{name} {meaning}")
            lines.append(f"# TYPE {PREFIX}{name} gauge")
            lines += [f"{PREFIX}{name}{_labels(labels)} {_number(n)}" for labels, n in samples]
    return "\n".join(lines) + "\n"


def _gauges(
    status: Status, standings: Sequence[Standing]
) -> Iterator[tuple[str, str, list[Sample]]]:
    yield "status_timestamp_seconds", "When this was looked at.", [({}, _seconds(status.now))]
    yield "letters", "Records and writes set aside for a person.", [({}, status.letters)]
    said = "Fields that both sides changed and a person decides."
    yield "conflicts", said, [({}, status.conflicts)]
    every = [({"connection": one.connection, "kind": one.kind}, one) for one in standings]
    said = "Whether the last success is older than it may be."
    yield "stale", said, [(labels, one.stale) for labels, one in every]
    scopes = [(labels, one.scope) for labels, one in every if one.scope is not None]
    for name, value, said in _OF_SCOPE:
        told = ((labels, value(scope)) for labels, scope in scopes)
        yield name, said, [(labels, number) for labels, number in told if number is not None]
    budgets = [({"connection": b.connection, "budget": b.name}, b) for b in status.budgets]
    for name, of, said in _OF_BUDGET:
        yield name, said, [(labels, of(budget)) for labels, budget in budgets]


def _seconds(time: str) -> float:
    return dt.datetime.fromisoformat(time).timestamp()


def _when(time: str | None) -> float | None:
    return _seconds(time) if time is not None else None


_OF_SCOPE: Final[Sequence[tuple[str, Callable[[ScopeStatus], float | None], str]]] = (
    (
        "last_success_timestamp_seconds",
        lambda one: _when(one.last_success),
        "When a run last ended without an error.",
    ),
    (
        "read_until_timestamp_seconds",
        lambda one: _when(one.read_until),
        "Until when the vendor's changes have been read.",
    ),
    ("last_success_duration_seconds", lambda one: one.took_s, "How long that run took."),
    (
        "lag_seconds",
        lambda one: one.lag_s or 0,
        "How long the oldest record of the vendor waits undecided.",
    ),
    ("links", lambda one: one.links, "Pairs of a row and a record."),
    ("staged", lambda one: one.staged, "Records seen and not yet decided."),
    ("waiting", lambda one: one.waiting, "Records that wait for another one."),
    ("unknown", lambda one: one.unknown, "Writes without an answer."),
    ("running", lambda one: one.running, "Whether a run is at work."),
    ("paused", lambda one: one.paused, "Whether a person paused it."),
    ("doubt", lambda one: one.doubt is not None, "Whether nothing is written before a reconcile."),
    (
        "fields_off",
        lambda one: len(one.off),
        "Fields that are switched off because the account changed.",
    ),
)
_OF_BUDGET: Final[Sequence[tuple[str, Callable[[Budget], float], str]]] = (
    ("budget_units", lambda one: one.at_once, "Units that a whole budget gives at once."),
    ("budget_left_units", lambda one: one.left, "Units that may be taken now."),
    (
        "budget_whole_in_seconds",
        lambda one: one.whole_in_s,
        "Until all of them may be taken again.",
    ),
    (
        "budget_rests_seconds",
        lambda one: one.rests_s,
        "For how long the vendor asked to be left alone.",
    ),
)


def _labels(labels: Mapping[str, str]) -> str:
    """
    >>> _labels({"kind": 'a"b\\\\c'})
    '{kind="a\\\\"b\\\\\\\\c"}'
    """
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{told}}}" if told else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(round(float(value), 3))


def write_exposition(file: Path, text: str) -> None:
    """Put the text in place of the file at once: a reader sees the old one or the new one.

    The file may be read by everybody (mode 0644). Raises: UsageError if it cannot be written.
    """
    made = ""
    try:
        # The collector takes *.prom: a half-written file must not have that name.
        handle, made = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fchmod(out.fileno(), READABLE)
            os.fsync(out.fileno())
        Path(made).replace(file)
    except OSError as error:
        if made:
            with suppress(OSError):
                Path(made).unlink()
        raise UsageError(
            f"--prometheus: {file} cannot be written ({type(error).__name__}).",
            hint="Name a file in a folder that is there and that this user may write.",
        ) from None
